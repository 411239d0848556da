//! Decoded text → clean text: NFC, no control or invisible format characters, regular white space.
//!
//! White space is regular when words are separated by one space, lines by one line feed, paragraphs by two, and nothing stands at
//! either end. Cleaning is idempotent: what is clean stays as it is.

mod character;
mod counts;
mod language;
mod privacy;

pub use counts::{Change, CleanCounts};
pub use language::is_known_language;
pub use privacy::Identity;

use character::{Class, classify, may_need_composition};
use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use language::LanguageFilter;
use privacy::PrivacyFilter;
use schemas::documents::Verdict;

use crate::config::CleanConfig;

/// The largest pause between what was written last and what comes next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
    Paragraph,
}

/// Cleans one document after another.
pub struct Cleaner {
    nfc: ComposingNormalizerBorrowed<'static>,
    language: LanguageFilter,
    privacy: PrivacyFilter,
}

impl Cleaner {
    pub fn new(config: &CleanConfig) -> Self {
        Self {
            nfc: ComposingNormalizer::new_nfc(),
            language: LanguageFilter::new(&config.language),
            privacy: PrivacyFilter::new(&config.privacy),
        }
    }

    /// Appends the clean form of `text` to `out`, adds to `counts` what was changed, and says whether the document is kept.
    /// What is appended for a document that is dropped shows why.
    pub fn clean_into(&mut self, text: &str, out: &mut String, counts: &mut CleanCounts) -> Verdict {
        let start = out.len();
        self.mend_into(text, out, counts);
        if out.len() == start {
            return Verdict::Empty;
        }
        if let Some(verdict) = self.language.judge(out, start, counts) {
            return verdict;
        }
        self.privacy.redact(out, start, counts);
        if out.len() == start { Verdict::Empty } else { Verdict::Keep }
    }

    /// Characters and white space.
    fn mend_into(&mut self, text: &str, out: &mut String, counts: &mut CleanCounts) {
        let start = out.len();
        let mut compose = false;
        let mut gap = Gap::None;
        let mut after_carriage_return = false;
        for character in text.chars() {
            let follows_carriage_return = std::mem::replace(&mut after_carriage_return, character == '\r');
            match classify(character) {
                Class::Visible => {
                    match gap {
                        _ if out.len() == start => {}
                        Gap::None => {}
                        Gap::Space => out.push(' '),
                        Gap::Line => out.push('\n'),
                        Gap::Paragraph => out.push_str("\n\n"),
                    }
                    gap = Gap::None;
                    compose |= may_need_composition(character);
                    out.push(character);
                }
                Class::Space => gap = gap.max(Gap::Space),
                Class::LineEnd if character == '\n' && follows_carriage_return => {}
                Class::LineEnd => gap = if gap >= Gap::Line { Gap::Paragraph } else { Gap::Line },
                Class::Removed => counts.add(Change::RemovedCharacter, 1),
            }
        }
        if compose && !self.nfc.is_normalized(&out[start..]) {
            let composed = self.nfc.normalize(&out[start..]).into_owned();
            out.truncate(start);
            out.push_str(&composed);
            counts.add(Change::RenormalizedDocument, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clean(text: &str) -> String {
        counted(text).0
    }

    fn counted(text: &str) -> (String, CleanCounts) {
        let (mut out, mut counts) = (String::new(), CleanCounts::default());
        Cleaner::new(&CleanConfig::default()).clean_into(text, &mut out, &mut counts);
        (out, counts)
    }

    #[test]
    fn white_space_becomes_regular() {
        assert_eq!(
            clean(" \u{feff}Fièvre\u{a0}:  38,5\u{202f}°C\t \r\n toux\r\rfin \n\n\n\nsuite\n "),
            "Fièvre : 38,5 °C\ntoux\n\nfin\n\nsuite"
        );
        assert_eq!(clean("page 1\u{c}page 2\u{2028}ligne"), "page 1\npage 2\nligne");
        assert_eq!(clean(" \n\u{200b}\u{0}"), "");
    }

    #[test]
    fn invisible_characters_go_and_are_counted() {
        let (text, counts) = counted("hypo\u{ad}ten\u{200b}sion\u{1}\u{92}");
        assert_eq!((text.as_str(), counts.of(Change::RemovedCharacter)), ("hypotension", 4));
    }

    #[test]
    fn decomposed_accents_are_composed_and_what_was_right_stays() {
        let (text, counts) = counted("de\u{301}mence");
        assert_eq!((text.as_str(), counts.of(Change::RenormalizedDocument)), ("démence", 1));
        for right in ["« L’œdème » – 5 µg/m², CO₂ ≥ 40 mmHg… β-bloquant", "ﬁèvre Ⅲ ½ 😀", "naïf\nça\n\nÀ jeun"]
        {
            assert_eq!(clean(right), right);
        }
    }

    proptest! {
        #[test]
        fn cleaning_is_idempotent_and_gives_nfc(text in "(\\PC|[ \\n\\r\\t\u{a0}\u{301}\u{327}\u{200d}\u{ad}é\u{3000}\u{85}\u{1100}\u{1161}]){0,40}") {
            let once = clean(&text);
            prop_assert_eq!(&clean(&once), &once);
            prop_assert!(ComposingNormalizer::new_nfc().is_normalized(&once));
            prop_assert_eq!(once.trim(), &once);
        }
    }
}
