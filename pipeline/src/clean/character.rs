//! What cleaning does with each character.

use crate::letters::{BLOCK, mask, padded};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Visible,
    Space,
    LineEnd,
    /// Controls, and format characters that nobody sees but that would split words and tokens.
    Removed,
    /// Written in a plainer way.
    Unified(&'static str),
}

pub(super) fn classify(character: char) -> Class {
    match character {
        // Vertical tab and form feed end lines and pages; NEL, LINE SEPARATOR and PARAGRAPH SEPARATOR say it by name.
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Class::LineEnd,
        ' ' | '\t' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Class::Space,
        // The other C0 and C1 controls, soft hyphen, Arabic letter mark, Mongolian vowel separator, zero-width characters and directional marks,
        // embeddings and isolates, word joiner and invisible operators, byte order mark, interlinear annotation; and U+FFFD, which stands for what is lost.
        '\0'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{fffd}' => Class::Removed,
        // These mean something only in the font that they were made for.
        '\u{e000}'..='\u{f8ff}' => private(character).map_or(Class::Removed, Class::Unified),
        // DrBERT's corpus and its tokenizers' normalisation hold the ASCII apostrophe: two forms would split every elided word's counts.
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2bc}' => Class::Unified("'"),
        '\u{201c}'..='\u{201f}' => Class::Unified("\""),
        // Hyphens that only say something about line ends.
        '\u{2010}' | '\u{2011}' => Class::Unified("-"),
        // Ligatures of a typeface; œ and æ are letters.
        '\u{fb00}' => Class::Unified("ff"),
        '\u{fb01}' => Class::Unified("fi"),
        '\u{fb02}' => Class::Unified("fl"),
        '\u{fb03}' => Class::Unified("ffi"),
        '\u{fb04}' => Class::Unified("ffl"),
        '\u{fb05}' | '\u{fb06}' => Class::Unified("st"),
        _ => Class::Visible,
    }
}

/// The length of the text's beginning that stays as it is: visible ASCII, letters from À to ÿ, and single spaces between them.
pub(super) fn plain_length(text: &[u8]) -> usize {
    let mut at = 0;
    let end = loop {
        let rest = &text[at..];
        let ends = if let Some(block) = rest.first_chunk() {
            ends_of_plain(block, rest.get(BLOCK) == Some(&b' '))
        } else {
            ends_of_plain(&padded(rest, b'\n'), false)
        };
        if ends != 0 {
            break at + ends.trailing_zeros() as usize;
        }
        at += BLOCK;
    };
    let ends_in_space = end > 0 && text[end - 1] == b' ';
    if text.first() == Some(&b' ') { 0 } else { end - usize::from(ends_in_space) }
}

/// Where plain text ends: at controls, characters that are neither ASCII nor begin with 0xC3, and the first of two spaces.
#[expect(clippy::needless_bitwise_bool, reason = "lazy operators would be branches")]
fn ends_of_plain(block: &[u8; BLOCK], is_before_space: bool) -> u64 {
    let spaces = mask(block, |byte| byte == b' ');
    let other = mask(block, |byte| (byte < b' ') | (byte == 0x7F) | ((byte >= 0xC0) & (byte != 0xC3)));
    other | spaces & (spaces >> 1 | u64::from(is_before_space) << (BLOCK - 1))
}

/// What the fonts Symbol and Wingdings show, as far as it is sure: bullets, arrows, comparisons and Greek letters.
fn private(character: char) -> Option<&'static str> {
    Some(match character {
        '\u{f0b7}' | '\u{f0a7}' | '\u{f0d8}' | '\u{f0fc}' | '\u{f076}' | '\u{f0a8}' => "•",
        '\u{f0ae}' | '\u{f0e0}' | '\u{f0e8}' => "→",
        '\u{f0b3}' => "≥",
        '\u{f0a3}' => "≤",
        '\u{f0b0}' => "°",
        '\u{f0b1}' => "±",
        '\u{f0b4}' => "×",
        '\u{f061}' => "α",
        '\u{f062}' => "β",
        '\u{f067}' => "γ",
        '\u{f064}' => "δ",
        '\u{f06d}' => "µ",
        _ => return None,
    })
}

/// False only for characters that are in NFC whatever stands beside them: Latin without marks, Greek and Cyrillic, and the blocks of punctuation, currencies,
/// superscripts, arrows and mathematics.
pub(super) fn may_need_composition(character: char) -> bool {
    !matches!(character, ..'\u{300}' | '\u{388}'..'\u{483}' | '\u{2002}'..'\u{20d0}' | '\u{2190}'..'\u{2329}')
}

#[cfg(test)]
mod tests {
    use icu_normalizer::ComposingNormalizer;

    use super::*;

    #[test]
    fn characters_that_skip_composition_never_need_it() {
        let nfc = ComposingNormalizer::new_nfc();
        for character in ('\0'..=char::MAX).filter(|character| !may_need_composition(*character)) {
            assert!(nfc.is_normalized(&format!("e{character}a{character}")), "{:04x}", character as u32);
        }
    }

    #[test]
    fn what_is_plain_is_visible_and_needs_no_composition() {
        for character in ('\0'..=char::MAX).filter(|character| plain_length(character.to_string().as_bytes()) > 0) {
            assert!(classify(character) == Class::Visible && !may_need_composition(character), "{:04x}", character as u32);
        }
        assert_eq!([" a", "a b é", "a  b", "a \n", "a ", "é\u{a0}"].map(|text| plain_length(text.as_bytes())), [0, 6, 1, 1, 1, 2]);
        let long = "La fièvre dure. ".repeat(9);
        for (end, length) in [("\n", 152), ("  ", 152), ("– non", 152), ("fin", 156), ("", 152)] {
            (0..40).for_each(|at| assert_eq!(plain_length(format!("{}{long}{end}", "x".repeat(at)).as_bytes()), at + length));
        }
    }

    #[test]
    fn every_unicode_space_and_control_has_a_class() {
        for character in '\0'..=char::MAX {
            let class = classify(character);
            assert_eq!(character.is_whitespace(), matches!(class, Class::Space | Class::LineEnd), "{:04x}", character as u32);
            assert!(!character.is_control() || class != Class::Visible, "{:04x}", character as u32);
        }
    }
}
