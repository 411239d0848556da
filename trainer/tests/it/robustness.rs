//! What a run does with numbers that are not finite, in half precision, and with a batch that grows.

use tch::{Device, Tensor};
use tempfile::TempDir;
use trainer::{
    checkpoint::{self, DataFingerprint, Retention, State, TensorsToSave},
    data::micro_batch::{MicroBatch, num_masked},
    error::Error,
    model::{
        attention::AttentionKernel,
        operators::{Kernels, Operators},
    },
    trainer::{StepResult, Trainer},
};

use crate::{
    shards::{PAD, numbered_shards},
    training::{Bench, micro_batches, take_step, torch_generator},
};

/// A position that no row of the tests reaches.
const UNUSED_POSITION: i32 = 31;

impl Bench {
    fn step(&mut self) -> Result<StepResult, Error> {
        let batches = self.micro_batches();
        take_step(&mut self.trainer, &batches)
    }

    /// The same at the same step, with an embedding of [`UNUSED_POSITION`] that is no number.
    fn with_a_poisoned_position(self, output: &TempDir) -> Self {
        let tensors = self.trainer.tensors_to_save().expect("tensors");
        let [_, position_embeddings, ..] = tensors.parameters.as_slice() else { panic!("too few parameters") };
        assert!(position_embeddings.select(0, UNUSED_POSITION.into()).fill_(f64::NAN).defined());
        let manifest = self.directory.manifest();
        let data = DataFingerprint {
            manifest_hash: manifest.manifest_hash,
            tokenizer_hash: manifest.tokenizer.hash,
            num_rows: self.directory.num_rows(),
            num_tokens: self.directory.num_tokens(),
        };
        let mut state = State::new(&self.config, self.trainer.model().config().clone(), data);
        (state.step, state.progress) = (self.trainer.step(), self.trainer.progress());
        let retention = Retention { newest: 1, every_steps: 0 };
        let path = checkpoint::save(output.path(), &state, &tensors, &self.directory.tokenizer_dir(), retention).expect("a checkpoint");
        let checkpoint = checkpoint::open(&path).expect("a sound checkpoint");
        let trainer = Trainer::resume(&self.config, &checkpoint.state.model, &checkpoint, Device::Cpu).expect("a trainer");
        Self { trainer, ..self }
    }
}

/// Bit for bit, numbers or not.
fn is_same(left: &TensorsToSave, right: &TensorsToSave) -> bool {
    let bits = |tensors: &TensorsToSave| -> Vec<Tensor> {
        let average = tensors.average.iter().flatten();
        let all = tensors.parameters.iter().chain(&tensors.exp_avg).chain(&tensors.exp_avg_sq).chain(average);
        all.map(|tensor| tensor.view_dtype(tch::Kind::Int)).collect()
    };
    bits(left).iter().zip(bits(right)).all(|(left, right)| left.equal(&right))
}

#[test]
fn a_step_that_is_not_finite_changes_nothing_and_the_next_one_goes_on() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[40], 8);
    let output = tempfile::tempdir().expect("a temporary folder");
    for kind in ["optimizer.kind=adamw", "optimizer.kind=stable-adamw", "optimizer.kind=lamb"] {
        let mut bench = Bench::new(directory.path(), &[kind, "optimizer.ema_decay=0.5"]).with_a_poisoned_position(&output);
        for _ in 0..3 {
            assert!(!bench.step().expect("a step").is_skipped);
        }
        let before = bench.trainer.tensors_to_save().expect("tensors");
        let mut poisoned = bench.micro_batches();
        poisoned[1].positions[3] = UNUSED_POSITION - (i32::from(PAD) + 1);
        let result = take_step(&mut bench.trainer, &poisoned).expect("a skipped step");
        assert!(result.is_skipped && result.loss.is_nan());
        assert!(is_same(&before, &bench.trainer.tensors_to_save().expect("tensors")), "{kind}");
        let progress = bench.trainer.progress();
        assert_eq!((bench.trainer.step(), progress.num_updates), (4, 3));
        assert_eq!((progress.skipped.total, progress.skipped.in_a_row), (1, 1));

        let result = bench.step().expect("a step");
        assert!(!result.is_skipped && result.loss.is_finite());
        assert!(!is_same(&before, &bench.trainer.tensors_to_save().expect("tensors")), "{kind}");
        let progress = bench.trainer.progress();
        assert_eq!((progress.num_updates, progress.skipped.total, progress.skipped.in_a_row), (4, 1, 0));
    }
}

