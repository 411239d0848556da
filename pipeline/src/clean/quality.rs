//! Drops documents that are not prose: rules of Gopher (Rae et al. 2021), C4 (Raffel et al. 2020) and FineWeb (Penedo et al. 2024), with thresholds for French medical
//! text, where doses, tables and lists are normal.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use rustc_hash::FxHashSet;
use schemas::documents::Verdict;
use xxhash_rust::xxh3::xxh3_64;

use super::profile::Profiler;
use crate::{config::QualityConfig, letters::SHINGLE_WORDS};

/// Shares and repetition say nothing of a text with fewer words.
const MIN_WORDS_FOR_SHARES: usize = 20;
const MIN_LINES_FOR_REPETITION: usize = 8;
/// Words of a repeated sequence.
const NGRAM: usize = 8;
/// Odd, and otherwise of no meaning.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// Judges one document after another.
pub(super) struct QualityFilter {
    config: QualityConfig,
    /// Whether stop words of French can be expected.
    is_french: bool,
    lines: FxHashSet<u64>,
    ngrams: Seen,
}

impl QualityFilter {
    pub(super) fn new(config: &QualityConfig, language: &str) -> Self {
        Self { config: config.clone(), is_french: language == "fr", lines: FxHashSet::default(), ngrams: Seen::default() }
    }

    /// The reason to drop a cleaned document, which `profiler` has read.
    pub(super) fn judge(&mut self, text: &str, profiler: &Profiler) -> Option<Verdict> {
        if !self.config.enabled {
            return None;
        }
        let found = profiler.whole;
        let (letters, words) = (found.letters as usize, found.words.words as usize);
        let share = |count: u32| f64::from(count) / f64::from(found.characters.max(1));
        let config = &self.config;
        if letters < config.min_letters {
            return Some(Verdict::TooShort);
        }
        if is_placeholder(text) {
            return Some(Verdict::PlaceholderText);
        }
        if words < MIN_WORDS_FOR_SHARES {
            return (longest_word(text) > config.max_word_length).then_some(Verdict::LongWords);
        }
        let per_words = |count: u32| f64::from(count) / words as f64;
        if share(found.digits) > config.max_digit_share {
            Some(Verdict::TooManyDigits)
        } else if per_words(found.braces) > config.max_brace_share {
            Some(Verdict::Code)
        } else if share(found.symbols) > config.max_symbol_share {
            Some(Verdict::TooManySymbols)
        } else if per_words(found.letters) > config.max_mean_word_length {
            Some(Verdict::LongWords)
        } else if self.is_french && words >= config.stop_words_from_words && per_words(found.words.stop_words) < config.min_stop_word_share
        {
            Some(Verdict::TooFewStopWords)
        } else {
            self.repetition(text, profiler)
        }
    }

    fn repetition(&mut self, text: &str, profiler: &Profiler) -> Option<Verdict> {
        let has_lines = profiler.lines.len() >= MIN_LINES_FOR_REPETITION;
        if has_lines && self.repeated_line_share(text, profiler) > self.config.max_repeated_line_share {
            return Some(Verdict::RepetitiveLines);
        }
        let (words, max_share) = (&profiler.words, self.config.max_repeated_word_share);
        let is_worth_it = words.len() >= 4 * NGRAM && self.ngrams.most_repeated_share(&profiler.shingles) > max_share;
        (is_worth_it && self.ngrams.repeated_share(words) > max_share).then_some(Verdict::RepetitiveWords)
    }

    /// The share of the bytes in lines that the document has before.
    fn repeated_line_share(&mut self, text: &str, profiler: &Profiler) -> f64 {
        self.lines.clear();
        let (mut bytes, mut repeated) = (0, 0);
        for line in profiler.lines_of(text) {
            bytes += line.len();
            if !self.lines.insert(xxh3_64(line.as_bytes())) {
                repeated += line.len();
            }
        }
        f64::from(repeated as u32) / f64::from(bytes as u32)
    }
}

/// Characters of the longest word.
fn longest_word(text: &str) -> usize {
    text.split(|character: char| !character.is_alphabetic()).map(|word| word.chars().count()).max().unwrap_or(0)
}

/// Sequences of words met before.
#[derive(Default)]
struct Seen {
    slots: Vec<u64>,
    bits: Vec<u64>,
}

