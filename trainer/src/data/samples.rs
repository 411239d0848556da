//! Numbered micro-batches: the endless training stream, and the fixed rows of an evaluation. Each is a function of its number.

use std::sync::Arc;

use schemas::manifest::Manifest;

use super::{
    dataset::ShardDirectory,
    masking::{Masking, MaskingShares},
    micro_batch::{AttentionScope, BatchRules, MicroBatch, Piece},
    order::{EpochOrder, HeldOut, ROW_GROUPS_PER_WINDOW, RowInWindow, RowRange, TrainingOrder},
    window::{NewestTwo, Window},
};
use crate::{
    error::Result,
    random::{CounterRng, Purpose},
};

/// Evaluations always mask this share, whatever the training does, so that their figures can be compared.
pub const EVALUATION_MASKING_PROBABILITY: f64 = 0.15;
const EVALUATION_SEED: u64 = 0;

/// Micro-batches by number.
pub trait Samples: Send + Sync {
    fn micro_batch(&self, number: u64) -> Result<MicroBatch>;

    /// Decodes what later micro-batches will need; called after `number` was delivered.
    fn read_ahead(&self, number: u64) -> Result<()>;
}

/// What shapes the training stream besides the directory.
#[derive(Clone, Debug)]
pub struct TrainingOptions {
    pub seed: u64,
    pub held_out_rows: u64,
    pub micro_batch_size: u64,
    /// The first sample is this row of the stream, a multiple of `micro_batch_size`.
    pub skipped_rows: u64,
    pub masking: MaskingShares,
    /// From this sample on, another share of the maskable positions is chosen.
    pub late_masking: Option<LateMasking>,
    pub length_warmup: Option<LengthWarmup>,
    /// For every id whether it starts a word, if whole words are masked.
    pub starts_word: Option<Vec<bool>>,
    pub scope: AttentionScope,
}

/// Another masking probability from one sample of the stream on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LateMasking {
    pub first_sample: u64,
    pub probability: f64,
}

/// Attention over short stretches first: a segment longer than a limit is cut, every token stays, and the limit grows with the sample's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthWarmup {
    /// The limit of the first sample, in tokens, at least 1.
    pub first_length: u64,
    /// From this sample on, nothing is cut.
    pub end_sample: u64,
}

impl LengthWarmup {
    /// The most tokens of a segment of sample `sample`, where rows have at most `max_seq_len`: first + ⌊(max − first) · sample / end⌋.
    fn max_segment(self, sample: u64, max_seq_len: u64) -> u64 {
        let growth = max_seq_len.saturating_sub(self.first_length) * sample.min(self.end_sample);
        self.first_length + growth.checked_div(self.end_sample).unwrap_or(max_seq_len)
    }
}

/// The endless stream of training micro-batches: epoch after epoch, across their ends, nothing dropped.
pub struct TrainingSamples {
    directory: Arc<ShardDirectory>,
    options: TrainingOptions,
    rules: BatchRules,
    /// From this sample on, these rules.
    late_rules: Option<(u64, BatchRules)>,
    order: TrainingOrder,
    epochs: NewestTwo<EpochOrder>,
    windows: NewestTwo<Window<RowInWindow>>,
}

impl TrainingSamples {
    pub fn new(directory: Arc<ShardDirectory>, mut options: TrainingOptions) -> Self {
        let starts_word = options.starts_word.take();
        let rules = |masking| batch_rules(directory.manifest(), masking, starts_word.clone(), options.scope);
        let late = |late: LateMasking| (late.first_sample, rules(MaskingShares { probability: late.probability, ..options.masking }));
        let (rules, late_rules) = (rules(options.masking), options.late_masking.map(late));
        let groups = directory.row_groups().iter().map(|group| RowRange { first_row: group.first_row, num_rows: group.num_rows }).collect();
        let order = TrainingOrder::new(options.seed, HeldOut::new(options.held_out_rows, directory.num_rows()), groups);
        Self { directory, options, rules, late_rules, order, epochs: NewestTwo::new(), windows: NewestTwo::new() }
    }

