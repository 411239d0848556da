//! Which documents share a MinHash band: a hash table a band in memory, and sorted runs on the disk when there are too many.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{
    DedupError,
    features::BANDS,
    tables::{is_full, more_slots, probe},
};

/// Documents under one value of a band, at most: more are boilerplate, and looking at all of them would take time without end.
const MAX_BUCKET: usize = 64;
/// Runs on the disk, at most; then they become one.
const MAX_RUNS: usize = 4;
/// Entries read at a time.
const BLOCK: usize = 256;
const ENTRY_BYTES: usize = 8;

/// Band values → numbers of documents.
pub(super) struct LshIndex {
    bands: [BandTable; BANDS],
    runs: Vec<Run>,
    folder: PathBuf,
    max_bytes: usize,
    next_run: usize,
}

impl LshIndex {
    /// Above `max_bytes` the tables go to files in `folder`.
    pub(super) fn new(folder: &Path, max_bytes: usize) -> Self {
        Self { bands: Default::default(), runs: Vec::new(), folder: folder.to_owned(), max_bytes, next_run: 0 }
    }

    /// Puts into `found` every document that shares a band, each once, the earliest first.
    pub(super) fn candidates(&self, bands: &[u32; BANDS], found: &mut Vec<u32>) -> Result<(), DedupError> {
        found.clear();
        for (band, &value) in bands.iter().enumerate() {
            self.bucket(band, value, found)?;
        }
        found.sort_unstable();
        found.dedup();
        Ok(())
    }

    /// Enters a document, under every band whose bucket is not full.
    pub(super) fn insert(&mut self, bands: &[u32; BANDS], document: u32) -> Result<(), DedupError> {
        let mut bucket = Vec::new();
        for (band, &value) in bands.iter().enumerate() {
            bucket.clear();
            self.bucket(band, value, &mut bucket)?;
            if bucket.len() < MAX_BUCKET {
                self.bands[band].insert(entry(value, document));
            }
        }
        if self.memory_bytes() > self.max_bytes { self.spill() } else { Ok(()) }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bands.iter().map(|band| band.slots.capacity() * ENTRY_BYTES).sum()
    }

    fn bucket(&self, band: usize, value: u32, found: &mut Vec<u32>) -> Result<(), DedupError> {
        self.bands[band].bucket(value, found);
        self.runs.iter().try_for_each(|run| run.bucket(band, value, found))
    }

    fn spill(&mut self) -> Result<(), DedupError> {
        let path = self.folder.join(format!("run-{}", self.next_run));
        self.next_run += 1;
        let tables = std::mem::take(&mut self.bands);
        let sorted = tables.map(BandTable::into_sorted);
        self.runs.push(Run::write(path, sorted.iter().map(|entries| entries.iter().copied().map(Ok)))?);
        if self.runs.len() > MAX_RUNS { self.merge() } else { Ok(()) }
    }

    fn merge(&mut self) -> Result<(), DedupError> {
        let path = self.folder.join(format!("run-{}", self.next_run));
        self.next_run += 1;
        let merged = Run::write(path, (0..BANDS).map(|band| Merged::new(&self.runs, band)))?;
        for run in std::mem::replace(&mut self.runs, vec![merged]) {
            fs::remove_file(&run.path).map_err(|source| DedupError::Io { path: run.path, source })?;
        }
        Ok(())
    }
}

/// Value and document in one number: sorted by value, then by document.
fn entry(value: u32, document: u32) -> u64 {
    u64::from(value) << 32 | u64::from(document)
}

const FREE: u64 = u64::MAX;

/// Several documents may stand under one value; 8 bytes a slot.
#[derive(Default)]
struct BandTable {
    slots: Vec<u64>,
    entries: usize,
}

impl BandTable {
    fn bucket(&self, value: u32, found: &mut Vec<u32>) {
        for slot in probe(u64::from(value) << 32, self.slots.len()) {
            let entry = self.slots[slot];
            if entry == FREE {
                return;
            }
            if (entry >> 32) as u32 == value {
                found.push(entry as u32);
            }
        }
    }

    fn insert(&mut self, entry: u64) {
        if is_full(self.entries, self.slots.len()) {
            let slots = more_slots(self.slots.len());
            let old = std::mem::replace(&mut self.slots, vec![FREE; slots]);
            old.into_iter().filter(|&entry| entry != FREE).for_each(|entry| self.place(entry));
        }
        self.place(entry);
        self.entries += 1;
    }

    fn place(&mut self, entry: u64) {
        let free = probe(entry & 0xFFFF_FFFF_0000_0000, self.slots.len()).find(|&slot| self.slots[slot] == FREE);
        if let Some(slot) = free {
            self.slots[slot] = entry;
        }
    }

    fn into_sorted(self) -> Vec<u64> {
        let mut entries = self.slots;
        entries.retain(|&entry| entry != FREE);
        entries.sort_unstable();
        entries
    }
}

/// A file of sorted entries, band after band.
struct Run {
    file: File,
    path: PathBuf,
    /// Where each band begins, in entries, and where the last one ends.
    starts: [u64; BANDS + 1],
}

impl Run {
    fn write<E: Iterator<Item = Result<u64, DedupError>>>(path: PathBuf, bands: impl Iterator<Item = E>) -> Result<Self, DedupError> {
        let io_error = |source| DedupError::Io { path: path.clone(), source };
        let options = fs::OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
        let mut file = BufWriter::with_capacity(1 << 20, options.map_err(io_error)?);
        let mut starts = [0; BANDS + 1];
        for (band, entries) in bands.enumerate() {
            starts[band + 1] = starts[band];
            for entry in entries {
                file.write_all(&entry?.to_le_bytes()).map_err(io_error)?;
                starts[band + 1] += 1;
            }
        }
        let file = file.into_inner().map_err(|error| io_error(error.into_error()))?;
        Ok(Self { file, path, starts })
    }

