//! Runs that diverge and return to their last good checkpoint: they go on with other rows, and nothing that interrupts them changes a bit.

use std::{fs, path::PathBuf, process::Command, sync::Arc};

use safetensors::SafeTensors;
use serde_json::{Value, json};
use tempfile::TempDir;
use trainer::{
    checkpoint,
    data::{
        dataset::ShardDirectory,
        micro_batch::{MicroBatch, num_masked},
    },
};

use crate::{
    checkpoints::report_of,
    distributed::check_same_course,
    shards::{PAD, Row, numbered_row, write_shards},
    training::{micro_batches, tiny_config, tiny_settings},
};

/// Only the end of the one long row is that far from its segment's beginning.
const POISONED_POSITION: usize = 18;
const POSITION_EMBEDDINGS: &str = "roberta.embeddings.position_embeddings.weight";
/// Of the first epoch, which is not over then.
const STEPS: u64 = 12;
/// The step, counted from 0, that takes the long row: the one before the second checkpoint.
const BAD_STEP: u64 = 5;
const SETTINGS: [&str; 6] = [
    "model.hidden_dropout_prob=0.1",
    "schedule.kind=inverse-sqrt",
    "checkpoint.interval_steps=3",
    "checkpoint.keep=9",
    "train.max_skipped_steps=1",
    "train.max_returns=1",
];

/// Shards with one long row, and a model to begin from with which no step is finite that takes this row.
struct Bench {
    shards: TempDir,
    work: TempDir,
    seed: String,
}

impl Bench {
    fn new() -> Self {
        let long: Row = vec![[vec![0], (0..20).map(|index| 4 + index * 13).collect(), vec![2]].concat()];
        let rows = (0..120).map(numbered_row).chain([long]).collect();
        let (shards, work) = (write_shards(&[rows], 8), tempfile::tempdir().expect("a temporary folder"));
        let unseeded = Self { shards, work, seed: String::new() };
        let takes_the_long_row = |batch: &MicroBatch| batch.positions.contains(&(POISONED_POSITION as i32));
        let is_apt = |seed: &String| unseeded.batches(seed, BAD_STEP).iter().any(takes_the_long_row);
        let seed = (1..1_000).map(|seed| format!("train.seed={seed}")).find(is_apt).expect("some seed");
        let bench = Self { seed, ..unseeded };
        bench.make_poisoned_model();
        bench
    }

    fn batches(&self, seed: &str, step: u64) -> Vec<MicroBatch> {
        let config = tiny_config(self.shards.path(), self.work.path(), &[seed]);
        micro_batches(&config, &Arc::new(ShardDirectory::open(self.shards.path()).expect("a sound directory")), step)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    fn make_poisoned_model(&self) {
        drbert("train", &tiny_settings(self.shards.path(), &self.path("start"), &["train.steps=0"]), &[]).expect("a run");
        let (checkpoint, model) = (self.path("start/checkpoints/step-00000000"), self.path("model"));
        let [checkpoint, output] = [&checkpoint, &model].map(|path| path.to_str().expect("UTF-8"));
        drbert("export", &[], &[checkpoint, "--output", output]).expect("an export");
        let weights = model.join("model.safetensors");
        let mut bytes = fs::read(&weights).expect("weights");
        let (header_length, metadata) = SafeTensors::read_metadata(&bytes).expect("weights");
        let table = metadata.info(POSITION_EMBEDDINGS).expect("the table of positions");
        let row_bytes = 4 * table.shape[1];
        let row = 8 + header_length + table.data_offsets.0 + (usize::from(PAD) + 1 + POISONED_POSITION) * row_bytes;
        bytes[row..row + row_bytes].as_chunks_mut().0.fill(f32::NAN.to_le_bytes());
        fs::write(&weights, bytes).expect("written");
    }

    /// Trains on several ranks; returns what is said, as an error if the run fails.
    fn train(&self, name: &str, num_ranks: usize, overrides: &[&str], arguments: &[&str]) -> Result<String, String> {
        let init_from = format!("train.init_from={:?}", self.path("model").display().to_string());
        let steps = format!("train.steps={STEPS}");
        let settings = [&SETTINGS[..], &[&init_from, &self.seed, &steps], overrides].concat();
        let ranks = format!("--nproc-per-node={num_ranks}");
        let ranks = (num_ranks > 1).then_some(ranks.as_str());
        let arguments: Vec<&str> = ranks.into_iter().chain(arguments.iter().copied()).collect();
        drbert("train", &tiny_settings(self.shards.path(), &self.path(name), &settings), &arguments)
    }

    fn report(&self, name: &str) -> Vec<Value> {
        report_of(&self.path(name))
    }

    fn checkpoints(&self, name: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(name).join("checkpoints")).expect("the run saved something");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name of ours")).collect();
        names.sort();
        names
    }

    /// As a kill leaves a run after it has saved step `step`: without later checkpoints, but with all that it reported.
    fn cut_back(&self, from: &str, name: &str, step: u64) {
        let copied = Command::new("cp").arg("-r").args([self.path(from), self.path(name)]).status().expect("cp starts");
        assert!(copied.success());
        checkpoint::remove_later(&self.path(name), step).expect("removed");
    }

