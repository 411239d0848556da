//! Who takes part in a run: this process's rank, the number of ranks, and where they meet. Read from the variables that torchrun
//! or srun sets; without them, a world of one.

use std::{env, fmt};

use crate::error::{Error, Result};

/// Ports that srun's steps meet at, when nothing says which: this and the 9,999 above it, by the numbers of job and step.
const FIRST_SLURM_PORT: u64 = 20_000;
const NUM_SLURM_PORTS: u64 = 10_000;
/// How far apart the ports of two steps of a job are, for jobs beside it to have others.
const STEP_STRIDE: u64 = 1_009;

/// This process's place among the ranks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    pub rank: usize,
    pub world_size: usize,
    /// Among the ranks of this machine.
    pub local_rank: usize,
    /// Ranks that share this process's processors.
    pub local_world_size: usize,
    /// None in a world of one.
    pub meeting_point: Option<MeetingPoint>,
}

/// Where the ranks meet: a key-value store that every rank connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeetingPoint {
    pub host: String,
    pub port: u16,
    pub listener: Listener,
    /// How often torchrun has started the ranks again. It keeps its store, in which the attempts must not find each other.
    pub attempt: usize,
}

/// Who keeps the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// Rank 0.
    FirstRank,
    /// The program that started the ranks, as torchrun does.
    Launcher,
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank, self.world_size)
    }
}

impl World {
    /// A single process.
    pub fn alone() -> Self {
        Self { rank: 0, world_size: 1, local_rank: 0, local_world_size: 1, meeting_point: None }
    }

    /// The place that the environment states.
    pub fn from_environment() -> Result<Self> {
        Self::from_variables(|name| env::var(name).ok())
    }

    /// The place that these variables state: torchrun's, else srun's, else that of a single process.
    pub fn from_variables(variable: impl Fn(&'static str) -> Option<String>) -> Result<Self> {
        let number = |name: &'static str| -> Result<usize> {
            let found = variable(name).unwrap_or_default();
            found.parse().map_err(|error| bad(name, &found, &format!("a number, as torchrun and srun set it ({error})")))
        };
        let world = if variable("RANK").is_some() {
            let local_world_size = if variable("LOCAL_WORLD_SIZE").is_some() { number("LOCAL_WORLD_SIZE")? } else { 1 };
            let local_rank = ["LOCAL_RANK", "SLURM_LOCALID"].into_iter().find(|name| variable(name).is_some()).map_or(Ok(0), number)?;
            Self { rank: number("RANK")?, world_size: number("WORLD_SIZE")?, local_rank, local_world_size, meeting_point: None }
        } else if variable("SLURM_STEP_ID").is_some() && variable("SLURM_PROCID").is_some() {
            // srun gives every task processors of its own.
            // In the shell that salloc opens, which is a step of one task, the other number is the job's.
            let tasks = if variable("SLURM_STEP_NUM_TASKS").is_some() { "SLURM_STEP_NUM_TASKS" } else { "SLURM_NTASKS" };
            let (rank, world_size, local_rank) = (number("SLURM_PROCID")?, number(tasks)?, number("SLURM_LOCALID")?);
            Self { rank, world_size, local_rank, local_world_size: 1, meeting_point: None }
        } else {
            return Ok(Self::alone());
        };
        if world.rank >= world.world_size {
            return Err(bad("RANK", &world.rank.to_string(), &format!("a number below WORLD_SIZE = {}", world.world_size)));
        }
        if world.world_size == 1 {
            return Ok(world);
        }
        // Its agent's own store is at the port then.
        let is_launchers = variable("TORCHELASTIC_USE_AGENT_STORE").is_some_and(|answer| answer == "True");
        let listener = if is_launchers { Listener::Launcher } else { Listener::FirstRank };
        let attempt = if variable("TORCHELASTIC_RESTART_COUNT").is_some() { number("TORCHELASTIC_RESTART_COUNT")? } else { 0 };
        // The ranks are those of a step, which need not begin where its job does.
        let nodes = variable("SLURM_STEP_NODELIST").or_else(|| variable("SLURM_JOB_NODELIST"));
        let host = match (variable("MASTER_ADDR"), nodes) {
            (Some(host), _) => host,
            (None, Some(nodes)) => first_node(&nodes),
            (None, None) => return Err(bad("MASTER_ADDR", "", "the host of rank 0")),
        };
        let port = match (variable("MASTER_PORT"), variable("SLURM_JOB_ID").and_then(|job| job.parse::<u64>().ok())) {
            (Some(port), _) => port.parse().map_err(|error| bad("MASTER_PORT", &port, &format!("a port from 1 to 65535 ({error})")))?,
            (None, Some(job)) => {
                let step = variable("SLURM_STEP_ID").and_then(|step| step.parse::<u64>().ok()).unwrap_or_default();
                (FIRST_SLURM_PORT + (job + step * STEP_STRIDE) % NUM_SLURM_PORTS) as u16
            }
            (None, None) => return Err(bad("MASTER_PORT", "", "the port where rank 0 listens")),
        };
        Ok(Self { meeting_point: Some(MeetingPoint { host, port, listener, attempt }), ..world })
    }

