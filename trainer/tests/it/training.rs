//! Losses and gradients: a model learns, however a global batch is cut, and segments stay apart.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tch::{Device, Kind, Tensor};
use trainer::{
    config::Config,
    data::{
        batch::Batch,
        dataset::ShardDirectory,
        masking::MaskingShares,
        micro_batch::{AttentionScope, MicroBatch, num_masked},
        samples::{Samples, TrainingOptions, TrainingSamples},
    },
    error::Error,
    model::{
        attention::Segments,
        config::EncoderConfig,
        masked_lm::{MaskedLm, Mode},
        operators::Kernels,
        parameters::{ParameterMismatch, from_hugging_face, initial_parameters, parameter_specs, to_hugging_face},
    },
    trainer::{StepResult, Trainer},
};

use crate::shards::{Row, numbered_row, numbered_shards, write_shards};

/// libtorch has one generator of random numbers in a process: tests that draw from it take turns.
pub(crate) fn torch_generator() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A tiny model without dropout on these shards.
pub(crate) fn tiny_config(shards: &Path, output: &Path, overrides: &[&str]) -> Config {
    Config::load(None, &tiny_settings(shards, output, overrides)).expect("sound settings")
}

pub(crate) fn tiny_settings(shards: &Path, output: &Path, overrides: &[&str]) -> Vec<String> {
    let paths = [format!("data.shards={:?}", shards.display().to_string()), format!("train.output={:?}", output.display().to_string())];
    let shape = [
        "model.hidden_size=32",
        "model.num_hidden_layers=2",
        "model.num_attention_heads=2",
        "model.intermediate_size=64",
        "model.hidden_dropout_prob=0.0",
        "model.attention_probs_dropout_prob=0.0",
        "model.max_position_embeddings=32",
        "data.micro_batch_size=4",
        "data.global_batch_size=8",
        "schedule.warmup_steps=2",
        "train.device=cpu",
        "train.threads=1",
        "eval.rows=0",
        "log.interval_steps=1",
    ];
    paths.into_iter().chain(shape.into_iter().chain(overrides.iter().copied()).map(str::to_owned)).collect()
}

/// A trainer of a tiny model, and what it trains on.
pub(crate) struct Bench {
    pub(crate) config: Config,
    pub(crate) directory: Arc<ShardDirectory>,
    pub(crate) trainer: Trainer,
}

impl Bench {
    pub(crate) fn new(shards: &Path, overrides: &[&str]) -> Self {
        let config = tiny_config(shards, shards, overrides);
        let directory = Arc::new(ShardDirectory::open(shards).expect("a sound directory"));
        let model = config.fresh_model(directory.manifest()).expect("a model for these shards");
        let trainer = Trainer::new(&config, &model, Device::Cpu).expect("a trainer");
        Self { config, directory, trainer }
    }

    /// Those of the step that comes next.
    pub(crate) fn micro_batches(&self) -> Vec<MicroBatch> {
        micro_batches(&self.config, &self.directory, self.trainer.step())
    }
}

pub(crate) fn micro_batches(config: &Config, directory: &Arc<ShardDirectory>, step: u64) -> Vec<MicroBatch> {
    let samples = TrainingSamples::new(
        Arc::clone(directory),
        TrainingOptions {
            seed: config.train.seed,
            held_out_rows: config.eval.rows,
            micro_batch_size: config.data.micro_batch_size,
            skipped_rows: 0,
            masking: MaskingShares::of_bert(config.masking.probability),
            late_masking: None,
            length_warmup: None,
            starts_word: None,
            scope: config.attention,
        },
    );
    (config.micro_batches_before(step)..config.micro_batches_before(step + 1))
        .map(|number| samples.micro_batch(number).expect("sound shards"))
        .collect()
}

/// A step and its result.
pub(crate) fn take_step(trainer: &mut Trainer, micro_batches: &[MicroBatch]) -> Result<StepResult, Error> {
    assert!(trainer.train_step(micro_batches, num_masked(micro_batches))?.is_none(), "the result of the step before was taken");
    Ok(trainer.finish_step()?.expect("a step was taken"))
}

fn losses(shards: &Path, steps: u64, overrides: &[&str]) -> Vec<f64> {
    let config = tiny_config(shards, shards, &[overrides, &[&format!("train.steps={steps}")]].concat());
    let directory = Arc::new(ShardDirectory::open(shards).expect("a sound directory"));
    let model = config.fresh_model(directory.manifest()).expect("a model for these shards");
    let mut trainer = Trainer::new(&config, &model, Device::Cpu).expect("a trainer");
    (0..steps).map(|step| take_step(&mut trainer, &micro_batches(&config, &directory, step)).expect("a step").loss).collect()
}

