//! Drops documents that are not prose: rules of Gopher (Rae et al. 2021), C4 (Raffel et al. 2020) and FineWeb (Penedo et al. 2024), with thresholds for French medical
//! text, where doses, tables and lists are normal.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use rustc_hash::FxHashSet;
use schemas::documents::Verdict;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    config::QualityConfig,
    letters::{WINDOW, for_each_run_between_spaces, for_each_run_of_letters, window},
};

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
/// The bit in which the letters of ASCII, and those from À to ÿ, differ by case.
const CASE: u32 = 0x2020_2020;

const NOT_ASCII: u64 = 0x8080_8080_8080_8080;

/// A short word as a number, the first byte lowest, whatever its case.
const fn stop_word_key(word: &[u8]) -> u32 {
    let mut key = 0;
    let mut index = 0;
    while index < word.len() {
        key |= (word[index] as u32) << (8 * index);
        index += 1;
    }
    key | CASE
}

/// Five counts in one number, so that a byte takes one addition.
const LANE_BITS: u32 = 12;
const LANE_MAX: usize = (1 << LANE_BITS) - 1;
const CHARACTERS: u32 = 0;
const LETTERS: u32 = 1;
const DIGITS: u32 = 2;
const BRACES: u32 = 3;
const SYMBOLS: u32 = 4;
/// What each byte counts for. Letters and symbols beyond ASCII are counted with the words.
const LANES: [u64; 256] = {
    let mut lanes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let is_character = byte & 0xC0 != 0x80;
        let class = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => 1 << (LANE_BITS * LETTERS),
            b'0'..=b'9' => 1 << (LANE_BITS * DIGITS),
            b'{' | b'}' => 1 << (LANE_BITS * BRACES),
            b'\t'..=b'\r' | b' '..=b'"' | b'%' | b'\''..=b')' | b','..=b'/' | b':' | b';' | b'?' | 0x80.. => 0,
            _ => 1 << (LANE_BITS * SYMBOLS),
        };
        lanes[byte] = class + if is_character { 1 << (LANE_BITS * CHARACTERS) } else { 0 };
        byte += 1;
    }
    lanes
};

/// Judges one document after another.
pub(super) struct QualityFilter {
    config: QualityConfig,
    /// Whether stop words of French can be expected.
    is_french: bool,
    lines: FxHashSet<u64>,
    ngrams: Seen,
    words: Vec<u64>,
}

/// What a document is made of.
#[derive(Default)]
struct Statistics {
    characters: usize,
    letters: usize,
    digits: usize,
    /// Neither letters, digits, braces, white space nor the punctuation of sentences.
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
            ngrams: Seen::default(),
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
        for_each_run_between_spaces(text.as_bytes(), |start, end| self.words.push(word_hash(text.as_bytes(), start, end)));
        self.ngrams.empty_for(self.words.len());
        let (mut repeated, mut counted_to) = (0, 0);
        for (start, ngram) in self.words.windows(NGRAM).enumerate() {
            let hash = ngram.iter().fold(0, |hash: u64, word| (hash.rotate_left(7) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            if !self.ngrams.insert(hash | 1) {
                repeated += start + NGRAM - counted_to.max(start);
                counted_to = start + NGRAM;
            }
        }
        repeated as f64 / self.words.len().max(1) as f64
    }
}

impl Statistics {
    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut found = Self::default();
        for chunk in bytes.chunks(LANE_MAX) {
            let lanes = chunk.iter().map(|&byte| LANES[usize::from(byte)]).sum::<u64>();
            let count = |lane: u32| (lanes >> (LANE_BITS * lane)) as usize & LANE_MAX;
            found.characters += count(CHARACTERS);
            found.letters += count(LETTERS);
            found.digits += count(DIGITS);
            found.braces += count(BRACES);
            found.symbols += count(SYMBOLS);
        }
        for_each_run_of_letters(bytes, |start, end| {
            let run = &bytes[start..end];
            if run.len() <= WINDOW && window(bytes, start, run.len()) & NOT_ASCII == 0 {
                found.end_word(bytes, start, end);
            } else if let Some(letters) = latin_letters(run) {
                found.letters += letters;
                found.end_word(bytes, start, end);
            } else {
                found.add_run(text, start, end);
            }
        });
        found
    }

    /// Adds a run with characters beyond ASCII, which may be words and signs between them.
    fn add_run(&mut self, text: &str, start: usize, end: usize) {
        let mut word_start = None;
        for (at, character) in text[start..end].char_indices() {
            let is_letter = matches!(character, 'a'..='z' | 'A'..='Z' | 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ÿ') || character.is_alphabetic();
            if is_letter {
                self.letters += usize::from(!character.is_ascii());
                word_start = word_start.or(Some(start + at));
                continue;
            }
            if let Some(word_start) = word_start.take() {
                self.end_word(text.as_bytes(), word_start, start + at);
            }
            let is_punctuation = matches!(character, '«' | '»' | '…' | '–' | '—' | '’') || character.is_whitespace();
            self.symbols += usize::from(!is_punctuation);
        }
        if let Some(word_start) = word_start {
            self.end_word(text.as_bytes(), word_start, end);
        }
    }

    #[inline]
    fn end_word(&mut self, text: &[u8], start: usize, end: usize) {
        let length = end - start;
        self.words += 1;
        if length > self.longest_word {
            let characters = text[start..end].iter().filter(|&&byte| byte & 0xC0 != 0x80).count();
            self.longest_word = self.longest_word.max(characters);
        }
        self.stop_words +=
            usize::from(length <= LONGEST_STOP_WORD && STOP_WORD_KEYS.contains(&(window(text, start, length) as u32 | CASE)));
    }
}

/// How many letters beyond ASCII the run has, if all of it is letters of ASCII and from À to ÿ.
fn latin_letters(run: &[u8]) -> Option<usize> {
    let mut letters = 0;
    let mut at = 0;
    while at < run.len() {
        match run[at..] {
            // × and ÷ are no letters.
            [0xC3, 0x97 | 0xB7, ..] => return None,
            [0xC3, ..] => {
                letters += 1;
                at += 2;
            }
            [0x80..=0xFF, ..] => return None,
            _ => at += 1,
        }
    }
    Some(letters)
}

/// A hash of a word of any length.
fn word_hash(text: &[u8], start: usize, end: usize) -> u64 {
    let parts = (start..end).step_by(WINDOW).map(|at| window(text, at, end - at));
    parts.fold((end - start) as u64, |hash, part| (hash.rotate_left(25) ^ part).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// A set of hashes that costs little to empty.
#[derive(Default)]
struct Seen {
    slots: Vec<u64>,
    mask: usize,
}

impl Seen {
    /// Empties the set and makes room for so many.
    fn empty_for(&mut self, count: usize) {
        let slots = (2 * count).next_power_of_two();
        self.slots.clear();
        self.slots.resize(slots, 0);
        self.mask = slots - 1;
    }

    /// Whether the hash, which is never zero, was not in the set.
    fn insert(&mut self, hash: u64) -> bool {
        let mut slot = (hash >> 32) as usize & self.mask;
        while self.slots[slot] != 0 {
            if self.slots[slot] == hash {
                return false;
            }
            slot = (slot + 1) & self.mask;
        }
        self.slots[slot] = hash;
        true
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
