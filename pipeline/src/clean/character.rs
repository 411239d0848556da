//! What cleaning does with each character.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Visible,
    Space,
    LineEnd,
    /// Controls, and format characters that nobody sees but that would split words and tokens.
    Removed,
}

pub(super) fn classify(character: char) -> Class {
    match character {
        // Vertical tab and form feed end lines and pages; NEL, LINE SEPARATOR and PARAGRAPH SEPARATOR say it by name.
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Class::LineEnd,
        ' ' | '\t' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Class::Space,
        // The other C0 and C1 controls, soft hyphen, Arabic letter mark, Mongolian vowel separator, zero-width characters and directional marks,
        // embeddings and isolates, word joiner and invisible operators, byte order mark, interlinear annotation.
        '\0'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' => Class::Removed,
        _ => Class::Visible,
    }
}

/// False only for characters that are in NFC whatever stands beside them: Latin without marks, and the punctuation,
/// currency and superscript blocks.
pub(super) fn may_need_composition(character: char) -> bool {
    character >= '\u{300}' && !('\u{2002}'..='\u{20cf}').contains(&character)
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
    fn every_unicode_space_and_control_has_a_class() {
        for character in '\0'..=char::MAX {
            let class = classify(character);
            assert_eq!(character.is_whitespace(), matches!(class, Class::Space | Class::LineEnd), "{:04x}", character as u32);
            assert!(!character.is_control() || class != Class::Visible, "{:04x}", character as u32);
        }
    }
}