#[test]
fn a_single_document_is_learnt_by_heart() {
    let _generator = torch_generator();
    let document: Row = vec![[vec![0], (0..20).map(|index| 4 + index * 13).collect(), vec![2]].concat()];
    let directory = write_shards(&[vec![document]], 1);
    let losses = losses(directory.path(), 250, &["optimizer.peak_learning_rate=0.01", "schedule.warmup_steps=20"]);
    let last = losses[240..].iter().sum::<f64>() / 10.0;
    assert!(losses[0] > 5.0 && last < 0.05, "loss fell from {} to {last}", losses[0]);
}

#[test]
fn bf16_learns_like_fp32() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[8], 8);
    let [fp32, bf16] = ["fp32", "bf16"].map(|precision| {
        losses(
            directory.path(),
            60,
            &[&format!("train.precision={precision}"), "optimizer.peak_learning_rate=0.01", "schedule.warmup_steps=5"],
        )
    });
    assert!((fp32[0] - bf16[0]).abs() < 0.02 * fp32[0], "{} and {}", fp32[0], bf16[0]);
    let tail = |losses: &[f64]| losses[50..].iter().sum::<f64>() / 10.0;
    assert!(tail(&fp32) < 0.8 * fp32[0] && (tail(&fp32) - tail(&bf16)).abs() < 0.1 * fp32[0], "{} and {}", tail(&fp32), tail(&bf16));
}

#[test]
fn accumulation_does_not_change_the_losses() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[60], 8);
    let whole = losses(directory.path(), 8, &["data.micro_batch_size=8"]);
    for micro_batch_size in [1, 2] {
        let cut = losses(directory.path(), 8, &[&format!("data.micro_batch_size={micro_batch_size}")]);
        for (step, (whole, cut)) in whole.iter().zip(&cut).enumerate() {
            assert!((whole - cut).abs() < 1e-6 * whole, "step {step}: {whole} in one, {cut} in micro-batches of {micro_batch_size}");
        }
    }
}

#[test]
fn decay_leaves_biases_and_layer_norms_alone() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[8], 8);
    let config = tiny_config(
        directory.path(),
        directory.path(),
        &["optimizer.weight_decay=0.5", "optimizer.peak_learning_rate=0.1", "schedule.warmup_steps=0"],
    );
    let shards = Arc::new(ShardDirectory::open(directory.path()).expect("a sound directory"));
    let model = config.fresh_model(shards.manifest()).expect("a model for these shards");
    let mut trainer = Trainer::new(&config, &model, Device::Cpu).expect("a trainer");
    let before = initial_parameters(&model, config.train.seed).expect("parameters");
    // Without masked tokens every gradient is zero and only decay acts.
    let batch = MicroBatch { masked_positions: Vec::new(), labels: Vec::new(), ..micro_batches(&config, &shards, 0).remove(0) };
    take_step(&mut trainer, &[batch]).expect("a step");
    let after = trainer.tensors_to_save().expect("tensors").parameters;
    for ((spec, before), after) in parameter_specs(&model).iter().zip(&before).zip(&after) {
        let expected = if spec.role.decays() { before * (1.0 - 0.1 * 0.5) } else { before.shallow_clone() };
        assert!(after.allclose(&expected, 1e-6, 1e-9, false), "{}", spec.name);
    }
}

fn random_model(overrides: &[&str]) -> MaskedLm {
    let directory = numbered_shards(&[4], 4);
    let config = tiny_config(directory.path(), directory.path(), &[&["model.initializer_range=0.3"], overrides].concat());
    let shards = ShardDirectory::open(directory.path()).expect("a sound directory");
    let model = config.fresh_model(shards.manifest()).expect("a model for these shards");
    MaskedLm::new(model.clone(), &initial_parameters(&model, 3).expect("parameters"))
}

/// The loss of a batch, without dropout, and the gradients of these leaves, the parameters of a model.
pub(crate) fn loss_and_gradients(config: &EncoderConfig, leaves: &[Tensor], kernels: Kernels, batch: &Batch) -> (Tensor, Vec<Tensor>) {
    let mut model = MaskedLm::new(config.clone(), leaves);
    model.set_kernels(kernels);
    let (chosen, labels) = (&batch.masked_positions, &batch.labels);
    let loss =
        model.summed_cross_entropy(&batch.input_ids, &batch.positions, batch.segments(), chosen, labels, Mode::Evaluate).expect("a loss");
    loss.backward();
    (loss.detach(), leaves.iter().map(Tensor::grad).collect())
}

/// The logits [tokens, vocabulary] of segments laid end to end.
fn logits(model: &MaskedLm, segments: &[Vec<u16>], mode: Mode) -> Tensor {
    logits_at(model, segments, 0..segments.iter().map(Vec::len).sum(), mode)
}

