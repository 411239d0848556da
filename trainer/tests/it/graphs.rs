//! Recorded passes, which on the CPU are done again on the memory of the first one: padding changes no result, and the way there is that of CUDA.

use std::path::Path;

use tch::{Device, Tensor};
use trainer::{
    data::{
        batch::Batch,
        micro_batch::{MicroBatch, num_masked},
        padding::Padding,
    },
    model::{
        operators::{Kernels, Operators},
        parameters::initial_parameters,
    },
};

use crate::{
    shards::numbered_shards,
    training::{Bench, loss_and_gradients, torch_generator},
};

fn bench(shards: &Path, overrides: &[&str]) -> Bench {
    Bench::new(shards, &[&["model.initializer_range=0.2"], overrides].concat())
}

impl Bench {
    fn padding(&self) -> Padding {
        Padding::new(self.config.data.micro_batch_size as usize, self.directory.manifest().max_seq_len)
    }

    /// Makes the trainer record its passes.
    fn with_graphs(mut self) -> Self {
        let micro_batch = self.micro_batches().swap_remove(0);
        self.trainer.try_graphs(self.padding(), &micro_batch).expect("replays that are right");
        assert!(self.trainer.has_graphs());
        self
    }

    /// Loss and gradient norm of some steps on micro-batches that `prepare` has changed, and the parameters after them.
    fn train(&mut self, prepare: impl Fn(&MicroBatch) -> MicroBatch) -> (Vec<[f64; 2]>, Tensor) {
        let mut step = || {
            let micro_batches = self.micro_batches();
            let prepared: Vec<MicroBatch> = micro_batches.iter().map(&prepare).collect();
            assert!(self.trainer.train_step(&prepared, num_masked(&micro_batches)).expect("a step").is_none());
            let result = self.trainer.finish_step().expect("a step").expect("a result");
            [result.loss, result.gradient_norm]
        };
        ((0..STEPS).map(|_| step()).collect(), self.trainer.masters().copy())
    }

    /// The loss of a micro-batch and the gradients of all parameters, without dropout.
    fn loss_and_gradients(&self, micro_batch: &MicroBatch, operators: Operators) -> (Tensor, Vec<Tensor>) {
        let config = self.trainer.model().config();
        let leaf = |parameter: Tensor| parameter.to_kind(self.config.train.precision.kind()).detach().set_requires_grad(true);
        let parameters: Vec<Tensor> = initial_parameters(config, 3).expect("parameters").into_iter().map(leaf).collect();
        let batch = Batch::to_device(micro_batch, Device::Cpu).expect("a batch");
        loss_and_gradients(config, &parameters, Kernels { operators, ..Kernels::PLAIN }, &batch)
    }
}

const STEPS: u64 = 5;

#[test]
fn empty_segments_change_no_bit_and_padding_nothing_but_the_order_of_sums() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[40], 8);
    for (precision, bound) in [("fp32", 2e-6), ("bf16", 2e-2)] {
        let bench = bench(directory.path(), &[&format!("train.precision={precision}")]);
        let micro_batch = bench.micro_batches().swap_remove(0);
        for operators in [Operators::Plain, Operators::Fused] {
            let (loss, gradients) = bench.loss_and_gradients(&micro_batch, operators);
            let mut with_empty = micro_batch.clone();
            with_empty.segment_lengths.resize(16, 0);
            let (same_loss, same_gradients) = bench.loss_and_gradients(&with_empty, operators);
            assert!(same_loss.equal(&loss) && same_gradients.iter().zip(&gradients).all(|(same, gradient)| same.equal(gradient)));

            let padded = Padding::new(4, 60).pad(&micro_batch);
            assert!(padded.num_tokens() > micro_batch.num_tokens() && padded.num_masked() > micro_batch.num_masked());
            let (padded_loss, padded_gradients) = bench.loss_and_gradients(&padded, operators);
            for (found, expected) in padded_gradients.iter().zip(&gradients).chain([(&padded_loss, &loss)]) {
                let difference = ((found - expected).norm() / expected.norm()).double_value(&[]);
                assert!(difference <= bound, "{precision}, {operators:?}: {difference:.1e}");
            }
        }
    }
}

#[test]
fn recorded_passes_train_as_those_of_the_same_padded_micro_batches_one_by_one() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[40], 8);
    for precision in ["fp32", "bf16", "fp16"] {
        let overrides = [&format!("train.precision={precision}"), "model.hidden_dropout_prob=0.2", "data.global_batch_size=16"];
        let [recorded, mut plain] = [(); 2].map(|()| bench(directory.path(), &overrides));
        let (numbers, parameters) = recorded.with_graphs().train(MicroBatch::clone);
        let padding = plain.padding();
        let (expected_numbers, expected_parameters) = plain.train(|micro_batch| padding.pad(micro_batch));
        let bits = |numbers: &[[f64; 2]]| numbers.as_flattened().iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&numbers), bits(&expected_numbers), "{precision}");
        assert!(parameters.equal(&expected_parameters), "{precision}");
    }
}

#[test]
fn recorded_passes_train_as_passes_without_padding_do() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[40], 8);
    let [recorded, mut plain] = [(); 2].map(|()| bench(directory.path(), &[]));
    let (numbers, _) = recorded.with_graphs().train(MicroBatch::clone);
    let (expected, _) = plain.train(MicroBatch::clone);
    for (found, expected) in numbers.as_flattened().iter().zip(expected.as_flattened()) {
        assert!((found - expected).abs() <= 1e-5 * expected, "{numbers:?} and {expected:?}");
    }
}

#[test]
fn a_check_of_recorded_passes_that_fails_says_what_was_found() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[8], 8);
    let mut bench = bench(directory.path(), &["model.initializer_range=1e38"]);
    let (micro_batch, padding) = (bench.micro_batches().swap_remove(0), bench.padding());
    let error = bench.trainer.try_graphs(padding, &micro_batch).expect_err("NaN is not right").to_string();
    assert!(error.starts_with("padding does not give what it should: loss and gradient norm of a micro-batch are NaN"), "{error}");
    bench.trainer.drop_graphs();
    assert!(!bench.trainer.has_graphs());
}
