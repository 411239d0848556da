//! The figures of an evaluation by source and by the length of the segment.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    ops::AddAssign,
    path::Path,
};

use serde::Serialize;

use crate::{
    data::{
        documents::{DocumentSource, visit_sources},
        micro_batch::MicroBatch,
    },
    error::Result,
};

/// The shortest class of segments reaches to this length; each further one to twice the length of the one before.
const SHORTEST_CLASS: u64 = 32;
/// A table shows that many sources; JSON has all.
const SOURCES_IN_TABLE: usize = 20;

/// Figures of the whole, cut in two ways. The segments, tokens and masked tokens of each way add up to the whole.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Breakdown {
    /// By the `[[sources]]` section of the corpus, or by input file if there is but one section; the most masked tokens first.
    /// None if the directory has no `documents.parquet`.
    pub sources: Option<Vec<Part>>,
    /// By the length of a document's piece of a row, the shortest first.
    pub segment_lengths: Vec<Part>,
}

/// The figures of some segments.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    pub name: String,
    pub segments: u64,
    pub tokens: u64,
    pub masked_tokens: u64,
    /// As those of the whole; NaN, in JSON null, if no token is masked.
    pub loss: f64,
    pub perplexity: f64,
    pub accuracy: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    segments: u64,
    tokens: u64,
    masked_tokens: u64,
    loss: f64,
    num_right: u64,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.segments += other.segments;
        self.tokens += other.tokens;
        self.masked_tokens += other.masked_tokens;
        self.loss += other.loss;
        self.num_right += other.num_right;
    }
}

impl Sums {
    fn part(self, name: String) -> Part {
        let Self { segments, tokens, masked_tokens, loss, num_right } = self;
        let loss = loss / masked_tokens as f64;
        let accuracy = num_right as f64 / masked_tokens as f64;
        Part { name, segments, tokens, masked_tokens, loss, perplexity: loss.exp(), accuracy }
    }
}

/// Collects the figures of segments, batch by batch.
#[derive(Default)]
pub(crate) struct Collector {
    by_document: HashMap<u64, Sums>,
    /// By the longest length of the class.
    by_length: BTreeMap<u64, Sums>,
}

impl Collector {
    /// Adds a batch with the cross-entropy of every masked token, and whether its most probable prediction is right.
    pub(crate) fn add(&mut self, batch: &MicroBatch, losses: &[f32], is_right: &[bool]) {
        let mut masked = batch.masked_positions.iter().zip(losses.iter().zip(is_right)).peekable();
        let mut end = 0;
        for piece in &batch.pieces {
            end += i32::from(piece.length);
            let length = u64::from(piece.length);
            let mut sums = Sums { segments: 1, tokens: length, ..Sums::default() };
            while let Some((_, (&loss, &is_right))) = masked.next_if(|&(&position, _)| position < end) {
                sums += Sums { masked_tokens: 1, loss: loss.into(), num_right: is_right.into(), ..Sums::default() };
            }
            *self.by_document.entry(piece.document_id).or_default() += sums;
            *self.by_length.entry(length.next_power_of_two().max(SHORTEST_CLASS)).or_default() += sums;
        }
    }

    /// The figures, with the sources of the documents of a shard directory.
    pub(crate) fn finish(self, shards: &Path) -> Result<Breakdown> {
        let class = |(longest, sums): (u64, Sums)| {
            let shortest = if longest == SHORTEST_CLASS { 1 } else { longest / 2 + 1 };
            sums.part(format!("{shortest} to {longest}"))
        };
        let mut by_source: BTreeMap<DocumentSource, Sums> = BTreeMap::new();
        let documents = self.by_document.keys().copied().collect();
        let known = visit_sources(shards, documents, |id, source| *by_source.entry(source).or_default() += self.by_document[&id])?;
        let segment_lengths = self.by_length.into_iter().map(class).collect();
        Ok(Breakdown { sources: known.then(|| source_parts(&by_source)), segment_lengths })
    }
}

