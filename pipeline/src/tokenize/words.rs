//! Words, as far as white space tells them apart.

use rustc_hash::FxHashMap;

/// The parts of a text between ASCII white space. Normalisation maps all of it to a space and reaches across none of it,
/// so a text's ids are its words' ids one after another.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '\n', '\t', '\r', '\x0c']).filter(|word| !word.is_empty())
}

/// How often each word occurs. Grows with the number of distinct words only.
#[derive(Default)]
pub struct WordCounts {
    counts: FxHashMap<Box<str>, u64>,
}

impl WordCounts {
    pub fn add(&mut self, text: &str) {
        for word in split(text) {
            if let Some(count) = self.counts.get_mut(word) {
                *count += 1;
            } else {
                self.counts.insert(word.into(), 1);
            }
        }
    }

    pub fn merge(&mut self, other: Self) {
        for (word, count) in other.counts {
            *self.counts.entry(word).or_default() += count;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(word, count)| (&**word, *count))
    }
}
