//! What SentencePiece lets a piece be made of, as far as training decides it.
//!
//! Rules of SentencePiece's trainer with its defaults: the rarest characters, 0.05% of the text in all, are unknown; a piece does not
//! cross from one script to another, where digits and punctuation are a script of their own; a space only begins a piece.

use std::collections::BTreeMap;

use unicode_script::{Script, UnicodeScript};

use super::layout::SPACE;

const CHARACTER_COVERAGE: f64 = 0.9995;

/// Takes the characters that are to be unknown out of `stretches`, which end there, and returns the others in Unicode's order.
pub(super) fn limit_alphabet(stretches: &mut BTreeMap<Box<str>, u64>) -> Vec<char> {
    let alphabet = covering_alphabet(stretches);
    let is_unknown = |character| alphabet.binary_search(&character).is_err();
    let uncovered: Vec<Box<str>> = stretches.keys().filter(|stretch| stretch.contains(is_unknown)).cloned().collect();
    for stretch in uncovered {
        let count = stretches.remove(&stretch).unwrap_or_default();
        for part in stretch.split(is_unknown).filter(|part| !part.is_empty()) {
            *stretches.entry(part.into()).or_default() += count;
        }
    }
    alphabet
}

/// The most frequent characters that make up the share [`CHARACTER_COVERAGE`] of the text; among equally frequent ones, the first in Unicode.
/// U+0000 is never one of them: the library's trainer ends its words with it.
fn covering_alphabet(stretches: &BTreeMap<Box<str>, u64>) -> Vec<char> {
    let mut counts: BTreeMap<char, u64> = BTreeMap::new();
    for (stretch, count) in stretches {
        for character in stretch.chars().filter(|character| *character != '\0') {
            *counts.entry(character).or_default() += count;
        }
    }
    let needed = CHARACTER_COVERAGE * counts.values().sum::<u64>() as f64;
    let mut by_count: Vec<(char, u64)> = counts.into_iter().collect();
    by_count.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let mut covered = 0;
    let mut alphabet = Vec::new();
    for (character, count) in by_count {
        if covered as f64 >= needed {
            break;
        }
        covered += count;
        alphabet.push(character);
    }
    alphabet.sort_unstable();
    alphabet
}

/// The parts of a normalised word (its leading [`SPACE`] included) that lie in one script.
pub(super) fn split_by_script(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let mut script_so_far = None;
        let end = rest.char_indices().find_map(|(position, character)| {
            let script = script(character);
            let crosses = script.is_some() && script_so_far.is_some() && script != script_so_far;
            script_so_far = script.or(script_so_far);
            crosses.then_some(position)
        });
        let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        (!part.is_empty()).then_some(part)
    })
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

    fn check_scripts(word: &str, expected: &[&str]) {
        assert_eq!(split_by_script(word).collect::<Vec<_>>(), expected, "{word}");
    }

    #[test]
    fn pieces_end_where_the_script_changes() {
        check_scripts("▁l'hôpital", &["▁l", "'", "hôpital"]);
        check_scripts("▁500mg/j.", &["▁500", "mg", "/", "j", "."]);
        check_scripts("▁β-bloquant", &["▁β", "-", "bloquant"]);
        check_scripts("▁カタカナとー漢字", &["▁カタカナとー漢字"]);
        check_scripts("▁x\u{302}y", &["▁x\u{302}y"]);
        check_scripts("", &[]);
    }

    fn check_alphabet(counts: &[(&str, u64)], alphabet: &str, expected: &[(&str, u64)]) {
        let owned =
            |counts: &[(&str, u64)]| counts.iter().map(|(text, count)| ((*text).into(), *count)).collect::<BTreeMap<Box<str>, u64>>();
        let mut stretches = owned(counts);
        assert_eq!(limit_alphabet(&mut stretches), alphabet.chars().collect::<Vec<_>>());
        assert_eq!(stretches, owned(expected));
    }

    #[test]
    fn the_rarest_characters_are_unknown_and_ties_go_to_the_first_in_unicode() {
        check_alphabet(&[("a", 9_995), ("b", 2), ("c", 2), ("d", 1)], "a", &[("a", 9_995)]);
        check_alphabet(&[("a", 9_990), ("c", 5), ("b", 5)], "ab", &[("a", 9_990), ("b", 5)]);
    }

    #[test]
    fn no_piece_is_learned_across_an_unknown_character() {
        let counts = [("neige", 10_000), ("fondue", 900), ("neige☃fondue", 1), ("fondue☃", 9)];
        check_alphabet(&counts, "defginou", &[("fondue", 910), ("neige", 10_001)]);
    }
}
