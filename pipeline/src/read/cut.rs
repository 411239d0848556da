//! A byte stream → chunks that end where a record ends.

use std::{io::Read, sync::Arc};

use memchr::{memchr, memrchr, memrchr_iter};

use super::{
    Chunk, Emit, Framing, Input, ReadError, ReadProgress,
    chunk::{forced_cut, leading_white_space},
};
use crate::config::InputConfig;

/// A chunk is about this long unless a single record is longer.
const CHUNK_BYTES: usize = 1 << 20;

pub(super) fn read(
    input: &Input,
    from: u64,
    framing: Framing,
    config: &InputConfig,
    progress: &Arc<ReadProgress>,
    emit: &mut Emit<'_>,
) -> Result<(), ReadError> {
    let mut stream = input.open(from, progress)?;
    let mut cutter = Cutter {
        framing,
        text_column: config.text_column.as_str().into(),
        max_record: config.max_document_mib << 20,
        least_chunk: CHUNK_BYTES,
        offset: from,
        pending: Vec::new(),
        skipped_from: None,
    };
    loop {
        let goal = cutter.pending.len().max(CHUNK_BYTES);
        let count = stream.by_ref().take(goal as u64).read_to_end(&mut cutter.pending).map_err(|source| ReadError::Damaged {
            path: input.path.clone(),
            offset: cutter.offset + cutter.pending.len() as u64,
            source,
        })?;
        let at_end = count < goal;
        while let Some(chunk) = cutter.next_chunk(at_end) {
            let Some(buffer) = emit(chunk) else { return Ok(()) };
            cutter.use_buffer(buffer);
        }
        if at_end {
            return Ok(());
        }
    }
}

struct Cutter {
    framing: Framing,
    text_column: Arc<str>,
    max_record: usize,
    least_chunk: usize,
    /// Where `pending` begins in the stream.
    offset: u64,
    pending: Vec<u8>,
    /// Where the JSON line began that is being passed over because it is too long.
    skipped_from: Option<u64>,
}

