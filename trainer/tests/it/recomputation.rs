//! Memory: activation checkpointing gives the same numbers in less of it, and accumulation takes none.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    thread::sleep,
    time::Duration,
};

use tch::{Device, Kind, Tensor};
use trainer::{checkpoint::TensorsToSave, data::dataset::ShardDirectory, trainer::Trainer};

use crate::{
    shards::numbered_shards,
    training::{micro_batches, take_step, tiny_config, torch_generator},
};

/// Losses and gradient norms of three steps with dropout, and the tensors after them: weights, moments, and what the generator would draw next.
fn train(shards: &Path, overrides: &[&str]) -> (Vec<[u64; 2]>, Vec<Tensor>) {
    let dropout = ["model.hidden_dropout_prob=0.2", "model.attention_probs_dropout_prob=0.2", "model.initializer_range=0.2"];
    let config = tiny_config(shards, shards, &[&dropout, overrides].concat());
    let directory = Arc::new(ShardDirectory::open(shards).expect("a sound directory"));
    let model = config.fresh_model(directory.manifest()).expect("a model for these shards");
    let mut trainer = Trainer::new(&config, &model, Device::Cpu).expect("a trainer");
    let mut step = |step| {
        let result = take_step(&mut trainer, &micro_batches(&config, &directory, step)).expect("a step");
        [result.loss, result.gradient_norm].map(f64::to_bits)
    };
    let numbers = (0..3).map(&mut step).collect();
    let TensorsToSave { parameters, exp_avg, exp_avg_sq, .. } = trainer.tensors_to_save().expect("tensors");
    let next_draw = Tensor::rand([4], (Kind::Float, Device::Cpu));
    (numbers, [parameters, exp_avg, exp_avg_sq, vec![next_draw]].into_iter().flatten().collect())
}

#[test]
fn layers_computed_twice_give_the_same_bits_with_dropout() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[40], 8);
    for precision in ["train.precision=fp32", "train.precision=bf16"] {
        let (kept_numbers, kept) = train(directory.path(), &[precision]);
        let (numbers, recomputed) = train(directory.path(), &[precision, "train.activation_checkpointing=true"]);
        assert_eq!(kept_numbers, numbers, "{precision}");
        assert!(kept.iter().zip(&recomputed).all(|(kept, recomputed)| kept.equal(recomputed)), "{precision}");
    }
}

/// The largest resident memory, in KiB, of `drbert bench step` with many narrow layers.
fn peak_memory_kib(shards: &Path, overrides: &[&str]) -> u64 {
    let settings = [
        &format!("data.shards={:?}", shards.display().to_string()),
        "train.output=unused",
        "train.steps=1",
        "train.device=cpu",
        "train.threads=1",
        "model.hidden_size=32",
        "model.num_hidden_layers=12",
        "model.num_attention_heads=2",
        "model.intermediate_size=256",
        "model.attention_probs_dropout_prob=0.0",
        "data.prefetch_batches=1",
        "eval.rows=0",
    ];
    let mut child = Command::new(env!("CARGO_BIN_EXE_drbert"))
        .args(["bench", "step"])
        .args(settings.iter().chain(overrides).flat_map(|setting| ["--set", setting]))
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut peak = 0;
    while child.try_wait().expect("a status").is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(peak);
        sleep(Duration::from_millis(2));
    }
    assert!(child.wait().expect("a status").success());
    peak
}

#[test]
fn layers_computed_twice_need_less_memory() {
    let directory = numbered_shards(&[130], 8);
    let whole = ["data.micro_batch_size=128", "data.global_batch_size=128"];
    let [kept, recomputed] = ["false", "true"].map(|answer| {
        let setting = format!("train.activation_checkpointing={answer}");
        peak_memory_kib(directory.path(), &[&whole[..], &[&setting]].concat())
    });
    assert!(
        recomputed > 0 && kept > recomputed + 32 * 1024,
        "{kept} KiB with everything kept, {recomputed} KiB with layers computed twice"
    );
}

#[test]
fn memory_does_not_grow_with_the_number_of_micro_batches_in_a_step() {
    let directory = numbered_shards(&[130], 8);
    let [few, many] = [2, 32].map(|count| {
        let rows = format!("data.global_batch_size={}", 8 * count);
        peak_memory_kib(directory.path(), &["data.micro_batch_size=8", &rows])
    });
    assert!(few > 0 && many < few + 16 * 1024, "{few} KiB with 2 micro-batches, {many} KiB with 32");
}
