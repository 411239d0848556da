//! DrBERT's packing: `<s> document </s>` one after another, cut every `max_seq_len` tokens. The last row may be shorter.

use super::{Frame, PackedSequence, PackerState};

pub(super) struct Concat {
    max_seq_len: usize,
    frame: Frame,
    open: PackedSequence,
    framed: Vec<u32>,
}

impl Concat {
    pub(super) fn new(max_seq_len: usize, frame: Frame) -> Self {
        Self { max_seq_len, frame, open: PackedSequence::default(), framed: Vec::new() }
    }

    pub(super) fn state(&self) -> PackerState {
        PackerState { open: vec![self.open.clone()], gathered: Vec::new() }
    }

    pub(super) fn restore(&mut self, state: PackerState) {
        self.open = state.open.into_iter().next().unwrap_or_default();
    }

    pub(super) fn push(&mut self, document_id: u64, ids: &[u32], rows: &mut Vec<PackedSequence>) -> u64 {
        if ids.is_empty() {
            return 0;
        }
        self.framed.clear();
        self.framed.push(self.frame.bos);
        self.framed.extend_from_slice(ids);
        self.framed.push(self.frame.eos);
        let mut rest = self.framed.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(self.max_seq_len - self.open.input_ids.len()));
            self.open.push(document_id, piece);
            if self.open.input_ids.len() == self.max_seq_len {
                rows.push(std::mem::take(&mut self.open));
            }
            rest = after;
        }
        self.framed.len() as u64
    }

    pub(super) fn finish(&mut self, rows: &mut Vec<PackedSequence>) {
        if !self.open.input_ids.is_empty() {
            rows.push(std::mem::take(&mut self.open));
        }
    }
}
