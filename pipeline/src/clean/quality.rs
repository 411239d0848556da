//! Drops documents that are not prose: rules of Gopher (Rae et al. 2021), C4 (Raffel et al. 2020) and FineWeb (Penedo et al. 2024), with thresholds for French medical
//! text, where doses, tables and lists are normal.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use rustc_hash::FxHashSet;
use schemas::documents::Verdict;
use xxhash_rust::xxh3::xxh3_64;

use crate::config::QualityConfig;

/// Shares and repetition say nothing of a text with fewer words.
const MIN_WORDS_FOR_SHARES: usize = 20;
const MIN_LINES_FOR_REPETITION: usize = 8;
/// Words of a repeated sequence.
const NGRAM: usize = 8;
/// Words of French that stand in any running text.
const STOP_WORDS: [&str; 24] = [
    "le", "la", "les", "de", "du", "des", "un", "une", "et", "ou", "à", "en", "au", "aux", "dans", "par", "pour", "sur", "avec", "que",
    "qui", "est", "l", "d",
];
const LONGEST_STOP_WORD: usize = 4;
const STOP_WORD_KEYS: [u32; STOP_WORDS.len()] = {
    let mut keys = [0; STOP_WORDS.len()];
    let mut index = 0;
    while index < keys.len() {
        keys[index] = stop_word_key(STOP_WORDS[index].as_bytes());
        index += 1;
    }
    keys
};

/// A short word as a number, whatever the case of its ASCII letters.
const fn stop_word_key(word: &[u8]) -> u32 {
    let mut key = 0;
    let mut index = 0;
    while index < word.len() {
        key = key << 8 | word[index].to_ascii_lowercase() as u32;
        index += 1;
    }
    key
}

/// Judges one document after another.
pub(super) struct QualityFilter {
    config: QualityConfig,
    /// Whether stop words of French can be expected.
    is_french: bool,
    lines: FxHashSet<u64>,
    ngrams: FxHashSet<u64>,
    words: Vec<u64>,
}

/// What a document is made of.
#[derive(Default)]
struct Statistics {
    characters: usize,
    letters: usize,
    digits: usize,
    /// Neither letters, digits, white space nor the punctuation of sentences.
    symbols: usize,
    words: usize,
    longest_word: usize,
    stop_words: usize,
    braces: usize,
}

impl QualityFilter {
    pub(super) fn new(config: &QualityConfig, language: &str) -> Self {
        Self {
            config: config.clone(),
            is_french: language == "fr",
            lines: FxHashSet::default(),
            ngrams: FxHashSet::default(),
            words: Vec::new(),
        }
    }

    /// The reason to drop a cleaned document.
    pub(super) fn judge(&mut self, text: &str) -> Option<Verdict> {
        if !self.config.enabled {
            return None;
        }
        let found = Statistics::of(text);
        let share = |count: usize| count as f64 / found.characters.max(1) as f64;
        let config = &self.config;
        if found.letters < config.min_letters {
            return Some(Verdict::TooShort);
        }
        if is_placeholder(text) {
            return Some(Verdict::PlaceholderText);
        }
        if found.words < MIN_WORDS_FOR_SHARES {
            return (found.longest_word > config.max_word_length).then_some(Verdict::LongWords);
        }
        let per_words = |count: usize| count as f64 / found.words as f64;
        if share(found.digits) > config.max_digit_share {
            Some(Verdict::TooManyDigits)
        } else if per_words(found.braces) > config.max_brace_share {
            Some(Verdict::Code)
        } else if share(found.symbols) > config.max_symbol_share {
            Some(Verdict::TooManySymbols)
        } else if found.letters as f64 / found.words as f64 > config.max_mean_word_length {
            Some(Verdict::LongWords)
        } else if self.is_french && found.words >= config.stop_words_from_words && per_words(found.stop_words) < config.min_stop_word_share
        {
            Some(Verdict::TooFewStopWords)
        } else {
            self.repetition(text, &found)
        }
    }

