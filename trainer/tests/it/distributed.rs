//! Several ranks: they train as one would, and when something goes wrong each ends with one clear error, and in time.

use std::{
    fs,
    io::Read,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use trainer::data::{
    dataset::ShardDirectory,
    masking::MaskingShares,
    micro_batch::AttentionScope,
    samples::{RankSamples, Samples, TrainingOptions, TrainingSamples},
};

use crate::shards::{numbered_shards, rows_of};

/// Longer than any of these runs may take, on a busy machine.
const TOO_LONG: Duration = Duration::from_mins(2);

/// Shards and an output folder, and commands that train a tiny model without dropout.
struct Runs {
    shards: TempDir,
    output: TempDir,
}

impl Runs {
    fn new() -> Self {
        Self { shards: numbered_shards(&[50, 30], 8), output: tempfile::tempdir().expect("a temporary folder") }
    }

    fn command(&self, name: &str, settings: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drbert"));
        let paths = [
            format!("data.shards={:?}", self.shards.path().display().to_string()),
            format!("train.output={:?}", self.output.path().join(name).display().to_string()),
        ];
        let usual = [
            "model.hidden_size=16",
            "model.num_hidden_layers=1",
            "model.num_attention_heads=2",
            "model.intermediate_size=32",
            "model.hidden_dropout_prob=0.0",
            "model.attention_probs_dropout_prob=0.0",
            "data.micro_batch_size=2",
            "data.global_batch_size=8",
            "data.loader_threads=1",
            "schedule.warmup_steps=5",
            "optimizer.peak_learning_rate=0.003",
            "train.steps=20",
            "train.device=cpu",
            "train.threads=1",
            "eval.rows=0",
            "log.interval_steps=1",
            "distributed.timeout_seconds=60",
            // This model's gradients in five buckets.
            "distributed.bucket_mib=0.001",
        ];
        command.arg("train").stdout(Stdio::piped()).stderr(Stdio::piped());
        for setting in paths.iter().map(String::as_str).chain(usual).chain(settings.iter().copied()) {
            command.args(["--set", setting]);
        }
        command
    }

    /// One process that is rank `rank`, as torchrun would start it.
    fn rank(&self, rank: usize, world_size: usize, port: u16, settings: &[&str]) -> Child {
        let mut command = self.command("run", settings);
        let numbers = [("RANK", rank), ("WORLD_SIZE", world_size), ("LOCAL_RANK", rank), ("MASTER_PORT", usize::from(port))];
        command.envs(numbers.map(|(name, number)| (name, number.to_string()))).env("MASTER_ADDR", "127.0.0.1");
        command.spawn().expect("the program starts")
    }

    fn records(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.output.path().join(name).join("metrics.jsonl")).expect("a report");
        text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
    }

    /// Waits until the run has saved a checkpoint.
    fn wait_for_checkpoint(&self, name: &str) {
        let folder = self.output.path().join(name).join("checkpoints");
        let is_there = || {
            let names = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
            names.into_iter().any(|name| name.to_string_lossy().starts_with("step-"))
        };
        wait_until("a checkpoint", is_there);
    }
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < TOO_LONG, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for a process to end, and returns its exit status and what it wrote to standard error.
fn end(mut child: Child) -> (Option<i32>, String) {
    wait_until("the end of a rank", || child.try_wait().expect("a child").is_some());
    let mut errors = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut errors).expect("UTF-8");
    (child.wait().expect("a child").code(), errors)
}

fn succeed(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let errors = String::from_utf8(stderr).expect("UTF-8");
    assert!(status.success() && stdout.is_empty(), "{errors}");
    errors
}

fn on_ranks(mut command: Command, num_ranks: usize) -> Command {
    command.arg(format!("--nproc-per-node={num_ranks}"));
    command
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("a running process");
}

pub(crate) fn check_same_course(expected: &[Value], found: &[Value], tolerance: f64) {
    assert_eq!(expected.len(), found.len());
    for (expected, found) in expected.iter().zip(found) {
        for exact in ["step", "masked_tokens", "learning_rate"] {
            assert_eq!(expected[exact], found[exact], "{exact}");
        }
        for name in ["loss", "gradient_norm"] {
            let [expected, found] = [expected, found].map(|record| record[name].as_f64().expect("a number"));
            // The norm is smaller than what it is the norm of sums up to, so that its rounding counts for more.
            let tolerance = if name == "loss" { tolerance } else { 10.0 * tolerance };
            assert!((expected - found).abs() <= tolerance * expected, "{name}: {expected} and {found}");
        }
    }
}

