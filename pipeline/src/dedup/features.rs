//! What deduplication must know of a document, computed from its text alone.
//!
//! Near duplicates are found by MinHash over shingles of five words (Broder 1997; bands as in Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4):
//! two documents of Jaccard similarity J share at least one of the bands with probability 1 − (1 − J^ROWS)^BANDS, which is 0.97 at 0.8 and 0.995 at 0.85.

use std::ops::Range;

use pulp::Arch;
use schemas::hash::ContentHash;
use xxhash_rust::xxh3::xxh3_64;

use crate::config::DedupConfig;

pub(super) const BANDS: usize = 9;
const ROWS: usize = 5;
/// A multiple of the widest vectors' lanes that holds all rows of all bands.
const PERMUTATIONS: usize = 48;
const SHINGLE_WORDS: usize = 5;
/// Odd, and otherwise of no meaning.
const WORD_MULTIPLIERS: [u64; SHINGLE_WORDS] =
    [0x9E37_79B9_7F4A_7C15, 0x6170_8DD3_2E5A_3F4B, 0xD6E8_FEB8_6659_FD93, 0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB];
/// Shingles that are kept to verify a candidate: all of them where there are no more, else the smallest. The standard error at J = 0.8 is then 0.013.
pub(super) const SKETCH_SHINGLES: usize = 1024;

/// What deduplication must know of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// Hash of the text with its white space unified: a copy with other line breaks is a copy.
    pub(super) key: ContentHash,
    /// `None` where there are too few words, or near duplicates are not looked for.
    pub(super) near: Option<Shingles>,
    pub(super) paragraphs: Vec<Paragraph>,
    pub(super) text_bytes: usize,
}

/// The MinHash of a document's shingles, and enough of them to verify it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shingles {
    pub(super) bands: [u32; BANDS],
    /// Hashes, in no order, possibly repeated.
    pub(super) sketch: Vec<u32>,
    /// Whether the sketch has all of them.
    pub(super) is_complete: bool,
}

/// A line that is long enough to be boilerplate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Paragraph {
    pub(super) hash: u64,
    /// The line itself, in bytes of the text, without its end.
    pub(super) line: Range<usize>,
    /// Where the line before it ends, and where the next one begins.
    pub(super) previous_end: usize,
    pub(super) next_start: usize,
}

/// Computes features; one for each worker.
pub struct FeatureExtractor {
    arch: Arch,
    near: bool,
    /// Shorter lines are no paragraphs; `None` if repeated paragraphs are not looked for.
    min_paragraph_bytes: Option<usize>,
    multipliers: [u32; PERMUTATIONS],
    shingles: Vec<u32>,
    flat: String,
}

impl FeatureExtractor {
    pub fn new(config: &DedupConfig) -> Self {
        let paragraphs = &config.paragraphs;
        Self {
            arch: Arch::new(),
            near: config.near.enabled,
            min_paragraph_bytes: paragraphs.enabled.then_some(paragraphs.min_bytes),
            multipliers: multipliers(),
            shingles: Vec::new(),
            flat: String::new(),
        }
    }

    /// `words` are the hashes of the text's words, numbers among them and whatever their case.
    pub fn extract(&mut self, text: &str, words: &[u64]) -> Features {
        Features {
            key: self.key(text),
            near: if self.near { self.shingles(words) } else { None },
            paragraphs: self.min_paragraph_bytes.map_or_else(Vec::new, |min_bytes| paragraphs(text, min_bytes)),
            text_bytes: text.len(),
        }
    }

    fn key(&mut self, text: &str) -> ContentHash {
        if memchr::memchr(b'\n', text.as_bytes()).is_none() {
            return ContentHash::of(text.as_bytes());
        }
        self.flat.clear();
        for line in text.split('\n').filter(|line| !line.is_empty()) {
            if !self.flat.is_empty() {
                self.flat.push(' ');
            }
            self.flat.push_str(line);
        }
        ContentHash::of(self.flat.as_bytes())
    }

    fn shingles(&mut self, words: &[u64]) -> Option<Shingles> {
        self.shingles.clear();
        self.shingles.extend(words.array_windows().map(shingle));
        if self.shingles.is_empty() {
            return None;
        }
        let bands = self.bands();
        let is_complete = self.shingles.len() <= SKETCH_SHINGLES;
        if !is_complete {
            keep_smallest(&mut self.shingles);
        }
        Some(Shingles { bands, sketch: self.shingles.clone(), is_complete })
    }

