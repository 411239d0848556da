//! The settings: what is refused, in which words, and the files that we ship.

use std::{fs, path::Path};

use trainer::{
    config::{Config, ModelConfig, OrManifest},
    data::micro_batch::AttentionScope,
    device::Precision,
    model::config::EncoderConfig,
    optim::schedule::ScheduleKind,
};

fn check(overrides: &[&str], expected: &str) {
    let minimal = ["data.shards=shards", "train.output=run"];
    let overrides: Vec<String> = minimal.iter().chain(overrides).map(ToString::to_string).collect();
    let error = Config::load(None, &overrides).expect_err("bad settings");
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn bad_settings_are_named_with_what_was_expected() {
    check(&["data.shards="], "data.shards is not set: expected the folder that `nachos build` wrote");
    check(&["data.micro_batch_size=0"], "data.micro_batch_size = 0: expected a number of at least 1");
    check(
        &["data.micro_batch_size=3", "data.global_batch_size=8"],
        "data.global_batch_size = 8: expected a multiple of data.micro_batch_size",
    );
    check(&["data.loader_threads=99999"], "data.loader_threads = 99999: expected a number from 1 to 1024");
    check(&["data.prefetch_batches=99999999999"], "expected a number from 1 to 65536");
    check(&["model.hidden_size=100"], "model.hidden_size = 100: expected a multiple of model.num_attention_heads");
    check(&["model.hidden_dropout_prob=1.0"], "model.hidden_dropout_prob = 1: expected a number from 0 to below 1");
    check(&["model.hidden_act=relu"], "unknown variant `relu`, expected `gelu`");
    check(&["masking.probability=0"], "masking.probability");
    check(&["masking.probability=1.5"], "masking.probability = 1.5: expected a number above 0 and at most 1");
    check(&["masking.decay_probability=0.1"], "masking.decay_probability = 0.1: expected 0 unless schedule.kind is \"trapezoidal\"");
    check(&["masking.mask_share=1.1"], "masking.mask_share = 1.1: expected a number from 0 to 1");
    check(&["masking.random_share=0.3"], "masking.random_share = 0.3: expected a number of at least 0 that makes at most 1");
    check(&["schedule.kind=constant"], "unknown variant `constant`");
    check(&["schedule.final_ratio=2.0"], "schedule.final_ratio = 2: expected a number from 0 to 1");
    check(&["schedule.decay_steps=9"], "schedule.decay_steps = 9: expected 0 unless schedule.kind is \"trapezoidal\"");
    check(
        &["schedule.kind=trapezoidal"],
        "schedule.decay_steps = 0: expected at least 1, and with schedule.warmup_steps at most train.steps",
    );
    check(&["schedule.batch_warmup_start_size=8"], "expected 0 unless schedule.batch_warmup_steps is given");
    check(
        &["schedule.batch_warmup_steps=3", "schedule.batch_warmup_start_size=24"],
        "schedule.batch_warmup_start_size = 24: expected a multiple of data.micro_batch_size that divides data.global_batch_size",
    );
    check(&["optimizer.peak_learning_rate=-1.0"], "optimizer.peak_learning_rate = -1: expected a number above 0");
    check(&["optimizer.weight_decay=-0.1"], "optimizer.weight_decay = -0.1: expected a number of at least 0");
    check(&["distributed.bucket_mib=0.0"], "distributed.bucket_mib = 0: expected a number above 0");
    check(&["train.device=gpu"], "expected \"auto\", \"cpu\", \"cuda\" or \"cuda:N\", found \"gpu\"");
    check(&["train.precision=fp8"], "unknown variant `fp8`");
    check(
        &["train.cuda_graphs=true", "train.activation_checkpointing=true"],
        "train.cuda_graphs = true: expected false with train.activation_checkpointing",
    );
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
    assert_eq!(
        names,
        [
            "drbert-4gb-cp-camembert.toml",
            "drbert-4gb-cp-pubmedbert.toml",
            "drbert-4gb.toml",
            "drbert-7gb-large.toml",
            "drbert-7gb.toml",
            "drbert-modern.toml",
            "small.toml"
        ]
    );
}

#[test]
fn the_models_of_the_drbert_family_are_as_published() {
    let family = ["drbert-7gb", "drbert-4gb", "drbert-7gb-large", "drbert-4gb-cp-camembert", "drbert-4gb-cp-pubmedbert"];
    for name in family {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("configs/{name}.toml"));
        let config = Config::load(Some(&path), &[]).unwrap_or_else(|error| panic!("{error}"));
        let begins_from = config.train.init_from.display().to_string();
        let expected_start = match name {
            "drbert-4gb-cp-camembert" => "camembert-base",
            "drbert-4gb-cp-pubmedbert" => "pubmedbert-base",
            _ => "",
        };
        assert_eq!((config.train.output.to_str(), begins_from.as_str()), (Some(name), expected_start));

        // 128 GPUs × 32 rows; 80,000 steps with a peak of 5e-5 after 10,000; AdamW as Hugging Face's Trainer has it.
        assert_eq!((config.data.global_batch_size, config.train.steps, config.schedule.warmup_steps), (128 * 32, 80_000, 10_000), "{name}");
        let optimizer = &config.optimizer;
        let numbers = [optimizer.peak_learning_rate, optimizer.beta1, optimizer.beta2, optimizer.epsilon, optimizer.weight_decay];
        assert_eq!(numbers.map(f64::to_bits), [5e-5, 0.9, 0.999, 1e-8, 0.0].map(f64::to_bits), "{name}");
        assert_eq!(
            (config.masking.probability, config.masking.whole_word, config.attention),
            (0.15, false, AttentionScope::Sequence),
            "{name}"
        );

        // What is stated is the base model of its type, or RoBERTa large.
        let model = &config.model;
        let base = EncoderConfig::base(model.model_type.unwrap_or_default());
        let (layers, heads, hidden, intermediate) = if name == "drbert-7gb-large" { (24, 16, 1024, 4096) } else { (12, 12, 768, 3072) };
        assert_eq!((model.num_hidden_layers, model.num_attention_heads), (Some(layers), Some(heads)), "{name}");
        assert_eq!((model.hidden_size, model.intermediate_size), (Some(hidden), Some(intermediate)), "{name}");
        assert_eq!((model.hidden_dropout_prob, model.attention_probs_dropout_prob), (Some(0.1), Some(0.1)), "{name}");
        assert_eq!(
            (model.max_position_embeddings, model.type_vocab_size),
            (Some(base.max_position_embeddings), Some(base.type_vocab_size))
        );
        assert_eq!((model.layer_norm_eps, base.max_segment_length()), (Some(base.layer_norm_eps), 512), "{name}");
        assert_eq!(model.vocab_size, OrManifest::Stated(base.vocab_size), "{name}");
        assert_eq!(model.pad_token_id, OrManifest::Stated(base.pad_token_id), "{name}");
    }
}