#[test]
fn the_ranks_of_a_step_take_its_samples_between_them() {
    let directory = numbered_shards(&[50, 30], 8);
    let open = Arc::new(ShardDirectory::open(directory.path()).expect("a sound directory"));
    let options = TrainingOptions {
        seed: 3,
        held_out_rows: 7,
        micro_batch_size: 2,
        skipped_rows: 0,
        masking: MaskingShares { probability: 0.15, mask_share: 0.8, random_share: 0.1 },
        late_masking: None,
        length_warmup: None,
        starts_word: None,
        scope: AttentionScope::Sequence,
    };
    let all = Arc::new(TrainingSamples::new(open, options));
    let rows = |samples: &dyn Samples, numbers: std::ops::Range<u64>| -> Vec<u64> {
        numbers.flat_map(|number| rows_of(&samples.micro_batch(number).expect("sound shards"))).collect()
    };
    for num_ranks in [1, 2, 4] {
        let per_rank = 4 / num_ranks;
        for step in 0..30 {
            let parts = (0..num_ranks).map(|rank| RankSamples::new(Arc::clone(&all), rank as usize, num_ranks as usize));
            let mut shared: Vec<u64> = parts.flat_map(|part| rows(&part, step * per_rank..(step + 1) * per_rank)).collect();
            let mut expected = rows(&*all, step * 4..(step + 1) * 4);
            shared.sort_unstable();
            expected.sort_unstable();
            assert_eq!(shared, expected, "step {step} of {num_ranks} ranks");
        }
    }
}

#[test]
fn any_number_of_ranks_takes_the_same_course() {
    let runs = Runs::new();
    let verified = "distributed.verify_interval_steps=5";
    for num_ranks in [1, 2, 4] {
        let messages = succeed(on_ranks(runs.command(&num_ranks.to_string(), &[verified]), num_ranks));
        assert_eq!(messages.matches("Done: 20 steps.").count(), 1, "{messages}");
    }
    let alone = runs.records("1");
    assert!(alone[19]["loss"].as_f64() < alone[0]["loss"].as_f64(), "nothing was learnt");
    for name in ["2", "4"] {
        check_same_course(&alone, &runs.records(name), 1e-6);
    }
}

#[test]
fn dropout_does_not_depend_on_the_number_of_ranks() {
    let runs = Runs::new();
    let dropout = ["model.hidden_dropout_prob=0.2", "train.steps=6"];
    for num_ranks in [1, 2] {
        succeed(on_ranks(runs.command(&num_ranks.to_string(), &dropout), num_ranks));
    }
    check_same_course(&runs.records("1"), &runs.records("2"), 1e-6);
}

#[test]
fn layers_computed_twice_give_their_gradients_once() {
    let runs = Runs::new();
    let deep = ["model.hidden_dropout_prob=0.2", "model.num_hidden_layers=3", "train.steps=6"];
    succeed(runs.command("alone", &deep));
    let twice = [&deep[..], &["train.activation_checkpointing=true", "distributed.verify_interval_steps=1"]].concat();
    succeed(on_ranks(runs.command("shared", &twice), 2));
    check_same_course(&runs.records("alone"), &runs.records("shared"), 1e-6);
}

#[test]
fn our_kernels_take_the_same_course_on_any_number_of_ranks() {
    let runs = Runs::new();
    for (name, settings, tolerance) in [
        ("fp32", ["train.precision=fp32", "train.cuda_graphs=false", "train.activation_checkpointing=false"], 1e-6),
        ("recomputed", ["train.precision=bf16", "train.cuda_graphs=false", "train.activation_checkpointing=true"], 3e-3),
        ("recorded", ["train.precision=bf16", "train.cuda_graphs=true", "train.activation_checkpointing=false"], 3e-3),
    ] {
        let fused = [&settings[..], &["train.kernels=fused", "train.steps=3"]].concat();
        let [alone, shared] = ["alone", "shared"].map(|which| format!("{which}_{name}"));
        succeed(runs.command(&alone, &fused));
        succeed(on_ranks(runs.command(&shared, &[&fused[..], &["distributed.verify_interval_steps=1"]].concat()), 2));
        check_same_course(&runs.records(&alone), &runs.records(&shared), tolerance);
    }
}

#[test]
fn recorded_passes_take_the_same_course_on_any_number_of_ranks() {
    let runs = Runs::new();
    for (precision, tolerance) in [("fp32", 1e-6), ("bf16", 3e-3)] {
        let name = |which: &str| format!("{which}_{precision}");
        let precision = format!("train.precision={precision}");
        let settings = [&precision, "train.cuda_graphs=true", "model.hidden_dropout_prob=0.2", "train.steps=8"];
        let messages = succeed(runs.command(&name("alone"), &settings));
        assert!(messages.contains("plain kernels, CUDA graphs"), "{messages}");
        let verified = [&settings[..], &["distributed.verify_interval_steps=1"]].concat();
        succeed(on_ranks(runs.command(&name("shared"), &verified), 2));
        check_same_course(&runs.records(&name("alone")), &runs.records(&name("shared")), tolerance);
    }
}

