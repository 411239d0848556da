//! Compact hash tables: open addressing in one block of memory, found by the upper bits of the hash, growing by a quarter.

use std::path::Path;

use super::{DedupError, runs::SortedRuns};

/// An entry is one number, its upper bits those of the hash.
pub(super) const ENTRY_BYTES: usize = 8;
/// No entry.
pub(super) const FREE: u64 = u64::MAX;

/// Slots that are used at most, and by how much a full table grows: together they keep between 68 and 85 % of the slots in use.
const MAX_LOAD: (usize, usize) = (85, 100);
const GROWTH: (usize, usize) = (5, 4);
const FIRST_SLOTS: usize = 64;

/// Whether one more entry would be too many for so many slots.
pub(super) fn is_full(entries: usize, slots: usize) -> bool {
    (entries + 1) * MAX_LOAD.1 > slots * MAX_LOAD.0
}

pub(super) fn more_slots(slots: usize) -> usize {
    (slots * GROWTH.0 / GROWTH.1).max(FIRST_SLOTS)
}

/// The slot where the search for `hash` begins: the order of the slots is that of the hashes.
pub(super) fn first_slot(hash: u64, slots: usize) -> usize {
    ((u128::from(hash) * slots as u128) >> 64) as usize
}

/// The slots from the first one for `hash` on, around the end.
pub(super) fn probe(hash: u64, slots: usize) -> impl Iterator<Item = usize> {
    let first = first_slot(hash, slots);
    (first..slots).chain(0..first)
}

/// How often each paragraph was seen; 56 of the hash's bits and the count, which stops at 255 in memory, in an entry.
pub(super) struct ParagraphCounts {
    slots: Vec<u64>,
    entries: usize,
    runs: SortedRuns,
}

const MAX_COUNT: u64 = 0xFF;

impl ParagraphCounts {
    /// What memory cannot hold will go to files in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self { slots: Vec::new(), entries: 0, runs: SortedRuns::new(folder, "paragraphs") }
    }

    pub(super) fn get(&self, hash: u64) -> Result<u64, DedupError> {
        let mut count = self.slot(hash).map_or(0, |slot| self.slots[slot] & MAX_COUNT);
        self.runs.visit(0, hash & !MAX_COUNT, &mut |entry| {
            let is_it = entry >> 8 == hash >> 8;
            count += if is_it { entry & MAX_COUNT } else { 0 };
            is_it
        })?;
        Ok(count)
    }

    pub(super) fn add_one(&mut self, hash: u64) {
        if is_full(self.entries, self.slots.len()) {
            self.grow();
        }
        if let Some(slot) = self.slot(hash) {
            let count = self.slots[slot] & MAX_COUNT;
            self.entries += usize::from(count == 0);
            self.slots[slot] = (hash & !MAX_COUNT) | (count + 1).min(MAX_COUNT);
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.capacity() * ENTRY_BYTES
    }

    pub(super) fn spill(&mut self) -> Result<(), DedupError> {
        self.entries = 0;
        let mut entries = std::mem::take(&mut self.slots);
        entries.retain(|&entry| entry != 0);
        entries.sort_unstable();
        self.runs.push(&[entries])
    }

    fn slot(&self, hash: u64) -> Option<usize> {
        probe(hash, self.slots.len()).find(|&slot| self.slots[slot] == 0 || self.slots[slot] >> 8 == hash >> 8)
    }

    fn grow(&mut self) {
        let slots = more_slots(self.slots.len());
        let old = std::mem::replace(&mut self.slots, vec![0; slots]);
        for entry in old.into_iter().filter(|&entry| entry != 0) {
            let free = probe(entry, slots).find(|&slot| self.slots[slot] == 0);
            if let Some(slot) = free {
                self.slots[slot] = entry;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::{super::features::mix, *};

    proptest! {
        #[test]
        fn paragraphs_are_counted_in_memory_and_on_the_disk(numbers in proptest::collection::vec(0..200_u64, 0..600), every in 20..200_usize) {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let (mut counts, mut counted) = (ParagraphCounts::new(folder.path()), BTreeMap::new());
            for (index, number) in numbers.into_iter().enumerate() {
                prop_assert_eq!(counts.get(mix(number)).expect("readable"), counted.get(&number).copied().unwrap_or(0));
                counts.add_one(mix(number));
                *counted.entry(number).or_insert(0) += 1;
                if index % every == every - 1 {
                    counts.spill().expect("written");
                }
            }
        }
    }

    #[test]
    fn a_count_in_memory_stops_at_its_largest_value() {
        let mut counts = ParagraphCounts::new(Path::new("."));
        (0..300).for_each(|_| counts.add_one(7 << 20));
        assert_eq!((counts.get(7 << 20).expect("in memory"), counts.get(8 << 20).expect("in memory")), (255, 0));
    }
}
