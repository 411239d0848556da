//! A byte stream → chunks that end where a record ends.

use std::{io::Read, sync::Arc};

use memchr::{memchr, memrchr, memrchr_iter};

use super::{Chunk, Framing, Input, ReadError, ReadProgress};
use crate::config::InputConfig;

/// A chunk is about this long unless a single record is longer.
const CHUNK_BYTES: usize = 1 << 20;

pub(super) fn read(
    input: &Input,
    framing: Framing,
    config: &InputConfig,
    progress: &Arc<ReadProgress>,
    emit: &mut dyn FnMut(Chunk) -> bool,
) -> Result<(), ReadError> {
    let mut stream = input.open(progress)?;
    let mut cutter = Cutter::new(input.source(), framing, config.text_column.as_str().into(), config.max_document_mib << 20);
    loop {
        let goal = cutter.pending.len().max(CHUNK_BYTES);
        let count = stream.by_ref().take(goal as u64).read_to_end(&mut cutter.pending).map_err(|source| ReadError::Damaged {
            path: input.path.clone(),
            offset: cutter.offset + cutter.pending.len() as u64,
            source,
        })?;
        let at_end = count < goal;
        while let Some(chunk) = cutter.next_chunk(at_end) {
            if !emit(chunk) {
                return Ok(());
            }
        }
        if at_end {
            return Ok(());
        }
    }
}

struct Cutter {
    source: Arc<str>,
    framing: Framing,
    text_column: Arc<str>,
    max_record: usize,
    /// Where `pending` begins in the stream.
    offset: u64,
    pending: Vec<u8>,
    /// Where the JSON line began that is being passed over because it is too long.
    skipped_from: Option<u64>,
}

impl Cutter {
    fn new(source: Arc<str>, framing: Framing, text_column: Arc<str>, max_record: usize) -> Self {
        Self { source, framing, text_column, max_record, offset: 0, pending: Vec::new(), skipped_from: None }
    }

    /// The next chunk, or `None` if more bytes are needed first (or, at the end of the stream, if there are none left).
    fn next_chunk(&mut self, at_end: bool) -> Option<Chunk> {
        if let Some(start) = self.skipped_from {
            return self.finish_skipping(start, at_end);
        }
        if self.pending.is_empty() || (!at_end && self.pending.len() < CHUNK_BYTES) {
            return None;
        }
        let too_long = self.pending.len() > self.max_record;
        match self.last_record_end() {
            Some(end) if !at_end || too_long => Some(self.take(end, self.framing.clone())),
            None if too_long && self.framing == Framing::JsonLine => {
                self.skipped_from = Some(self.offset);
                self.next_chunk(at_end)
            }
            None if too_long => Some(self.take(forced_cut(&self.pending[..self.max_record]), Framing::Whole)),
            _ if at_end => Some(self.take(self.pending.len(), self.framing.clone())),
            _ => None,
        }
    }

    fn take(&mut self, end: usize, framing: Framing) -> Chunk {
        let rest = self.pending.split_off(end);
        let bytes = std::mem::replace(&mut self.pending, rest);
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        self.chunk(framing, offset, bytes)
    }

    fn chunk(&self, framing: Framing, offset: u64, bytes: Vec<u8>) -> Chunk {
        let (source, text_column, max_record) = (self.source.clone(), self.text_column.clone(), self.max_record);
        Chunk { source, framing, text_column, max_record, offset, bytes }
    }

    /// The end of the last record that is complete whatever follows.
    fn last_record_end(&self) -> Option<usize> {
        match self.framing {
            Framing::BlankLine => last_blank_line_end(&self.pending),
            Framing::Line | Framing::JsonLine => memrchr(b'\n', &self.pending).map(|at| at + 1),
            Framing::Whole | Framing::Oversized { .. } | Framing::Rows(_) => None,
        }
    }