    fn check_same(&self, expected: &str, found: &str) {
        assert_eq!(self.report(expected), self.report(found), "{found}");
        let last = format!("checkpoints/step-{STEPS:08}");
        for file in ["model.safetensors", "optimizer.safetensors"] {
            let [expected, bytes] = [expected, found].map(|name| fs::read(self.path(name).join(&last).join(file)).expect("a file"));
            assert!(expected == bytes, "{found}: {file}");
        }
    }
}

/// Runs the program; returns what it wrote to standard error, as an error if it failed.
fn drbert(command: &str, settings: &[String], arguments: &[&str]) -> Result<String, String> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_drbert"));
    program.arg(command).args(arguments).args(settings.iter().flat_map(|setting| ["--set", setting]));
    let output = program.output().expect("the program starts");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    if output.status.success() { Ok(said) } else { Err(said) }
}

fn steps_of(report: &[Value]) -> Vec<Value> {
    report.iter().filter(|record| record["loss"].is_number()).cloned().collect()
}

#[test]
fn a_run_that_diverges_returns_and_goes_on_past_the_rows_since() {
    let bench = Bench::new();
    let said = bench.train("alone", 1, &[], &[]).expect("a run");
    assert!(said.contains("not finite in 1 steps in a row, which were skipped: return 1 to step 3, past the rows since"), "{said}");
    let report = bench.report("alone");
    let steps = steps_of(&report);
    assert_eq!(steps.iter().map(|record| record["step"].as_u64()).collect::<Vec<_>>(), (1..=STEPS).map(Some).collect::<Vec<_>>());
    let back = &report[3];
    let reason = back["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("step 6: the loss (NaN)"), "{reason}");
    assert_eq!(*back, json!({"step": 3, "returns": 1, "from_step": 6, "skipped_rows": 24, "reason": reason}));
    for (step, record) in (0..).zip(&steps) {
        let place = if step < 3 { step } else { step + 3 };
        assert_eq!(record["masked_tokens"], num_masked(&bench.batches(&bench.seed, place)), "step {step}");
        let epoch = record["epoch"].as_f64().expect("a number");
        assert!((epoch - 8.0 * (place + 1) as f64 / 121.0).abs() < 1e-12, "step {step}: epoch {epoch}");
    }
    assert_eq!(bench.checkpoints("alone"), ["step-00000003", "step-00000006", "step-00000009", "step-00000012"]);

    bench.train("shared", 2, &["distributed.verify_interval_steps=1"], &[]).expect("a run of two ranks");
    assert_eq!(bench.report("shared")[3], *back);
    check_same_course(&steps, &steps_of(&bench.report("shared")), 1e-6);
}

#[test]
fn an_interrupted_run_returns_as_one_that_was_not() {
    let bench = Bench::new();
    for num_ranks in [1, 2] {
        bench.train("undisturbed", num_ranks, &[], &[]).expect("a run");
        for saved in [3, 6] {
            bench.cut_back("undisturbed", "killed", saved);
            bench.train("killed", num_ranks, &[], &["--resume"]).expect("a resumed run");
            bench.check_same("undisturbed", "killed");
            fs::remove_dir_all(bench.path("killed")).expect("removed");
        }
        // Its last checkpoint is of a step between the good one and the bad, and nobody returns to it.
        let few = ["checkpoint.keep=1"];
        bench.train("stopped", num_ranks, &[&few[..], &["train.steps=4"]].concat(), &[]).expect("a run");
        assert_eq!(bench.checkpoints("stopped"), ["step-00000003", "step-00000004"]);
        bench.train("stopped", num_ranks, &few, &["--resume"]).expect("a resumed run");
        bench.check_same("undisturbed", "stopped");
        for name in ["undisturbed", "stopped"] {
            fs::remove_dir_all(bench.path(name)).expect("removed");
        }
    }
}

#[test]
fn a_run_that_may_not_return_again_ends() {
    let bench = Bench::new();
    let long = "train.steps=60";
    let check = |name: &str, overrides: &[&str], num_returns: usize| {
        let said = bench.train(name, 1, &[&[long], overrides].concat(), &[]).expect_err("no way on");
        assert_eq!(said.matches(": return ").count(), num_returns, "{said}");
        let error = said.lines().find(|line| line.starts_with("error: ")).expect("an error");
        assert!(error.contains("not finite in 1 steps in a row") && error.ends_with("or raise train.max_skipped_steps"), "{error}");
    };
    check("never", &["train.max_returns=0"], 0);
    check("nowhere", &["checkpoint.interval_steps=10"], 0);
    check("once", &[], 1);
    // Every epoch has the long row.
    bench.train("once", 1, &[long, "train.max_returns=20"], &["--resume"]).expect("a run");
    let report = bench.report("once");
    let steps: Vec<Option<u64>> = steps_of(&report).iter().map(|record| record["step"].as_u64()).collect();
    assert_eq!(steps, (1..=60).map(Some).collect::<Vec<_>>());
    let returns: Vec<u64> = report.iter().filter_map(|record| record["returns"].as_u64()).collect();
    assert!(returns.len() >= 3 && returns.iter().copied().eq(1..=returns.len() as u64), "{returns:?}");
    let error = bench.train("other", 1, &["checkpoint.interval_steps=0"], &[]).expect_err("nothing to return to");
    assert!(error.contains("train.max_returns = 1: expected 0 unless checkpoint.interval_steps"), "{error}");
}
