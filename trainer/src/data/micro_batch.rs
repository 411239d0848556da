//! Rows joined end to end in host memory: what one forward pass consumes, without padding.

use serde::{Deserialize, Serialize};

use super::masking::Masking;
use crate::random::CounterRng;

/// How far attention reaches, and with it where positions restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum AttentionScope {
    /// Within a document's piece of a row.
    #[default]
    Document,
    /// Within a row, across the documents in it.
    Sequence,
}

/// Rows joined end to end. Flat positions count from 0 over all tokens of the micro-batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MicroBatch {
    /// Number of the micro-batch's first row among the samples.
    pub first_sample: u64,
    /// `[tokens]`: after masking.
    pub input_ids: Vec<i32>,
    /// `[tokens]`: count from 0 in every segment.
    pub positions: Vec<i32>,
    /// `[segments]`: attention stays within each; their sum is the number of tokens.
    pub segment_lengths: Vec<i64>,
    /// `[pieces]`: the documents' pieces of the rows, in order, however far attention reaches.
    pub pieces: Vec<Piece>,
    /// `[masked]`: flat positions to predict, ascending.
    pub masked_positions: Vec<i32>,
    /// `[masked]`: the original ids there.
    pub labels: Vec<i32>,
}

/// A document's piece of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Number of the row in the directory.
    pub row: u64,
    pub document_id: u64,
    pub length: u16,
}

/// What turns rows into micro-batches; the same for all of a run.
#[derive(Debug)]
pub(crate) struct BatchRules {
    pub(crate) masking: Masking,
    pub(crate) scope: AttentionScope,
}

/// Masked tokens of all these micro-batches.
pub fn num_masked(micro_batches: &[MicroBatch]) -> usize {
    micro_batches.iter().map(MicroBatch::num_masked).sum()
}

impl MicroBatch {
    /// An empty one with room for as many tokens.
    pub(crate) fn starting_at(first_sample: u64, num_tokens: usize) -> Self {
        let (input_ids, positions) = (Vec::with_capacity(num_tokens), Vec::with_capacity(num_tokens));
        Self { first_sample, input_ids, positions, ..Self::default() }
    }

    /// Masks the row whose ids were appended from `start` on, and adds its segments, cut where they are longer than `max_segment`, and the `pieces` that have their
    /// lengths.
    pub(crate) fn finish_row(
        &mut self,
        start: usize,
        segment_lengths: &[u16],
        pieces: impl Iterator<Item = Piece>,
        rules: &BatchRules,
        max_segment: i64,
        rng: CounterRng,
    ) {
        self.pieces.extend(pieces);
        let mut chosen = Vec::new();
        let row = &mut self.input_ids[start..];
        let row_length = row.len() as i64;
        rules.masking.apply(row, segment_lengths, rng, &mut chosen);
        self.masked_positions.extend(chosen.iter().map(|&(position, _)| start as i32 + position as i32));
        self.labels.extend(chosen.iter().map(|&(_, label)| label));
        match rules.scope {
            AttentionScope::Document => segment_lengths.iter().for_each(|&length| self.add_segments(i64::from(length), max_segment)),
            AttentionScope::Sequence => self.add_segments(row_length, max_segment),
        }
    }

    fn add_segments(&mut self, length: i64, max_segment: i64) {
        let mut rest = length;
        while rest > 0 {
            let segment = rest.min(max_segment);
            self.segment_lengths.push(segment);
            self.positions.extend(0..segment as i32);
            rest -= segment;
        }
    }

    pub fn num_tokens(&self) -> usize {
        self.input_ids.len()
    }

    pub fn num_masked(&self) -> usize {
        self.labels.len()
    }
}