    fn finish_skipping(&mut self, start: u64, at_end: bool) -> Option<Chunk> {
        let line_end = memchr(b'\n', &self.pending);
        let passed = line_end.map_or(self.pending.len(), |at| at + 1);
        self.pending.drain(..passed);
        self.offset += passed as u64;
        if line_end.is_none() && !at_end {
            return None;
        }
        self.skipped_from = None;
        let length = self.offset - start - u64::from(line_end.is_some());
        Some(self.chunk(Framing::Oversized { length }, start, Vec::new()))
    }
}

fn last_blank_line_end(bytes: &[u8]) -> Option<usize> {
    let is_blank = |line: &[u8]| line.iter().all(u8::is_ascii_whitespace);
    let mut line_end = None;
    for at in memrchr_iter(b'\n', bytes) {
        if let Some(end) = line_end.replace(at)
            && is_blank(&bytes[at + 1..end])
        {
            return Some(end + 1);
        }
    }
    line_end.filter(|&end| is_blank(&bytes[..end])).map(|end| end + 1)
}

/// Where to cut a text that has no end in reach: after its last line, or word, or else between two characters.
fn forced_cut(bytes: &[u8]) -> usize {
    let after = |byte| memrchr(byte, bytes).map(|at| at + 1);
    let starts_character = |at: &usize| bytes[*at] & 0xC0 != 0x80;
    after(b'\n')
        .or_else(|| after(b' '))
        .or_else(|| (bytes.len().saturating_sub(4)..bytes.len()).rev().find(starts_character).filter(|&at| at > 0))
        .unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use schemas::documents::Verdict;

    use super::*;

    /// Feeds `text` in two parts and returns the chunks.
    fn cut(framing: Framing, max_record: usize, text: &str, split: usize) -> Vec<Chunk> {
        let mut cutter = Cutter::new("t".into(), framing, "text".into(), max_record);
        let mut chunks = Vec::new();
        for (part, at_end) in [(&text[..split], false), (&text[split..], true)] {
            cutter.pending.extend_from_slice(part.as_bytes());
            chunks.extend(std::iter::from_fn(|| cutter.next_chunk(at_end)));
        }
        chunks
    }

    fn content(chunk: &Chunk) -> &str {
        std::str::from_utf8(&chunk.bytes).expect("cut between characters")
    }

    #[test]
    fn a_chunk_ends_where_a_record_ends() {
        let line = "a".repeat(CHUNK_BYTES) + "\n";
        let text = format!("{line}{line}fin");
        let chunks = cut(Framing::Line, usize::MAX, &text, CHUNK_BYTES + 10);
        assert!(chunks.iter().map(|chunk| (chunk.offset, content(chunk))).eq([(0, &*line), (line.len() as u64, &*format!("{line}fin"))]));
        assert_eq!(last_blank_line_end(b"un\ndeux\n \t\r\ntrois\n"), Some(12));
        assert_eq!(last_blank_line_end(b"\nun"), Some(1));
        assert_eq!(last_blank_line_end(b"un\ndeux\n"), None);
    }

    #[test]
    fn a_text_without_end_is_cut_at_a_word_and_nothing_is_lost() {
        let text = "é".repeat(30) + " " + &"è".repeat(50);
        let chunks = cut(Framing::BlankLine, 80, &text, 0);
        assert_eq!(chunks.iter().map(content).collect::<String>(), text);
        assert_eq!(chunks.iter().map(|chunk| chunk.offset).collect::<Vec<_>>(), [0, 61, 139]);
    }

    #[test]
    fn a_json_line_that_is_too_long_is_dropped_and_accounted_for_wherever_the_stream_is_cut() {
        let long = "x".repeat(CHUNK_BYTES + 5);
        let text = format!("{long}\n{{}}\n");
        for split in [CHUNK_BYTES + 1, CHUNK_BYTES + 5, CHUNK_BYTES + 6, text.len()] {
            let mut found = Vec::new();
            for chunk in cut(Framing::JsonLine, 100, &text, split) {
                chunk.for_each_record(&mut |record| found.push((record.offset, record.length, record.text.err())));
            }
            let length = long.len() as u64;
            assert_eq!(found, [(0, length, Some(Verdict::TooLong)), (length + 1, 2, Some(Verdict::MissingText))], "{split}");
        }
    }
}