    fn bands(&self) -> [u32; BANDS] {
        let (shingles, multipliers) = (&self.shingles, &self.multipliers);
        // Compiled for the widest vectors that the machine has.
        let smallest = self.arch.dispatch(
            #[inline(always)]
            || {
                let mut smallest = [u32::MAX; PERMUTATIONS];
                for &shingle in shingles {
                    for (smallest, multiplier) in smallest.iter_mut().zip(multipliers) {
                        *smallest = (*smallest).min(shingle.wrapping_mul(*multiplier));
                    }
                }
                smallest
            },
        );
        std::array::from_fn(|band| {
            let rows = smallest[band * ROWS..][..ROWS].iter();
            (rows.fold(band as u64, |hash, &row| mix(hash ^ u64::from(row))) >> 32) as u32
        })
    }
}

/// The hash of five words.
fn shingle(words: &[u64; SHINGLE_WORDS]) -> u32 {
    // Each word has a multiplier of its own, so that no product waits for another.
    let hash =
        words.iter().zip(&WORD_MULTIPLIERS).fold(0, |hash: u64, (word, multiplier)| hash.wrapping_add(word.wrapping_mul(*multiplier)));
    (mix(hash) >> 32) as u32
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014).
pub(super) fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// Odd numbers, each of which permutes the 32-bit integers.
fn multipliers() -> [u32; PERMUTATIONS] {
    std::array::from_fn(|index| (mix((index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)) >> 32) as u32 | 1)
}

/// Keeps the smallest distinct hashes, as many as a sketch has.
fn keep_smallest(shingles: &mut Vec<u32>) {
    // Without repetitions, about that many are below the bound: nearly always enough, and fewer to sort.
    let generous = SKETCH_SHINGLES * 6 / 5;
    let bound = (u64::from(u32::MAX) * generous as u64 / shingles.len().max(generous) as u64) as u32;
    let mut few: Vec<u32> = shingles.iter().copied().filter(|&shingle| shingle <= bound).collect();
    sort_distinct(&mut few);
    if few.len() >= SKETCH_SHINGLES {
        *shingles = few;
    } else {
        sort_distinct(shingles);
    }
    shingles.truncate(SKETCH_SHINGLES);
}

pub(super) fn sort_distinct(hashes: &mut Vec<u32>) {
    hashes.sort_unstable();
    hashes.dedup();
}

fn paragraphs(text: &str, min_bytes: usize) -> Vec<Paragraph> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let (mut start, mut previous_end) = (0, 0);
    while start < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at);
        let next_start = bytes[end..].iter().position(|&byte| byte != b'\n').map_or(bytes.len(), |at| end + at);
        if end - start >= min_bytes {
            found.push(Paragraph { hash: xxh3_64(&bytes[start..end]), line: start..end, previous_end, next_start });
        }
        previous_end = end;
        start = next_start;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::word_hashes;

    fn extract(text: &str) -> Features {
        FeatureExtractor::new(&DedupConfig::default()).extract(text, &word_hashes(text))
    }

    #[test]
    fn line_breaks_do_not_tell_copies_apart_and_words_do() {
        assert_eq!(extract("Toux grasse\n\ndepuis hier").key, extract("Toux\ngrasse depuis hier").key);
        assert_ne!(extract("Toux grasse").key, extract("Toux grasses").key);
    }

    #[test]
    fn fewer_than_five_words_have_no_shingles() {
        assert_eq!(extract("Toux, fièvre, « dyspnée », asthénie.").near, None);
        assert!(extract("Toux, fièvre, dyspnée, asthénie et rash.").near.is_some());
    }

    #[test]
    fn a_long_document_keeps_its_smallest_shingles() {
        let words: Vec<_> = (0..20_000).map(|number| format!("mot{} ", number * 7919 % 15_013)).collect();
        let text = words.concat();
        let mut all = FeatureExtractor::new(&DedupConfig::default());
        let words = word_hashes(&text);
        let sketch = all.shingles(&words).expect("long").sketch;
        let mut every: Vec<u32> = words.array_windows().map(shingle).collect();
        sort_distinct(&mut every);
        assert_eq!(sketch, every[..SKETCH_SHINGLES]);
    }

    #[test]
    fn paragraphs_know_their_neighbours() {
        let long = "a".repeat(200);
        let text = format!("court\n\n{long}\nfin");
        let found = extract(&text).paragraphs;
        assert_eq!(found, [Paragraph { hash: xxh3_64(long.as_bytes()), line: 7..207, previous_end: 5, next_start: 208 }]);
    }
}
