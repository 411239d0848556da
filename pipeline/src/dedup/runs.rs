//! Sorted entries on the disk: where tables go that have become too large for memory.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{DedupError, create_file, tables::ENTRY_BYTES};

/// Runs on the disk, at most; then they become one.
const MAX_RUNS: usize = 4;
/// Entries read at a time.
const BLOCK: usize = 256;

/// Runs of tables with the same columns. An entry's upper bits are those of a hash.
pub(super) struct SortedRuns {
    runs: Vec<Run>,
    folder: PathBuf,
    name: &'static str,
    written: usize,
}

impl SortedRuns {
    /// The files in `folder` will have names that begin with `name`.
    pub(super) fn new(folder: &Path, name: &'static str) -> Self {
        Self { runs: Vec::new(), folder: folder.to_owned(), name, written: 0 }
    }

    /// Adds tables, each sorted, as a run.
    pub(super) fn push(&mut self, columns: &[Vec<u64>]) -> Result<(), DedupError> {
        let run = Run::write(self.next_path(), columns.iter().map(|entries| entries.iter().copied().map(Ok)))?;
        self.runs.push(run);
        if self.runs.len() > MAX_RUNS { self.merge(columns.len()) } else { Ok(()) }
    }

    /// Calls `visit` with the entries of a column from the first that is not below `from` on, in every run, until it returns false.
    pub(super) fn visit(&self, column: usize, from: u64, visit: &mut dyn FnMut(u64) -> bool) -> Result<(), DedupError> {
        self.runs.iter().try_for_each(|run| run.visit(column, from, visit))
    }

    fn merge(&mut self, columns: usize) -> Result<(), DedupError> {
        let merged = Run::write(self.next_path(), (0..columns).map(|column| Merged::new(&self.runs, column)))?;
        for run in std::mem::replace(&mut self.runs, vec![merged]) {
            fs::remove_file(&run.path).map_err(|source| DedupError::Io { path: run.path, source })?;
        }
        Ok(())
    }

    fn next_path(&mut self) -> PathBuf {
        self.written += 1;
        self.folder.join(format!("{}-{}", self.name, self.written))
    }
}

/// A file of sorted entries, column after column.
struct Run {
    file: File,
    path: PathBuf,
    /// Where each column begins, in entries, and where the last one ends.
    starts: Vec<u64>,
}

impl Run {
    fn write<E: Iterator<Item = Result<u64, DedupError>>>(path: PathBuf, columns: impl Iterator<Item = E>) -> Result<Self, DedupError> {
        let io_error = |source| DedupError::Io { path: path.clone(), source };
        let mut file = BufWriter::with_capacity(1 << 20, create_file(&path)?);
        let mut starts = vec![0];
        let mut written = 0;
        for entries in columns {
            for entry in entries {
                file.write_all(&entry?.to_le_bytes()).map_err(io_error)?;
                written += 1;
            }
            starts.push(written);
        }
        let file = file.into_inner().map_err(|error| io_error(error.into_error()))?;
        Ok(Self { file, path, starts })
    }

    fn visit(&self, column: usize, from: u64, visit: &mut dyn FnMut(u64) -> bool) -> Result<(), DedupError> {
        let mut block = Vec::new();
        let mut at = self.lower_bound(column, from, &mut block)?;
        loop {
            self.read(column, at, &mut block)?;
            if block.is_empty() || !block.iter().all(|&entry| visit(entry)) {
                return Ok(());
            }
            at += block.len() as u64;
        }
    }

    /// The place of the first entry of the column that is not below `wanted`. Entries are evenly spread, so the place can be guessed and is
    /// found in one or two reads; every guess that fails halves what is left at least.
    fn lower_bound(&self, column: usize, wanted: u64, block: &mut Vec<u64>) -> Result<u64, DedupError> {
        let (mut low, mut high) = (0, self.starts[column + 1] - self.starts[column]);
        let mut guess = ((u128::from(wanted) * u128::from(high)) >> 64) as u64;
        while low < high {
            let first = guess.saturating_sub(BLOCK as u64 / 2).clamp(low, high - 1);
            self.read(column, first, block)?;
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

    /// Reads the column's entries from place `at` on, a block or as many as there are.
    fn read(&self, column: usize, at: u64, block: &mut Vec<u64>) -> Result<(), DedupError> {
        let begin = self.starts[column] + at;
        let count = self.starts[column + 1].saturating_sub(begin).min(BLOCK as u64) as usize;
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

/// One column of several runs, merged.
struct Merged<'r> {
    column: usize,
    /// Each with the entries that were read and not given out, the next one last, and the place of those after.
    runs: Vec<(&'r Run, Vec<u64>, u64)>,
}

impl<'r> Merged<'r> {
    fn new(runs: &'r [Run], column: usize) -> Self {
        Self { column, runs: runs.iter().map(|run| (run, Vec::new(), 0)).collect() }
    }
}

impl Iterator for Merged<'_> {
    type Item = Result<u64, DedupError>;

    fn next(&mut self) -> Option<Self::Item> {
        for (run, entries, at) in &mut self.runs {
            if entries.is_empty() {
                if let Err(error) = run.read(self.column, *at, entries) {
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