impl Cutter {
    /// The next chunk, or `None` if more bytes are needed first (or, at the end of the stream, if there are none left).
    fn next_chunk(&mut self, at_end: bool) -> Option<Chunk> {
        if let Some(start) = self.skipped_from {
            return self.finish_skipping(start, at_end);
        }
        if self.framing != Framing::JsonLine {
            self.pass_over(leading_white_space(&self.pending));
        }
        if self.pending.is_empty() || (!at_end && self.pending.len() < self.least_chunk) {
            return None;
        }
        let too_long = self.pending.len() > self.max_record;
        match self.last_record_end() {
            Some(end) if !at_end || too_long => Some(self.take(end, self.framing.clone())),
            None if too_long && self.framing == Framing::JsonLine => {
                self.skipped_from = Some(self.offset);
                self.next_chunk(at_end)
            }
            None if self.pending.trim_ascii_end().len() > self.max_record => {
                Some(self.take(forced_cut(&self.pending[..self.max_record]), Framing::Whole))
            }
            // A record, and white space without end after it.
            None if self.pending.len() > 2 * self.max_record => Some(self.take(self.pending.len(), Framing::Whole)),
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

    /// Goes on in other memory, which holds nothing.
    fn use_buffer(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() > self.pending.capacity() {
            buffer.extend_from_slice(&self.pending);
            self.pending = buffer;
        }
    }

    fn pass_over(&mut self, count: usize) {
        self.pending.drain(..count);
        self.offset += count as u64;
    }

    /// A chunk that ends where `pending` begins.
    fn chunk(&self, framing: Framing, offset: u64, bytes: Vec<u8>) -> Chunk {
        Chunk { framing, text_column: self.text_column.clone(), max_record: self.max_record, offset, end: self.offset, bytes }
    }

    /// The end of the last record that is complete whatever follows.
    fn last_record_end(&self) -> Option<usize> {
        match self.framing {
            Framing::BlankLine => last_blank_line_end(&self.pending),
            Framing::Line | Framing::JsonLine => memrchr(b'\n', &self.pending).map(|at| at + 1),
            Framing::Whole | Framing::Oversized { .. } | Framing::Rows(_) | Framing::Cleaned(_) => None,
        }
    }

    fn finish_skipping(&mut self, start: u64, at_end: bool) -> Option<Chunk> {
        let line_end = memchr(b'\n', &self.pending);
        self.pass_over(line_end.map_or(self.pending.len(), |at| at + 1));
        if line_end.is_none() && !at_end {
            return None;
        }
        self.skipped_from = None;
        let length = self.offset - start - u64::from(line_end.is_some());
        Some(self.chunk(Framing::Oversized { length }, start, Vec::new()))
    }
}

/// Where the last blank line ends. A blank line at the end that has no line end yet may still become something else.
pub(super) fn last_blank_line_end(bytes: &[u8]) -> Option<usize> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::documents::Verdict;

    use super::*;

    type Found = Vec<(u64, u64, Result<String, Verdict>)>;

    fn records(chunks: impl IntoIterator<Item = Chunk>) -> Found {
        let mut found = Vec::new();
        for chunk in chunks {
            chunk.for_each_record(&mut |record| {
                found.push((record.offset, record.length, record.text.map(std::borrow::Cow::into_owned)));
            });
        }
        found
    }

    /// Feeds `text` from byte `from` in pieces of `piece` bytes.
    fn cut(framing: &Framing, max_record: usize, text: &[u8], from: usize, piece: usize) -> Vec<Chunk> {
        let (text_column, offset) = ("text".into(), from as u64);
        let mut cutter = Cutter {
            framing: framing.clone(),
            text_column,
            max_record,
            least_chunk: piece,
            offset,
            pending: Vec::new(),
            skipped_from: None,
        };
        let mut chunks = Vec::new();
        let mut rest = &text[from..];
        loop {
            let (part, after) = rest.split_at(rest.len().min(piece));
            cutter.pending.extend_from_slice(part);
            let at_end = after.is_empty();
            chunks.extend(std::iter::from_fn(|| cutter.next_chunk(at_end)));
            if at_end {
                return chunks;
            }
            rest = after;
        }
    }

    #[test]
    fn a_chunk_ends_where_a_record_ends() {
        let chunks = cut(&Framing::Line, 100, b"un\ndeux\nfin", 0, 5);
        assert!(chunks.iter().map(|chunk| (chunk.offset, &chunk.bytes[..])).eq([(0, &b"un\n"[..]), (3, b"deux\n"), (8, b"fin")]));
        assert_eq!(last_blank_line_end(b"un\ndeux\n \t\r\ntrois\n"), Some(12));
        assert_eq!(last_blank_line_end(b"\nun"), Some(1));
        assert_eq!(last_blank_line_end(b"un\ndeux\n"), None);
    }

    #[test]
    fn a_text_without_end_is_cut_at_a_word_and_nothing_is_lost() {
        let text = "é".repeat(30) + " " + &"è".repeat(50);
        let found = records(cut(&Framing::BlankLine, 80, text.as_bytes(), 0, 1000));
        let expected = ["é".repeat(30), "è".repeat(39), "è".repeat(11)];
        assert_eq!(found.iter().map(|(.., text)| text.clone().expect("text")).collect::<Vec<_>>(), expected);
        assert_eq!(found.iter().map(|(offset, ..)| *offset).collect::<Vec<_>>(), [0, 61, 139]);
    }

    #[test]
    fn a_json_line_that_is_too_long_is_dropped_and_accounted_for() {
        let text = format!("{}\n{{}}\n", "x".repeat(150));
        let found = records(cut(&Framing::JsonLine, 100, text.as_bytes(), 0, 40));
        assert_eq!(found, [(0, 150, Err(Verdict::TooLong)), (151, 2, Err(Verdict::MissingText))]);
    }

    proptest! {
        #[test]
        fn the_records_are_the_same_however_the_file_is_read_and_wherever_reading_goes_on(
            text in "([ab]{1,9}|[ \\n\r\té]|\n\n|\\{\"text\": \"x\"\\}\n){0,60}",
            max_record in 5_usize..30,
            piece in 4_usize..50,
        ) {
            let text = text.as_bytes();
            for framing in [Framing::Line, Framing::BlankLine, Framing::JsonLine] {
                let whole = Chunk {
                    framing: framing.clone(), text_column: "text".into(), max_record, offset: 0, end: text.len() as u64, bytes: text.to_vec(),
                };
                let expected = records([whole]);
                let chunks = cut(&framing, max_record, text, 0, piece);
                prop_assert_eq!(&records(chunks.clone()), &expected, "{:?}", framing);
                for (index, chunk) in chunks.iter().enumerate() {
                    let before = records(chunks[..=index].to_vec());
                    let after = records(cut(&framing, max_record, text, chunk.end as usize, piece + 3));
                    prop_assert_eq!(&[before, after].concat(), &expected, "{:?} from {}", framing, chunk.end);
                }
            }
        }
    }
}
