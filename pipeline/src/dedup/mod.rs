//! Which documents are copies of earlier ones.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;
use schemas::hash::ContentHash;

/// Exact deduplication by 128-bit hash; the first copy in input order wins. 40 bytes a distinct document, before the table's slack.
#[derive(Default)]
pub struct ExactIndex {
    first_with: FxHashMap<ContentHash, u64>,
}

impl ExactIndex {
    /// The id of the earlier document with the same text, or `None` and the document is remembered as the first.
    pub fn duplicate_of(&mut self, hash: ContentHash, id: u64) -> Option<u64> {
        match self.first_with.entry(hash) {
            Entry::Occupied(entry) => Some(*entry.get()),
            Entry::Vacant(entry) => {
                entry.insert(id);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_copy_wins() {
        let mut index = ExactIndex::default();
        let verdicts: Vec<_> = ["toux", "fièvre", "toux", "toux"]
            .iter()
            .zip(0..)
            .map(|(text, id)| index.duplicate_of(ContentHash::of(text.as_bytes()), id))
            .collect();
        assert_eq!(verdicts, [None, None, Some(0), Some(0)]);
    }
}
