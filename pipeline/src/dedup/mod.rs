//! Which documents are copies of earlier ones, and which paragraphs are.
//!
//! One pass over the documents in input order; of several copies the first is kept. A document is compared with what was kept before it: by the hash of its text, then by
//! the shingles that it shares with those that have a MinHash band in common with it, and at last paragraph by paragraph. Nothing depends on where files or chunks begin.
//!
//! Memory: 102 to 126 bytes a kept document (nine bands and the text's hash in tables of 8-byte entries that are 68 to 85 % full, and the place in the log), 9 to 12 a distinct
//! paragraph. Beyond `dedup.memory_mib` it all goes on on the disk, in the output folder.

mod features;
mod index;
mod log;
mod places;
mod runs;
mod sketch;
mod tables;

pub use features::{FeatureExtractor, Features, Lists};

use std::{
    borrow::Cow,
    fs::{self, File},
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use features::{Paragraph, Shingles};
use index::{Index, TEXT_COLUMN};
use log::{Log, Record};
use places::Places;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use sketch::Comparison;
use tables::ParagraphCounts;

use crate::config::DedupConfig;

#[derive(Debug, thiserror::Error)]
pub enum DedupError {
    #[error("{path}: cannot be used")]
    Io { path: PathBuf, source: io::Error },
    #[error("{0}: is damaged, or shorter than the checkpoint states: delete the output folder and start again")]
    Damaged(PathBuf),
}

/// What becomes of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Kept, without these bytes of its text.
    Keep { dropped_paragraphs: Vec<Range<usize>> },
    /// The text of this earlier document.
    Duplicate(u64),
    /// Nearly the text of this earlier document.
    NearDuplicate(u64),
    /// Earlier documents hold every paragraph often enough.
    RepeatedParagraphs,
}

/// A moment in the stream of documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    log_bytes: u64,
}

impl Mark {
    /// Brings what belongs to the mark to the disk.
    pub fn synchronize(&self, scratch: &Path) -> Result<(), DedupError> {
        log::synchronize(scratch)
    }
}

/// The state of the stream. Documents are to be judged in input order.
pub struct Deduplicator {
    exact: bool,
    threshold: f64,
    max_copies: u32,
    tables: Tables,
    log: Log,
    candidates: Vec<u32>,
    comparison: Comparison,
    /// The paragraphs that are kept of a document.
    kept: Vec<u64>,
    /// How often each of them.
    times: FxHashMap<u64, u32>,
}

struct Tables {
    max_bytes: usize,
    index: Index,
    paragraphs: ParagraphCounts,
    /// The place of each kept document in the log.
    places: Places,
}

impl Deduplicator {
    /// Begins a stream, with its files in the folder `scratch`.
    pub fn create(config: &DedupConfig, scratch: &Path) -> Result<Self, DedupError> {
        Self::resume(config, scratch, &Mark::default())
    }

    /// Goes on from `mark`; what the files hold from after it is cut off.
    pub fn resume(config: &DedupConfig, scratch: &Path, mark: &Mark) -> Result<Self, DedupError> {
        if mark.log_bytes == 0 && scratch.exists() {
            fs::remove_dir_all(scratch).map_err(|source| DedupError::Io { path: scratch.to_owned(), source })?;
        }
        let mut tables = Tables {
            max_bytes: config.memory_mib << 20,
            index: Index::new(scratch),
            paragraphs: ParagraphCounts::new(scratch),
            places: Places::new(scratch),
        };
        let log = Log::open(scratch, mark.log_bytes, &mut |place, record| tables.enter(place, &record))?;
        let (threshold, max_copies) = (config.near.threshold, config.paragraphs.max_copies);
        Ok(Self {
            exact: config.exact.enabled,
            threshold,
            max_copies,
            tables,
            log,
            candidates: Vec::new(),
            comparison: Comparison::default(),
            kept: Vec::new(),
            times: FxHashMap::default(),
        })
    }

    /// Prepares for a document that will be judged soon.
    pub fn prefetch(&self, features: &Features, lists: &Lists) {
        let bands = features.near.iter().flat_map(Shingles::bands);
        self.tables.index.prefetch(bands.chain([(TEXT_COLUMN, text_value(features.key.0))]));
        lists.paragraphs[features.paragraphs.clone()].iter().for_each(|paragraph| self.tables.paragraphs.prefetch(paragraph.hash));
    }

    /// `lists` are those that the rest of what is known of the document was appended to.
    pub fn judge(&mut self, id: u64, features: Features, lists: &Lists) -> Result<Judgement, DedupError> {
        let Features { key, near, paragraphs, text_bytes } = features;
        let near = near.map(|found| found.with_values(&lists.sketches));
        if self.exact
            && let Some(original) = self.duplicate_of(key.0)?
        {
            return Ok(Judgement::Duplicate(original));
        }
        if let Some(shingles) = &near
            && let Some(original) = self.near_duplicate_of(shingles)?
        {
            return Ok(Judgement::NearDuplicate(original));
        }
        let dropped = self.split(&lists.paragraphs[paragraphs])?;
        let dropped_paragraphs = ranges(&dropped, text_bytes);
        if text_bytes > 0 && dropped_paragraphs.first() == Some(&(0..text_bytes)) {
            return Ok(Judgement::RepeatedParagraphs);
        }
        let record = Record { id, key: key.0, near, paragraphs: Cow::Borrowed(&self.kept) };
        let place = self.log.append(&record);
        self.tables.enter(place, &record)?;
        Ok(Judgement::Keep { dropped_paragraphs })
    }