    fn repetition(&mut self, text: &str, found: &Statistics) -> Option<Verdict> {
        if self.repeated_line_share(text) > self.config.max_repeated_line_share {
            return Some(Verdict::RepetitiveLines);
        }
        let is_worth_it = found.words >= 4 * NGRAM;
        (is_worth_it && self.repeated_word_share(text) > self.config.max_repeated_word_share).then_some(Verdict::RepetitiveWords)
    }

    /// The share of the bytes in lines that the document has before.
    fn repeated_line_share(&mut self, text: &str) -> f64 {
        self.lines.clear();
        let (mut lines, mut bytes, mut repeated) = (0, 0, 0);
        for line in text.split('\n').filter(|line| !line.is_empty()) {
            lines += 1;
            bytes += line.len();
            if !self.lines.insert(xxh3_64(line.as_bytes())) {
                repeated += line.len();
            }
        }
        if lines < MIN_LINES_FOR_REPETITION { 0.0 } else { f64::from(repeated as u32) / f64::from(bytes as u32) }
    }

    /// The share of the words in sequences of eight that the document has before.
    fn repeated_word_share(&mut self, text: &str) -> f64 {
        self.words.clear();
        self.words.extend(text.split_ascii_whitespace().map(|word| xxh3_64(word.as_bytes())));
        self.ngrams.clear();
        let (mut repeated, mut counted_to) = (0, 0);
        for (start, ngram) in self.words.windows(NGRAM).enumerate() {
            let hash = ngram.iter().fold(0, |hash: u64, word| (hash.rotate_left(7) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            if !self.ngrams.insert(hash) {
                repeated += start + NGRAM - counted_to.max(start);
                counted_to = start + NGRAM;
            }
        }
        repeated as f64 / self.words.len().max(1) as f64
    }
}

impl Statistics {
    fn of(text: &str) -> Self {
        let mut found = Self::default();
        let mut word_start = None;
        for (at, character) in text.char_indices() {
            found.characters += 1;
            let is_letter = match character {
                'a'..='z' | 'A'..='Z' => true,
                '\0'..='\u{7f}' | '×' | '÷' => false,
                'À'..='ÿ' => true,
                _ => character.is_alphabetic(),
            };
            if is_letter {
                found.letters += 1;
                word_start = word_start.or(Some(at));
            } else {
                if let Some(start) = word_start.take() {
                    found.end_word(&text[start..at]);
                }
                match character {
                    '0'..='9' => found.digits += 1,
                    '{' | '}' => found.braces += 1,
                    ' ' | '\n' | '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '"' | '(' | ')' | '-' | '«' | '»' | '…' | '–' | '—' | '/'
                    | '%' | '’' => {}
                    _ if character.is_whitespace() => {}
                    _ => found.symbols += 1,
                }
            }
        }
        if let Some(start) = word_start {
            found.end_word(&text[start..]);
        }
        found
    }

    fn end_word(&mut self, word: &str) {
        self.words += 1;
        if word.len() > self.longest_word {
            self.longest_word = self.longest_word.max(word.chars().count());
        }
        self.stop_words += usize::from(word.len() <= LONGEST_STOP_WORD && STOP_WORD_KEYS.contains(&stop_word_key(word.as_bytes())));
    }
}

fn is_placeholder(text: &str) -> bool {
    static LATIN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("orem ipsum dolor"));
    LATIN.find(text.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::clean::labelled_set;

    #[derive(Deserialize)]
    struct Case {
        text: String,
        verdict: String,
    }

    #[test]
    fn the_labelled_set_is_met() {
        let mut filter = QualityFilter::new(&QualityConfig::default(), "fr");
        let mut failures = Vec::new();
        for Case { text, verdict } in labelled_set("quality.jsonl") {
            let found = filter.judge(&text).map_or("keep".into(), Verdict::name);
            if found != verdict {
                failures.push(format!("{text:?}: expected {verdict}, found {found}"));
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    #[test]
    fn rules_can_be_switched_off() {
        let table = "12 34 56 78 90 12 34 56 78 90 mg ".repeat(30);
        let mut config = QualityConfig::default();
        assert_eq!(QualityFilter::new(&config, "fr").judge(&table), Some(Verdict::TooManyDigits));
        config.enabled = false;
        assert_eq!(QualityFilter::new(&config, "fr").judge(&table), None);
    }
}
