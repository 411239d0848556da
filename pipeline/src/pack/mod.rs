//! Documents' token ids → rows of at most `max_seq_len` tokens. No token is lost, none is repeated, none is padding.

mod best_fit;
mod concat;
mod state;

pub use state::{PackerState, rows_from_bytes, rows_to_bytes};

use best_fit::BestFit;
use concat::Concat;

use crate::config::{PackConfig, PackStrategy};

/// One row of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackedSequence {
    /// At most `max_seq_len` ids.
    pub input_ids: Vec<u32>,
    /// The lengths of the documents' pieces, in order; their sum is the number of ids.
    pub segment_lengths: Vec<u16>,
    /// The document of each segment.
    pub document_ids: Vec<u64>,
}

impl PackedSequence {
    fn push(&mut self, document_id: u64, ids: &[u32]) {
        self.input_ids.extend_from_slice(ids);
        self.segment_lengths.push(ids.len() as u16);
        self.document_ids.push(document_id);
    }
}

/// The special tokens that frame a document.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub bos: u32,
    pub eos: u32,
}

/// Fills rows with documents, in the way that the configuration says.
pub struct Packer(Strategy);

enum Strategy {
    BestFit(BestFit),
    Concat(Concat),
}

impl Packer {
    pub fn new(config: &PackConfig, frame: Frame) -> Self {
        Self(match config.strategy {
            PackStrategy::BestFit => Strategy::BestFit(BestFit::new(config, frame)),
            PackStrategy::Concat => Strategy::Concat(Concat::new(config.max_seq_len, frame)),
        })
    }

    /// What it holds between two documents.
    pub fn state(&self) -> PackerState {
        match &self.0 {
            Strategy::BestFit(packer) => packer.state(),
            Strategy::Concat(packer) => packer.state(),
        }
    }

    /// Gives a new packer the state of another.
    pub fn restore(&mut self, state: PackerState) {
        match &mut self.0 {
            Strategy::BestFit(packer) => packer.restore(state),
            Strategy::Concat(packer) => packer.restore(state),
        }
    }

    /// Takes a document's ids (without special tokens), appends the rows that are full to `rows`, and returns how many ids the
    /// document occupies, special tokens included.
    pub fn push(&mut self, document_id: u64, ids: &[u32], rows: &mut Vec<PackedSequence>) -> u64 {
        match &mut self.0 {
            Strategy::BestFit(packer) => packer.push(document_id, ids, rows),
            Strategy::Concat(packer) => packer.push(document_id, ids, rows),
        }
    }

