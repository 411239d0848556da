//! Processes that are killed or told to stop, and checkpoints that are damaged: the run goes on as if nothing had been.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use trainer::checkpoint;

use crate::{
    checkpoints::{Bench, report_of},
    shards::numbered_shards,
    training::torch_generator,
};

const STEPS: usize = 240;
const PATIENCE: Duration = Duration::from_mins(2);

/// A run in a process of its own.
struct Process {
    shards: TempDir,
    output: TempDir,
}

impl Process {
    fn new() -> Self {
        Self { shards: numbered_shards(&[30, 14], 4), output: tempfile::tempdir().expect("a temporary folder") }
    }

    /// 40 rows of training and 8 a step: an epoch ends every 5 steps. A checkpoint every 3.
    fn start(&self, resume: bool) -> Child {
        let settings = [
            &format!("data.shards={:?}", self.shards.path().display().to_string()),
            &format!("train.output={:?}", self.output.path().display().to_string()),
            &format!("train.steps={STEPS}"),
            "model.hidden_size=16",
            "model.num_hidden_layers=1",
            "model.num_attention_heads=2",
            "model.intermediate_size=16",
            "data.micro_batch_size=4",
            "data.global_batch_size=8",
            "data.loader_threads=1",
            "schedule.warmup_steps=20",
            "optimizer.ema_decay=0.9",
            "train.device=cpu",
            "train.threads=1",
            "eval.rows=4",
            "eval.interval_steps=70",
            "log.interval_steps=1",
            "checkpoint.interval_steps=3",
        ];
        Command::new(env!("CARGO_BIN_EXE_drbert"))
            .arg("train")
            .args(settings.iter().flat_map(|setting| ["--set", setting]))
            .args(resume.then_some("--resume"))
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts")
    }

    /// Whether anything was saved: a run without a checkpoint is begun anew.
    fn has_checkpoint(&self) -> bool {
        checkpoint::any(self.output.path()).expect("a readable folder")
    }

    fn finish(&self) -> ExitStatus {
        self.start(self.has_checkpoint()).wait().expect("a status")
    }

    fn num_reported(&self) -> usize {
        fs::read_to_string(self.output.path().join("metrics.jsonl")).map_or(0, |text| text.lines().count())
    }

    fn is_writing(&self) -> bool {
        let Ok(entries) = fs::read_dir(self.output.path().join("checkpoints")) else { return false };
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(".unfinished-"))
    }

    fn weights(&self) -> [Vec<u8>; 2] {
        let checkpoint = self.output.path().join(format!("checkpoints/step-{STEPS:08}"));
        ["model.safetensors", "ema.safetensors"].map(|file| fs::read(checkpoint.join(file)).expect("weights"))
    }

    /// Waits for `condition`; returns whether it came before the process ended.
    fn wait_for(&self, child: &mut Child, condition: impl Fn(&Self) -> bool) -> bool {
        let begun = Instant::now();
        while child.try_wait().expect("a status").is_none() {
            if condition(self) {
                return true;
            }
            assert!(begun.elapsed() < PATIENCE, "the run stands still");
            sleep(Duration::from_micros(200));
        }
        false
    }
}

#[test]
fn twenty_kills_do_not_change_a_single_loss() {
    let undisturbed = Process::new();
    assert!(undisturbed.finish().success());
    let killed = Process::new();
    let (mut num_kills, mut kills_in_a_write) = (0, 0);
    for kill in 0..20_usize {
        let mut child = killed.start(killed.has_checkpoint());
        let before = killed.num_reported();
        // The report is cut back when the run goes on, so it must move before it is looked at.
        let moved = killed.wait_for(&mut child, |run| run.num_reported() != before || kill == 0);
        let start = killed.num_reported();
        let came = moved
            && killed.wait_for(&mut child, |run| match kill % 2 {
                0 => run.is_writing(),
                _ => run.num_reported() >= start + (kill * 7) % 11,
            });
        kills_in_a_write += u32::from(came && killed.is_writing());
        num_kills += u32::from(came);
        child.kill().expect("killed");
        child.wait().expect("a status");
    }
    assert!(num_kills >= 18 && kills_in_a_write >= 3, "{num_kills} kills, {kills_in_a_write} of them in a write");
    assert!(killed.finish().success());
    assert_eq!(report_of(killed.output.path()), report_of(undisturbed.output.path()));
    assert!(killed.weights() == undisturbed.weights(), "the last weights differ");
}

