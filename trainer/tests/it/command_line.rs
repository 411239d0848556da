//! The program as a person starts it: exit codes, one-line errors, and where output goes.

use std::process::{Command, Output};

use crate::shards::numbered_shards;

fn drbert(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_drbert")).args(arguments).output().expect("the program starts")
}

fn check(arguments: &[&str], exit_code: i32, expected: &str) {
    let output = drbert(arguments);
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(exit_code), "{error}");
    assert!(error.starts_with("error: ") && error.contains(expected), "{error}");
    assert!(output.stdout.is_empty());
}

#[test]
fn errors_are_one_line_and_have_their_exit_code() {
    check(&["train"], 2, "data.shards is not set: expected the folder that `nachos build` wrote");
    check(&["train", "--config", "no/such.toml"], 2, "--config = no/such.toml: expected a readable settings file");
    check(&["train", "--set", "train.step=1"], 2, "did you mean \"train.steps\"?");
    check(&["train", "--verbose"], 2, "unexpected argument '--verbose'");
    check(&["bench", "step", "--at-step", "3"], 2, "unexpected argument '--at-step'");
    let settings = ["--set", "data.shards=no/such", "--set", "train.output=run"];
    check(
        &[&["train"], &settings[..]].concat(),
        1,
        "no/such: expected a shard directory, found no manifest.json; name a folder that nachos build has finished",
    );
    check(&[&["bench", "loader"], &settings[..]].concat(), 1, "no/such: expected a shard directory");
    check(&["export", "no/such", "--output", "model"], 1, "no/such: expected a checkpoint, found no hashes.json");
    check(&["fill-mask", "--model", "no/such", "<mask>"], 1, "no/such: expected a model directory, found no config.json");
    check(&["evaluate", "--model", "no/such", "--shards", "no/such", "--device", "gpu"], 2, "found \"gpu\"");
    if !tch::Cuda::is_available() {
        check(
            &[&["train", "--set", "train.device=cuda:7"], &settings[..]].concat(),
            2,
            "train.device = cuda:7: expected a device that libtorch sees",
        );
    }
}

#[test]
fn a_run_and_its_benchmarks_speak_to_the_right_streams() {
    let directory = numbered_shards(&[40], 8);
    let output = tempfile::tempdir().expect("a temporary folder");
    let tiny = [
        format!("data.shards={:?}", directory.path()),
        format!("train.output={:?}", output.path().join("run")),
        "model.hidden_size=16".into(),
        "model.num_hidden_layers=1".into(),
        "model.num_attention_heads=2".into(),
        "model.intermediate_size=16".into(),
        "train.steps=2".into(),
        "eval.rows=4".into(),
        "data.loader_threads=1".into(),
        "data.global_batch_size=8".into(),
        "masking.whole_word=true".into(),
        "train.deterministic=true".into(),
    ];
    let settings: Vec<&str> = tiny.iter().flat_map(|setting| ["--set", setting]).collect();
    let run = drbert(&[&["train"], settings.as_slice()].concat());
    let errors = String::from_utf8(run.stderr).expect("UTF-8");
    assert!(run.status.success() && run.stdout.is_empty(), "{errors}");
    for expected in ["40 rows", "4 rows held out", "parameters", "step 2/2: loss", "held-out loss", "drbert export"] {
        assert!(errors.contains(expected), "{expected} is not in {errors}");
    }
    for what in [&["loader", "--at-step", "7"][..], &["step"]] {
        let bench = drbert(&[&["bench"], what, &["--json"], settings.as_slice()].concat());
        let result: serde_json::Value = serde_json::from_slice(&bench.stdout).expect("JSON");
        let result = result.get(0).unwrap_or(&result);
        let is_positive = |figure: &str| result[figure].as_f64().is_some_and(|figure| figure > 0.0);
        assert!(is_positive("tokens_per_second"), "{result}");
        assert!(what[0] == "step" || result["at_step"] == 7 && is_positive("first_batch_seconds"), "{result}");
    }
}