    /// Appends the rows that are left.
    pub fn finish(&mut self, rows: &mut Vec<PackedSequence>) {
        match &mut self.0 {
            Strategy::BestFit(packer) => packer.finish(rows),
            Strategy::Concat(packer) => packer.finish(rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const FRAME: Frame = Frame { bos: 1, eos: 2 };

    /// The window is small, so that it is full now and then; after every document the packer is replaced by another with its state.
    fn pack(strategy: PackStrategy, max_seq_len: usize, documents: &[Vec<u32>]) -> (Vec<PackedSequence>, Vec<u64>) {
        let config = PackConfig { strategy, max_seq_len, window_tokens: 300 };
        let mut packer = Packer::new(&config, FRAME);
        let (mut rows, mut bytes) = (Vec::new(), Vec::new());
        let mut occupied = Vec::new();
        for (ids, id) in documents.iter().zip(0..) {
            occupied.push(packer.push(id, ids, &mut rows));
            let state = packer.state();
            rows_to_bytes(&state.open, &mut bytes);
            rows_to_bytes(&state.gathered, &mut bytes);
            let mut stored = bytes.as_slice();
            let mut take = || rows_from_bytes(&mut stored).expect("as written");
            packer = Packer::new(&config, FRAME);
            packer.restore(PackerState { open: take(), gathered: take() });
            bytes.clear();
        }
        packer.finish(&mut rows);
        (rows, occupied)
    }

    /// Every document's ids, put together again from the rows that hold it.
    fn reassemble(rows: &[PackedSequence]) -> BTreeMap<u64, Vec<u32>> {
        let mut documents: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for row in rows {
            let mut start = 0;
            for (&length, &document) in row.segment_lengths.iter().zip(&row.document_ids) {
                let end = start + usize::from(length);
                documents.entry(document).or_default().extend(&row.input_ids[start..end]);
                start = end;
            }
            assert_eq!(start, row.input_ids.len());
        }
        documents
    }

    fn documents() -> impl Strategy<Value = Vec<Vec<u32>>> {
        proptest::collection::vec(proptest::collection::vec(10..1000_u32, 1..70), 0..60)
    }

    use proptest::strategy::Strategy;

    proptest! {
        #[test]
        fn best_fit_keeps_every_token_once_and_frames_every_piece(documents in documents(), max_seq_len in 8_usize..40) {
            let (rows, occupied) = pack(PackStrategy::BestFit, max_seq_len, &documents);
            for row in &rows {
                prop_assert!(!row.input_ids.is_empty() && row.input_ids.len() <= max_seq_len);
            }
            let pieces = |ids: &Vec<u32>| ids.chunks(max_seq_len - 2).map(|piece| [&[1], piece, &[2]].concat()).collect::<Vec<_>>();
            let found = reassemble(&rows);
            for ((ids, occupied), id) in documents.iter().zip(occupied).zip(0..) {
                prop_assert_eq!(found[&id].len() as u64, occupied);
                // The pieces of one document may lie in the rows in any order.
                let mut expected = pieces(ids);
                let mut found: Vec<_> = found[&id].split_inclusive(|&token| token == 2).map(<[u32]>::to_vec).collect();
                expected.sort();
                found.sort();
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn concat_is_one_stream_cut_at_the_row_length(documents in documents(), max_seq_len in 8_usize..40) {
            let (rows, _) = pack(PackStrategy::Concat, max_seq_len, &documents);
            let stream: Vec<u32> = documents.iter().flat_map(|ids| [&[1], &ids[..], &[2]].concat()).collect();
            let expected: Vec<_> = stream.chunks(max_seq_len).map(<[u32]>::to_vec).collect();
            prop_assert_eq!(rows.iter().map(|row| row.input_ids.clone()).collect::<Vec<_>>(), expected);
            let found = reassemble(&rows);
            for (ids, id) in documents.iter().zip(0..) {
                prop_assert_eq!(&found[&id], &[&[1], &ids[..], &[2]].concat());
            }
        }
    }

    #[test]
    fn best_fit_fills_rows_that_others_leave_open() {
        // Framed lengths 7, 5, 5, 3 into rows of 10: only 7 + 3 and 5 + 5 make two rows.
        let documents: Vec<Vec<u32>> = [5, 3, 3, 1].map(|length| vec![9; length]).to_vec();
        let (rows, _) = pack(PackStrategy::BestFit, 10, &documents);
        assert_eq!(rows.iter().map(|row| row.segment_lengths.clone()).collect::<Vec<_>>(), [vec![7, 3], vec![5, 5]]);
    }

    #[test]
    fn stored_rows_that_are_cut_short_are_not_taken() {
        let mut bytes = Vec::new();
        rows_to_bytes(&[PackedSequence { input_ids: vec![1, 7, 2], segment_lengths: vec![3], document_ids: vec![9] }], &mut bytes);
        assert!(rows_from_bytes(&mut bytes.as_slice()).is_some());
        for length in 0..bytes.len() {
            assert_eq!(rows_from_bytes(&mut &bytes[..length]), None, "{length}");
        }
    }

    #[test]
    fn a_document_without_tokens_takes_no_room() {
        for strategy in [PackStrategy::BestFit, PackStrategy::Concat] {
            assert_eq!(pack(strategy, 8, &[vec![], vec![]]), (vec![], vec![0, 0]));
        }
    }
}
