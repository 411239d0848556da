//! Training with our own kernels, which on the CPU are emulated, beside training with libtorch's operators.

use std::{path::Path, sync::Arc};

use tch::{Device, Kind, Tensor};
use trainer::{
    data::{batch::Batch, dataset::ShardDirectory, micro_batch::MicroBatch, padding::Padding},
    model::{
        attention::AttentionKernel,
        config::EncoderConfig,
        operators::{KernelChoice, Kernels, Operators},
        parameters::{initial_parameters, parameter_specs},
    },
    trainer::Trainer,
};

use crate::{
    shards::numbered_shards,
    training::{loss_and_gradients, micro_batches, take_step, tiny_config, torch_generator},
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

/// Rows of several segments, of which some have one token and some nothing to predict.
fn uneven_micro_batch(vocab_size: i32) -> MicroBatch {
    let segment_lengths: Vec<i64> = vec![512, 130, 1, 381, 5, 70, 64, 128, 245, 3, 509];
    let num_tokens: i64 = segment_lengths.iter().sum();
    // Nothing in the third, the sixth and the last segment.
    let nothing = [642..643, 1_029..1_099, 1_539..2_048];
    let masked_positions: Vec<i32> =
        (3..num_tokens as i32).step_by(7).filter(|position| !nothing.iter().any(|segment| segment.contains(position))).collect();
    MicroBatch {
        input_ids: (0..num_tokens as i32).map(|index| 5 + index * 7_919 % (vocab_size - 5)).collect(),
        positions: segment_lengths.iter().flat_map(|&length| 0..length as i32).collect(),
        labels: masked_positions.iter().map(|position| 5 + position * 104_729 % (vocab_size - 5)).collect(),
        segment_lengths,
        masked_positions,
        ..MicroBatch::default()
    }
}

/// Emulated: what the CPU can see of our attention is where it finds the segments, their queries and their statistics.
#[test]
fn our_attention_has_the_gradients_of_libtorchs() {
    let directory = numbered_shards(&[4], 8);
    let overrides =
        ["model.hidden_size=128", "model.intermediate_size=64", "model.num_attention_heads=2", "model.max_position_embeddings=600"];
    let config = tiny_config(directory.path(), directory.path(), &overrides);
    let shards = ShardDirectory::open(directory.path()).expect("a sound directory");
    let model_config = EncoderConfig { vocab_size: 2_008, ..config.fresh_model(shards.manifest()).expect("a model") };
    let values = initial_parameters(&model_config, 3).expect("parameters");
    let batch = Batch::to_device(&uneven_micro_batch(model_config.vocab_size as i32), Device::Cpu).expect("a batch");
    let gradients = |kernels: Kernels| {
        let leaves: Vec<Tensor> = values.iter().map(|value| (value * 3.0).detach().set_requires_grad(true)).collect();
        loss_and_gradients(&model_config, &leaves, kernels, &batch)
    };
    let (expected_loss, expected) = gradients(Kernels::PLAIN);
    let (loss, found) = gradients(Kernels { attention: AttentionKernel::Tiled, ..Kernels::PLAIN });
    assert!(f64::try_from((loss - &expected_loss).abs()).expect("a number") <= 1e-6 * f64::try_from(expected_loss).expect("a number"));
    for (spec, (found, expected)) in parameter_specs(&model_config).iter().zip(found.iter().zip(&expected)) {
        let difference = ((found - expected).norm() / expected.norm()).double_value(&[]);
        assert!(difference <= 2e-5, "{}: off by {difference:.1e}", spec.name);
    }
}

/// Only where there is a GPU: the gradients of every parameter, of a micro-batch as it is and padded as for CUDA graphs, are as near to those in fp32 as the plain operators' in bf16.
#[test]
fn on_a_gpu_all_gradients_are_those_of_the_plain_operators() {
    if !tch::Cuda::is_available() {
        return;
    }
    let device = Device::Cuda(0);
    let directory = numbered_shards(&[4], 8);
    let overrides = [
        "model.hidden_size=256",
        "model.intermediate_size=1024",
        "model.num_attention_heads=4",
        "model.num_hidden_layers=3",
        "model.max_position_embeddings=600",
    ];
    let config = tiny_config(directory.path(), directory.path(), &overrides);
    let shards = ShardDirectory::open(directory.path()).expect("a sound directory");
    let model_config = EncoderConfig { vocab_size: 2_008, ..config.fresh_model(shards.manifest()).expect("a model") };
    let values = initial_parameters(&model_config, 3).expect("parameters");
    let gradients = |kind: Kind, kernels: Kernels, micro_batch: &MicroBatch, longest: Option<i64>| -> Vec<Tensor> {
        let leaf = |value: &Tensor| (value * 3.0).to_device(device).to_kind(Kind::BFloat16).to_kind(kind).detach().set_requires_grad(true);
        let leaves: Vec<Tensor> = values.iter().map(leaf).collect();
        let mut batch = Batch::to_device(micro_batch, device).expect("a batch");
        if let Some(longest) = longest {
            (batch.longest_segment, batch.most_masked) = (longest, longest);
        }
        let (_, gradients) = loss_and_gradients(&model_config, &leaves, kernels, &batch);
        gradients.iter().map(|gradient| gradient.to_kind(Kind::Float)).collect()
    };
    let micro_batch = uneven_micro_batch(model_config.vocab_size as i32);
    let padded = Padding::new(5, 512).pad(&micro_batch);
    assert!(padded.num_tokens() > micro_batch.num_tokens() && padded.num_masked() > micro_batch.num_masked());
    let exact = gradients(Kind::Float, Kernels::PLAIN, &micro_batch, None);
    let differences = |found: Vec<Tensor>| -> Vec<f64> {
        found.iter().zip(&exact).map(|(found, exact)| ((found - exact).norm() / exact.norm()).double_value(&[])).collect()
    };
    let plain = differences(gradients(Kind::BFloat16, Kernels::PLAIN, &micro_batch, None));
    for kernels in KernelChoice::Auto.candidates(&model_config, Kind::BFloat16, device).expect("candidates") {
        for (micro_batch, longest) in [(&micro_batch, None), (&padded, Some(512))] {
            let found = differences(gradients(Kind::BFloat16, kernels, micro_batch, longest));
            for ((spec, found), plain) in parameter_specs(&model_config).iter().zip(found).zip(&plain) {
                assert!(found <= 1.25 * plain + 0.005, "{kernels}, {}: off by {found:.3}, plain operators by {plain:.3}", spec.name);
            }
        }
    }
}
