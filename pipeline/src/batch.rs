//! What passes from stage to stage, and what each stage does with it: plain functions from batch to batch.

use std::{collections::BTreeMap, ops::Range};

use schemas::{
    documents::Verdict,
    hash::ContentHash,
    manifest::{ShardInfo, Totals},
};
use serde::{Deserialize, Serialize};

use crate::{
    clean::{Change, CleanCounts, Cleaner},
    config::Config,
    corpus::Corpus,
    dedup::{DedupError, Deduplicator, FeatureExtractor, Features, Judgement, Lists, Mark},
    letters::{append_without, shingles},
    pack::{PackedSequence, Packer, PackerState},
    read::{Chunk, CleanedRow, Framing},
    resume::Checkpoint,
    tokenize::Encoder,
    write::{DocumentRow, append_json_line},
};

/// How far ahead of the document that is judged deduplication gets ready.
const DOCUMENTS_AHEAD: usize = 2;

/// A place in the inputs between two records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The input's number.
    pub input: usize,
    /// Bytes of its text, or rows of a Parquet file, before this place.
    pub offset: u64,
}

/// Some documents on their way through the stages; each stage fills in what it finds out.
#[derive(Default)]
pub struct Batch {
    /// What was read: chunks one after another, and the number of the file of each.
    pub chunks: Vec<(u32, Chunk)>,
    /// Memory of chunks that went through before.
    spare: Vec<u8>,
    /// Bytes of the chunks, and what reading them took from the files, compressed as they are.
    pub bytes: usize,
    pub file_bytes: u64,
    /// Where the next batch begins.
    pub next: Position,
    /// Whether it is the last of what was read to its end.
    pub is_last: bool,
    changes: CleanCounts,
    text: String,
    /// What deduplication must know beside the documents' features.
    lists: Lists,
    pub documents: Vec<Document>,
    /// The id of the first document.
    pub first_id: u64,
    /// The state of deduplication after this batch.
    pub dedup: Mark,
    ids: Vec<u32>,
    /// The rows that packing filled with this batch's documents.
    pub rows: Vec<PackedSequence>,
    /// The state of the run after these rows, if writing asked for it.
    pub state: Option<Box<(Checkpoint<ShardInfo>, PackerState)>>,
    /// The documents as JSON lines.
    pub kept_lines: Vec<u8>,
    pub dropped_lines: Vec<u8>,
}

pub struct Document {
    pub row: DocumentRow,
    /// Its clean text in the batch's `text`.
    text: Range<usize>,
    features: Option<Features>,
    /// Repeated paragraphs, in bytes of its text.
    dropped: Vec<Range<usize>>,
    /// How often it is packed.
    copies: u32,
    /// Its ids in the batch's `ids`, without special tokens; so many of them stand for what the tokenizer does not know.
    ids: Range<usize>,
    unknown: u32,
}

impl Batch {
    /// Adds what was read of a file.
    pub fn read(&mut self, file: u32, chunk: Chunk, file_bytes: u64, next: Position) {
        self.bytes += chunk.bytes.len();
        self.file_bytes += file_bytes;
        self.next = next;
        self.chunks.push((file, chunk));
    }

    /// Memory for bytes that are to be read, if it has some to spare.
    pub fn spare_buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    /// Empties it; the memory is for the next documents.
    pub fn clear(&mut self) {
        let Self { chunks, mut text, mut lists, mut documents, mut ids, mut rows, mut kept_lines, mut dropped_lines, .. } =
            std::mem::take(self);
        let mut spare = chunks.into_iter().next().map_or_else(Vec::new, |(_, chunk)| chunk.bytes);
        spare.clear();
        text.clear();
        lists.clear();
        documents.clear();
        ids.clear();
        rows.clear();
        kept_lines.clear();
        dropped_lines.clear();
        *self = Self { spare, text, lists, documents, ids, rows, kept_lines, dropped_lines, ..Self::default() };
    }

    pub fn text(&self, document: &Document) -> &str {
        &self.text[document.text.clone()]
    }

    /// Appends the document's text, without the paragraphs that were dropped, to `out`.
    pub fn append_text(&self, document: &Document, out: &mut String) {
        append_without(self.text(document), document.dropped.iter().cloned(), out);
    }

    fn push(&mut self, row: DocumentRow, text: Range<usize>, features: Option<Features>) {
        self.documents.push(Document { row, text, features, dropped: Vec::new(), copies: 1, ids: 0..0, unknown: 0 });
    }
}

/// The first parallel stage: chunks → clean documents, and what deduplication must know of them.
pub struct Preparer {
    cleaner: Cleaner,
    features: Option<FeatureExtractor>,
}

impl Preparer {
    /// `for_dedup` says whether deduplication follows.
    pub fn new(config: &Config, for_dedup: bool) -> Self {
        Self { cleaner: Cleaner::new(&config.clean), features: for_dedup.then(|| FeatureExtractor::new(&config.dedup)) }
    }