#[test]
fn gradients_of_any_precision_take_nearly_the_same_course() {
    let runs = Runs::new();
    succeed(runs.command("alone", &[]));
    succeed(on_ranks(runs.command("compressed", &["distributed.gradient_compression=bf16"]), 2));
    check_same_course(&runs.records("alone"), &runs.records("compressed"), 3e-3);
    for (precision, tolerance) in [("bf16", 3e-3), ("fp16", 1e-3)] {
        let [alone, shared] = ["alone", "shared"].map(|name| format!("{name}_{precision}"));
        let precision = format!("train.precision={precision}");
        succeed(runs.command(&alone, &[&precision]));
        succeed(on_ranks(runs.command(&shared, &[&precision, "distributed.verify_interval_steps=1"]), 2));
        check_same_course(&runs.records(&alone), &runs.records(&shared), tolerance);
    }
}

#[test]
fn all_gradients_are_under_way_when_the_backward_pass_ends() {
    let runs = Runs::new();
    for (kernels, precision, recomputes) in
        [("plain", "fp32", "true"), ("plain", "bf16", "false"), ("fused", "fp32", "false"), ("fused", "bf16", "true")]
    {
        let settings = [("kernels", kernels), ("precision", precision), ("activation_checkpointing", recomputes), ("steps", "2")]
            .map(|(name, value)| format!("train.{name}={value}"));
        let mut command = on_ranks(runs.command(&format!("{kernels}_{precision}"), &settings.each_ref().map(String::as_str)), 2);
        command.env("RUST_LOG", "trainer=debug");
        let messages = succeed(command);
        let exchanges: Vec<&str> = messages.lines().filter(|line| line.contains("buckets of gradients")).collect();
        // Each step of each rank.
        assert!(exchanges.len() == 4 && exchanges.iter().all(|line| line.contains("5 of 5 buckets")), "{messages}");
    }
}

#[test]
fn a_run_goes_on_with_another_number_of_ranks() {
    let runs = Runs::new();
    let saved = ["checkpoint.interval_steps=10"];
    succeed(runs.command("alone", &saved));
    succeed(on_ranks(runs.command("shared", &saved), 4));
    fs::remove_dir_all(runs.output.path().join("shared/checkpoints/step-00000020")).expect("the last checkpoint");
    let mut resumed = on_ranks(runs.command("shared", &saved), 2);
    resumed.arg("--resume");
    assert!(succeed(resumed).contains("resuming from"));
    check_same_course(&runs.records("alone"), &runs.records("shared"), 1e-6);
}

#[test]
fn ranks_that_differ_say_in_what() {
    let runs = Runs::new();
    let port = free_port();
    let ranks = [runs.rank(0, 2, port, &[]), runs.rank(1, 2, port, &["train.seed=2"])];
    for rank in ranks {
        let (code, errors) = end(rank);
        assert_eq!((code, errors.as_str()), (Some(1), "error: the ranks do not agree: rank 1 has train.seed = 2, rank 0 has 1\n"));
    }
}

#[test]
fn a_failure_of_one_rank_is_known_to_the_others() {
    let runs = Runs::new();
    let port = free_port();
    let [first, second] = [runs.rank(0, 2, port, &[]), runs.rank(1, 2, port, &["data.shards=no/such"])];
    let (code, errors) = end(second);
    assert!(code == Some(1) && errors.starts_with("error: no/such: expected a shard directory"), "{errors}");
    let (code, errors) = end(first);
    let expected = "error: rank 0 of 2: lost the other ranks: rank 1 failed: no/such: expected a shard directory";
    assert!(code == Some(1) && errors.contains(expected), "{errors}");
}

/// A run of three ranks without end, of which something is done to rank 1 or rank 0 after its first checkpoint; the others must then
/// report their loss, and the run must be able to go on.
fn check_loss(victim: usize, what: Signal, timeout_seconds: u64) {
    let runs = Runs::new();
    let timeout = format!("distributed.timeout_seconds={timeout_seconds}");
    let endless = ["train.steps=1000000", "checkpoint.interval_steps=3", "data.global_batch_size=12", &timeout];
    let port = free_port();
    let mut ranks: Vec<Child> = (0..3).map(|rank| runs.rank(rank, 3, port, &endless)).collect();
    runs.wait_for_checkpoint("run");
    let mut lost = ranks.remove(victim);
    signal(&lost, what);
    for rank in ranks {
        let (code, errors) = end(rank);
        assert_eq!(code, Some(1), "{errors}");
        assert!(errors.contains("lost the other ranks: ") && errors.matches("error: ").count() == 1, "{errors}");
    }
    lost.kill().expect("a child");
    lost.wait().expect("a child");
    let steps = trainer::checkpoint::newest(&runs.output.path().join("run")).expect("sound").expect("a checkpoint").state.step;
    let mut resumed = runs.command("run", &[&format!("train.steps={}", steps + 2), "data.global_batch_size=12"]);
    resumed.arg("--resume");
    succeed(resumed);
}

