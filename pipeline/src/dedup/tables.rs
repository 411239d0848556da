//! Compact hash tables: open addressing in one block of memory, found by the upper bits of the hash, growing by a quarter.

use std::path::Path;

use prefetch_index::prefetch_index;

use super::{DedupError, runs::SortedRuns};

pub(super) const ENTRY_BYTES: usize = 8;
/// What comes from memory together.
const LINE_BYTES: usize = 64;
/// No entry.
const FREE: u64 = u64::MAX;

/// Slots that are used at most, and by how much a full table grows: together they keep between 68 and 85 % of the slots in use.
const MAX_LOAD: (usize, usize) = (85, 100);
const GROWTH: (usize, usize) = (5, 4);
const FIRST_SLOTS: usize = 64;

/// Entries of 8 bytes, whose upper `KEY_BITS` bits are those of a hash; several may have the same.
#[derive(Default)]
pub(super) struct Slots<const KEY_BITS: u32> {
    slots: Vec<u64>,
    entries: usize,
}

impl<const KEY_BITS: u32> Slots<KEY_BITS> {
    /// What of an entry, or of a hash, is the key.
    pub(super) fn key(entry: u64) -> u64 {
        entry & !(u64::MAX >> KEY_BITS)
    }

    /// Begins to bring near where the search for the key of `hash` begins.
    pub(super) fn prefetch(&self, hash: u64) {
        if let Some(first) = self.probe(hash).next() {
            // Many searches go on beyond the line of memory in which they begin.
            prefetch_index(&self.slots, first);
            prefetch_index(&self.slots, first + LINE_BYTES / ENTRY_BYTES);
        }
    }

    /// The entries with the key of `hash`.
    pub(super) fn find(&self, hash: u64) -> impl Iterator<Item = u64> {
        self.probe(hash)
            .map(|slot| self.slots[slot])
            .take_while(|&entry| entry != FREE)
            .filter(move |&entry| Self::key(entry) == Self::key(hash))
    }

    /// The first of them, to be changed.
    pub(super) fn find_mut(&mut self, hash: u64) -> Option<&mut u64> {
        let slot = self.probe(hash).find(|&slot| self.slots[slot] == FREE || Self::key(self.slots[slot]) == Self::key(hash))?;
        Some(&mut self.slots[slot]).filter(|entry| **entry != FREE)
    }

    pub(super) fn insert(&mut self, entry: u64) {
        if (self.entries + 1) * MAX_LOAD.1 > self.slots.len() * MAX_LOAD.0 {
            let slots = (self.slots.len() * GROWTH.0 / GROWTH.1).max(FIRST_SLOTS);
            let old = std::mem::replace(&mut self.slots, vec![FREE; slots]);
            old.into_iter().filter(|&entry| entry != FREE).for_each(|entry| self.place(entry));
        }
        self.place(entry);
        self.entries += 1;
    }

    /// Empties the table: its entries, sorted.
    pub(super) fn take_sorted(&mut self) -> Vec<u64> {
        let mut entries = std::mem::take(self).slots;
        entries.retain(|&entry| entry != FREE);
        entries.sort_unstable();
        entries
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.capacity() * ENTRY_BYTES
    }

    fn place(&mut self, entry: u64) {
        let free = self.probe(entry).find(|&slot| self.slots[slot] == FREE);
        if let Some(slot) = free {
            self.slots[slot] = entry;
        }
    }

    /// All slots, from the one on where the search for the key of `hash` begins, around the end: the order of the slots is that of the keys.
    fn probe(&self, hash: u64) -> impl Iterator<Item = usize> + use<KEY_BITS> {
        let slots = self.slots.len();
        let first = ((u128::from(Self::key(hash)) * slots as u128) >> 64) as usize;
        (first..slots).chain(0..first)
    }
}

type Paragraphs = Slots<56>;

/// How often each paragraph was seen; 56 of the hash's bits and the count, which stops at 255 in memory, in an entry.
pub(super) struct ParagraphCounts {
    slots: Paragraphs,
    runs: SortedRuns,
}

const MAX_COUNT: u64 = 0xFF;

impl ParagraphCounts {
    /// What memory cannot hold will go to files in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self { slots: Paragraphs::default(), runs: SortedRuns::new(folder, "paragraphs") }
    }

    /// Begins to bring near where the count of a paragraph is, in memory.
    pub(super) fn prefetch(&self, hash: u64) {
        self.slots.prefetch(hash);
    }

    pub(super) fn get(&self, hash: u64) -> Result<u64, DedupError> {
        let key = Paragraphs::key(hash);
        let mut count = self.slots.find(hash).map(|entry| entry & MAX_COUNT).sum();
        self.runs.visit(0, key, &mut |entry| {
            let is_it = Paragraphs::key(entry) == key;
            count += if is_it { entry & MAX_COUNT } else { 0 };
            is_it
        })?;
        Ok(count)
    }

    pub(super) fn add_one(&mut self, hash: u64) {
        match self.slots.find_mut(hash) {
            Some(entry) => *entry += u64::from(*entry & MAX_COUNT < MAX_COUNT),
            None => self.slots.insert(Paragraphs::key(hash) | 1),
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.memory_bytes()
    }

    pub(super) fn spill(&mut self) -> Result<(), DedupError> {
        self.runs.push(&[self.slots.take_sorted()])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::letters::mix;

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
