//! Whole runs: what they leave, how they go on, and what they refuse.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use serde_json::Value;
use tempfile::TempDir;
use trainer::{
    checkpoint,
    config::Config,
    data::micro_batch::AttentionScope,
    device::DeviceChoice,
    error::Error,
    evaluate::{self, EvaluateOptions, Evaluation},
    export::{self, Weights},
    fill_mask::{self, FillMaskOptions},
    train::{self, Outcome},
};

use crate::{
    shards::numbered_shards,
    training::{tiny_config, torch_generator},
};

/// Shards and an empty output folder.
pub(crate) struct Bench {
    shards: TempDir,
    pub(crate) output: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { shards: numbered_shards(&[30, 14], 4), output: tempfile::tempdir().expect("a temporary folder") }
    }

    /// With dropout, an evaluation every 2 steps and a checkpoint every 3; 44 rows and 8 a step, so epochs end within the run.
    fn config(&self, overrides: &[&str]) -> Config {
        let usual = ["train.steps=9", "model.hidden_dropout_prob=0.1", "model.attention_probs_dropout_prob=0.1"];
        let intervals = ["eval.rows=4", "eval.interval_steps=2", "checkpoint.interval_steps=3", "checkpoint.keep=9"];
        tiny_config(self.shards.path(), self.output.path(), &[&usual[..], &intervals[..], overrides].concat())
    }

    pub(crate) fn train(&self, resume: bool, overrides: &[&str]) -> Result<Outcome, Error> {
        train::run(&self.config(overrides), resume, &AtomicBool::new(false))
    }

    pub(crate) fn checkpoints(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.output.path().join("checkpoints"))
            .expect("the run saved something")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name of ours"))
            .collect();
        names.sort();
        names
    }

    pub(crate) fn checkpoint(&self, step: u64) -> PathBuf {
        self.output.path().join(format!("checkpoints/step-{step:08}"))
    }

    pub(crate) fn report(&self) -> Vec<Value> {
        report_of(self.output.path())
    }
}

/// The report of a run, without what depends on the clock.
pub(crate) fn report_of(output: &Path) -> Vec<Value> {
    let text = fs::read_to_string(output.join("metrics.jsonl")).expect("a report");
    let without_clock = |line: &str| {
        let mut record: Value = serde_json::from_str(line).expect("a JSON object");
        let fields = record.as_object_mut().expect("a JSON object");
        fields.retain(|name, _| !["tokens_per_second", "mfu", "data_wait", "checkpoint_wait_seconds"].contains(&name.as_str()));
        record
    };
    text.lines().map(without_clock).collect()
}

#[test]
fn an_interrupted_run_goes_on_bit_for_bit() {
    let _generator = torch_generator();
    let two_threads = ["train.threads=2"];
    let undisturbed = Bench::new();
    let outcome = undisturbed.train(false, &two_threads).expect("a run");
    assert_eq!((outcome.steps, outcome.interrupted), (9, false));
    assert_eq!(undisturbed.checkpoints(), ["step-00000003", "step-00000006", "step-00000009"]);
    let report = undisturbed.report();
    let steps: Vec<u64> =
        report.iter().filter(|record| record["loss"].is_number()).map(|record| record["step"].as_u64().expect("a step")).collect();
    assert_eq!(steps, (1..=9).collect::<Vec<_>>());
    assert_eq!(report.iter().filter(|record| record["evaluation"].is_object()).count(), 5);

    for last_saved in [3, 6] {
        // As after a kill: reports beyond the last checkpoint, half a checkpoint, and a torn line.
        let killed = Bench::new();
        killed.train(false, &two_threads).expect("a run");
        for step in (last_saved + 3..=9).step_by(3) {
            fs::remove_dir_all(killed.checkpoint(step)).expect("a checkpoint");
        }
        fs::create_dir(killed.output.path().join("checkpoints/.unfinished-step-00000009")).expect("created");
        let metrics = killed.output.path().join("metrics.jsonl");
        fs::write(&metrics, fs::read_to_string(&metrics).expect("a report") + "{\"step\":10,\"lo").expect("written");
        killed.train(true, &two_threads).expect("a resumed run");
        assert_eq!(killed.report(), report, "from step {last_saved}");
        assert_eq!(killed.checkpoints(), undisturbed.checkpoints());
        let weights = |bench: &Bench| fs::read(bench.checkpoint(9).join("model.safetensors")).expect("weights");
        assert!(weights(&killed) == weights(&undisturbed), "the last weights differ, from step {last_saved}");
    }
}