#[test]
fn a_dead_rank_ends_the_run() {
    check_loss(1, Signal::KILL, 60);
}

#[test]
fn a_dead_first_rank_ends_the_run() {
    check_loss(0, Signal::KILL, 60);
}

#[test]
fn a_hung_rank_ends_the_run_in_time() {
    check_loss(1, Signal::STOP, 5);
}

#[test]
fn a_signal_to_any_rank_stops_all_after_the_same_step() {
    let runs = Runs::new();
    let port = free_port();
    let endless = ["train.steps=1000000"];
    let [first, mut second] = [0, 1].map(|rank| runs.rank(rank, 2, port, &endless));
    let report = runs.output.path().join("run/metrics.jsonl");
    wait_until("a step", || fs::metadata(&report).is_ok_and(|file| file.len() > 0));
    signal(&second, Signal::USR1);
    second.wait().expect("a child");
    // The end of one rank may be that of all, so that none ends before what it has learnt is saved.
    let saved = fs::read_dir(runs.output.path().join("run/checkpoints")).expect("a folder").flatten();
    assert!(saved.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("step-")));
    let [first, second] = [first, second].map(end);
    assert!(first.0 == Some(0) && first.1.contains("Stopped after step"), "{}", first.1);
    assert_eq!(second, (Some(85), String::new()));
}

#[test]
fn a_meeting_that_does_not_come_about_is_one_error() {
    let runs = Runs::new();
    let brief = ["distributed.timeout_seconds=3"];
    let check = |rank: Child| {
        let (code, errors) = end(rank);
        assert_eq!(code, Some(1), "{errors}");
        assert!(errors.contains("cannot meet the other ranks at 127.0.0.1:") && errors.matches("error: ").count() == 1, "{errors}");
    };
    // Someone else has the port: neither rank 0 nor one that talks to the stranger may hang.
    let stranger = TcpListener::bind("0.0.0.0:0").expect("a free port");
    let taken = stranger.local_addr().expect("an address").port();
    let waiting = [runs.rank(0, 2, taken, &brief), runs.rank(1, 2, taken, &brief), runs.rank(0, 2, free_port(), &brief)];
    waiting.into_iter().for_each(check);
}

#[test]
fn the_launcher_reports_a_lost_rank_and_refuses_what_cannot_be_shared() {
    let runs = Runs::new();
    let output = on_ranks(runs.command("run", &[]), 3).output().expect("the program starts");
    let errors = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2));
    let expected = "data.global_batch_size = 8: expected a multiple of data.micro_batch_size = 2 times the 3 ranks";
    assert!(errors.contains(expected), "{errors}");

    let launcher = on_ranks(runs.command("run", &["train.steps=1000000", "checkpoint.interval_steps=3"]), 2).spawn().expect("started");
    runs.wait_for_checkpoint("run");
    let ranks = children_of(launcher.id());
    assert_eq!(ranks.len(), 2);
    kill_process(ranks[1], Signal::KILL).expect("a running process");
    let (code, errors) = end(launcher);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("error: rank 1 ended with signal: 9 (SIGKILL)"), "{errors}");
    wait_until("the end of all ranks", || ranks.iter().all(|&rank| !is_running(rank)));
}

#[test]
fn the_launcher_passes_signals_on_and_takes_its_ranks_with_it() {
    let runs = Runs::new();
    let endless = ["train.steps=1000000", "checkpoint.interval_steps=3"];
    let launcher = on_ranks(runs.command("stopped", &endless), 2).spawn().expect("started");
    runs.wait_for_checkpoint("stopped");
    signal(&launcher, Signal::TERM);
    let (code, errors) = end(launcher);
    assert!(code == Some(85) && errors.contains("Stopped after step"), "{errors}");

    let mut launcher = on_ranks(runs.command("killed", &endless), 2).spawn().expect("started");
    runs.wait_for_checkpoint("killed");
    let ranks = children_of(launcher.id());
    launcher.kill().expect("a child");
    launcher.wait().expect("a child");
    wait_until("the end of all ranks", || ranks.iter().all(|&rank| !is_running(rank)));
}

/// In the order in which they were started.
fn children_of(parent: u32) -> Vec<Pid> {
    let list = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).expect("Linux");
    let mut pids: Vec<i32> = list.split_whitespace().map(|pid| pid.parse().expect("a number")).collect();
    pids.sort_unstable();
    pids.into_iter().filter_map(Pid::from_raw).collect()
}

/// A process that nobody has waited for yet is not running any more.
fn is_running(process: Pid) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat"));
    status.is_ok_and(|status| !status.contains(") Z "))
}