#[test]
fn the_scheduler_s_signals_save_and_ask_to_be_started_again() {
    for (signal, expected) in [("TERM", 85), ("USR1", 85), ("INT", 0)] {
        let run = Process::new();
        let mut child = run.start(false);
        assert!(run.wait_for(&mut child, |run| run.num_reported() > 4));
        let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().expect("kill starts");
        assert!(sent.success());
        let status = child.wait().expect("a status");
        assert_eq!(status.code(), Some(expected), "{signal}");
        let saved = checkpoint::newest(run.output.path()).expect("sound").expect("a checkpoint").state.step;
        assert!(saved >= 4 && saved < STEPS as u64, "{saved}");
        assert_eq!(run.num_reported(), saved as usize + usize::from(saved >= 70) + usize::from(saved >= 140) + usize::from(saved >= 210));
    }
}

/// All files below a folder.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn a_flipped_bit_or_a_torn_end_in_any_file_is_noticed() {
    let _generator = torch_generator();
    let bench = Bench::new();
    bench.train(false, &["optimizer.ema_decay=0.9"]).expect("a run");
    let newest = || checkpoint::newest(bench.output.path()).expect("one is sound").expect("there are some").state.step;
    assert_eq!(newest(), 9);
    let files = files_below(&bench.checkpoint(9));
    assert_eq!(files.len(), 8, "{files:?}");
    for path in files {
        let sound = fs::read(&path).expect("a file");
        let places = [0, 1, sound.len() / 3, sound.len() / 2, sound.len() - 1];
        for place in places {
            let mut flipped = sound.clone();
            flipped[place] ^= 1 << (place % 8);
            fs::write(&path, flipped).expect("written");
            assert_eq!(newest(), 6, "byte {place} of {}", path.display());
        }
        fs::write(&path, &sound[..sound.len() - 1]).expect("written");
        assert_eq!(newest(), 6, "torn {}", path.display());
        fs::remove_file(&path).expect("removed");
        assert_eq!(newest(), 6, "without {}", path.display());
        fs::write(&path, sound).expect("written");
    }
    assert_eq!(newest(), 9);
}

#[test]
fn damaged_checkpoints_are_set_aside_and_do_not_count_as_kept() {
    let _generator = torch_generator();
    let bench = Bench::new();
    bench.train(false, &[]).expect("a run");
    fs::write(bench.checkpoint(9).join("optimizer.safetensors"), "").expect("written");
    let longer = ["train.steps=12", "schedule.kind=inverse-sqrt", "checkpoint.keep=2"];
    bench.train(true, &longer).expect("a resumed run");
    assert_eq!(bench.checkpoints(), ["damaged-step-00000009", "step-00000009", "step-00000012"]);
}

#[test]
fn checkpoints_of_every_so_many_steps_stay() {
    let _generator = torch_generator();
    let bench = Bench::new();
    bench.train(false, &["checkpoint.keep=1", "checkpoint.interval_steps=2", "checkpoint.keep_every_steps=4"]).expect("a run");
    assert_eq!(bench.checkpoints(), ["step-00000004", "step-00000008", "step-00000009"]);
}

#[test]
fn a_checkpoint_that_cannot_be_written_ends_the_run() {
    let _generator = torch_generator();
    let bench = Bench::new();
    fs::write(bench.output.path().join("checkpoints"), "in the way").expect("written");
    let error = bench.train(false, &[]).expect_err("no folder for checkpoints").to_string();
    assert!(error.contains("checkpoints: cannot be read or written"), "{error}");
}

#[test]
fn every_optimizer_precision_and_schedule_resumes_bit_for_bit() {
    let _generator = torch_generator();
    let runs: [&[&str]; 5] = [
        &["optimizer.kind=stable-adamw", "optimizer.ema_decay=0.9", "schedule.length_warmup_steps=7", "schedule.length_warmup_start=2"],
        &["optimizer.kind=lamb", "schedule.batch_warmup_steps=7", "schedule.batch_warmup_start_size=4"],
        &["train.precision=fp16", "model.initializer_range=0.2"],
        &["schedule.kind=trapezoidal", "schedule.decay_steps=4", "masking.probability=0.4", "masking.decay_probability=0.15"],
        &["train.cuda_graphs=true", "train.precision=bf16"],
    ];
    for overrides in runs {
        let [undisturbed, stopped] = [Bench::new(), Bench::new()];
        undisturbed.train(false, overrides).expect("a run");
        stopped.train(false, overrides).expect("a run");
        for step in [6, 9] {
            fs::remove_dir_all(stopped.checkpoint(step)).expect("a checkpoint");
        }
        stopped.train(true, overrides).expect("a resumed run");
        assert_eq!(stopped.report(), undisturbed.report(), "{overrides:?}");
        for path in files_below(&stopped.checkpoint(9)).iter().filter(|path| path.extension().is_some_and(|end| end == "safetensors")) {
            let other = undisturbed.checkpoint(9).join(path.file_name().expect("a name"));
            assert!(fs::read(path).expect("a file") == fs::read(other).expect("a file"), "{overrides:?}: {}", path.display());
        }
    }
}
