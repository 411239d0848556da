//! UTF-8 that was read as windows-1252 or latin-1: « corticorÃ©sistance », « lâ€™Å“dÃ¨me », and a cp1252 apostrophe that became U+0092.
//!
//! Repaired only where that is certain: the characters must be the bytes of one character that French medical text uses, and nobody writes « Ã© » for itself.

use std::sync::LazyLock;

use encoding_rs::WINDOWS_1252;

use crate::letters::any_window;

/// Whether a repair may be needed.
#[expect(clippy::needless_bitwise_bool, reason = "lazy operators would be branches")]
pub(super) fn is_suspected(text: &str) -> bool {
    let is_pair = |[first, second]: &[u8; 2]| {
        (*first == 0xC3) & ((*second == 0x82) | (*second == 0x83) | (*second == 0x85) | (*second == 0x8E))
            | (*first == 0xC2) & (*second < 0xA0)
    };
    let is_three = |[first, second, third]: &[u8; 3]| {
        (*first == 0xC3) & ((*second == 0xA2) | (*second == 0xAF)) & ((*third == 0xC2) | (*third == 0xE2))
    };
    let is_either = |three: &[u8; 3]| is_three(three) | is_pair(&[three[0], three[1]]);
    any_window(text.as_bytes(), is_either) || text.as_bytes().last_chunk().is_some_and(is_pair)
}

/// Appends the repaired text; returns how many characters were repaired. Double encoding takes two rounds.
pub(super) fn repair_into(text: &str, out: &mut String) -> u64 {
    let mut repaired = 0;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some((right, length)) = misread(rest) {
            out.push(right);
            rest = &rest[length..];
            repaired += 1;
        } else {
            out.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    repaired
}

/// The character that `text` begins with if it was misread, and how many bytes of `text` stand for it.
fn misread(text: &str) -> Option<(char, usize)> {
    let mut characters = text.char_indices();
    let (_, first) = characters.next()?;
    let count = match first {
        'Â' | 'Ã' | 'Å' | 'Î' => 2,
        'â' | 'ï' => 3,
        // Read as latin-1, a byte of windows-1252 that latin-1 has no sign for.
        '\u{80}'..='\u{9f}' => return windows_1252(first as u8).map(|right| (right, first.len_utf8())),
        _ => return None,
    };
    let mut bytes = [0; 3];
    let mut length = 0;
    for (place, (at, character)) in text.char_indices().take(count).enumerate() {
        bytes[place] = byte_of(character)?;
        length = at + character.len_utf8();
    }
    let right = std::str::from_utf8(&bytes[..count]).ok()?.chars().next()?;
    (right.len_utf8() == count && is_expected(right)).then_some((right, length))
}

/// The byte that was read as this character.
fn byte_of(character: char) -> Option<u8> {
    static SIGNS: LazyLock<[Option<char>; 0x20]> = LazyLock::new(|| std::array::from_fn(|place| windows_1252(0x80 + place as u8)));
    if (character as u32) < 0x100 {
        return Some(character as u8);
    }
    SIGNS.iter().position(|sign| *sign == Some(character)).map(|place| 0x80 + place as u8)
}

fn windows_1252(byte: u8) -> Option<char> {
    WINDOWS_1252.decode_without_bom_handling(&[byte]).0.chars().next().filter(|character| !character.is_control())
}

/// Characters of French medical text beyond ASCII.
fn is_expected(character: char) -> bool {
    matches!(character,
        '\u{a0}'..='\u{ff}' | 'Œ' | 'œ' | 'Š' | 'š' | 'Ÿ' | 'Ž' | 'ž' | 'α'..='ω' | 'Δ'
        | '‐'..='—' | '‘'..='„' | '†' | '•' | '…' | '‰' | '\u{2009}' | '\u{200b}' | '\u{202f}' | '€' | '™' | '→' | '−' | '≈' | '≤' | '≥' | '≠' | '∞' | 'ﬀ'..='ﬄ' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_can_be_repaired_is_suspected(text in "([a-zé]{0,40}|[ÃÂâÅÎï][©\u{a0}€™\u{92}²ÂÃ¨]{1,2}|\u{92}){0,6}") {
            let repairs = repair_into(&text, &mut String::new());
            prop_assert!(is_suspected(&text) || repairs == 0, "{:?}", text);
        }
    }

    fn repair(text: &str) -> String {
        let mut out = String::new();
        if is_suspected(text) {
            repair_into(text, &mut out);
        } else {
            out.push_str(text);
        }
        out
    }

    #[test]
    fn what_was_misread_is_repaired() {
        assert_eq!(
            repair("corticorÃ©sistance, oÃ¹, lâ€™Å“dÃ¨me, Â« Ã  Â», 5 Âµg, â‰¥ 3, Î²-bloquant"),
            "corticorésistance, où, l’œdème, « Ã  », 5 µg, ≥ 3, β-bloquant"
        );
        assert_eq!(repair("Ã\u{a0} jeun"), "à jeun");
        assert_eq!(repair("l\u{92}hôpital \u{93}Nord\u{94}"), "l’hôpital “Nord”");
        assert_eq!(repair("dâ\u{80}\u{99}accord"), "d’accord");
    }

    #[test]
    fn double_encoding_takes_two_rounds() {
        assert_eq!(repair(&repair("fiÃƒÂ¨vre")), "fièvre");
    }

    #[test]
    fn what_was_right_stays() {
        for right in [
            "Âge : 38 ans",
            "SÃO PAULO, NÃO",
            "tâche, pâle, naïf",
            "Île-de-France",
            "Ångström",
            "Œdème « léger » 5 µg/m² ≥ 3",
            "PÂTE À PAIN",
            "aïeul, maïs, Haïti",
        ] {
            assert_eq!(repair(right), right);
        }
    }
}
