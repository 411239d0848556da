//! Training with our own kernels, which on the CPU are emulated, beside training with libtorch's operators.

use std::{ops::Range, path::Path, sync::Arc};

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

/// Rows of segments with so many tokens, of which `silent` have nothing to predict.
fn uneven_micro_batch(vocab_size: i32, segment_lengths: &[i64], silent: &[usize]) -> MicroBatch {
    let num_tokens: i64 = segment_lengths.iter().sum();
    let nothing = silent.iter().map(|&segment| {
        let first: i64 = segment_lengths[..segment].iter().sum();
        first as i32..(first + segment_lengths[segment]) as i32
    });
    let nothing: Vec<Range<i32>> = nothing.collect();
    let masked_positions: Vec<i32> =
        (3..num_tokens as i32).step_by(7).filter(|position| !nothing.iter().any(|segment| segment.contains(position))).collect();
    MicroBatch {
        input_ids: (0..num_tokens as i32).map(|index| 5 + index * 7_919 % (vocab_size - 5)).collect(),
        positions: segment_lengths.iter().flat_map(|&length| 0..length as i32).collect(),
        labels: masked_positions.iter().map(|position| 5 + position * 104_729 % (vocab_size - 5)).collect(),
        segment_lengths: segment_lengths.to_vec(),
        masked_positions,
        ..MicroBatch::default()
    }
}

/// A model of a few layers with heads of 64, and a micro-batch for it.
struct GradientTest {
    device: Device,
    config: EncoderConfig,
    values: Vec<Tensor>,
    micro_batch: MicroBatch,
}

impl GradientTest {
    const VOCAB_SIZE: i64 = 2_008;

    fn new(device: Device, heads: i64, layers: i64, segment_lengths: &[i64], silent: &[usize]) -> Self {
        let directory = numbered_shards(&[4], 8);
        let overrides = [
            format!("model.hidden_size={}", 64 * heads),
            format!("model.intermediate_size={}", 256 * heads),
            format!("model.num_attention_heads={heads}"),
            format!("model.num_hidden_layers={layers}"),
            "model.max_position_embeddings=600".to_owned(),
        ];
        let config = tiny_config(directory.path(), directory.path(), &overrides.each_ref().map(String::as_str));
        let shards = ShardDirectory::open(directory.path()).expect("a sound directory");
        let config = EncoderConfig { vocab_size: Self::VOCAB_SIZE, ..config.fresh_model(shards.manifest()).expect("a model") };
        let values = initial_parameters(&config, 3).expect("parameters");
        let micro_batch = uneven_micro_batch(Self::VOCAB_SIZE as i32, segment_lengths, silent);
        Self { device, config, values, micro_batch }
    }

    fn gradients(&self, kind: Kind, kernels: Kernels, micro_batch: &MicroBatch, longest: Option<i64>) -> Vec<Tensor> {
        let leaf =
            |value: &Tensor| (value * 3.0).to_device(self.device).to_kind(Kind::BFloat16).to_kind(kind).detach().set_requires_grad(true);
        let leaves: Vec<Tensor> = self.values.iter().map(leaf).collect();
        let mut batch = Batch::to_device(micro_batch, self.device).expect("a batch");
        if let Some(longest) = longest {
            (batch.longest_segment, batch.most_masked) = (longest, longest);
        }
        let (_, gradients) = loss_and_gradients(&self.config, &leaves, kernels, &batch);
        gradients.iter().map(|gradient| gradient.to_kind(Kind::Float)).collect()
    }

    /// Panics unless the gradients of every parameter, of the micro-batch as it is and padded as for CUDA graphs, are as near to those in fp32 as the plain operators' in bf16.
    fn check(&self, candidates: &[Kernels]) {
        let padded = Padding::new(5, 512).pad(&self.micro_batch);
        assert!(padded.num_tokens() > self.micro_batch.num_tokens() && padded.num_masked() > self.micro_batch.num_masked());
        let exact = self.gradients(Kind::Float, Kernels::PLAIN, &self.micro_batch, None);
        let differences = |found: Vec<Tensor>| -> Vec<f64> {
            found.iter().zip(&exact).map(|(found, exact)| ((found - exact).norm() / exact.norm()).double_value(&[])).collect()
        };
        let plain = differences(self.gradients(Kind::BFloat16, Kernels::PLAIN, &self.micro_batch, None));
        for &kernels in candidates {
            for (micro_batch, longest) in [(&self.micro_batch, None), (&padded, Some(512))] {
                let found = differences(self.gradients(Kind::BFloat16, kernels, micro_batch, longest));
                for ((spec, found), plain) in parameter_specs(&self.config).iter().zip(found).zip(&plain) {
                    assert!(found <= 1.25 * plain + 0.005, "{kernels}, {}: off by {found:.3}, plain operators by {plain:.3}", spec.name);
                }
            }
        }
    }
}

/// Emulated.
#[test]
fn with_our_attention_all_gradients_are_those_of_the_plain_operators() {
    let test = GradientTest::new(Device::Cpu, 2, 2, &[200, 130, 1, 70, 64, 128, 3], &[2, 4]);
    test.check(&[Kernels { operators: Operators::Fused, attention: AttentionKernel::Tiled }]);
}

/// Only where there is a GPU.
#[test]
fn on_a_gpu_all_gradients_are_those_of_the_plain_operators() {
    if !tch::Cuda::is_available() {
        return;
    }
    let device = Device::Cuda(0);
    let test = GradientTest::new(device, 4, 3, &[512, 130, 1, 381, 5, 70, 64, 128, 245, 3, 509], &[2, 5, 10]);
    test.check(&KernelChoice::Auto.candidates(&test.config, Kind::BFloat16, device).expect("candidates"));
}
