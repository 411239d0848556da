//! The ranks of a run as one of them sees them. What a rank does alone it does on all of them alike: a world of one needs no case of its own.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs, UdpSocket},
    sync::mpsc,
    thread,
    time::Duration,
};

use tch::{Device, Kind, Tensor};

use super::world::World;
use crate::{
    error::{Error, Result},
    ffi,
};

/// Under this key a rank that fails leaves why, for those that only notice its absence.
const FAILURE_KEY: &str = "failure";
/// How long rank 0 stays after a failure of its own, so that the others can read about it: it keeps the notes.
const FAREWELL: Duration = Duration::from_millis(500);
/// How long a rank that has lost the others waits to hear why; the connection to rank 0 may be what was lost.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// What the messages of lost connections and of waits in vain have in them.
const SIGNS_OF_LOSS: [&str; 6] = ["gloo/", "pair closure", "NCCL", "TCPStore", "c10d", "ProcessGroup"];

/// What NCCL says where one of its calls fails, and where that is because of another rank.
const OWN_NCCL_ERROR: &str = "NCCL error";
const REMOTE_NCCL_ERROR: &str = "remote process";
/// An address that is nobody's (RFC 5737): the way to it is the way out of this machine.
const ELSEWHERE: (&str, u16) = ("192.0.2.1", 9);

/// All ranks of a run.
#[derive(Debug)]
pub struct ProcessGroup {
    world: World,
    /// None in a world of one.
    peers: Option<ffi::Group>,
}

impl ProcessGroup {
    /// A single process.
    pub fn alone() -> Self {
        Self { world: World::alone(), peers: None }
    }

    /// Meets the other ranks. Fails if they are not all there within `timeout`, which is also how long any later exchange may take.
    pub fn join(world: World, timeout: Duration, device: Device) -> Result<Self> {
        let Some(point) = world.meeting_point.clone() else { return Ok(Self { world, peers: None }) };
        ffi::Group::check(device.is_cuda())?;
        let lost =
            |message: String| Error::Rendezvous { world: Box::new(world.clone()), host: point.host.clone(), port: point.port, message };
        let address = own_address(&point.host, point.port).map_err(|error| lost(error.to_string()))?;
        // A stranger at that port may accept and never answer, which libtorch would wait for without end.
        let (sender, joined) = mpsc::channel();
        let (place, meeting_point) = (world.clone(), point.clone());
        thread::spawn(move || {
            let group = ffi::Group::join(&meeting_point, &address, &place, timeout, device.is_cuda());
            // Whoever waits no longer has reported that nobody came.
            drop(sender.send(group));
        });
        match joined.recv_timeout(timeout + Duration::from_secs(2)) {
            Ok(Ok(peers)) => Ok(Self { world, peers: Some(peers) }),
            Ok(Err(error)) => Err(lost(error.to_string().trim_end_matches('.').to_owned())),
            Err(_) => Err(lost(format!("no answer within {} seconds", timeout.as_secs()))),
        }
    }

    pub fn world(&self) -> &World {
        &self.world
    }

    pub(super) fn peers(&self) -> Option<&ffi::Group> {
        self.peers.as_ref()
    }

    /// Sums a tensor over the ranks, in place, on all of them.
    pub fn all_reduce(&self, tensor: &Tensor) -> Result<()> {
        self.peers.as_ref().map_or(Ok(()), |peers| peers.sum(tensor))
    }

    /// The sums of numbers over the ranks, in one exchange.
    pub fn sum<const N: usize>(&self, mut numbers: [f64; N]) -> Result<[f64; N]> {
        let sums = Tensor::f_from_slice(&numbers)?;
        self.all_reduce(&sums)?;
        sums.f_copy_data(&mut numbers, N)?;
        Ok(numbers)
    }

    /// Returns when every rank has come here.
    pub fn wait_for_all(&self) -> Result<()> {
        self.sum([0.0]).map(drop)
    }