    pub fn prepare(&mut self, batch: &mut Batch) {
        let chunks = std::mem::take(&mut batch.chunks);
        for (file, chunk) in &chunks {
            if let Framing::Cleaned(rows) = &chunk.framing {
                self.take_over(chunk, rows, batch);
            } else {
                self.clean(chunk, *file, batch);
            }
        }
        batch.chunks = chunks;
    }

    fn clean(&mut self, chunk: &Chunk, file: u32, batch: &mut Batch) {
        chunk.for_each_record(&mut |record| {
            let start = batch.text.len();
            let verdict = match record.text {
                Ok(text) => self.cleaner.clean_into(&text, &mut batch.text, &mut batch.changes),
                Err(reason) => reason,
            };
            batch.changes.add(Change::Windows1252, record.decoding.windows_1252);
            batch.changes.add(Change::InvalidUtf8, record.decoding.invalid);
            let text = &batch.text[start..];
            let row = new_row(file, record.offset, record.length, verdict, text);
            let extractor = self.features.as_mut().filter(|_| verdict == Verdict::Keep);
            let features = extractor.map(|extractor| extractor.extract(text, row.hash, self.cleaner.shingles(), &mut batch.lists));
            batch.push(row, start..batch.text.len(), features);
        });
    }

    /// Takes documents that another process has cleaned, and counted as they were read.
    fn take_over(&mut self, chunk: &Chunk, rows: &[CleanedRow], batch: &mut Batch) {
        let mut start = batch.text.len();
        batch.text.push_str(&String::from_utf8_lossy(&chunk.bytes));
        for row in rows {
            let range = start..start + row.text_bytes;
            start = range.end;
            let text = &batch.text[range.clone()];
            let extractor = self.features.as_mut().filter(|_| row.verdict == Verdict::Keep);
            let row = new_row(row.file, row.offset, row.length, row.verdict, text);
            let features = extractor.map(|extractor| extractor.extract(text, row.hash, &shingles(text), &mut batch.lists));
            batch.push(row, range, features);
        }
    }
}

fn new_row(file: u32, offset: u64, length: u64, verdict: Verdict, text: &str) -> DocumentRow {
    DocumentRow { file, offset, length, hash: ContentHash::of(text.as_bytes()), tokens: 0, verdict, duplicate_of: None }
}

/// The stage that sees all documents in their order: how often each is used, and which are copies.
pub struct Judge {
    deduplicator: Deduplicator,
    next_id: u64,
}

impl Judge {
    pub fn new(deduplicator: Deduplicator, next_id: u64) -> Self {
        Self { deduplicator, next_id }
    }

    /// Bytes that deduplication holds in memory.
    pub fn memory_bytes(&self) -> usize {
        self.deduplicator.memory_bytes()
    }

    /// `weight_of` gives the weight of a file's source.
    pub fn judge(&mut self, batch: &mut Batch, weight_of: impl Fn(u32) -> f64) -> Result<(), DedupError> {
        batch.first_id = self.next_id;
        for place in 0..batch.documents.len() {
            if let Some(features) = batch.documents.get(place + DOCUMENTS_AHEAD).and_then(|document| document.features.as_ref()) {
                self.deduplicator.prefetch(features, &batch.lists);
            }
            let document = &mut batch.documents[place];
            let id = self.next_id;
            self.next_id += 1;
            let Some(features) = document.features.take() else { continue };
            let row = &mut document.row;
            document.copies = copies(row.hash, weight_of(row.file));
            if document.copies == 0 {
                // It stands for no other document: a copy of it in another source may be used.
                row.verdict = Verdict::SampledOut;
                continue;
            }
            match self.deduplicator.judge(id, features, &batch.lists)? {
                Judgement::Keep { dropped_paragraphs } => document.dropped = dropped_paragraphs,
                Judgement::Duplicate(original) => (row.verdict, row.duplicate_of) = (Verdict::Duplicate, Some(original)),
                Judgement::NearDuplicate(original) => (row.verdict, row.duplicate_of) = (Verdict::NearDuplicate, Some(original)),
                Judgement::RepeatedParagraphs => row.verdict = Verdict::RepeatedParagraphs,
            }
        }
        batch.dedup = self.deduplicator.mark()?;
        Ok(())
    }
}

/// How often a document is used whose source has this weight: its whole part always, and once more with the probability that is left. The text's hash
/// decides, so the same text is always treated alike.
fn copies(hash: ContentHash, weight: f64) -> u32 {
    let chance = (hash.0 >> 64) as u64 as f64 / u64::MAX as f64;
    weight.trunc() as u32 + u32::from(chance < weight.fract())
}

/// The second parallel stage of a build.
pub struct Tokenizer {
    encoder: Encoder,
    text: String,
}

impl Tokenizer {
    pub fn new(encoder: Encoder) -> Self {
        Self { encoder, text: String::new() }
    }