#[test]
fn the_step_after_a_checkpoint_says_how_long_the_training_waited() {
    let _generator = torch_generator();
    let bench = Bench::new();
    bench.train(false, &["eval.rows=0"]).expect("a run");
    let text = fs::read_to_string(bench.output.path().join("metrics.jsonl")).expect("a report");
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON object"));
    let waited = records.filter(|record| record["checkpoint_wait_seconds"].as_f64().expect("a number") > 0.0);
    assert_eq!(waited.map(|record| record["step"].as_u64().expect("a step")).collect::<Vec<_>>(), [4, 7]);
}

#[test]
fn a_signal_saves_and_the_run_goes_on() {
    let _generator = torch_generator();
    let bench = Bench::new();
    let outcome = train::run(&bench.config(&[]), false, &AtomicBool::new(true)).expect("a stopped run");
    assert_eq!((outcome.steps, outcome.interrupted), (0, true));
    assert_eq!(bench.checkpoints(), ["step-00000000"]);
    let undisturbed = Bench::new();
    undisturbed.train(false, &[]).expect("a run");
    bench.train(true, &[]).expect("a resumed run");
    assert_eq!(bench.report(), undisturbed.report());
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let _generator = torch_generator();
    let bench = Bench::new();
    bench.train(false, &[]).expect("a run");
    let weights = bench.checkpoint(9).join("model.safetensors");
    let mut bytes = fs::read(&weights).expect("weights");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&weights, bytes).expect("written");
    fs::remove_file(bench.checkpoint(6).join("optimizer.safetensors")).expect("removed");
    let newest = checkpoint::newest(bench.output.path()).expect("one is sound").expect("there are some");
    assert_eq!(newest.state.step, 3);
    let error = checkpoint::open(&bench.checkpoint(9)).expect_err("a flipped bit").to_string();
    assert!(error.contains("model.safetensors: expected hash"), "{error}");
    bench.train(true, &[]).expect("a resumed run");
    assert!(checkpoint::open(&bench.checkpoint(9)).is_ok_and(|checkpoint| checkpoint.state.step == 9));

    for step in [3, 6, 9] {
        fs::write(bench.checkpoint(step).join("state.json"), "{").expect("written");
    }
    let error = bench.train(true, &[]).expect_err("nothing sound is left").to_string();
    assert!(error.contains("step-00000009") && error.contains("state.json"), "{error}");
}

#[test]
fn an_evaluation_that_is_not_finite_is_read_back() {
    for loss in [f64::NAN, f64::INFINITY] {
        let result = Evaluation { rows: 3, tokens: 90, masked_tokens: 13, loss, perplexity: loss.exp(), accuracy: 0.0 };
        let json = serde_json::to_string(&result).expect("JSON");
        let read: Evaluation = serde_json::from_str(&json).expect("what was written");
        assert!(read.loss.is_nan() && read.perplexity.is_nan() && read.rows == 3, "{json}");
    }
}

#[test]
fn only_the_newest_checkpoints_are_kept() {
    let _generator = torch_generator();
    let bench = Bench::new();
    bench.train(false, &["checkpoint.keep=2", "checkpoint.interval_steps=2"]).expect("a run");
    assert_eq!(bench.checkpoints(), ["step-00000008", "step-00000009"]);
}