impl Seen {
    /// What [`Seen::repeated_share`] is at most, in a fraction of its time: of a sequence of eight words that stood before, four shingles did. Those are
    /// counted by a bit each; two that share a bit make the share greater.
    fn most_repeated_share(&mut self, shingles: &[u32]) -> f64 {
        let num_bits = (8 * shingles.len()).next_power_of_two().max(64);
        self.bits.clear();
        self.bits.resize(num_bits / 64, 0);
        let mut distinct = 0;
        for &shingle in shingles {
            let bit = shingle as usize & (num_bits - 1);
            let bits = &mut self.bits[bit / 64];
            distinct += !*bits >> (bit % 64) & 1;
            *bits |= 1 << (bit % 64);
        }
        let of_each = (NGRAM - SHINGLE_WORDS + 1) as f64 / NGRAM as f64;
        (shingles.len() as u64 - distinct) as f64 / of_each / (shingles.len() + SHINGLE_WORDS - 1) as f64
    }

    /// The share of the words in sequences of eight that stood before.
    fn repeated_share(&mut self, words: &[u64]) -> f64 {
        let num_slots = (2 * words.len()).next_power_of_two();
        self.slots.clear();
        self.slots.resize(num_slots, 0);
        let (mut repeated, mut counted_to) = (0, 0);
        for (hash, start) in ngrams(words).zip(0..) {
            // Zero is no sequence.
            let hash = hash | 1;
            let mut slot = (hash >> 32) as usize & (num_slots - 1);
            while self.slots[slot] != 0 && self.slots[slot] != hash {
                slot = (slot + 1) & (num_slots - 1);
            }
            if self.slots[slot] == hash {
                repeated += start + NGRAM - counted_to.max(start);
                counted_to = start + NGRAM;
            }
            self.slots[slot] = hash;
        }
        repeated as f64 / words.len().max(1) as f64
    }
}

/// The hashes of all sequences of eight words, each from the one before it (Karp and Rabin 1987).
fn ngrams(words: &[u64]) -> impl Iterator<Item = u64> {
    let power = (0..NGRAM).fold(1, |power: u64, _| power.wrapping_mul(MULTIPLIER));
    let (first, rest) = words.split_at(words.len().min(NGRAM - 1));
    let add = |hash: u64, word: &u64| hash.wrapping_mul(MULTIPLIER).wrapping_add(*word);
    let mut hash = first.iter().fold(0, add);
    let leaving = [0].into_iter().chain(words.iter().copied());
    rest.iter().zip(leaving).map(move |(word, leaving)| {
        hash = add(hash, word).wrapping_sub(leaving.wrapping_mul(power));
        hash
    })
}

fn is_placeholder(text: &str) -> bool {
    static LATIN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("orem ipsum dolor"));
    LATIN.find(text.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::{clean::labelled_set, letters::append_shingles};

    #[derive(Deserialize)]
    struct Case {
        text: String,
        verdict: String,
    }

    fn judge(filter: &mut QualityFilter, text: &str) -> Option<Verdict> {
        let mut profiler = Profiler::new(Some(0));
        profiler.read(text, 0);
        filter.judge(text, &profiler)
    }

    #[test]
    fn sequences_are_told_by_their_words_wherever_they_stand() {
        let words: Vec<u64> = (0..40_u64).map(|word| word % 10 * 0x9E37_79B9 + 7).collect();
        let hashes: Vec<u64> = ngrams(&words).collect();
        assert_eq!(hashes.len(), 33);
        assert!((10..33).all(|place| hashes[place] == hashes[place - 10]));
        assert_eq!(hashes[..10].iter().collect::<std::collections::BTreeSet<_>>().len(), 10);
        assert_eq!(ngrams(&words[..7]).count(), 0);
    }

    proptest! {
        #[test]
        fn no_more_is_repeated_than_the_quick_count_says(numbers in proptest::collection::vec(0..40_u64, 40..400), repetition in 1..5_usize) {
            let words: Vec<u64> = numbers.repeat(repetition).iter().map(|word| (word + 1).wrapping_mul(MULTIPLIER)).collect();
            let mut seen = Seen::default();
            let mut shingles = Vec::new();
            append_shingles(&words, &mut shingles);
            prop_assert!(seen.repeated_share(&words) <= seen.most_repeated_share(&shingles) + 1e-9);
        }
    }

    #[test]
    fn the_labelled_set_is_met() {
        let mut filter = QualityFilter::new(&QualityConfig::default(), "fr");
        let mut failures = Vec::new();
        for Case { text, verdict } in labelled_set("quality.jsonl") {
            let found = judge(&mut filter, &text).map_or("keep".into(), Verdict::name);
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
        assert_eq!(judge(&mut QualityFilter::new(&config, "fr"), &table), Some(Verdict::TooManyDigits));
        config.enabled = false;
        assert_eq!(judge(&mut QualityFilter::new(&config, "fr"), &table), None);
    }
}