    pub fn tokenize(&mut self, batch: &mut Batch) {
        let unknown = self.encoder.special_tokens().unk;
        let mut documents = std::mem::take(&mut batch.documents);
        for document in documents.iter_mut().filter(|document| document.row.verdict == Verdict::Keep) {
            let start = batch.ids.len();
            if document.dropped.is_empty() {
                self.encoder.encode_into(&batch.text[document.text.clone()], &mut batch.ids);
            } else {
                self.text.clear();
                batch.append_text(document, &mut self.text);
                self.encoder.encode_into(&self.text, &mut batch.ids);
            }
            document.ids = start..batch.ids.len();
            document.unknown = batch.ids[start..].iter().map(|&id| u32::from(id == unknown)).sum();
        }
        batch.documents = documents;
    }
}

/// Writes the documents as JSON lines, kept and dropped ones apart; those that are dropped only where `with_dropped` says so.
pub fn print(batch: &mut Batch, corpus: &Corpus, with_dropped: bool) {
    let (mut kept, mut dropped) = (std::mem::take(&mut batch.kept_lines), std::mem::take(&mut batch.dropped_lines));
    let mut text = String::new();
    for (document, id) in batch.documents.iter().zip(batch.first_id..) {
        let is_kept = document.row.verdict == Verdict::Keep;
        if is_kept || with_dropped {
            text.clear();
            batch.append_text(document, &mut text);
            let out = if is_kept { &mut kept } else { &mut dropped };
            append_json_line(id, &corpus.files[document.row.file as usize].path, &document.row, &text, out);
        }
    }
    (batch.kept_lines, batch.dropped_lines) = (kept, dropped);
}

/// Adds up what all stages counted, per source and in all. What only the end of the run knows stays at zero.
pub struct Tally<'c> {
    pub totals: Totals,
    pub corpus: &'c Corpus,
}

impl Tally<'_> {
    /// Counts a batch's text and changes.
    pub fn count_batch(&mut self, batch: &Batch) {
        self.totals.read.documents += batch.documents.len() as u64;
        self.totals.clean.bytes += batch.text.len() as u64;
        batch.changes.add_to(&mut self.totals.clean);
        for range in batch.documents.iter().flat_map(|document| &document.dropped) {
            self.totals.dedup.dropped_paragraphs += 1;
            self.totals.dedup.dropped_paragraph_bytes += range.len() as u64;
        }
    }

    /// Counts a document whose verdict is final.
    pub fn count_document(&mut self, row: &DocumentRow) {
        let verdict = row.verdict.name();
        count(&mut self.totals.verdicts, &verdict);
        self.totals.read.bytes += row.length;
        let source = &mut self.totals.sources[self.corpus.source_of(row.file)];
        source.documents += 1;
        source.bytes += row.length;
        source.tokens += row.tokens;
        count(&mut source.verdicts, &verdict);
    }
}

/// Counts one more under a name, for which no memory is taken once it is known.
fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    if let Some(count) = counts.get_mut(name) {
        *count += 1;
    } else {
        counts.insert(name.to_owned(), 1);
    }
}

/// Packs a batch's documents, and fills in what `documents.parquet` says of them; with the last batch, all that is left.
pub fn pack(packer: &mut Packer, batch: &mut Batch, tally: &mut Tally<'_>) {
    tally.count_batch(batch);
    for (document, id) in batch.documents.iter_mut().zip(batch.first_id..) {
        let row = &mut document.row;
        if row.verdict == Verdict::Keep {
            let ids = &batch.ids[document.ids.clone()];
            row.tokens = (0..document.copies).map(|_| packer.push(id, ids, &mut batch.rows)).sum();
            tally.totals.pack.unknown_tokens += u64::from(document.unknown) * u64::from(document.copies);
            // Text that the tokenizer's normalisation leaves nothing of.
            row.verdict = if row.tokens == 0 { Verdict::Empty } else { Verdict::Keep };
            tally.totals.pack.documents += u64::from(row.tokens > 0);
        }
        tally.count_document(row);
    }
    if batch.is_last {
        packer.finish(&mut batch.rows);
    }
    let totals = &mut tally.totals.pack;
    totals.rows += batch.rows.len() as u64;
    totals.segments += batch.rows.iter().map(|row| row.segment_lengths.len() as u64).sum::<u64>();
    totals.tokens += batch.rows.iter().map(|row| row.input_ids.len() as u64).sum::<u64>();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_a_number_of_copies_on_average() {
        let hashes: Vec<_> = (0..10_000_u32).map(|number| ContentHash::of(&number.to_le_bytes())).collect();
        for weight in [0.0, 0.25, 1.0, 1.5, 3.0] {
            let total: u32 = hashes.iter().map(|&hash| copies(hash, weight)).sum();
            assert!((f64::from(total) - weight * 10_000.0).abs() < 200.0, "{weight}: {total}");
        }
    }
}
