//! Compact hash tables: open addressing in one block of memory, found by the upper bits of the hash, growing by a quarter.

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

/// 128-bit key → number of a document; 20 bytes a slot.
#[derive(Default)]
pub(super) struct KeyTable {
    keys: Vec<u128>,
    documents: Vec<u32>,
    entries: usize,
}

const NO_DOCUMENT: u32 = u32::MAX;

impl KeyTable {
    pub(super) fn get(&self, key: u128) -> Option<u32> {
        let found = self.slot(key)?;
        Some(self.documents[found]).filter(|&document| document != NO_DOCUMENT)
    }

    /// `key` must be new.
    pub(super) fn insert(&mut self, key: u128, document: u32) {
        if is_full(self.entries, self.keys.len()) {
            self.grow();
        }
        if let Some(slot) = self.slot(key) {
            (self.keys[slot], self.documents[slot]) = (key, document);
            self.entries += 1;
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.keys.capacity() * 16 + self.documents.capacity() * 4
    }

    /// Where `key` is, or would be; `None` only in a table without slots.
    fn slot(&self, key: u128) -> Option<usize> {
        probe((key >> 64) as u64, self.keys.len()).find(|&slot| self.documents[slot] == NO_DOCUMENT || self.keys[slot] == key)
    }

    fn grow(&mut self) {
        let slots = more_slots(self.keys.len());
        let old = std::mem::replace(self, Self { keys: vec![0; slots], documents: vec![NO_DOCUMENT; slots], entries: 0 });
        for (key, document) in old.keys.into_iter().zip(old.documents).filter(|(_, document)| *document != NO_DOCUMENT) {
            self.insert(key, document);
        }
    }
}

/// How often each paragraph was seen, up to 255 times; 8 bytes a slot, 56 of the hash's bits and the count.
#[derive(Default)]
pub(super) struct ParagraphCounts {
    slots: Vec<u64>,
    entries: usize,
}

impl ParagraphCounts {
    pub(super) fn get(&self, hash: u64) -> u32 {
        self.slot(hash).map_or(0, |slot| (self.slots[slot] & 0xFF) as u32)
    }

    pub(super) fn add_one(&mut self, hash: u64) {
        if is_full(self.entries, self.slots.len()) {
            self.grow();
        }
        if let Some(slot) = self.slot(hash) {
            let count = self.slots[slot] & 0xFF;
            self.entries += usize::from(count == 0);
            self.slots[slot] = (hash & !0xFF) | (count + 1).min(0xFF);
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.capacity() * 8
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
        fn tables_hold_what_maps_hold(numbers in proptest::collection::vec(0..200_u64, 0..600)) {
            let (mut keys, mut known) = (KeyTable::default(), BTreeMap::new());
            let (mut counts, mut counted) = (ParagraphCounts::default(), BTreeMap::new());
            for (number, document) in numbers.into_iter().zip(0..) {
                let key = u128::from(mix(number)) << 64 | u128::from(number);
                prop_assert_eq!(keys.get(key), known.get(&key).copied());
                known.entry(key).or_insert_with(|| {
                    keys.insert(key, document);
                    document
                });
                counts.add_one(mix(number));
                *counted.entry(number).or_insert(0) += 1;
                prop_assert_eq!(counts.get(mix(number)), counted[&number]);
            }
        }
    }

    #[test]
    fn a_count_stops_at_its_largest_value() {
        let mut counts = ParagraphCounts::default();
        (0..300).for_each(|_| counts.add_one(7 << 20));
        assert_eq!((counts.get(7 << 20), counts.get(8 << 20)), (255, 0));
    }
}