    /// The bytes of every rank, in the order of ranks.
    pub fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let (rank, world_size) = (self.world.rank, self.world.world_size);
        let mut lengths = vec![0_i64; world_size];
        lengths[rank] = bytes.len() as i64;
        let lengths = Tensor::f_from_slice(&lengths)?;
        self.all_reduce(&lengths)?;
        let lengths = Vec::<i64>::try_from(lengths)?;
        // Where one rank has its bytes, the others have zeros.
        let longest = lengths.iter().copied().max().unwrap_or_default();
        let table = Tensor::f_zeros([world_size as i64, longest], (Kind::Uint8, Device::Cpu))?;
        table.f_get(rank as i64)?.f_narrow(0, 0, bytes.len() as i64)?.f_copy_(&Tensor::f_from_slice(bytes)?)?;
        self.all_reduce(&table)?;
        let row = |(rank, length): (i64, i64)| Ok(Vec::<u8>::try_from(table.f_get(rank)?.f_narrow(0, 0, length)?)?);
        (0..).zip(lengths).map(row).collect()
    }

    /// Says of an error what it means for a run of several ranks: tells the others of a failure here, and names the failed rank if it is elsewhere.
    pub fn explain(&self, error: Error) -> Error {
        let Some(peers) = &self.peers else { return error };
        if let Error::Torch { message } = &error
            && SIGNS_OF_LOSS.iter().any(|sign| message.contains(sign))
        {
            let asked = peers.ask(FAILURE_KEY, ANSWER_LIMIT);
            if matches!(asked, Ok(None)) && message.contains(OWN_NCCL_ERROR) && !message.contains(REMOTE_NCCL_ERROR) {
                self.tell_failure(peers, &error);
            }
            let reason = asked.ok().flatten().unwrap_or_else(|| message.clone());
            return Error::RankLost { world: Box::new(self.world.clone()), reason };
        }
        // A disagreement is found by every rank; what failed here, the others only notice by its absence.
        if !matches!(error, Error::RanksDiffer { .. }) {
            self.tell_failure(peers, &error);
        }
        error
    }

    fn tell_failure(&self, peers: &ffi::Group, error: &Error) {
        if let Err(unheard) = peers.tell(FAILURE_KEY, &format!("rank {} failed: {}", self.world.rank, error.with_causes())) {
            log::debug!("the other ranks cannot be told: {unheard}");
        }
        if self.world.is_main() {
            thread::sleep(FAREWELL);
        }
    }
}

/// The address of this machine on the way to the host: what the other ranks reach it at.
fn own_address(host: &str, port: u16) -> io::Result<String> {
    let own = towards((host, port))?;
    // Some machines know their own name as one that only they can reach.
    let is_meant = host == "localhost" || host.parse::<IpAddr>().is_ok();
    let is_reachable = is_meant || !own.is_loopback();
    Ok(if is_reachable { own } else { towards(ELSEWHERE).unwrap_or(own) }.to_string())
}

fn towards(place: impl ToSocketAddrs) -> io::Result<IpAddr> {
    let place = place.to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    let any = if place.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    // Sends nothing: it only chooses the route.
    socket.connect(place)?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_reach_this_machine_at_the_address_on_the_way_to_the_host() {
        assert_eq!(own_address("localhost", 9).expect("a way"), "127.0.0.1");
        assert_eq!(own_address("127.0.0.1", 9).expect("a way"), "127.0.0.1");
        // Not every machine speaks IPv6.
        assert!(own_address("::1", 9).is_ok_and(|own| own == "::1") || UdpSocket::bind("[::1]:0").is_err());
    }

    #[test]
    fn what_was_built_is_what_libtorch_has() {
        let checked = ffi::Group::check(true).map_err(|error| error.to_string());
        assert!(checked.as_ref().is_ok() || checked.as_ref().is_err_and(|error| error.contains("built without")), "{checked:?}");
    }
}
