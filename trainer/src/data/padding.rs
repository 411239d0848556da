//! Micro-batches that are filled up to one of a few shapes.

use super::micro_batch::MicroBatch;
use crate::model::operators::IGNORED_LABEL;

/// Numbers of tokens differ from each other by at least this share of the largest.
const TOKEN_STEPS: usize = 16;

/// The shapes of all micro-batches of a run: whole steps of tokens and of masked positions, and a power of two of segments.
///
/// What is added changes neither the loss nor a gradient: tokens in segments of their own that nobody predicts, empty segments, and masked positions
/// with an ignored label.
#[derive(Clone, Copy, Debug)]
pub struct Padding {
    longest_segment: usize,
    token_step: usize,
}

impl Padding {
    /// For micro-batches of so many rows of at most so many tokens.
    pub fn new(num_rows: usize, max_seq_len: usize) -> Self {
        Self { longest_segment: max_seq_len, token_step: (num_rows * max_seq_len).div_ceil(TOKEN_STEPS) }
    }

    /// No segment has more tokens than this.
    pub fn longest_segment(&self) -> usize {
        self.longest_segment
    }

    pub fn pad(&self, micro_batch: &MicroBatch) -> MicroBatch {
        let mut padded = micro_batch.clone();
        let num_tokens = whole_steps(micro_batch.num_tokens(), self.token_step);
        let mut missing = num_tokens - micro_batch.num_tokens();
        padded.input_ids.resize(num_tokens, 0);
        padded.positions.resize(num_tokens, 0);
        while missing > 0 {
            let segment = missing.min(self.longest_segment);
            padded.segment_lengths.push(segment as i64);
            missing -= segment;
        }
        padded.segment_lengths.resize(padded.segment_lengths.len().next_power_of_two(), 0);
        // A head on all tokens costs a quarter of the model, so that finer steps serve.
        let num_masked = whole_steps(micro_batch.num_masked(), self.token_step.div_ceil(4));
        // The first that are not masked: all positions are different and ascend.
        let mut masked = micro_batch.masked_positions.iter().copied().zip(micro_batch.labels.iter().copied()).peekable();
        let mut missing = num_masked - micro_batch.num_masked();
        (padded.masked_positions, padded.labels) = (0..num_tokens as i32)
            .filter_map(|position| {
                masked.next_if(|(masked, _)| *masked == position).or_else(|| {
                    missing = missing.checked_sub(1)?;
                    Some((position, IGNORED_LABEL))
                })
            })
            .unzip();
        padded
    }
}

fn whole_steps(number: usize, step: usize) -> usize {
    number.max(1).next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of two rows of up to 32 tokens: steps of 4 tokens, and of 1 masked position.
    const PADDING: Padding = Padding { longest_segment: 32, token_step: 4 };

    fn micro_batch(segment_lengths: &[i64], masked_positions: &[i32]) -> MicroBatch {
        let num_tokens: i64 = segment_lengths.iter().sum();
        MicroBatch {
            input_ids: (10..10 + num_tokens as i32).collect(),
            positions: segment_lengths.iter().flat_map(|&length| 0..length as i32).collect(),
            segment_lengths: segment_lengths.to_vec(),
            masked_positions: masked_positions.to_vec(),
            labels: masked_positions.iter().map(|position| 100 + position).collect(),
            ..MicroBatch::default()
        }
    }

    #[test]
    fn added_tokens_come_last_and_nobody_predicts_what_is_added() {
        let padded = Padding::new(2, 32).pad(&micro_batch(&[3, 4, 6], &[1, 7]));
        assert_eq!(padded.input_ids, [(10..23).collect::<Vec<i32>>(), vec![0; 3]].concat());
        assert_eq!(padded.positions, [0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 0, 0, 0]);
        assert_eq!(padded.segment_lengths, [3, 4, 6, 3]);
        assert_eq!((padded.masked_positions, padded.labels), (vec![1, 7], vec![101, 107]));

        let padded = Padding { token_step: 20, ..PADDING }.pad(&micro_batch(&[3, 4, 6], &[1, 7]));
        assert_eq!(padded.segment_lengths, [3, 4, 6, 7]);
        assert_eq!(padded.masked_positions, [0, 1, 2, 3, 7]);
        assert_eq!(padded.labels, [IGNORED_LABEL, 101, IGNORED_LABEL, IGNORED_LABEL, 107]);
    }

    #[test]
    fn a_full_micro_batch_stays_as_it_is_and_long_padding_is_cut() {
        let full = micro_batch(&[32, 32], &[5]);
        assert_eq!(PADDING.pad(&full), full);
        let padded = Padding { token_step: 100, ..PADDING }.pad(&micro_batch(&[10], &[5]));
        assert_eq!(padded.segment_lengths, [10, 32, 32, 26]);
        let padded = PADDING.pad(&micro_batch(&[4, 4, 4, 4, 4], &[0]));
        assert_eq!(padded.segment_lengths, [4, 4, 4, 4, 4, 0, 0, 0]);
    }

    #[test]
    fn shapes_are_few_and_near() {
        let padding = Padding::new(16, 512);
        let shape = |num_tokens: i64, num_masked: i32| {
            let padded = padding.pad(&micro_batch(&[num_tokens / 16; 16], &(0..num_masked).collect::<Vec<_>>()));
            (padded.num_tokens(), padded.num_masked(), padded.segment_lengths.len())
        };
        assert_eq!(shape(16 * 512, 1_232), (8_192, 1_280, 16));
        assert_eq!(shape(16 * 490, 1_170), (8_192, 1_280, 32));
        assert_eq!(shape(16 * 200, 480), (3_584, 512, 32));
        assert_eq!(shape(16, 0), (512, 128, 32));
    }
}