/// Those of the chosen positions alone.
fn logits_at(model: &MaskedLm, segments: &[Vec<u16>], chosen: impl IntoIterator<Item = usize>, mode: Mode) -> Tensor {
    let lengths: Vec<i64> = segments.iter().map(|segment| segment.len() as i64).collect();
    let ids: Vec<i32> = segments.concat().iter().map(|&id| i32::from(id)).collect();
    let positions: Vec<i32> = lengths.iter().flat_map(|&length| 0..length as i32).collect();
    let ends = lengths.iter().scan(0, |end, &length| {
        *end += length as i32;
        Some(*end)
    });
    let boundaries: Vec<i32> = [0].into_iter().chain(ends).collect();
    let chosen: Vec<i32> = chosen.into_iter().map(|position| position as i32).collect();
    let chosen_boundaries: Vec<i32> =
        boundaries.iter().map(|&boundary| chosen.partition_point(|&position| position < boundary) as i32).collect();
    let longest = lengths.iter().copied().max().unwrap_or_default();
    let segments = Segments {
        lengths: &lengths,
        longest,
        boundaries: &Tensor::from_slice(&boundaries),
        chosen_boundaries: &Tensor::from_slice(&chosen_boundaries),
        longest_chosen: longest,
    };
    let [ids, positions, chosen] = [ids, positions, chosen].map(|numbers| Tensor::from_slice(&numbers));
    model.logits(&ids, &positions, segments, &chosen, mode).expect("logits")
}

#[test]
fn a_segment_does_not_see_its_neighbours() {
    let _generator = torch_generator();
    let model = random_model(&[]);
    let neighbours = |row: u64| vec![numbered_row(1)[0].clone(), numbered_row(row)[0].clone(), numbered_row(2)[1].clone()];
    let [rows, changed] = [8, 15].map(neighbours);
    assert_eq!(rows[1].len(), changed[1].len());
    assert_ne!(rows[1], changed[1]);
    let [logits_before, logits_after] = [&rows, &changed].map(|segments| logits(&model, segments, Mode::Evaluate));
    let (start, end) = (rows[0].len() as i64, (rows[0].len() + rows[1].len()) as i64);
    let outside = |logits: &Tensor| Tensor::cat(&[logits.narrow(0, 0, start), logits.slice(0, end, None, 1)], 0);
    assert!(outside(&logits_before).equal(&outside(&logits_after)), "bit for bit");
    let inside = |logits: &Tensor| logits.slice(0, start, end, 1);
    assert!(!inside(&logits_before).allclose(&inside(&logits_after), 1e-2, 1e-2, false));
}

#[test]
fn packing_gives_the_logits_of_each_segment_alone() {
    let _generator = torch_generator();
    let model = random_model(&[]);
    // Two of one length in a row make one group for attention.
    let segments = [numbered_row(0)[0].clone(), numbered_row(7)[0].clone(), numbered_row(1)[1].clone()];
    assert_eq!(segments[0].len(), segments[1].len());
    let together = logits(&model, &segments, Mode::Evaluate);
    let alone: Vec<Tensor> = segments.iter().map(|segment| logits(&model, std::slice::from_ref(segment), Mode::Evaluate)).collect();
    assert!((together - Tensor::cat(&alone, 0)).abs().max().double_value(&[]) < 1e-4);
}

#[test]
fn predictions_at_chosen_positions_are_those_among_all() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[4], 4);
    let config = tiny_config(directory.path(), directory.path(), &["model.initializer_range=0.3"]);
    let shards = ShardDirectory::open(directory.path()).expect("a sound directory");
    let shape = config.fresh_model(shards.manifest()).expect("a model for these shards");
    let segments = [numbered_row(0)[0].clone(), numbered_row(1)[1].clone()];
    let chosen = [1, segments[0].len() + 1, segments[0].len() + 2];
    // Logits at the chosen positions, and the gradients of all parameters of a loss that reads these alone.
    let predict = |among_all: bool| {
        let parameters: Vec<Tensor> =
            initial_parameters(&shape, 3).expect("parameters").into_iter().map(|tensor| tensor.set_requires_grad(true)).collect();
        let model = MaskedLm::new(shape.clone(), &parameters);
        let logits = if among_all {
            let rows = Tensor::from_slice(&chosen.map(|position| position as i32));
            logits(&model, &segments, Mode::Train).index_select(0, &rows)
        } else {
            logits_at(&model, &segments, chosen, Mode::Train)
        };
        (&logits * logits.sin()).sum(Kind::Float).backward();
        let gradients: Vec<Tensor> = parameters.iter().map(Tensor::grad).collect();
        (logits.detach(), gradients)
    };
    let ((expected, expected_gradients), (found, gradients)) = (predict(true), predict(false));
    assert!(found.allclose(&expected, 1e-4, 1e-5, false));
    for ((spec, expected), found) in parameter_specs(&shape).iter().zip(&expected_gradients).zip(&gradients) {
        let error = (found - expected).norm().double_value(&[]) / expected.norm().double_value(&[]).max(1e-3);
        assert!(error < 1e-4, "{}: {error}", spec.name);
    }
}

