//! What SentencePiece lets a piece be made of, as far as training decides it.
//!
//! Rules of SentencePiece's trainer with its defaults: the rarest characters, 0.05% of the text in all, are unknown; a piece does not
//! cross from one script to another, where digits and punctuation are a script of their own; a space only begins a piece.

use std::collections::{BTreeMap, BTreeSet};

use tokenizers::{NormalizedString, Normalizer};
use unicode_script::{Script, UnicodeScript};

use super::{layout::SPACE, words::WordCounts};

const CHARACTER_COVERAGE: f64 = 0.9995;

/// Counts of the stretches of text that pieces are learned within, and the characters that they consist of.
pub(super) struct Stretches {
    pub(super) counts: BTreeMap<String, u64>,
    pub(super) alphabet: BTreeSet<char>,
}

impl Stretches {
    pub(super) fn new(words: &WordCounts, normalizer: &impl Normalizer) -> tokenizers::Result<Self> {
        let mut normalized = BTreeMap::new();
        for (word, count) in words.iter() {
            let mut text = NormalizedString::from(word);
            normalizer.normalize(&mut text)?;
            for word in text.get().split(' ').filter(|word| !word.is_empty()) {
                *normalized.entry(format!("{SPACE}{word}")).or_default() += count;
            }
        }
        let alphabet = covering_alphabet(&normalized);
        let mut counts = BTreeMap::new();
        for (word, count) in &normalized {
            for stretch in stretches(word, &alphabet) {
                *counts.entry(stretch).or_default() += count;
            }
        }
        Ok(Self { counts, alphabet })
    }
}

/// The most frequent characters that make up the share [`CHARACTER_COVERAGE`] of the text; among equally frequent ones, the first in Unicode.
fn covering_alphabet(words: &BTreeMap<String, u64>) -> BTreeSet<char> {
    let mut counts: BTreeMap<char, u64> = BTreeMap::new();
    for (word, count) in words {
        for character in word.chars() {
            *counts.entry(character).or_default() += count;
        }
    }
    let total: u64 = counts.values().sum();
    let mut by_count: Vec<(char, u64)> = counts.into_iter().collect();
    by_count.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let mut covered = 0;
    by_count
        .into_iter()
        .take_while(|(_, count)| {
            let is_needed = (covered as f64) < CHARACTER_COVERAGE * total as f64;
            covered += count;
            is_needed
        })
        .map(|(character, _)| character)
        .collect()
}

/// The parts of a word (its leading space included) that lie in one script and in the alphabet.
fn stretches(word: &str, alphabet: &BTreeSet<char>) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut script_so_far = None;
    for character in word.chars() {
        let script = script(character);
        let crosses = match (script_so_far, script) {
            (Some(before), Some(now)) => before != now,
            (None, _) | (_, None) => false,
        };
        if crosses || !alphabet.contains(&character) {
            parts.push(std::mem::take(&mut part));
        }
        if alphabet.contains(&character) {
            part.push(character);
        }
        script_so_far = script.or(script_so_far);
    }
    parts.push(part);
    parts.retain(|part| !part.is_empty());
    parts
}

/// The script that decides where pieces end, or `None` for a character that goes with whatever stands beside it.
fn script(character: char) -> Option<Script> {
    match (character, character.script()) {
        (SPACE, _) | (_, Script::Inherited) => None,
        ('ー', _) | (_, Script::Hiragana | Script::Katakana) => Some(Script::Han),
        (_, script) => Some(script),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: &[&str]) {
        let alphabet = word.chars().filter(|character| *character != '☃').collect();
        assert_eq!(stretches(word, &alphabet), expected, "{word}");
    }

    #[test]
    fn pieces_end_where_the_script_changes_or_a_character_is_unknown() {
        check("▁l'hôpital", &["▁l", "'", "hôpital"]);
        check("▁500mg/j.", &["▁500", "mg", "/", "j", "."]);
        check("▁β-bloquant", &["▁β", "-", "bloquant"]);
        check("▁neige☃fondue", &["▁neige", "fondue"]);
        check("▁カタカナとー漢字", &["▁カタカナとー漢字"]);
        check("▁x\u{302}y", &["▁x\u{302}y"]);
    }

    #[test]
    fn the_rarest_characters_are_left_out_and_ties_go_to_the_first_in_unicode() {
        let words = BTreeMap::from([("a".to_owned(), 9_995), ("b".to_owned(), 2), ("c".to_owned(), 2), ("d".to_owned(), 1)]);
        assert_eq!(covering_alphabet(&words), BTreeSet::from(['a']));
        let words = BTreeMap::from([("a".to_owned(), 9_990), ("c".to_owned(), 5), ("b".to_owned(), 5)]);
        assert_eq!(covering_alphabet(&words), BTreeSet::from(['a', 'b']));
    }
}
