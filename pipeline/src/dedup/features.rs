//! What deduplication must know of a document, computed from its text alone.
//!
//! Near duplicates are found by MinHash over shingles of five words (Broder 1997; bands as in Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4):
//! two documents of Jaccard similarity J share at least one of the bands with probability 1 − (1 − J^ROWS)^BANDS, which is 0.97 at 0.8 and 0.995 at 0.85.

use std::{borrow::Cow, ops::Range};

use pulp::Arch;
use schemas::hash::ContentHash;
use xxhash_rust::xxh3::xxh3_64;

use super::sketch::{self, Sketch};
use crate::{config::DedupConfig, letters::mix};

pub(super) const BANDS: usize = 9;
const ROWS: usize = 5;
/// A multiple of the widest vectors' lanes that holds all rows of all bands.
const PERMUTATIONS: usize = 48;

/// What is known of documents in numbers that differ from one to the next, of one document after another.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    pub(super) sketches: Vec<u16>,
    pub(super) paragraphs: Vec<Paragraph>,
}

impl Lists {
    pub fn clear(&mut self) {
        self.sketches.clear();
        self.paragraphs.clear();
    }
}

/// What deduplication must know of a document, but for what lies in [`Lists`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// Hash of the text with its white space unified: a copy with other line breaks is a copy.
    pub(super) key: ContentHash,
    /// `None` where there are too few words, or near duplicates are not looked for.
    pub(super) near: Option<Shingles<Range<usize>>>,
    pub(super) paragraphs: Range<usize>,
    pub(super) text_bytes: usize,
}

/// The MinHash of a document's shingles, and enough of them to verify it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shingles<Values> {
    pub(super) bands: [u32; BANDS],
    pub(super) sketch: Sketch<Values>,
}

impl Shingles<Range<usize>> {
    /// With the values of its sketch, which lie among these.
    pub(super) fn with_values(self, sketches: &[u16]) -> Shingles<Cow<'_, [u16]>> {
        let Sketch { values, level } = self.sketch;
        Shingles { bands: self.bands, sketch: Sketch { values: Cow::Borrowed(&sketches[values]), level } }
    }
}

impl<Values> Shingles<Values> {
    /// The values of the bands, each with the band's number.
    pub(super) fn bands(&self) -> impl Iterator<Item = (usize, u32)> {
        self.bands.into_iter().enumerate()
    }
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
            flat: String::new(),
        }
    }

    /// `hash` is that of the text, `shingles` are those of its words, numbers among them and whatever their case. Appends to `lists` what the features do not hold.
    pub fn extract(&mut self, text: &str, hash: ContentHash, shingles: &[u32], lists: &mut Lists) -> Features {
        let paragraphs_start = lists.paragraphs.len();
        if let Some(min_bytes) = self.min_paragraph_bytes {
            append_paragraphs(text, min_bytes, &mut lists.paragraphs);
        }
        Features {
            key: self.key(text, hash),
            near: self.near(shingles, &mut lists.sketches),
            paragraphs: paragraphs_start..lists.paragraphs.len(),
            text_bytes: text.len(),
        }
    }

    fn key(&mut self, text: &str, hash: ContentHash) -> ContentHash {
        self.flat.clear();
        let mut line_start = 0;
        for line_end in memchr::memchr_iter(b'\n', text.as_bytes()) {
            if line_end > line_start {
                self.flat.push_str(&text[line_start..line_end]);
                self.flat.push(' ');
            }
            line_start = line_end + 1;
        }
        if line_start == 0 {
            return hash;
        }
        match &text[line_start..] {
            "" => drop(self.flat.pop()),
            last => self.flat.push_str(last),
        }
        ContentHash::of(self.flat.as_bytes())
    }

    fn near(&self, shingles: &[u32], sketches: &mut Vec<u16>) -> Option<Shingles<Range<usize>>> {
        if !self.near || shingles.is_empty() {
            return None;
        }
        let start = sketches.len();
        let level = sketch::append(shingles, sketches);
        Some(Shingles { bands: self.bands(shingles), sketch: Sketch { values: start..sketches.len(), level } })
    }

    fn bands(&self, shingles: &[u32]) -> [u32; BANDS] {
        let multipliers = &self.multipliers;
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

/// Odd numbers, each of which permutes the 32-bit integers.
fn multipliers() -> [u32; PERMUTATIONS] {
    std::array::from_fn(|index| (mix((index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)) >> 32) as u32 | 1)
}

fn append_paragraphs(text: &str, min_bytes: usize, found: &mut Vec<Paragraph>) {
    let bytes = text.as_bytes();
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::shingles;

    fn extract(text: &str, lists: &mut Lists) -> Features {
        let mut extractor = FeatureExtractor::new(&DedupConfig::default());
        extractor.extract(text, ContentHash::of(text.as_bytes()), &shingles(text), lists)
    }

    #[test]
    fn line_breaks_do_not_tell_copies_apart_and_words_do() {
        let key = |text| extract(text, &mut Lists::default()).key;
        assert_eq!(key("Toux grasse\n\ndepuis hier"), key("Toux\ngrasse depuis hier"));
        assert_ne!(key("Toux grasse"), key("Toux grasses"));
    }

    #[test]
    fn fewer_than_five_words_have_no_shingles() {
        let near = |text| extract(text, &mut Lists::default()).near;
        assert_eq!(near("Toux, fièvre, « dyspnée », asthénie."), None);
        assert!(near("Toux, fièvre, dyspnée, asthénie et rash.").is_some());
    }

    #[test]
    fn paragraphs_know_their_neighbours() {
        let long = "a".repeat(200);
        let text = format!("court\n\n{long}\nfin");
        let mut lists = Lists::default();
        assert_eq!([extract(&text, &mut lists).paragraphs, extract(&text, &mut lists).paragraphs], [0..1, 1..2]);
        assert_eq!(lists.paragraphs[..1], [Paragraph { hash: xxh3_64(long.as_bytes()), line: 7..207, previous_end: 5, next_start: 208 }]);
    }
}
