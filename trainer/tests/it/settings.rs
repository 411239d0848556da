//! The settings: what is refused, in which words, and the files that we ship.

use std::{fs, path::Path};

use trainer::config::Config;

fn check(overrides: &[&str], expected: &str) {
    let minimal = ["data.shards=shards", "train.output=run"];
    let overrides: Vec<String> = minimal.iter().chain(overrides).map(ToString::to_string).collect();
    let error = Config::load(None, &overrides).expect_err("bad settings");
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn bad_settings_are_named_with_what_was_expected() {
    check(&["data.shards="], "data.shards = : expected the folder that `nachos build` wrote");
    check(&["data.micro_batch_size=0"], "data.micro_batch_size = 0: expected a number of at least 1");
    check(
        &["data.micro_batch_size=3", "data.global_batch_size=8"],
        "data.global_batch_size = 8: expected a multiple of data.micro_batch_size",
    );
    check(&["model.hidden_size=100"], "model.hidden_size = 100: expected a multiple of model.num_attention_heads");
    check(&["model.hidden_dropout_prob=1.0"], "model.hidden_dropout_prob = 1: expected a number from 0 to below 1");
    check(&["model.hidden_act=relu"], "unknown variant `relu`, expected `gelu`");
    check(&["masking.probability=0"], "masking.probability");
    check(&["masking.probability=1.5"], "masking.probability = 1.5: expected a number above 0 and at most 1");
    check(&["optimizer.peak_learning_rate=-1.0"], "optimizer.peak_learning_rate = -1: expected a number above 0");
    check(&["optimizer.weight_decay=-0.1"], "optimizer.weight_decay = -0.1: expected a number of at least 0");
    check(&["train.device=gpu"], "expected \"auto\", \"cpu\", \"cuda\" or \"cuda:N\", found \"gpu\"");
    check(&["train.precision=fp8"], "unknown variant `fp8`");
    check(&["attention=both"], "unknown variant `both`");
    check(&["checkpoint.keep=0"], "checkpoint.keep = 0: expected a number of at least 1");
    check(&["train.step=3"], "unknown setting \"train.step\"; did you mean \"train.steps\"?");
    check(&["hidden_size=3"], "unknown setting \"hidden_size\"; did you mean \"model.hidden_size\"?");
}

#[test]
fn the_settings_files_that_we_ship_load() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder of settings") {
        let path = entry.expect("an entry").path();
        let config = Config::load(Some(&path), &[]).unwrap_or_else(|error| panic!("{error}"));
        assert!(config.train.steps > config.schedule.warmup_steps, "{}", path.display());
        names.push(path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default());
    }
    names.sort();
    assert_eq!(names, ["drbert-7gb.toml", "small.toml"]);
}

#[test]
fn settings_that_contradict_the_manifest_are_refused() {
    let directory = crate::shards::numbered_shards(&[8], 8);
    let shards = trainer::data::dataset::ShardDirectory::open(directory.path()).expect("a sound directory");
    let check = |overrides: &[&str], expected: &str| {
        let config = crate::training::tiny_config(directory.path(), directory.path(), overrides);
        let error = config.roberta(shards.manifest()).expect_err("a contradiction");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.exit_code(), 2);
    };
    check(&["model.vocab_size=32005"], "model.vocab_size = 32005: expected 400, as in the shards' manifest");
    check(&["model.pad_token_id=0"], "model.pad_token_id = 0: expected 1, as in the shards' manifest");
    check(&["model.max_position_embeddings=25"], "model.max_position_embeddings = 25: expected at least 26");
    let agreeing =
        crate::training::tiny_config(directory.path(), directory.path(), &["model.vocab_size=400", "model.max_position_embeddings=26"]);
    assert_eq!(agreeing.roberta(shards.manifest()).expect("agreement").max_segment_length(), 24);
}