    /// The moment after the last document: all that was judged is in the files.
    pub fn mark(&mut self) -> Result<Mark, DedupError> {
        Ok(Mark { log_bytes: self.log.flush()? })
    }

    /// Bytes in memory.
    pub fn memory_bytes(&self) -> usize {
        self.tables.memory_bytes()
    }

    /// The first kept document with this text.
    fn duplicate_of(&mut self, key: u128) -> Result<Option<u64>, DedupError> {
        let Self { tables, log, candidates, .. } = self;
        first(tables, log, candidates, [(TEXT_COLUMN, text_value(key))], |record| record.key == key)
    }

    /// The first kept document that is similar enough.
    fn near_duplicate_of(&mut self, shingles: &Shingles<Cow<'_, [u16]>>) -> Result<Option<u64>, DedupError> {
        let Self { tables, log, candidates, comparison, threshold, .. } = self;
        comparison.forget();
        first(tables, log, candidates, shingles.bands(), |record| {
            record.near.as_ref().is_some_and(|other| comparison.similarity(&shingles.sketch, &other.sketch) >= *threshold)
        })
    }

    /// Remembers the hashes of the paragraphs that are kept; returns those of which there are copies enough.
    fn split<'p>(&mut self, paragraphs: &'p [Paragraph]) -> Result<Vec<&'p Paragraph>, DedupError> {
        self.kept.clear();
        self.times.clear();
        let mut dropped = Vec::new();
        for paragraph in paragraphs {
            let earlier = self.times.entry(paragraph.hash).or_default();
            if self.tables.paragraphs.get(paragraph.hash)? + u64::from(*earlier) < u64::from(self.max_copies) {
                self.kept.push(paragraph.hash);
                *earlier += 1;
            } else {
                dropped.push(paragraph);
            }
        }
        Ok(dropped)
    }
}

/// The first document under any of the index's values whose record is accepted.
fn first(
    tables: &Tables,
    log: &mut Log,
    candidates: &mut Vec<u32>,
    values: impl IntoIterator<Item = (usize, u32)>,
    mut accepts: impl FnMut(&Record<'static>) -> bool,
) -> Result<Option<u64>, DedupError> {
    candidates.clear();
    for (column, value) in values {
        tables.index.find(column, value, candidates)?;
    }
    candidates.sort_unstable();
    candidates.dedup();
    for &document in &*candidates {
        let record = log.get(tables.places.get(document)?)?;
        if accepts(record) {
            return Ok(Some(record.id));
        }
    }
    Ok(None)
}

/// A new file, to be written and read.
fn create_file(path: &Path) -> Result<File, DedupError> {
    let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
    file.map_err(|source| DedupError::Io { path: path.to_owned(), source })
}

/// What of a text's hash the index holds.
fn text_value(key: u128) -> u32 {
    (key >> 96) as u32
}

impl Tables {
    fn enter(&mut self, place: u64, record: &Record<'_>) -> Result<(), DedupError> {
        let document = self.places.push(place);
        self.index.insert(TEXT_COLUMN, text_value(record.key), document)?;
        for (band, value) in record.near.iter().flat_map(Shingles::bands) {
            self.index.insert(band, value, document)?;
        }
        record.paragraphs.iter().for_each(|&hash| self.paragraphs.add_one(hash));
        if self.memory_bytes() > self.max_bytes { self.spill() } else { Ok(()) }
    }

    fn memory_bytes(&self) -> usize {
        self.index.memory_bytes() + self.paragraphs.memory_bytes() + self.places.memory_bytes()
    }

    /// Brings the larger table to the disk.
    fn spill(&mut self) -> Result<(), DedupError> {
        self.places.spill()?;
        if self.paragraphs.memory_bytes() > self.index.memory_bytes() { self.paragraphs.spill() } else { self.index.spill() }
    }
}

/// The bytes to leave out so that the dropped paragraphs are gone and the white space between the others is regular.
fn ranges(dropped: &[&Paragraph], text_bytes: usize) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut previous_end = 0;
    for paragraph in dropped {
        match ranges.last_mut() {
            Some(range) if range.end == paragraph.line.start => range.end = paragraph.next_start,
            _ => {
                ranges.push(paragraph.line.start..paragraph.next_start);
                previous_end = paragraph.previous_end;
            }
        }
    }
    if let Some(range) = ranges.last_mut()
        && range.end == text_bytes
    {
        range.start = previous_end;
    }
    ranges
}

#[cfg(test)]
mod tests;