    /// Whether this process writes metrics, checkpoints and messages.
    pub fn is_main(&self) -> bool {
        self.rank == 0
    }
}

fn bad(setting: &'static str, found: &str, expected: &str) -> Error {
    Error::BadSetting { setting, found: found.to_owned(), expected: expected.to_owned() }
}

/// The first host of Slurm's short form: `gpu[03-05,9],big1` begins with `gpu03`.
fn first_node(nodes: &str) -> String {
    let end = nodes.find(['[', ',']).unwrap_or(nodes.len());
    let (name, rest) = nodes.split_at(end);
    let Some(range) = rest.strip_prefix('[') else { return name.to_owned() };
    let digits = range.find(|character: char| !character.is_ascii_digit()).unwrap_or(range.len());
    format!("{name}{}", &range[..digits])
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn world(variables: &[(&'static str, &str)]) -> Result<World> {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        World::from_variables(|name| variables.get(name).map(ToString::to_string))
    }

    #[test]
    fn the_place_is_read_from_torchrun_or_srun_or_is_alone() {
        assert_eq!(world(&[]).expect("alone"), World::alone());
        let torchrun = [("RANK", "3"), ("WORLD_SIZE", "4"), ("LOCAL_RANK", "1"), ("LOCAL_WORLD_SIZE", "2")];
        let meeting = [("MASTER_ADDR", "here"), ("MASTER_PORT", "123")];
        let point = MeetingPoint { host: "here".into(), port: 123, listener: Listener::FirstRank, attempt: 0 };
        let expected = World { rank: 3, world_size: 4, local_rank: 1, local_world_size: 2, meeting_point: Some(point.clone()) };
        assert_eq!(world(&[&torchrun[..], &meeting].concat()).expect("sound"), expected);
        let again = [("TORCHELASTIC_USE_AGENT_STORE", "True"), ("TORCHELASTIC_RESTART_COUNT", "2")];
        let found = world(&[&torchrun[..], &meeting, &again].concat()).expect("sound");
        assert_eq!(found.meeting_point, Some(MeetingPoint { listener: Listener::Launcher, attempt: 2, ..point }));
        let srun = [("SLURM_STEP_ID", "0"), ("SLURM_PROCID", "1"), ("SLURM_NTASKS", "2"), ("SLURM_LOCALID", "0")];
        let job = [("SLURM_JOB_ID", "1234567"), ("SLURM_JOB_NODELIST", "gpu[07-09,11],big1")];
        let found = world(&[&srun[..], &job].concat()).expect("sound");
        let point = found.meeting_point.expect("two ranks meet");
        assert_eq!((found.rank, found.world_size, point.host.as_str(), point.port), (1, 2, "gpu07", 24_567));
        let later =
            [("SLURM_STEP_ID", "2"), ("SLURM_PROCID", "1"), ("SLURM_NTASKS", "2"), ("SLURM_LOCALID", "0"), ("SLURM_STEP_NODELIST", "big1")];
        let point = world(&[&later[..], &job].concat()).expect("sound").meeting_point.expect("two ranks meet");
        assert_eq!((point.host.as_str(), point.port), ("big1", 26_585));
        let shell = [
            ("SLURM_STEP_ID", "4294967290"),
            ("SLURM_PROCID", "0"),
            ("SLURM_NTASKS", "4"),
            ("SLURM_LOCALID", "0"),
            ("SLURM_STEP_NUM_TASKS", "1"),
        ];
        assert_eq!(world(&[&shell[..], &job].concat()).expect("alone"), World::alone());
        // A plain command within an allocation is no task of srun's.
        assert_eq!(world(&job).expect("alone"), World::alone());
    }

    #[test]
    fn unsound_variables_are_named() {
        let check = |variables: &[(&'static str, &str)], expected: &str| {
            let error = world(variables).expect_err("unsound").to_string();
            assert!(error.starts_with(expected), "{error}");
        };
        check(&[("RANK", "0")], "WORLD_SIZE is not set: expected a number");
        check(&[("RANK", "2"), ("WORLD_SIZE", "2")], "RANK = 2: expected a number below WORLD_SIZE = 2");
        check(&[("RANK", "0"), ("WORLD_SIZE", "2")], "MASTER_ADDR is not set: expected the host of rank 0");
        let host = [("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "here")];
        check(&[&host[..], &[("MASTER_PORT", "99999")]].concat(), "MASTER_PORT = 99999: expected a port");
    }

    #[test]
    fn slurms_short_forms_begin_with_their_first_node() {
        let forms = ["n1", "n1,n2", "gpu[3-5]", "gpu[003,7]", "a-b[12-13],c"];
        assert_eq!(forms.map(first_node), ["n1", "n1", "gpu3", "gpu003", "a-b12"]);
    }
}
