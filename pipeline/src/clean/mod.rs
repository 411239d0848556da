//! Decoded text → clean text: NFC, no control or invisible format characters, regular white space.
//!
//! White space is regular when words are separated by one space, lines by one line feed, paragraphs by two, and nothing stands at
//! either end. Cleaning is idempotent: what is clean stays as it is.

mod character;
mod counts;
mod function_words;
mod language;
mod leaders;
mod lines;
mod markup;
mod mojibake;
mod privacy;
mod profile;
mod quality;

pub use counts::{Change, CleanCounts};
pub use language::is_known_language;
pub use privacy::Identity;

use character::{Class, classify, may_need_composition, plain_length};
use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use language::LanguageFilter;
use lines::LineMender;
use privacy::PrivacyFilter;
use profile::Profiler;
use quality::QualityFilter;
use schemas::documents::Verdict;

use crate::config::CleanConfig;

/// Rounds of mending at most; what is nested deeper was made to be.
const MAX_ROUNDS: usize = 16;

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
    mojibake: bool,
    markup: bool,
    structure: bool,
    lines: LineMender,
    /// A text between two steps, or before a round.
    repaired: String,
    stripped: String,
    regular: String,
    before: String,
    profiler: Profiler,
    language: LanguageFilter,
    quality: QualityFilter,
    privacy: PrivacyFilter,
}

