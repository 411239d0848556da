//! `drbert train --nproc-per-node N`: starts the ranks of one machine and watches over them.

use std::{
    env,
    ffi::OsString,
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
    os::unix::process::{CommandExt, parent_id},
    process::{self, Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use signal_hook::{
    consts::{SIGINT, SIGTERM, SIGUSR1},
    flag,
};

use crate::error::{Error, Result};

/// Set for the ranks: the process that started them.
const LAUNCHER: &str = "DRBERT_LAUNCHER";
const WATCH_EVERY: Duration = Duration::from_millis(50);
/// How long the ranks have to report the loss of one of them before they are ended.
const GRACE: Duration = Duration::from_secs(10);

/// Runs this program with `arguments` once for each rank until all have ended. When one fails, the others end too, and it is the error.
/// Returns whether a rank ended with `interrupted`, the exit status of one that saved and stopped on a signal.
/// The error output of rank 0 is this process's own; that of the others is passed on line by line with the rank before it.
pub fn run_ranks(num_ranks: usize, arguments: &[OsString], interrupted: u8) -> Result<bool> {
    let forwarded = [(SIGINT, Signal::INT), (SIGTERM, Signal::TERM), (SIGUSR1, Signal::USR1)];
    let mut received = Vec::new();
    for (number, signal) in forwarded {
        let is_received = Arc::new(AtomicBool::new(false));
        flag::register(number, Arc::clone(&is_received)).map_err(Error::Launch)?;
        received.push((signal, is_received));
    }
    let mut ranks = Ranks::start(num_ranks, arguments).map_err(Error::Launch)?;
    let mut failure = None;
    let mut was_interrupted = false;
    while ranks.any_running() {
        for (signal, _) in received.iter().filter(|(_, is_received)| is_received.swap(false, Ordering::Relaxed)) {
            ranks.signal(*signal);
        }
        for (rank, status) in ranks.poll().map_err(Error::Launch)? {
            if status.code() == Some(interrupted.into()) {
                was_interrupted = true;
            } else if !status.success() {
                failure.get_or_insert((rank, status, Instant::now()));
            }
        }
        if failure.is_some_and(|(_, _, since)| since.elapsed() > GRACE) {
            ranks.signal(Signal::KILL);
        }
        thread::sleep(WATCH_EVERY);
    }
    ranks.finish_output();
    failure.map_or(Ok(was_interrupted), |(rank, status, _)| Err(Error::RankEnded { rank, status }))
}

/// In a rank: ends this process when the launcher is gone, even killed.
pub fn end_with_launcher() -> Result<()> {
    let Some(launcher) = env::var(LAUNCHER).ok().and_then(|pid| pid.parse::<u32>().ok()) else { return Ok(()) };
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| Error::Launch(error.into()))?;
    // It may have ended just before.
    if parent_id() == launcher { Ok(()) } else { Err(Error::Launch(io::Error::other("the launching process has ended"))) }
}

struct Ranks {
    /// None for a rank that has ended.
    children: Vec<Option<Child>>,
    outputs: Vec<thread::JoinHandle<()>>,
}

impl Ranks {
    fn start(num_ranks: usize, arguments: &[OsString]) -> io::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let program = env::current_exe()?;
        let mut ranks = Self { children: Vec::new(), outputs: Vec::new() };
        for rank in 0..num_ranks {
            let mut command = Command::new(&program);
            command.args(arguments).stdin(Stdio::null());
            let variables = [("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", num_ranks), ("LOCAL_WORLD_SIZE", num_ranks)];
            command.envs(variables.map(|(name, number)| (name, number.to_string())));
            command.env("MASTER_ADDR", Ipv4Addr::LOCALHOST.to_string()).env("MASTER_PORT", port.to_string());
            command.env(LAUNCHER, process::id().to_string());
            // The terminal's Ctrl-C reaches this process alone, which passes it on: a rank that got it twice would end at once.
            command.process_group(0);
            if rank > 0 {
                command.stderr(Stdio::piped());
            }
            let mut child = command.spawn()?;
            if let Some(output) = child.stderr.take() {
                ranks.outputs.push(thread::spawn(move || pass_on(rank, BufReader::new(output))));
            }
            ranks.children.push(Some(child));
        }
        Ok(ranks)
    }

    fn any_running(&self) -> bool {
        self.children.iter().any(Option::is_some)
    }

    fn signal(&self, signal: Signal) {
        for child in self.children.iter().flatten() {
            if let Err(error) = kill_process(Pid::from_child(child), signal) {
                log::debug!("process {}: {error}", child.id());
            }
        }
    }

    /// The ranks that have ended since the last call.
    fn poll(&mut self) -> io::Result<Vec<(usize, ExitStatus)>> {
        let mut ended = Vec::new();
        for (rank, place) in self.children.iter_mut().enumerate() {
            let Some(status) = place.as_mut().map_or(Ok(None), Child::try_wait)? else { continue };
            *place = None;
            ended.push((rank, status));
        }
        Ok(ended)
    }

    fn finish_output(&mut self) {
        for output in self.outputs.drain(..) {
            if output.join().is_err() {
                log::debug!("passing on a rank's output failed");
            }
        }
    }
}

impl Drop for Ranks {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

fn pass_on(rank: usize, output: impl BufRead) {
    for line in output.lines().map_while(std::result::Result::ok) {
        if writeln!(io::stderr(), "rank {rank}: {line}").is_err() {
            log::debug!("standard error is closed");
        }
    }
}