#[test]
fn the_modern_recipe_differs_from_the_original_in_the_recipe_alone() {
    let load =
        |name: &str| Config::load(Some(&Path::new(env!("CARGO_MANIFEST_DIR")).join("configs").join(name)), &[]).expect("our own file");
    let (original, modern) = (load("drbert-7gb.toml"), load("drbert-modern.toml"));
    assert_eq!((modern.masking.probability, modern.masking.decay_probability), (0.3, 0.15));
    assert_eq!(modern.schedule.kind, ScheduleKind::Trapezoidal);
    assert!(modern.optimizer.peak_learning_rate > 10.0 * original.optimizer.peak_learning_rate);
    assert_eq!((modern.optimizer.beta2, modern.train.precision, modern.attention), (0.98, Precision::Bf16, AttentionScope::Document));
    assert_eq!((modern.model.hidden_dropout_prob, modern.model.attention_probs_dropout_prob), (Some(0.0), Some(0.0)));

    let model = ModelConfig {
        hidden_dropout_prob: original.model.hidden_dropout_prob,
        attention_probs_dropout_prob: original.model.attention_probs_dropout_prob,
        ..modern.model
    };
    assert_eq!(model, original.model);
    assert_eq!((modern.data, modern.train.steps), (original.data, original.train.steps));
}

#[test]
fn settings_that_contradict_the_manifest_are_refused() {
    let directory = crate::shards::numbered_shards(&[8], 8);
    let shards = trainer::data::dataset::ShardDirectory::open(directory.path()).expect("a sound directory");
    let check = |overrides: &[&str], expected: &str| {
        let config = crate::training::tiny_config(directory.path(), directory.path(), overrides);
        let error = config.fresh_model(shards.manifest()).expect_err("a contradiction");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.exit_code(), 2);
    };
    check(&["model.vocab_size=32005"], "model.vocab_size = 32005: expected 400, as in the shards' manifest");
    check(&["model.pad_token_id=0"], "model.pad_token_id = 0: expected 1, as in the shards' manifest");
    check(&["model.max_position_embeddings=25"], "model.max_position_embeddings = 25: expected at least 26");
    let agreeing =
        crate::training::tiny_config(directory.path(), directory.path(), &["model.vocab_size=400", "model.max_position_embeddings=26"]);
    assert_eq!(agreeing.fresh_model(shards.manifest()).expect("agreement").max_segment_length(), 24);
}
