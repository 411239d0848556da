//! Training with products in FP8, which on the CPU are cast by the emulated kernels, beside training in bf16.

use std::{path::Path, sync::Arc};

use tch::{Device, Tensor};
use trainer::{
    data::{dataset::ShardDirectory, micro_batch::num_masked, padding::Padding, samples::EvaluationSamples},
    evaluate::evaluate,
    model::operators::check_fp8,
};

use crate::{
    shards::numbered_shards,
    training::{Bench, micro_batches, take_step, tiny_config, torch_generator},
};

fn bench(shards: &Path, overrides: &[&str]) -> Bench {
    Bench::new(shards, &[&["train.precision=bf16"], overrides].concat())
}

impl Bench {
    /// The bits of the loss on rows that are not trained on.
    fn held_out_loss(&self) -> u64 {
        let held_out = EvaluationSamples::new(Arc::clone(&self.directory), self.config.eval.rows, 4, self.config.attention);
        evaluate(self.trainer.model(), &Arc::new(held_out), Device::Cpu).expect("an evaluation").loss.to_bits()
    }

    /// Losses and gradient norms of some steps, and the parameters after them.
    fn take_steps(&mut self, steps: u64) -> (Vec<[f64; 2]>, Tensor) {
        let mut step = |step| {
            let result = take_step(&mut self.trainer, &micro_batches(&self.config, &self.directory, step)).expect("a step");
            [result.loss, result.gradient_norm]
        };
        ((0..steps).map(&mut step).collect(), self.trainer.masters().copy())
    }
}

fn train(shards: &Path, steps: u64, overrides: &[&str]) -> (Vec<[f64; 2]>, Tensor) {
    bench(shards, overrides).take_steps(steps)
}

#[test]
fn fp8_learns_like_bf16() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[8], 8);
    let recipe = ["optimizer.peak_learning_rate=0.01", "schedule.warmup_steps=5", "train.steps=40", "data.micro_batch_size=8"];
    let [bf16, fp8] = ["train.fp8=false", "train.fp8=true"].map(|fp8| train(directory.path(), 40, &[&recipe[..], &[fp8]].concat()).0);
    let [first, tail] = [0..1, 30..40]
        .map(|steps| [&bf16, &fp8].map(|numbers| numbers[steps.clone()].iter().map(|[loss, _]| loss).sum::<f64>() / steps.len() as f64));
    assert_ne!(bf16, fp8, "the same products, to the bit");
    for (bf16, fp8) in bf16[0].iter().zip(fp8[0]) {
        assert!((bf16 - fp8).abs() < 0.02 * bf16, "first step: {bf16} and {fp8}");
    }
    assert!(tail[1] < 0.8 * first[1] && (tail[0] - tail[1]).abs() < 0.1 * first[0], "{first:?}, then {tail:?}");
}

#[test]
fn fp8_gives_the_same_bits_again_and_with_layers_computed_twice() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[40], 8);
    for kernels in ["train.kernels=plain", "train.kernels=fused"] {
        let run = |checkpointing: &str| {
            let settings = ["train.fp8=true", kernels, "model.hidden_dropout_prob=0.2", "data.micro_batch_size=8", checkpointing];
            train(directory.path(), 2, &settings)
        };
        let (numbers, parameters) = run("train.activation_checkpointing=false");
        for checkpointing in ["train.activation_checkpointing=false", "train.activation_checkpointing=true"] {
            let (again, same) = run(checkpointing);
            assert!(numbers == again && parameters.equal(&same), "{kernels}, {checkpointing}");
        }
    }
}

#[test]
fn recorded_passes_take_the_weights_of_their_step() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[40], 8);
    let overrides = ["train.fp8=true", "data.global_batch_size=16", "model.initializer_range=0.2"];
    let [mut recorded, mut plain] = [(); 2].map(|()| bench(directory.path(), &overrides));
    let padding = Padding::new(4, recorded.directory.manifest().max_seq_len);
    let micro_batch = micro_batches(&recorded.config, &recorded.directory, 0).swap_remove(0);
    recorded.trainer.try_graphs(padding, &micro_batch).expect("replays that are right");
    for step in 0..3 {
        let whole = micro_batches(&plain.config, &plain.directory, step);
        let padded: Vec<_> = whole.iter().map(|micro_batch| padding.pad(micro_batch)).collect();
        let [found, expected] = [(&mut recorded, &whole), (&mut plain, &padded)].map(|(bench, micro_batches)| {
            assert!(bench.trainer.train_step(micro_batches, num_masked(&whole)).expect("a step").is_none());
            let result = bench.trainer.finish_step().expect("a step").expect("a result");
            [result.loss, result.gradient_norm].map(f64::to_bits)
        });
        assert_eq!(found, expected, "step {step}");
    }
    assert!(recorded.trainer.masters().equal(plain.trainer.masters()));
}

#[test]
fn evaluation_is_not_in_fp8() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[40], 8);
    let [bf16, fp8] = ["train.fp8=false", "train.fp8=true"].map(|fp8| {
        let mut bench = bench(directory.path(), &[fp8, "eval.rows=8"]);
        let before = bench.held_out_loss();
        (before, bench.take_steps(1).0, bench.held_out_loss())
    });
    assert_eq!(bf16.0, fp8.0);
    assert_ne!(bf16.1, fp8.1);
    assert_ne!(fp8.0, fp8.2, "nothing was learnt");
}

#[test]
fn sizes_that_fp8_cannot_multiply_are_named() {
    let directory = numbered_shards(&[4], 8);
    let check = |size: &str| {
        let config = tiny_config(directory.path(), directory.path(), &[size]);
        let shards = ShardDirectory::open(directory.path()).expect("a sound directory");
        check_fp8(&config.fresh_model(shards.manifest()).expect("a model for these shards"), Device::Cpu)
    };
    check("model.hidden_size=48").expect("a multiple of 16");
    for odd in ["model.hidden_size=40", "model.intermediate_size=72"] {
        let error = check(odd).expect_err("no multiple of 16");
        let expected = "train.fp8 = true: expected model.hidden_size and model.intermediate_size that are multiples of 16";
        assert_eq!((error.to_string().as_str(), error.exit_code()), (expected, 2), "{odd}");
    }
}