#[test]
fn rows_that_fill_up_the_vocabulary_stay_zero_and_get_no_probability() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[40], 8);
    let shards = Arc::new(ShardDirectory::open(directory.path()).expect("a sound directory"));
    for optimizer in ["optimizer.kind=adamw", "optimizer.kind=stable-adamw", "optimizer.kind=lamb"] {
        let config = tiny_config(
            directory.path(),
            directory.path(),
            &[
                optimizer,
                "optimizer.ema_decay=0.5",
                "optimizer.weight_decay=0.1",
                "optimizer.peak_learning_rate=0.01",
                "train.precision=bf16",
            ],
        );
        let shape = config.fresh_model(shards.manifest()).expect("a model for these shards");
        let words = parameter_specs(&shape).swap_remove(0);
        assert!(words.rows_in_memory > words.shape[0] && words.rows_in_memory % 64 == 0, "{words:?}");
        let mut trainer = Trainer::new(&config, &shape, Device::Cpu).expect("a trainer");
        for step in 0..3 {
            take_step(&mut trainer, &micro_batches(&config, &shards, step)).expect("a step");
        }
        // Whatever is not zero in memory is in a checkpoint.
        let square = |tensor: &Tensor| tensor.to_kind(Kind::Double).square().sum(Kind::Double).double_value(&[]);
        let saved = trainer.tensors_to_save().expect("tensors").parameters;
        let (in_memory, in_file) = (square(trainer.masters()), saved.iter().map(square).sum::<f64>());
        assert!((in_memory - in_file).abs() < 1e-12 * in_file, "{optimizer}: {in_memory} in memory, {in_file} saved");
        let predicted = logits(trainer.model(), &[numbered_row(1)[0].clone()], Mode::Evaluate).softmax(-1, Kind::Float);
        assert_eq!(predicted.size()[1], words.rows_in_memory);
        let filling = predicted.narrow(1, words.shape[0], words.rows_in_memory - words.shape[0]);
        assert!(!filling.any().double_value(&[]).is_normal());
    }
}

#[test]
fn dropout_acts_in_training_alone_and_is_drawn_from_the_seed() {
    let _generator = torch_generator();
    let model = random_model(&["model.hidden_dropout_prob=0.2", "model.attention_probs_dropout_prob=0.2"]);
    let segments = [numbered_row(1)[0].clone()];
    let seeded = |seed, mode| {
        tch::manual_seed(seed);
        logits(&model, &segments, mode)
    };
    assert!(seeded(1, Mode::Train).equal(&seeded(1, Mode::Train)));
    assert!(!seeded(1, Mode::Train).equal(&seeded(2, Mode::Train)));
    assert!(seeded(1, Mode::Evaluate).equal(&seeded(2, Mode::Evaluate)));
}

#[test]
fn parameters_survive_the_way_through_their_names_in_files() {
    let _generator = torch_generator();
    let config = random_model(&[]).config().clone();
    let specs = parameter_specs(&config);
    let parameters = initial_parameters(&config, 5).expect("parameters");
    let named = || -> BTreeMap<String, Tensor> { to_hugging_face(&specs, &parameters).expect("names").into_iter().collect() };
    let back = from_hugging_face(&specs, named()).expect("our own tensors");
    assert!(parameters.iter().zip(&back).all(|(parameter, back)| parameter.equal(back)));

    let check = |change: &dyn Fn(&mut BTreeMap<String, Tensor>), expected: ParameterMismatch| {
        let mut named = named();
        change(&mut named);
        assert_eq!(from_hugging_face(&specs, named).err(), Some(expected));
    };
    let key = "roberta.encoder.layer.1.attention.self.key.weight";
    check(&|named| drop(named.remove(key)), ParameterMismatch::Missing { name: key.into() });
    check(&|named| drop(named.insert("pooler".into(), Tensor::from(1.0))), ParameterMismatch::Unexpected { name: "pooler".into() });
    let mismatch = ParameterMismatch::Shape { name: key.into(), expected: vec![32, 32], found: vec![1] };
    check(&|named| drop(named.insert(key.into(), Tensor::from_slice(&[1.0_f32]))), mismatch);
}

#[test]
fn the_scope_of_attention_changes_the_loss() {
    let _generator = torch_generator();
    let directory = numbered_shards(&[16], 8);
    let [document, sequence] = [AttentionScope::Document, AttentionScope::Sequence].map(|scope| {
        losses(
            directory.path(),
            1,
            &[if scope == AttentionScope::Document { "attention=document" } else { "attention=sequence" }, "model.initializer_range=0.2"],
        )
    });
    assert_ne!(document, sequence);
}