#[test]
fn another_run_is_not_taken_for_this_one() {
    let _generator = torch_generator();
    let bench = Bench::new();
    bench.train(false, &[]).expect("a run");
    let check = |resume: bool, overrides: &[&str], expected: &str| {
        let error = bench.train(resume, overrides).expect_err("another run");
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(false, &[], "a folder without checkpoints; continue that run with --resume");
    check(true, &["model.num_hidden_layers=1"], "because model.num_hidden_layers differs: expected 2, found 1");
    check(true, &["train.seed=2"], "because train.seed differs: expected 1, found 2");
    check(true, &["data.global_batch_size=16"], "because data.global_batch_size differs: expected 8, found 16");
    check(true, &["eval.rows=5"], "because eval.rows differs: expected 4, found 5");
    let others = numbered_shards(&[44], 4);
    check(true, &[&format!("data.shards={:?}", others.path())], "because the data differs");
    let folder = fs::File::open(bench.output.path()).expect("the run's folder");
    folder.try_lock().expect("nobody else writes");
    check(true, &[], "a folder into which no other run is writing");
    drop(folder);
    let free = ["data.micro_batch_size=2", "train.steps=9", "model.hidden_dropout_prob=0.3", "optimizer.peak_learning_rate=1e-4"];
    let unchanged = bench.train(true, &free).expect("the same run in smaller micro-batches");
    assert_eq!(unchanged.steps, 9);
}

#[test]
fn an_exported_model_evaluates_as_in_training_and_fills_masks() {
    let _generator = torch_generator();
    let bench = Bench::new();
    let outcome = bench.train(false, &[]).expect("a run");
    let model = bench.output.path().join("model");
    export::run(&outcome.last_checkpoint, &model, Weights::Last).expect("an export");
    let options = EvaluateOptions {
        model: model.clone(),
        shards: bench.shards.path().to_owned(),
        rows: Some(4),
        micro_batch_size: 3,
        attention: AttentionScope::Document,
        device: DeviceChoice::Cpu,
        dump_rows: None,
    };
    let exported = evaluate::run(&options).expect("an evaluation").whole;
    let state = checkpoint::open(&outcome.last_checkpoint).expect("a sound checkpoint").state;
    let trained: Evaluation = state.last_evaluation.expect("the run evaluated").result;
    assert_eq!((exported.rows, exported.tokens, exported.masked_tokens), (trained.rows, trained.tokens, trained.masked_tokens));
    assert!((exported.loss - trained.loss).abs() < 1e-5 * trained.loss, "{exported} and {trained}");
    let card = fs::read_to_string(model.join("README.md")).expect("a model card");
    assert!(
        card.contains(&state.data.manifest_hash.to_string()) && card.contains("9 steps of 8 rows") && card.contains("9 étapes de 8 lignes")
    );

    assert!(!card.contains(&bench.shards.path().display().to_string()), "a model card does not tell paths");

    // As transformers leaves them there of the last call.
    let path = model.join("tokenizer.json");
    let mut tokenizer: serde_json::Value = serde_json::from_slice(&fs::read(&path).expect("a tokenizer")).expect("JSON");
    tokenizer["truncation"] = serde_json::json!({"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0});
    fs::write(&path, tokenizer.to_string()).expect("written");
    let fill = |texts: &[&str], top_k: usize| {
        let texts = texts.iter().map(ToString::to_string).collect();
        fill_mask::run(&FillMaskOptions { model: model.clone(), texts, top_k, device: DeviceChoice::Cpu })
    };
    let filled = fill(&["p10 <mask> p12 <mask>"], 3).expect("predictions");
    assert_eq!(filled[0].masks.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
    assert!(filled[0].masks[0].is_sorted_by(|left, right| left.score >= right.score));
    let check = |texts: &[&str], top_k, expected: &str| {
        let error = fill(texts, top_k).expect_err("a bad request").to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&["p10"], 3, "expected at least one <mask>, found none");
    check(&[&"<mask>".repeat(40)], 3, "expected at most 30 tokens, found 40");
    check(&["<mask>"], 0, "--top-k = 0: expected from 1 to the vocabulary's size, 400");

    let check = |rows, shards: &Path, expected: &str| {
        let error =
            evaluate::run(&EvaluateOptions { rows, shards: shards.to_owned(), ..options.clone() }).expect_err("a bad request").to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(Some(45), bench.shards.path(), "--rows = 45: expected from 1 to the directory's 44 rows");
    check(None, Path::new("no/such/shards"), "no/such/shards: expected a shard directory, found no manifest.json");
    let again = export::run(&outcome.last_checkpoint, &model, Weights::Last).expect_err("there is a model").to_string();
    assert!(again.contains("--output"), "{again}");
}

#[test]
fn the_average_of_the_weights_is_exported_on_request() {
    let _generator = torch_generator();
    let bench = Bench::new();
    let outcome = bench.train(false, &["optimizer.ema_decay=0.5"]).expect("a run");
    let exported = |weights: Weights, name: &str| {
        let model = bench.output.path().join(name);
        export::run(&outcome.last_checkpoint, &model, weights).expect("an export");
        fs::read(model.join("model.safetensors")).expect("weights")
    };
    let average = exported(Weights::Average, "average");
    assert!(average == fs::read(outcome.last_checkpoint.join("ema.safetensors")).expect("an average"));
    assert!(average != exported(Weights::Last, "last"));

    let bench = Bench::new();
    let outcome = bench.train(false, &[]).expect("a run");
    let error = export::run(&outcome.last_checkpoint, &bench.output.path().join("model"), Weights::Average).expect_err("there is none");
    assert!(error.to_string().contains("optimizer.ema_decay") && error.exit_code() == 2, "{error}");
}
