//! Row groups in memory, decoded by whichever thread needs one first, and at most two windows of them at a time.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::dataset::{RowGroup, ShardDirectory};
use crate::error::Result;

/// A few row groups of a directory, each decoded at its first use, and an order of their rows.
pub(crate) struct Window<R> {
    groups: Vec<usize>,
    decoded: Vec<OnceLock<RowGroup>>,
    pub(crate) rows: Vec<R>,
}

impl<R> Window<R> {
    pub(crate) fn new(groups: Vec<usize>, rows: Vec<R>) -> Self {
        let decoded = groups.iter().map(|_| OnceLock::new()).collect();
        Self { groups, decoded, rows }
    }

    pub(crate) fn num_groups(&self) -> usize {
        self.groups.len()
    }

    /// The number in the directory of the row group in `slot`.
    pub(crate) fn group(&self, slot: usize) -> usize {
        self.groups[slot]
    }

    /// The row group in `slot`. Two threads may decode the same one at the same time; the first to finish wins.
    pub(crate) fn row_group(&self, slot: usize, directory: &ShardDirectory) -> Result<&RowGroup> {
        if let Some(rows) = self.decoded[slot].get() {
            return Ok(rows);
        }
        let rows = directory.read_row_group(self.groups[slot])?;
        Ok(self.decoded[slot].get_or_init(|| rows))
    }
}

/// The two newest of a sequence of numbered things.
pub(crate) struct NewestTwo<T>(Mutex<Vec<(u64, Arc<T>)>>);

impl<T> NewestTwo<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Number `number`, made now if it is not here.
    pub(crate) fn get_or_make(&self, number: u64, make: impl FnOnce() -> T) -> Arc<T> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = held.iter().find(|(held_number, _)| *held_number == number) {
            return Arc::clone(found);
        }
        let made = Arc::new(make());
        held.push((number, Arc::clone(&made)));
        held.sort_by_key(|(number, _)| *number);
        if held.len() > 2 {
            held.remove(0);
        }
        made
    }
}