    pub fn rows_per_epoch(&self) -> u64 {
        self.order.rows_per_epoch()
    }

    /// Passes over the training rows before this sample, those passed over included.
    pub fn epochs_before(&self, sample: u64) -> f64 {
        (sample + self.options.skipped_rows) as f64 / self.rows_per_epoch() as f64
    }

    fn rules_of(&self, sample: u64) -> &BatchRules {
        self.late_rules.as_ref().filter(|(first_sample, _)| sample >= *first_sample).map_or(&self.rules, |(_, rules)| rules)
    }

    fn max_segment(&self, sample: u64) -> i64 {
        let max_seq_len = self.directory.manifest().max_seq_len as u64;
        self.options.length_warmup.map_or(max_seq_len, |warmup| warmup.max_segment(sample, max_seq_len)) as i64
    }

    fn epoch(&self, epoch: u64) -> Arc<EpochOrder> {
        self.epochs.get_or_make(epoch, || self.order.epoch(epoch))
    }

    fn window(&self, epoch: &EpochOrder, window: usize) -> Arc<Window<RowInWindow>> {
        let number = epoch.epoch() * epoch.num_windows() as u64 + window as u64;
        self.windows.get_or_make(number, || Window::new(epoch.window_groups(window).to_vec(), self.order.window_rows(epoch, window)))
    }
}

impl Samples for TrainingSamples {
    fn micro_batch(&self, number: u64) -> Result<MicroBatch> {
        let first_sample = number * self.options.micro_batch_size;
        let mut batch =
            MicroBatch::starting_at(first_sample, self.options.micro_batch_size as usize * self.directory.manifest().max_seq_len);
        for sample in first_sample..first_sample + self.options.micro_batch_size {
            let (epoch, offset) = self.order.epoch_of(sample + self.options.skipped_rows);
            let plan = self.epoch(epoch);
            let (window, place) = plan.locate(offset);
            let window = self.window(&plan, window);
            let RowInWindow { slot, row } = window.rows[place as usize];
            let row_number = self.directory.row_groups()[window.group(slot as usize)].first_row + u64::from(row);
            let rng = CounterRng::new(Purpose::Masking, self.options.seed, epoch, row_number);
            append_row(
                &mut batch,
                &window,
                &self.directory,
                (slot as usize, row as usize),
                self.rules_of(sample),
                self.max_segment(sample),
                rng,
            )?;
        }
        Ok(batch)
    }

    /// A micro-batch in the n-th part of its window decodes the n-th part of the next one, so no window starts cold.
    fn read_ahead(&self, number: u64) -> Result<()> {
        let (epoch, offset) = self.order.epoch_of(number * self.options.micro_batch_size + self.options.skipped_rows);
        let plan = self.epoch(epoch);
        let (window, place) = plan.locate(offset);
        let num_rows = self.window(&plan, window).rows.len() as u64;
        let (next_plan, next_window) = if window + 1 < plan.num_windows() { (plan, window + 1) } else { (self.epoch(epoch + 1), 0) };
        let next = self.window(&next_plan, next_window);
        let slot_at = |place: u64| ((place * next.num_groups() as u64).div_ceil(num_rows) as usize).min(next.num_groups());
        for slot in slot_at(place)..slot_at(place + self.options.micro_batch_size) {
            next.row_group(slot, &self.directory)?;
        }
        Ok(())
    }
}

/// A rank's part of the training stream: of n ranks, every n-th micro-batch. Every step has a multiple of n.
pub struct RankSamples {
    all: Arc<TrainingSamples>,
    rank: u64,
    num_ranks: u64,
}

impl RankSamples {
    pub fn new(all: Arc<TrainingSamples>, rank: usize, num_ranks: usize) -> Self {
        Self { all, rank: rank as u64, num_ranks: num_ranks as u64 }
    }
}

impl Samples for RankSamples {
    fn micro_batch(&self, number: u64) -> Result<MicroBatch> {
        self.all.micro_batch(number * self.num_ranks + self.rank)
    }

