//! Which documents share a MinHash band or a text: a hash table for each band and one for the texts, and sorted runs on the disk when there are too many.

use std::path::Path;

use super::{DedupError, features::BANDS, runs::SortedRuns, tables::Slots};

/// Documents under one value, at most: more are boilerplate, and looking at all of them would take time without end.
const MAX_BUCKET: usize = 64;
/// The column of the texts' hashes; those before it are the bands'.
pub(super) const TEXT_COLUMN: usize = BANDS;
const COLUMNS: usize = BANDS + 1;

/// Values in several columns → numbers of documents.
pub(super) struct Index {
    tables: [Slots<32>; COLUMNS],
    runs: SortedRuns,
    bucket: Vec<u32>,
}

impl Index {
    /// What memory cannot hold will go to files in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self { tables: Default::default(), runs: SortedRuns::new(folder, "index"), bucket: Vec::new() }
    }

    /// Begins to bring near where the searches for some values begin, in memory: each begins far from the others.
    pub(super) fn prefetch(&self, values: impl IntoIterator<Item = (usize, u32)>) {
        values.into_iter().for_each(|(column, value)| self.tables[column].prefetch(entry(value, 0)));
    }

    /// Appends the documents under a value to `found`.
    pub(super) fn find(&self, column: usize, value: u32, found: &mut Vec<u32>) -> Result<(), DedupError> {
        found.extend(self.tables[column].find(entry(value, 0)).map(|entry| entry as u32));
        self.runs.visit(column, entry(value, 0), &mut |entry| {
            let is_under_it = (entry >> 32) as u32 == value;
            found.extend(is_under_it.then_some(entry as u32));
            is_under_it
        })
    }

    /// Enters a document, unless the bucket is full.
    pub(super) fn insert(&mut self, column: usize, value: u32, document: u32) -> Result<(), DedupError> {
        let mut bucket = std::mem::take(&mut self.bucket);
        bucket.clear();
        self.find(column, value, &mut bucket)?;
        if bucket.len() < MAX_BUCKET {
            self.tables[column].insert(entry(value, document));
        }
        self.bucket = bucket;
        Ok(())
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.tables.iter().map(Slots::memory_bytes).sum()
    }

    pub(super) fn spill(&mut self) -> Result<(), DedupError> {
        self.runs.push(&self.tables.each_mut().map(Slots::take_sorted))
    }
}

/// Value and document in one number: sorted by value, then by document.
fn entry(value: u32, document: u32) -> u64 {
    u64::from(value) << 32 | u64::from(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::mix;

    fn value(document: u32, column: usize) -> u32 {
        (mix(u64::from(document) * 16 + column as u64) >> 32) as u32
    }

    #[test]
    fn what_is_on_the_disk_is_found_as_what_is_in_memory() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (mut spilling, mut in_memory) = (Index::new(folder.path()), Index::new(folder.path()));
        for document in 0..5000 {
            for column in 0..COLUMNS {
                let value = value(document % 700, column);
                let found = [&spilling, &in_memory].map(|index| {
                    let mut found = Vec::new();
                    index.find(column, value, &mut found).expect("readable");
                    found.sort_unstable();
                    found
                });
                assert_eq!(found[0], found[1], "{document}");
                assert_eq!(found[0].len(), document as usize / 700);
                spilling.insert(column, value, document).expect("written");
                in_memory.insert(column, value, document).expect("written");
            }
            if document % 300 == 299 {
                spilling.spill().expect("written");
                assert_eq!(spilling.memory_bytes(), 0);
            }
        }
    }

    #[test]
    fn a_bucket_has_an_end() {
        let mut index = Index::new(Path::new("."));
        let mut found = Vec::new();
        (0..200).for_each(|document| index.insert(3, 7, document).expect("in memory"));
        index.find(3, 7, &mut found).expect("in memory");
        found.sort_unstable();
        assert_eq!(found, (0..MAX_BUCKET as u32).collect::<Vec<_>>());
    }

    #[test]
    fn it_takes_at_most_128_bytes_a_document_at_any_size() {
        let mut index = Index::new(Path::new("."));
        for document in 0..40_000 {
            (0..COLUMNS).for_each(|column| index.insert(column, value(document, column), document).expect("in memory"));
            let place_in_the_log = 8;
            let bytes = index.memory_bytes() as f64 / f64::from(document + 1) + f64::from(place_in_the_log);
            assert!(document < 1000 || bytes <= 128.0, "{document}: {bytes}");
        }
    }
}
