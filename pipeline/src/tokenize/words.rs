//! Words, and counts of what pieces are learned from.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use tokenizers::NormalizerWrapper;

use super::{
    cache::ShortCounts,
    layout::{self, SPACE},
    pieces,
};
use crate::letters::for_runs_between_spaces;

/// Distinct words that wait to be normalised and split, so that a frequent word is looked at once in a million.
const MAX_WAITING_WORDS: usize = 1 << 20;

/// What goes on for longer without a space, in bytes, teaches no pieces: it is no text, and learning from it takes the square of its length.
const MAX_STRETCH: usize = 1 << 10;

/// What ends a word. Normalisation maps each of these to a space and reaches across none of them.
pub(super) fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}

/// Whether there are control characters that do not end a word; clean text has none.
pub(super) fn has_other_controls(text: &[u8]) -> bool {
    let is_other = |byte: u8| byte < b' ' && !is_separator(byte);
    text.iter().fold(false, |found, &byte| found | is_other(byte))
}

/// Counts of the stretches of text that pieces are learned within (`pieces.rs`). Grows with the number of distinct ones only.
pub struct WordCounts {
    /// Nearly all words are short ones that are met again soon.
    short: ShortCounts,
    waiting: FxHashMap<Box<str>, u64>,
    stretches: FxHashMap<Box<str>, u64>,
    normalizer: NormalizerWrapper,
}

impl Default for WordCounts {
    fn default() -> Self {
        Self {
            short: ShortCounts::default(),
            waiting: FxHashMap::default(),
            stretches: FxHashMap::default(),
            normalizer: layout::normalizer(),
        }
    }
}

impl WordCounts {
    pub fn add(&mut self, text: &str) {
        let Self { short, waiting, .. } = self;
        if has_other_controls(text.as_bytes()) {
            let words = text.split(|character: char| character.is_ascii() && is_separator(character as u8));
            words.for_each(|word| add_to(waiting, word, 1));
        } else {
            for_runs_between_spaces(text.as_bytes(), |places| short.add(text, places, |word, count| add_to(waiting, word, count)));
        }
        if self.waiting.len() >= MAX_WAITING_WORDS {
            self.settle();
        }
    }

    pub fn merge(&mut self, mut other: Self) {
        self.settle();
        other.settle();
        for (stretch, count) in other.stretches {
            *self.stretches.entry(stretch).or_default() += count;
        }
    }

    /// The counts in an order that depends on nothing else.
    pub(super) fn into_stretches(mut self) -> BTreeMap<Box<str>, u64> {
        self.settle();
        self.stretches.into_iter().collect()
    }

    fn settle(&mut self) {
        self.short.clear(|word, count| add_to(&mut self.waiting, word, count));
        let mut spaced = String::new();
        for (word, count) in self.waiting.drain() {
            for word in layout::normalize(&self.normalizer, &word).split(' ').filter(|word| !word.is_empty()) {
                spaced.clear();
                spaced.extend([SPACE]);
                spaced.push_str(word);
                for stretch in pieces::split_by_script(&spaced).filter(|stretch| stretch.len() <= MAX_STRETCH) {
                    add_to(&mut self.stretches, stretch, count);
                }
            }
        }
    }
}

fn add_to(counts: &mut FxHashMap<Box<str>, u64>, text: &str, count: u64) {
    if let Some(total) = counts.get_mut(text) {
        *total += count;
    } else {
        counts.insert(text.into(), count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_normalised_and_counted_by_stretch_however_it_is_spread_over_counters() {
        let mut counts = WordCounts::default();
        counts.add("l’Artère\tdu cœur\u{a0}: du\u{200b} m²\n");
        let mut other = WordCounts::default();
        other.add("du fle\u{301}au, \u{7f}\u{200b}");
        counts.merge(other);
        let stretches = counts.into_stretches();
        let found: Vec<(&str, u64)> = stretches.iter().map(|(stretch, count)| (&**stretch, *count)).collect();
        let mut expected =
            [("▁l", 1), ("’", 1), ("Artère", 1), ("▁du", 3), ("▁cœur", 1), ("▁:", 1), ("▁m", 1), ("2", 1), ("▁fléau", 1), (",", 1)];
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}