    fn bucket(&self, band: usize, value: u32, found: &mut Vec<u32>) -> Result<(), DedupError> {
        let mut block = Vec::new();
        let mut at = self.lower_bound(band, entry(value, 0), &mut block)?;
        loop {
            self.read(band, at, &mut block)?;
            for &entry in &block {
                if (entry >> 32) as u32 != value {
                    return Ok(());
                }
                found.push(entry as u32);
            }
            if block.is_empty() {
                return Ok(());
            }
            at += block.len() as u64;
        }
    }

    /// The place of the first entry of the band that is not below `wanted`. Values are evenly spread, so the place can be guessed and is
    /// found in one or two reads; every guess that fails halves what is left at least.
    fn lower_bound(&self, band: usize, wanted: u64, block: &mut Vec<u64>) -> Result<u64, DedupError> {
        let (mut low, mut high) = (0, self.starts[band + 1] - self.starts[band]);
        let mut guess = ((u128::from(wanted) * u128::from(high)) >> 64) as u64;
        while low < high {
            let first = guess.saturating_sub(BLOCK as u64 / 2).clamp(low, high - 1);
            self.read(band, first, block)?;
            let below = block.partition_point(|&entry| entry < wanted) as u64;
            if below == 0 {
                high = first;
            } else if below < block.len() as u64 {
                return Ok(first + below);
            } else {
                low = first + below;
            }
            if first == low && below == 0 {
                return Ok(first);
            }
            guess = low.midpoint(high);
        }
        Ok(low)
    }

    /// Reads the band's entries from place `at` on, a block or as many as there are.
    fn read(&self, band: usize, at: u64, block: &mut Vec<u64>) -> Result<(), DedupError> {
        let begin = self.starts[band] + at;
        let count = self.starts[band + 1].saturating_sub(begin).min(BLOCK as u64) as usize;
        let mut bytes = [0; BLOCK * ENTRY_BYTES];
        let bytes = &mut bytes[..count * ENTRY_BYTES];
        self.file.read_exact_at(bytes, begin * ENTRY_BYTES as u64).map_err(|source| self.io_error(source))?;
        block.clear();
        block.extend(bytes.as_chunks::<ENTRY_BYTES>().0.iter().map(|entry| u64::from_le_bytes(*entry)));
        Ok(())
    }

    fn io_error(&self, source: io::Error) -> DedupError {
        DedupError::Io { path: self.path.clone(), source }
    }
}

/// One band of several runs, merged.
struct Merged<'r> {
    band: usize,
    /// Each with the entries that were read and not given out, the next one last, and the place of those after.
    runs: Vec<(&'r Run, Vec<u64>, u64)>,
}

impl<'r> Merged<'r> {
    fn new(runs: &'r [Run], band: usize) -> Self {
        Self { band, runs: runs.iter().map(|run| (run, Vec::new(), 0)).collect() }
    }
}

impl Iterator for Merged<'_> {
    type Item = Result<u64, DedupError>;

    fn next(&mut self) -> Option<Self::Item> {
        for (run, entries, at) in &mut self.runs {
            if entries.is_empty() {
                if let Err(error) = run.read(self.band, *at, entries) {
                    return Some(Err(error));
                }
                *at += entries.len() as u64;
                entries.reverse();
            }
        }
        let (_, entries, _) =
            self.runs.iter_mut().filter(|(_, entries, _)| !entries.is_empty()).min_by_key(|(_, entries, _)| entries.last().copied())?;
        entries.pop().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::features::mix, *};

    fn bands(document: u32) -> [u32; BANDS] {
        std::array::from_fn(|band| (mix(u64::from(document % 700) * 16 + band as u64) >> 32) as u32)
    }

    #[test]
    fn what_is_on_the_disk_is_found_as_what_is_in_memory() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut spilling = LshIndex::new(folder.path(), 40_000);
        let mut in_memory = LshIndex::new(folder.path(), usize::MAX);
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for document in 0..5000 {
            spilling.candidates(&bands(document), &mut left).expect("readable");
            in_memory.candidates(&bands(document), &mut right).expect("readable");
            assert_eq!(left, right, "{document}");
            assert_eq!(left.len(), document as usize / 700);
            spilling.insert(&bands(document), document).expect("written");
            in_memory.insert(&bands(document), document).expect("written");
            assert!(spilling.memory_bytes() <= 40_000);
        }
        assert!(!spilling.runs.is_empty() && in_memory.runs.is_empty());
    }

    #[test]
    fn a_bucket_has_an_end() {
        let mut index = LshIndex::new(Path::new("."), usize::MAX);
        let mut found = Vec::new();
        (0..200).for_each(|document| index.insert(&[7; BANDS], document).expect("in memory"));
        index.candidates(&[7; BANDS], &mut found).expect("in memory");
        assert_eq!(found, (0..MAX_BUCKET as u32).collect::<Vec<_>>());
    }

    #[test]
    fn a_table_takes_less_than_128_bytes_a_document_at_any_size() {
        let mut index = LshIndex::new(Path::new("."), usize::MAX);
        for document in 0..40_000_u32 {
            index
                .insert(&std::array::from_fn(|band| (mix(u64::from(document) * 16 + band as u64) >> 32) as u32), document)
                .expect("in memory");
            let offsets = 8;
            let bytes = index.memory_bytes() as f64 / f64::from(document + 1) + f64::from(offsets);
            assert!(document < 1000 || bytes <= 128.0, "{document}: {bytes}");
        }
    }
}