#[test]
fn results_read_a_step_later_are_the_same() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[40], 8);
    let output = tempfile::tempdir().expect("a temporary folder");
    for overrides in [["optimizer.kind=adamw", "train.precision=fp32"], ["optimizer.kind=lamb", "train.precision=fp16"]] {
        let start = || Bench::new(directory.path(), &overrides).with_a_poisoned_position(&output);
        let batches = |bench: &Bench| {
            let mut batches = bench.micro_batches();
            if bench.trainer.step() == 2 {
                batches[0].positions[0] = UNUSED_POSITION - (i32::from(PAD) + 1);
            }
            batches
        };
        let numbers = |result: StepResult| (result.step, result.loss.to_bits(), result.gradient_norm.to_bits(), result.progress);
        let (mut at_once, mut later) = (start(), start());
        let expected: Vec<_> = (0..5)
            .map(|_| {
                let batches = batches(&at_once);
                numbers(take_step(&mut at_once.trainer, &batches).expect("a step"))
            })
            .collect();
        let mut found = Vec::new();
        for _ in 0..5 {
            let batches = batches(&later);
            found.extend(later.trainer.train_step(&batches, num_masked(&batches)).expect("a step").map(numbers));
        }
        assert_eq!(found.len(), 4, "the last one is still under way");
        found.extend(later.trainer.finish_step().expect("a step").map(numbers));
        assert_eq!(found, expected, "{overrides:?}");
        assert!(found[1].3.skipped.in_a_row < found[2].3.skipped.in_a_row, "{overrides:?}: the poisoned step was skipped");
        assert!(later.trainer.finish_step().expect("nothing").is_none());
        let tensors = |bench: &Bench| bench.trainer.tensors_to_save().expect("tensors");
        assert!(is_same(&tensors(&later), &tensors(&at_once)), "{overrides:?}");
    }
}

#[test]
fn trying_kernels_tells_whether_they_are_right_and_leaves_no_trace() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[40], 8);
    let [mut tried, mut untried] = [(); 2].map(|()| Bench::new(directory.path(), &["train.precision=bf16"]));
    let batch = tried.micro_batches().swap_remove(0);
    let attention = Kernels { attention: AttentionKernel::VariableLength, ..Kernels::PLAIN };
    let error = tried.trainer.try_kernels(attention, &batch).expect_err("there is none on a CPU").to_string();
    assert!(error.starts_with("libtorch: "), "{error}");
    tried.trainer.try_kernels(Kernels { operators: Operators::Fused, ..Kernels::PLAIN }, &batch).expect("emulated ones are right");
    tried.trainer.set_kernels(Kernels::PLAIN);
    for _ in 0..2 {
        let [tried, untried] = [&mut tried, &mut untried].map(|bench| bench.step().expect("a step").loss.to_bits());
        assert_eq!(tried, untried);
    }
}

#[test]
fn too_many_skipped_steps_in_a_row_end_the_run() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[40], 8);
    let mut bench = Bench::new(
        directory.path(),
        &["optimizer.peak_learning_rate=1e38", "schedule.warmup_steps=0", "train.max_skipped_steps=3", "optimizer.weight_decay=0.0"],
    );
    assert!(!bench.step().expect("the first step").is_skipped);
    for _ in 0..2 {
        assert!(bench.step().expect("a skipped step").is_skipped);
    }
    let error = bench.step().expect_err("the third one in a row").to_string();
    assert!(error.starts_with("step 4: the loss (") && error.contains("not finite in 3 steps in a row"), "{error}");
}

#[test]
fn fp16_skips_until_its_scale_fits_and_learns_like_fp32() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[8], 8);
    let learn = |precision: &str| {
        let precision = format!("train.precision={precision}");
        let mut bench = Bench::new(
            directory.path(),
            &[&precision, "optimizer.peak_learning_rate=0.01", "schedule.warmup_steps=5", "train.steps=60", "model.initializer_range=0.2"],
        );
        let results: Vec<StepResult> = (0..60).map(|_| bench.step().expect("a step")).collect();
        (results, bench.trainer.progress())
    };
    let ((fp32, _), (fp16, progress)) = (learn("fp32"), learn("fp16"));
    let skipped = fp16.iter().filter(|result| result.is_skipped).count();
    assert!((1..12).contains(&skipped), "{skipped} steps were skipped");
    assert_eq!((progress.skipped.total, progress.num_updates), (skipped as u64, 60 - skipped as u64));
    let factor = progress.loss_scale.expect("a scale").factor();
    assert!((factor - 65_536.0 / f64::from(1 << skipped)).abs() < 1e-9, "{factor}");
    assert!((fp32[0].loss - fp16[0].loss).abs() < 0.02 * fp32[0].loss, "{} and {}", fp32[0].loss, fp16[0].loss);
    let tail = |results: &[StepResult]| results[50..].iter().map(|result| result.loss).sum::<f64>() / 10.0;
    let (fp32_tail, fp16_tail) = (tail(&fp32), tail(&fp16));
    assert!(fp32_tail < 0.8 * fp32[0].loss && (fp32_tail - fp16_tail).abs() < 0.15 * fp32[0].loss, "{fp32_tail} and {fp16_tail}");
}

#[test]
fn a_growing_batch_takes_the_same_stream_of_samples() {
    let directory = numbered_shards(&[40], 8);
    let growing = ["data.micro_batch_size=2", "schedule.batch_warmup_steps=6", "schedule.batch_warmup_start_size=2"];
    let bench = Bench::new(directory.path(), &growing);
    let steps: Vec<Vec<MicroBatch>> = (0..9).map(|step| micro_batches(&bench.config, &bench.directory, step)).collect();
    assert_eq!(steps.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 2, 2, 3, 3, 4, 4, 4]);
    let constant = Bench::new(directory.path(), &["data.micro_batch_size=2"]);
    let expected = (0..6).flat_map(|step| micro_batches(&constant.config, &constant.directory, step));
    assert!(steps.into_iter().flatten().eq(expected));
}