    /// Reads ahead for all ranks: their rows lie in the same windows.
    fn read_ahead(&self, number: u64) -> Result<()> {
        (number * self.num_ranks..(number + 1) * self.num_ranks).try_for_each(|number| self.all.read_ahead(number))
    }
}

/// A fixed set of rows, evenly spaced over the directory, with a fixed mask.
pub struct EvaluationSamples {
    directory: Arc<ShardDirectory>,
    rules: BatchRules,
    rows: HeldOut,
    micro_batch_size: u64,
    windows: NewestTwo<Window<()>>,
}

impl EvaluationSamples {
    /// The same `num_rows` rows that training holds out when it is told that number.
    pub fn new(directory: Arc<ShardDirectory>, num_rows: u64, micro_batch_size: u64, scope: AttentionScope) -> Self {
        let rules = batch_rules(directory.manifest(), MaskingShares::of_bert(EVALUATION_MASKING_PROBABILITY), None, scope);
        let rows = HeldOut::new(num_rows, directory.num_rows());
        Self { directory, rules, rows, micro_batch_size, windows: NewestTwo::new() }
    }

    pub fn num_rows(&self) -> u64 {
        self.rows.len()
    }

    pub fn num_micro_batches(&self) -> u64 {
        self.rows.len().div_ceil(self.micro_batch_size)
    }

    fn window(&self, window: usize) -> Arc<Window<()>> {
        let first = window * ROW_GROUPS_PER_WINDOW;
        let last = (first + ROW_GROUPS_PER_WINDOW).min(self.directory.row_groups().len());
        self.windows.get_or_make(window as u64, || Window::new((first..last).collect(), Vec::new()))
    }
}

impl Samples for EvaluationSamples {
    fn micro_batch(&self, number: u64) -> Result<MicroBatch> {
        let first_sample = number * self.micro_batch_size;
        let mut batch = MicroBatch::starting_at(first_sample, self.micro_batch_size as usize * self.directory.manifest().max_seq_len);
        for index in first_sample..self.rows.len().min(first_sample + self.micro_batch_size) {
            let row_number = self.rows.row(index);
            let groups = self.directory.row_groups();
            let group = groups.partition_point(|group| group.first_row + group.num_rows <= row_number);
            let place = (group % ROW_GROUPS_PER_WINDOW, (row_number - groups[group].first_row) as usize);
            let rng = CounterRng::new(Purpose::EvaluationMasking, EVALUATION_SEED, 0, row_number);
            let window = self.window(group / ROW_GROUPS_PER_WINDOW);
            append_row(&mut batch, &window, &self.directory, place, &self.rules, self.directory.manifest().max_seq_len as i64, rng)?;
        }
        Ok(batch)
    }

    fn read_ahead(&self, _number: u64) -> Result<()> {
        Ok(())
    }
}

fn batch_rules(manifest: &Manifest, masking: MaskingShares, starts_word: Option<Vec<bool>>, scope: AttentionScope) -> BatchRules {
    let masking = Masking::new(masking, manifest.tokenizer.vocab_size, &manifest.special_tokens, starts_word);
    BatchRules { masking, scope }
}

fn append_row<R>(
    batch: &mut MicroBatch,
    window: &Window<R>,
    directory: &ShardDirectory,
    (slot, row): (usize, usize),
    rules: &BatchRules,
    max_segment: i64,
    rng: CounterRng,
) -> Result<()> {
    let rows = window.row_group(slot, directory)?;
    let start = batch.input_ids.len();
    rows.append_tokens(row, &mut batch.input_ids);
    let lengths = rows.segment_lengths(row);
    let number = directory.row_groups()[window.group(slot)].first_row + row as u64;
    let pieces = lengths.iter().zip(rows.document_ids(row)).map(|(&length, &document_id)| Piece { row: number, document_id, length });
    batch.finish_row(start, lengths, pieces, rules, max_segment, rng);
    Ok(())
}
