//! Loss, perplexity and accuracy of a model on fixed rows with a fixed mask of 15%; of the whole, and of its parts.

use std::{fmt, path::PathBuf, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize};
use tch::{Device, Kind, Reduction, Tensor};

use crate::{
    breakdown::{Breakdown, Collector},
    data::{
        batch::Batch,
        dataset::ShardDirectory,
        loader::Loader,
        micro_batch::{AttentionScope, MicroBatch},
        row_dump::RowDump,
        samples::EvaluationSamples,
    },
    device::{self, DeviceChoice},
    error::{Error, Result},
    model::{
        masked_lm::{MaskedLm, Mode},
        operators::cross_entropy,
        pretrained::load_model,
    },
    tokenizer,
};

const LOADER_THREADS: usize = 2;
const PREFETCH: usize = 4;

/// The figures of one evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    pub rows: u64,
    pub tokens: u64,
    pub masked_tokens: u64,
    /// Mean cross-entropy over all masked tokens, in nats.
    #[serde(deserialize_with = "number_or_null")]
    pub loss: f64,
    /// exp(loss).
    #[serde(deserialize_with = "number_or_null")]
    pub perplexity: f64,
    /// Share of the masked tokens whose most probable prediction is right.
    pub accuracy: f64,
}

/// JSON has neither infinity nor what is no number: they are written as null.
fn number_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Option::deserialize(deserializer).map(|number: Option<f64>| number.unwrap_or(f64::NAN))
}

/// What `drbert evaluate` answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    #[serde(flatten)]
    pub whole: Evaluation,
    #[serde(flatten)]
    pub parts: Breakdown,
}

/// What `drbert evaluate` is asked.
#[derive(Clone, Debug)]
pub struct EvaluateOptions {
    pub model: PathBuf,
    pub shards: PathBuf,
    /// Evenly spaced over the directory; all if not given.
    pub rows: Option<u64>,
    pub micro_batch_size: u64,
    pub attention: AttentionScope,
    pub device: DeviceChoice,
    /// Where to write what was evaluated, so that another program can do the same.
    pub dump_rows: Option<PathBuf>,
}

/// Evaluates a model directory on a shard directory.
pub fn run(options: &EvaluateOptions) -> Result<Report> {
    device::set_up(0, 1, false)?;
    let device = options.device.resolve()?;
    let directory = Arc::new(ShardDirectory::open(&options.shards)?);
    let model = load_model(&options.model, device)?;
    let (expected, found) = (directory.manifest().tokenizer.vocab_size as i64, model.config().vocab_size);
    if expected > found {
        let (expected, found) = (format!("a vocabulary of at least {expected}, as the shards have"), found.to_string());
        return Err(Error::BadFile {
            path: options.model.clone(),
            expected,
            found,
            remedy: "evaluate on shards built with the model's tokenizer",
        });
    }
    if let Some(note) = tokenizer::check_extends(&options.model, &directory.tokenizer_dir())? {
        log::warn!("{note}");
    }
    let longest = directory.manifest().max_seq_len as i64;
    if longest > model.config().max_segment_length() {
        let (expected, found) = (format!("positions for rows of up to {longest} tokens"), model.config().max_segment_length().to_string());
        return Err(Error::BadFile {
            path: options.model.clone(),
            expected,
            found,
            remedy: "evaluate on shards built with a smaller max_seq_len",
        });
    }
    let num_rows = options.rows.unwrap_or(directory.num_rows());
    if num_rows == 0 || num_rows > directory.num_rows() {
        let expected = format!("from 1 to the directory's {} rows", directory.num_rows());
        return Err(Error::BadSetting { setting: "--rows", found: num_rows.to_string(), expected });
    }
    let samples = EvaluationSamples::new(Arc::clone(&directory), num_rows, options.micro_batch_size, options.attention);
    let mut dump = options.dump_rows.as_deref().map(RowDump::create).transpose()?;
    let mut parts = Collector::default();
    let whole = evaluate_with(&model, &Arc::new(samples), device, |batch, losses, is_right| {
        parts.add(batch, &Vec::<f32>::try_from(losses)?, &Vec::<bool>::try_from(is_right)?);
        dump.as_mut().map_or(Ok(()), |dump| dump.write(batch))
    })?;
    dump.map_or(Ok(()), RowDump::finish)?;
    Ok(Report { whole, parts: parts.finish(directory.path())? })
}

/// Evaluates a model on prepared samples.
pub fn evaluate(model: &MaskedLm, samples: &Arc<EvaluationSamples>, device: Device) -> Result<Evaluation> {
    evaluate_with(model, samples, device, |_, _, _| Ok(()))
}

/// Evaluates, and shows every batch with the cross-entropy [m] of its masked tokens and whether the most probable prediction [m] of each
/// is right.
fn evaluate_with(
    model: &MaskedLm,
    samples: &Arc<EvaluationSamples>,
    device: Device,
    mut visit: impl FnMut(&MicroBatch, &Tensor, &Tensor) -> Result<()>,
) -> Result<Evaluation> {
    let _no_grad = tch::no_grad_guard();
    let loader = Loader::start(samples, 0..samples.num_micro_batches(), LOADER_THREADS, PREFETCH);
    let (mut tokens, mut masked_tokens) = (0, 0);
    let mut loss_sum = Tensor::f_zeros([], (Kind::Double, device))?;
    let mut num_right = Tensor::f_zeros([], (Kind::Int64, device))?;
    for micro_batch in loader {
        let micro_batch = micro_batch?;
        tokens += micro_batch.num_tokens() as u64;
        masked_tokens += micro_batch.num_masked() as u64;
        let batch = Batch::to_device(&micro_batch, device)?;
        let logits = model.logits(&batch.input_ids, &batch.positions, batch.segments(), &batch.masked_positions, Mode::Evaluate)?;
        let logits = logits.f_to_kind(Kind::Float)?;
        let losses = cross_entropy(&logits, &batch.labels, Reduction::None)?;
        let is_right = logits.f_argmax(-1, false)?.f_eq_tensor(&batch.labels)?;
        loss_sum.f_add_(&losses.f_sum(Kind::Double)?).map(drop)?;
        num_right.f_add_(&is_right.f_sum(Kind::Int64)?).map(drop)?;
        visit(&micro_batch, &losses, &is_right)?;
    }
    let loss = f64::try_from(loss_sum)? / masked_tokens.max(1) as f64;
    let accuracy = i64::try_from(num_right)? as f64 / masked_tokens.max(1) as f64;
    Ok(Evaluation { rows: samples.num_rows(), tokens, masked_tokens, loss, perplexity: loss.exp(), accuracy })
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, masked_tokens, loss, perplexity, accuracy, .. } = self;
        let percent = 100.0 * accuracy;
        write!(f, "loss {loss:.4}, perplexity {perplexity:.2}, accuracy {percent:.1}% ({rows} rows, {masked_tokens} masked tokens)")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n\n{}", self.whole, self.parts)
    }
}