fn source_parts(by_source: &BTreeMap<DocumentSource, Sums>) -> Vec<Part> {
    let mut names: Vec<&str> = by_source.keys().map(|source| source.name.as_str()).collect();
    names.dedup();
    let by_name = names.len() > 1;
    let mut sums: BTreeMap<&str, Sums> = BTreeMap::new();
    for (source, part) in by_source {
        *sums.entry(if by_name { &source.name } else { &source.file }).or_default() += *part;
    }
    let mut parts: Vec<Part> = sums.into_iter().map(|(name, sums)| sums.part(name.to_owned())).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.masked_tokens));
    parts
}

/// A table.
impl fmt::Display for Breakdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = |f: &mut fmt::Formatter<'_>, title: &str, parts: &[Part]| {
            let width = parts.iter().map(|part| part.name.chars().count()).chain([title.chars().count()]).max().unwrap_or_default();
            write!(
                f,
                "{title:width$}  {:>10}  {:>13}  {:>8}  {:>10}  {:>8}",
                "segments", "masked tokens", "loss", "perplexity", "accuracy"
            )?;
            parts.iter().try_for_each(|part| {
                let Part { name, segments, masked_tokens, loss, perplexity, accuracy, .. } = part;
                write!(
                    f,
                    "\n{name:width$}  {segments:>10}  {masked_tokens:>13}  {loss:>8.4}  {perplexity:>10.2}  {:>7.1}%",
                    100.0 * accuracy
                )
            })
        };
        table(f, "segment length", &self.segment_lengths)?;
        let Some(sources) = &self.sources else {
            return write!(f, "\n\nThe sources are not known: the shards have no {}", schemas::DOCUMENTS_FILE);
        };
        f.write_str("\n\n")?;
        table(f, "source", &sources[..sources.len().min(SOURCES_IN_TABLE)])?;
        match sources.len().saturating_sub(SOURCES_IN_TABLE) {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more, with --json"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::micro_batch::Piece;

    #[test]
    fn every_masked_token_counts_for_its_segment() {
        let piece = |document_id, length| Piece { row: 0, document_id, length };
        let batch = MicroBatch {
            pieces: vec![piece(7, 3), piece(8, 40), piece(7, 100), piece(9, 32)],
            masked_positions: vec![0, 2, 3, 42, 43, 142],
            ..MicroBatch::default()
        };
        let mut collector = Collector::default();
        collector.add(&batch, &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0], &[true, false, true, false, true, true]);
        let document = |id: u64| {
            let Sums { segments, tokens, masked_tokens, loss, num_right } = collector.by_document[&id];
            (segments, tokens, masked_tokens, loss, num_right)
        };
        assert_eq!([7, 8, 9].map(document), [(2, 103, 4, 51.0, 3), (1, 40, 2, 12.0, 1), (1, 32, 0, 0.0, 0)]);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let Breakdown { sources, segment_lengths } = collector.finish(folder.path()).expect("figures");
        assert_eq!(sources, None);
        let found: Vec<_> =
            segment_lengths.iter().map(|part| (part.name.as_str(), part.tokens, part.masked_tokens, part.loss, part.accuracy)).collect();
        assert_eq!(found, [("1 to 32", 35, 2, 1.5, 0.5), ("33 to 64", 40, 2, 6.0, 0.5), ("65 to 128", 100, 2, 24.0, 1.0)]);
    }

    #[test]
    fn sources_are_sections_if_there_are_several_and_files_if_not() {
        let source = |name: &str, file: &str| DocumentSource { name: name.into(), file: file.into() };
        let sums = |masked_tokens| Sums { segments: 1, tokens: 9, masked_tokens, loss: 2.0, num_right: 0 };
        let parts = |sources: &[(DocumentSource, Sums)]| -> Vec<(String, u64)> {
            source_parts(&sources.iter().cloned().collect()).into_iter().map(|part| (part.name, part.masked_tokens)).collect()
        };
        let one_section = [(source("default", "a.txt"), sums(1)), (source("default", "b.txt"), sums(2))];
        assert_eq!(parts(&one_section), [("b.txt".to_owned(), 2), ("a.txt".to_owned(), 1)]);
        let two_sections = [(source("books", "a.txt"), sums(1)), (source("books", "b.txt"), sums(3)), (source("notes", "c.txt"), sums(2))];
        assert_eq!(parts(&two_sections), [("books".to_owned(), 4), ("notes".to_owned(), 2)]);
    }
}