impl Cleaner {
    pub fn new(config: &CleanConfig) -> Self {
        Self {
            nfc: ComposingNormalizer::new_nfc(),
            mojibake: config.mojibake,
            markup: config.markup,
            structure: config.structure,
            lines: LineMender::default(),
            repaired: String::new(),
            stripped: String::new(),
            regular: String::new(),
            before: String::new(),
            profiler: Profiler::new(language::list_of(&config.language)),
            language: LanguageFilter::new(&config.language),
            quality: QualityFilter::new(&config.quality, &config.language),
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
        self.profiler.read(out, start);
        if let Some(verdict) = self.language.judge(out, start, &mut self.profiler, counts) {
            return verdict;
        }
        if let Some(verdict) = self.quality.judge(&out[start..], &self.profiler) {
            return verdict;
        }
        // What was hidden may have kept something beside it from being mended.
        for _ in 0..MAX_ROUNDS {
            if !self.privacy.redact(out, start, counts) {
                break;
            }
            let hidden = out.split_off(start);
            self.mend_into(&hidden, out, counts);
            self.profiler.read(out, start);
        }
        if out.len() == start { Verdict::Empty } else { Verdict::Keep }
    }

    /// The hashes of all sequences of five words of the document that was cleaned last, if it is kept.
    pub fn shingles(&self) -> &[u32] {
        &self.profiler.shingles
    }

    /// Mends until nothing is left to mend: an entity may hide a tag, a tag a broken word.
    fn mend_into(&mut self, text: &str, out: &mut String, counts: &mut CleanCounts) {
        let start = out.len();
        let mut again = self.mend_once(text, out, counts);
        let mut before = std::mem::take(&mut self.before);
        for _ in 1..MAX_ROUNDS {
            if !again {
                break;
            }
            cut_into(&mut before, out, start);
            again = self.mend_once(&before, out, counts) && out[start..] != before;
        }
        self.before = before;
    }

    /// One round: says whether the next may change something.
    fn mend_once(&mut self, text: &str, out: &mut String, counts: &mut CleanCounts) -> bool {
        let mut current = text;
        let mut is_changed = false;
        if self.mojibake && mojibake::is_suspected(current) {
            self.repaired.clear();
            let count = mojibake::repair_into(current, &mut self.repaired);
            counts.add(Change::Mojibake, count);
            is_changed |= count > 0;
            current = &self.repaired;
        }
        if self.markup && markup::is_suspected(current) {
            self.stripped.clear();
            let count = markup::strip_into(current, &mut self.stripped);
            counts.add(Change::Markup, count);
            is_changed |= count > 0;
            current = &self.stripped;
        }
        let start = out.len();
        is_changed |= regularise_into(&self.nfc, current, out, counts);
        if self.structure && self.lines.may_mend(&out[start..]) {
            cut_into(&mut self.regular, out, start);
            is_changed |= self.lines.mend_into(&self.regular, out, counts);
        }
        is_changed
    }
}

/// Moves the text from `start` on to `to`, in place of what that held.
fn cut_into(to: &mut String, from: &mut String, start: usize) {
    to.clear();
    to.push_str(&from[start..]);
    from.truncate(start);
}

/// Characters and white space. Says whether a character was removed, composed, or unified into another than the apostrophe: then what was looked for
/// before may be there now.
fn regularise_into(nfc: &ComposingNormalizerBorrowed<'_>, text: &str, out: &mut String, counts: &mut CleanCounts) -> bool {
    let start = out.len();
    let mut compose = false;
    let mut gap = Gap::None;
    let mut after_carriage_return = false;
    let (mut unified, mut apostrophes, mut removed) = (0, 0, 0);
    let mut rest = text;
    loop {
        let (plain, after) = rest.split_at(plain_length(rest.as_bytes()));
        if !plain.is_empty() {
            close_gap(&mut gap, start, out);
            out.push_str(plain);
            after_carriage_return = false;
        }
        let mut characters = after.chars();
        let Some(character) = characters.next() else { break };
        rest = characters.as_str();
        let follows_carriage_return = std::mem::replace(&mut after_carriage_return, character == '\r');
        match classify(character) {
            Class::Visible => {
                close_gap(&mut gap, start, out);
                compose |= may_need_composition(character);
                out.push(character);
            }
            Class::Unified(plainer) => {
                close_gap(&mut gap, start, out);
                unified += 1;
                apostrophes += u64::from(plainer == "'");
                out.push_str(plainer);
            }
            Class::Space => gap = gap.max(Gap::Space),
            Class::LineEnd if character == '\n' && follows_carriage_return => {}
            Class::LineEnd => gap = if gap >= Gap::Line { Gap::Paragraph } else { Gap::Line },
            Class::Removed => removed += 1,
        }
    }
    counts.add(Change::RemovedCharacter, removed);
    if compose {
        let (normal, _) = nfc.split_normalized(&out[start..]);
        let rest = out.split_off(start + normal.len());
        if !rest.is_empty() {
            nfc.normalize_to(&rest, out).expect("memory takes all that is written to it");
            counts.add(Change::RenormalizedDocument, 1);
            removed += 1;
        }
    }
    unified += leaders::shorten(out, start);
    counts.add(Change::UnifiedCharacter, unified);
    unified + removed > apostrophes
}

/// Writes the pause that was between what is written and what comes next.
fn close_gap(gap: &mut Gap, start: usize, out: &mut String) {
    match std::mem::replace(gap, Gap::None) {
        _ if out.len() == start => {}
        Gap::None => {}
        Gap::Space => out.push(' '),
        Gap::Line => out.push('\n'),
        Gap::Paragraph => out.push_str("\n\n"),
    }
}

/// The cases of a labelled set in the workspace's `tests/data`.
#[cfg(test)]
fn labelled_set<T: serde::de::DeserializeOwned>(file: &str) -> Vec<T> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(file);
    let cases = std::fs::read_to_string(&path).expect("a file of tests/data");
    cases.lines().map(|line| serde_json::from_str(line).expect("a case")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    fn clean(text: &str) -> String {
        counted(text).0
    }

    fn counted(text: &str) -> (String, CleanCounts) {
        let (mut out, mut counts) = (String::new(), CleanCounts::default());
        Cleaner::new(&CleanConfig::default()).clean_into(text, &mut out, &mut counts);
        (out, counts)
    }

    #[derive(Deserialize)]
    struct Case {
        kind: String,
        text: String,
        expected: String,
    }

    #[test]
    fn the_labelled_set_is_met() {
        let mut config = CleanConfig { language: "any".into(), ..CleanConfig::default() };
        config.quality.enabled = false;
        let mut cleaner = Cleaner::new(&config);
        let mut failures = Vec::new();
        for Case { kind, text, expected } in labelled_set("cleaning.jsonl") {
            let mut found = String::new();
            cleaner.clean_into(&text, &mut found, &mut CleanCounts::default());
            if found != expected {
                failures.push(format!("{kind}: {text:?}\n  expected {expected:?}\n  found    {found:?}"));
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    #[test]
    fn white_space_becomes_regular() {
        assert_eq!(
            clean(" \u{feff}Fièvre\u{a0}:  38,5\u{202f}°C\t \r\n toux\r\rfin \n\n\n\nsuite\n "),
            "Fièvre : 38,5 °C\ntoux\n\nfin\n\nsuite"
        );
        assert_eq!(clean("un\u{c}deux\u{2028}trois"), "un\ndeux\ntrois");
        assert_eq!(clean(" \n\u{200b}\u{0}"), "");
    }

    #[test]
    fn invisible_characters_go_and_are_counted() {
        let (text, counts) = counted("hypo\u{ad}ten\u{200b}sion\u{1}\u{fffd}");
        assert_eq!((text.as_str(), counts.of(Change::RemovedCharacter)), ("hypotension", 4));
    }

    #[test]
    fn decomposed_accents_are_composed_and_what_was_right_stays() {
        let (text, counts) = counted("de\u{301}mence");
        assert_eq!((text.as_str(), counts.of(Change::RenormalizedDocument)), ("démence", 1));
        for right in ["« L'œdème » – 5 µg/m², CO₂ ≥ 40 mmHg… β-bloquant", "fièvre Ⅲ ½ 😀", "naïf\nça\n\nÀ jeun"] {
            assert_eq!(clean(right), right);
        }
    }

    /// Text and dirt of all kinds.
    const ANYTHING: &str = "(\\PC|[ \\n\\r\\t\u{a0}\u{301}\u{327}\u{200d}\u{ad}é\u{3000}\u{85}\u{1100}\u{1161}]|&(amp;){0,3}(lt|gt|quot|nbsp|#039|#x2019);?|</?(br|p|td|sup|script|b)>?|[ÃÂâÎ][©\u{a0}€™\u{92}²]|[a-z]{2}-\n[a-z]|fin\\.(Le|Œd|Δι)|\\.{1,3}|… ?|_|Page 3|[A-Z] |\\[x\\]\\(|\\)|\u{f0b7}|ﬁ|[’‘“]|href=|2</su[bp]>){0,40}";

    proptest! {
        #[test]
        fn cleaning_is_idempotent_and_gives_nfc(text in ANYTHING) {
            let once = clean(&text);
            prop_assert_eq!(&clean(&once), &once);
            prop_assert!(ComposingNormalizer::new_nfc().is_normalized(&once));
            prop_assert_eq!(once.trim(), &once);
        }

        /// What a text without signs of dirt is spared changes nothing.
        #[test]
        fn a_text_is_mended_alike_whatever_stands_after_it(text in ANYTHING) {
            let mut cleaner = Cleaner::new(&CleanConfig::default());
            let mut mend = |text: &str| {
                let mut out = String::new();
                cleaner.mend_into(text, &mut out, &mut CleanCounts::default());
                out
            };
            let (dirt, mended) = ("\n\nà la fin.Le D I A G N O S T I C d'Ã©t&eacute;", "à la fin. Le DIAGNOSTIC d'été");
            let expected = [&mend(&text), mended].join("\n\n");
            prop_assert_eq!(mend(&format!("{text}{dirt}")), expected.trim_start());
        }
    }
}
