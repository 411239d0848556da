//! Best-fit-decreasing packing over a sliding window.
//!
//! Documents are framed as `<s> piece </s>`, where only a document that exceeds a row is cut into several pieces. Pieces are gathered
//! until a window of tokens is full; then, longest first, each goes into the open row that it leaves least room in (Ding et al.,
//! "Fewer Truncations Improve Language Modeling", arXiv 2404.10830, after Johnson's best-fit decreasing). Rows without useful room are
//! given out; the others stay open for the next window. The result depends on the documents alone.

use super::{Frame, PackedSequence, PackerState};
use crate::config::PackConfig;

/// Rows kept open from one window to the next; when there are more, the fullest are given out.
const MAX_OPEN_ROWS: usize = 4096;
/// The least room that any piece can use: `<s>`, one token, `</s>`.
const LEAST_PIECE: usize = 3;

struct Piece {
    document_id: u64,
    /// Where its framed ids begin in the window.
    start: usize,
    length: usize,
}

pub(super) struct BestFit {
    max_seq_len: usize,
    /// Tokens gathered before they are placed.
    window_tokens: usize,
    frame: Frame,
    window: Vec<u32>,
    pieces: Vec<Piece>,
    open: Vec<PackedSequence>,
}

impl BestFit {
    pub(super) fn new(config: &PackConfig, frame: Frame) -> Self {
        let PackConfig { max_seq_len, window_tokens, .. } = *config;
        Self { max_seq_len, window_tokens, frame, window: Vec::new(), pieces: Vec::new(), open: Vec::new() }
    }

    pub(super) fn state(&self) -> PackerState {
        let gathered = |piece: &Piece| {
            let mut row = PackedSequence::default();
            row.push(piece.document_id, &self.window[piece.start..piece.start + piece.length]);
            row
        };
        PackerState { open: self.open.clone(), gathered: self.pieces.iter().map(gathered).collect() }
    }

    pub(super) fn restore(&mut self, state: PackerState) {
        self.open = state.open;
        for PackedSequence { input_ids, document_ids, .. } in state.gathered {
            let (start, length) = (self.window.len(), input_ids.len());
            self.window.extend(input_ids);
            self.pieces.extend(document_ids.first().map(|&document_id| Piece { document_id, start, length }));
        }
    }

    pub(super) fn push(&mut self, document_id: u64, ids: &[u32], rows: &mut Vec<PackedSequence>) -> u64 {
        let mut occupied = 0;
        for content in ids.chunks(self.max_seq_len - 2) {
            let start = self.window.len();
            self.window.push(self.frame.bos);
            self.window.extend_from_slice(content);
            self.window.push(self.frame.eos);
            let length = self.window.len() - start;
            self.pieces.push(Piece { document_id, start, length });
            occupied += length as u64;
            if self.window.len() >= self.window_tokens {
                self.place();
                self.give_out(MAX_OPEN_ROWS, rows);
            }
        }
        occupied
    }

    pub(super) fn finish(&mut self, rows: &mut Vec<PackedSequence>) {
        self.place();
        self.give_out(0, rows);
    }

    /// Puts every gathered piece into a row.
    fn place(&mut self) {
        let mut rooms = Rooms::new(self.max_seq_len);
        for (row, sequence) in self.open.iter().enumerate() {
            rooms.add(self.max_seq_len - sequence.input_ids.len(), row);
        }
        // A stable sort: pieces of one length keep their order.
        self.pieces.sort_by_key(|piece| std::cmp::Reverse(piece.length));
        for piece in self.pieces.drain(..) {
            let (room, row) = rooms.take_least(piece.length).unwrap_or_else(|| {
                self.open.push(PackedSequence { input_ids: Vec::with_capacity(self.max_seq_len), ..PackedSequence::default() });
                (self.max_seq_len, self.open.len() - 1)
            });
            self.open[row].push(piece.document_id, &self.window[piece.start..piece.start + piece.length]);
            rooms.add(room - piece.length, row);
        }
        self.window.clear();
    }

    /// Moves to `rows` every row that no piece can be added to, and then the fullest, until at most `keep_open` are left.
    fn give_out(&mut self, keep_open: usize, rows: &mut Vec<PackedSequence>) {
        let is_full = |row: &PackedSequence| self.max_seq_len - row.input_ids.len() < LEAST_PIECE;
        let (full, mut open): (Vec<_>, Vec<_>) = std::mem::take(&mut self.open).into_iter().partition(is_full);
        rows.extend(full);
        if open.len() > keep_open {
            open.sort_by_key(|row| row.input_ids.len());
            rows.extend(open.drain(keep_open..));
        }
        self.open = open;
    }
}

/// Open rows by the room that is left in them.
struct Rooms {
    /// `by_room[room]` holds the rows with exactly that room; the one added last is taken first.
    by_room: Vec<Vec<usize>>,
    /// Bit `room` is set where `by_room[room]` is not empty.
    occupied: Vec<u64>,
}

impl Rooms {
    fn new(max_room: usize) -> Self {
        Self { by_room: vec![Vec::new(); max_room + 1], occupied: vec![0; max_room / 64 + 1] }
    }

    fn add(&mut self, room: usize, row: usize) {
        self.by_room[room].push(row);
        self.occupied[room / 64] |= 1 << (room % 64);
    }

    /// Takes a row with the least room that is at least `length`, and says how much room it has.
    fn take_least(&mut self, length: usize) -> Option<(usize, usize)> {
        let first_word = length / 64;
        let room = (first_word..self.occupied.len()).find_map(|word| {
            let from = if word == first_word { u64::MAX << (length % 64) } else { u64::MAX };
            let bits = self.occupied[word] & from;
            (bits != 0).then(|| word * 64 + bits.trailing_zeros() as usize)
        })?;
        let row = self.by_room[room].pop()?;
        if self.by_room[room].is_empty() {
            self.occupied[room / 64] &= !(1 << (room % 64));
        }
        Some((room, row))
    }
}
