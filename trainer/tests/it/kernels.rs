//! Training with our own kernels, which on the CPU are emulated, beside training with libtorch's operators.

use std::{path::Path, sync::Arc};

use tch::{Device, Kind, Tensor};
use trainer::{
    data::dataset::ShardDirectory,
    model::{
        attention::AttentionKernel,
        operators::{KernelChoice, Kernels, Operators},
    },
    trainer::Trainer,
};

use crate::{
    shards::numbered_shards,
    training::{micro_batches, take_step, tiny_config, torch_generator},
};

const STEPS: u64 = 4;

/// Losses and gradient norms of some steps, and the parameters after them.
fn train(shards: &Path, overrides: &[&str]) -> (Vec<[f64; 2]>, Tensor) {
    let config = tiny_config(shards, shards, &[&["data.micro_batch_size=8", "model.initializer_range=0.2"], overrides].concat());
    let directory = Arc::new(ShardDirectory::open(shards).expect("a sound directory"));
    let model = config.fresh_model(directory.manifest()).expect("a model for these shards");
    let mut trainer = Trainer::new(&config, &model, Device::Cpu).expect("a trainer");
    let mut step = |step| {
        let result = take_step(&mut trainer, &micro_batches(&config, &directory, step)).expect("a step");
        [result.loss, result.gradient_norm]
    };
    ((0..STEPS).map(&mut step).collect(), trainer.masters().copy())
}

#[test]
fn our_kernels_train_like_the_plain_operators() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[40], 8);
    for (precision, bound) in [("fp32", 1e-4), ("bf16", 2e-2), ("fp16", 2e-2)] {
        for dropout in ["0.0", "0.2"] {
            let [precision, dropout] = [format!("train.precision={precision}"), format!("model.hidden_dropout_prob={dropout}")];
            let [(plain, _), (fused, _)] =
                ["train.kernels=plain", "train.kernels=fused"].map(|kernels| train(directory.path(), &[&precision, &dropout, kernels]));
            for (step, (plain, fused)) in plain.iter().zip(&fused).enumerate() {
                let is_close = plain
                    .iter()
                    .zip(fused)
                    .all(|(plain, fused)| plain.to_bits() == fused.to_bits() || (plain - fused).abs() <= bound * plain.abs());
                assert!(is_close, "{precision}, {dropout}, step {step}: {plain:?} plain, {fused:?} fused");
            }
            assert_ne!(plain, fused, "{precision}, {dropout}: the same operators, to the bit");
        }
    }
}

#[test]
fn our_kernels_give_the_same_bits_again_and_with_layers_computed_twice() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[40], 8);
    let run = |checkpointing: &str| {
        train(directory.path(), &["train.kernels=fused", "train.precision=bf16", "model.hidden_dropout_prob=0.2", checkpointing])
    };
    let (numbers, parameters) = run("train.activation_checkpointing=false");
    for checkpointing in ["train.activation_checkpointing=false", "train.activation_checkpointing=true"] {
        let (again, same) = run(checkpointing);
        assert!(numbers == again && parameters.equal(&same), "{checkpointing}");
    }
}

#[test]
fn the_choice_of_kernels_depends_on_the_device_and_the_model() {
    let directory = numbered_shards(&[4], 8);
    let candidates = |choice: KernelChoice, overrides: &[&str], device| {
        let config = tiny_config(directory.path(), directory.path(), overrides);
        let shards = ShardDirectory::open(directory.path()).expect("a sound directory");
        let model = config.fresh_model(shards.manifest()).expect("a model for these shards");
        choice.candidates(&model, Kind::BFloat16, device).map_err(|error| error.to_string())
    };
    let fused = Kernels { operators: Operators::Fused, attention: AttentionKernel::Grouped };
    let attention = Kernels { operators: Operators::Plain, attention: AttentionKernel::VariableLength };
    assert_eq!(candidates(KernelChoice::Auto, &[], Device::Cpu), Ok(vec![Kernels::PLAIN]));
    assert_eq!(candidates(KernelChoice::Plain, &[], Device::Cuda(0)), Ok(vec![Kernels::PLAIN]));
    assert_eq!(candidates(KernelChoice::Fused, &[], Device::Cpu), Ok(vec![fused]));
    let odd = ["model.hidden_size=36", "model.intermediate_size=64"];
    assert_eq!(candidates(KernelChoice::Auto, &odd, Device::Cuda(0)), Ok(vec![attention, Kernels::PLAIN]));
    let error = candidates(KernelChoice::Fused, &odd, Device::Cpu).expect_err("no kernels for rows of 36");
    assert!(error.starts_with("train.kernels = \"fused\": expected model.hidden_size and model.intermediate_size"), "{error}");
}
