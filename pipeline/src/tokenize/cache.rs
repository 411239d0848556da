//! The ids of words met before: exact, in bounded memory, without allocation for the words that text is mostly made of.
//!
//! Words of up to 15 bytes with up to seven ids below 65,536, which are nearly all, live in a table of small sets, where a word's
//! bytes and length are its key and the words met most often come first. Those of up to 31 bytes live in a hash table with the same keys and ids, the
//! others in one with memory for each.

use memmap2::MmapMut;
use prefetch_index::prefetch_index;
use rustc_hash::FxHashMap;

use crate::letters::{WINDOW, window};

/// 128 bytes each: 16 MiB.
const NUM_SETS: usize = 1 << 17;
const WORDS_PER_SET: usize = 4;
const MAX_INLINE_IDS: usize = 7;
/// Words that are looked up together take so much room for each, whatever they need.
pub(super) const ROOM_FOR_WORD: usize = MAX_INLINE_IDS + 1;
/// When there are more of middling length, or more that are longer, all of these are forgotten.
const MAX_LONG_WORDS: usize = 1 << 16;
/// Longer words are too rare to be worth remembering.
const MAX_WORD_BYTES: usize = 64;

/// The bytes of a word of up to 15 bytes, the first one lowest, and above them its length. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShortWord(u128);

/// The same of a word of 16 to 31 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct MiddlingWord([u128; 2]);

/// A word's key, or zero where there is none, and its [`ShortIds`].
type Entry = [u128; 2];
/// Up to seven ids, and in the last place how many.
type ShortIds = [u16; MAX_INLINE_IDS + 1];
type Set = [Entry; WORDS_PER_SET];

pub(super) struct WordCache {
    sets: Memory,
    middling: FxHashMap<MiddlingWord, ShortIds>,
    long: FxHashMap<Box<[u8]>, Box<[u32]>>,
}

impl WordCache {
    pub(super) fn new() -> Self {
        Self { sets: Memory::new(), middling: FxHashMap::default(), long: FxHashMap::default() }
    }

    pub(super) fn words(&mut self) -> Words<'_> {
        Words { sets: self.sets.sets(), middling: &mut self.middling, long: &mut self.long }
    }
}

/// The memory of the sets. Words lie all over it: with pages of the usual size, nearly every look-up would first have to look up its page.
enum Memory {
    LargePages(MmapMut),
    Plain(Vec<u128>),
}

impl Memory {
    fn new() -> Self {
        let bytes = NUM_SETS * size_of::<Set>();
        let Ok(memory) = MmapMut::map_anon(bytes) else { return Self::Plain(vec![0; bytes / size_of::<u128>()]) };
        #[cfg(target_os = "linux")]
        if let Err(error) = memory.advise(memmap2::Advice::HugePage) {
            log::debug!("no large pages for the words: {error}");
        }
        Self::LargePages(memory)
    }

    fn sets(&mut self) -> &mut [Set] {
        match self {
            Self::LargePages(memory) => bytemuck::cast_slice_mut(memory),
            Self::Plain(memory) => bytemuck::cast_slice_mut(memory),
        }
    }
}

/// The words of a cache, to be looked up and entered.
pub(super) struct Words<'c> {
    sets: &'c mut [Set],
    middling: &'c mut FxHashMap<MiddlingWord, ShortIds>,
    long: &'c mut FxHashMap<Box<[u8]>, Box<[u32]>>,
}

impl Words<'_> {
    /// Begins to bring near where the word's ids may be.
    #[inline(always)]
    pub(super) fn prefetch(&self, word: ShortWord) {
        prefetch_index(&*self.sets, word.set());
    }

    /// Writes the ids of a word at `at`, where there must be [`ROOM_FOR_WORD`], and returns where they end. `None` if it does not know them.
    #[inline(always)]
    pub(super) fn write_short(&mut self, word: ShortWord, ids: &mut [u32], at: usize) -> Option<usize> {
        let set = &mut self.sets[word.set()];
        let place = set.iter().position(|[key, _]| *key == word.0)?;
        if place > 0 {
            set.swap(place - 1, place);
        }
        let [_, held] = set[place.saturating_sub(1)];
        let held: ShortIds = bytemuck::cast(held);
        // All are written, whatever their number, since a branch on it would often be mispredicted.
        *ids[at..].first_chunk_mut()? = held.map(u32::from);
        Some(at + usize::from(held[MAX_INLINE_IDS]))
    }

    pub(super) fn append_long(&self, word: &[u8], ids: &mut Vec<u32>) -> bool {
        if let Some(held) = MiddlingWord::of(word).and_then(|word| self.middling.get(&word)) {
            ids.extend(held[..usize::from(held[MAX_INLINE_IDS])].iter().map(|&id| u32::from(id)));
            return true;
        }
        let known = self.long.get(word);
        ids.extend(known.into_iter().flatten());
        known.is_some()
    }

    /// `short` is the word's short form, if it has one.
    pub(super) fn insert(&mut self, word: &[u8], short: Option<ShortWord>, ids: &[u32]) {
        let held = short_ids(ids);
        if let Some((short, held)) = short.zip(held) {
            let set = &mut self.sets[short.set()];
            let place = set.iter().position(|[key, _]| *key == 0).unwrap_or(WORDS_PER_SET - 1);
            set[place] = [short.0, bytemuck::cast(held)];
        } else if let Some((middling, held)) = MiddlingWord::of(word).zip(held) {
            if self.middling.len() == MAX_LONG_WORDS {
                self.middling.clear();
            }
            self.middling.insert(middling, held);
        } else if word.len() <= MAX_WORD_BYTES {
            if self.long.len() == MAX_LONG_WORDS {
                self.long.clear();
            }
            self.long.insert(word.into(), ids.into());
        }
    }
}

/// `None` if the ids do not fit.
fn short_ids(ids: &[u32]) -> Option<ShortIds> {
    let mut short = [0; MAX_INLINE_IDS + 1];
    short[MAX_INLINE_IDS] = ids.len() as u16;
    let places = short[..MAX_INLINE_IDS].get_mut(..ids.len())?;
    places.iter_mut().zip(ids).try_for_each(|(place, &id)| u16::try_from(id).map(|id| *place = id)).ok()?;
    Some(short)
}

impl MiddlingWord {
    fn of(word: &[u8]) -> Option<Self> {
        let (first, rest) = word.split_first_chunk()?;
        let rest = if rest.is_empty() { 0 } else { ShortWord::of(rest, 0, rest.len())?.0 };
        Some(Self([u128::from_le_bytes(*first), rest]))
    }
}

impl ShortWord {
    /// The short form of the word at `start` of `text`, if it is short enough.
    #[inline(always)]
    pub(super) fn of(text: &[u8], start: usize, length: usize) -> Option<Self> {
        if length >= WINDOW || length == 0 {
            return None;
        }
        Some(Self(window(text, start, length) | (length as u128) << (u128::BITS - 8)))
    }

    #[inline(always)]
    fn set(self) -> usize {
        let (low, high) = (self.0 as u64, (self.0 >> 64) as u64);
        let product = u128::from(low ^ 0x9e37_79b9_7f4a_7c15) * u128::from(high ^ 0xd1b5_4a32_d192_ed03);
        ((product >> 64) as u64 ^ product as u64) as usize % NUM_SETS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(cache: &mut WordCache, word: &str) -> Option<Vec<u32>> {
        let mut ids = vec![7];
        let mut words = cache.words();
        let short = ShortWord::of(word.as_bytes(), 0, word.len());
        ids.resize(1 + ROOM_FOR_WORD, 0);
        let end = short.and_then(|short| words.write_short(short, &mut ids, 1));
        ids.truncate(end.unwrap_or(1));
        let is_known = end.is_some() || words.append_long(word.as_bytes(), &mut ids);
        assert_eq!(ids[0], 7);
        is_known.then(|| ids.split_off(1))
    }

    fn insert(cache: &mut WordCache, word: &str, ids: &[u32]) {
        cache.words().insert(word.as_bytes(), ShortWord::of(word.as_bytes(), 0, word.len()), ids);
    }

    #[test]
    fn words_are_told_apart_to_the_last_byte() {
        let words = [
            "a",
            "a\0",
            "aa",
            "é",
            "insuffisance",
            "fifteen_bytes_a",
            "fifteen_bytes_b",
            "sixteen_bytes_ab",
            "sixteen_bytes_ac",
            "seventeen_bytes_a",
            "seventeen_bytes_b",
            "a_word_of_as_many_as_31_bytes_a",
            "a_word_of_as_many_as_31_bytes_b",
            "a_word_of_more_than_31_bytes__aa",
            "a_word_of_more_than_31_bytes__ab",
            "a\u{1}b",
        ];
        let mut cache = WordCache::new();
        for (index, word) in words.iter().enumerate() {
            assert_eq!(lookup(&mut cache, word), None, "{word:?}");
            insert(&mut cache, word, &vec![index as u32; index]);
        }
        for (index, word) in words.iter().enumerate() {
            assert_eq!(lookup(&mut cache, word), Some(vec![index as u32; index]), "{word:?}");
        }
    }

    #[test]
    fn large_ids_and_many_ids_are_kept_whole() {
        let mut cache = WordCache::new();
        for ids in [&[][..], &[65_535], &[65_536], &[1, 2, 3, 4, 5, 6, 7], &[1, 2, 3, 4, 5, 6, 7, 8], &[1, u32::MAX]] {
            let word = format!("{ids:?}").replace([' ', ','], "");
            insert(&mut cache, &word, ids);
            assert_eq!(lookup(&mut cache, &word).as_deref(), Some(ids));
        }
    }

    #[test]
    fn memory_stays_bounded_and_what_is_kept_is_right() {
        let mut cache = WordCache::new();
        for number in 0..1_000_000_u32 {
            insert(&mut cache, &number.to_string(), &[number % 60_000]);
            insert(&mut cache, &format!("a_middling_word_{number}"), &[number % 60_000]);
            insert(&mut cache, &format!("a_long_word_of_more_than_thirty_bytes_{number}"), &[number]);
        }
        assert!(cache.long.len() <= MAX_LONG_WORDS && cache.middling.len() <= MAX_LONG_WORDS && cache.sets.sets().len() == NUM_SETS);
        let kept = (0..1_000_000)
            .filter(|number| lookup(&mut cache, &number.to_string()).inspect(|ids| assert_eq!(ids, &[number % 60_000])).is_some())
            .count();
        assert!(kept > NUM_SETS * WORDS_PER_SET / 2, "{kept}");
        insert(&mut cache, &"x".repeat(MAX_WORD_BYTES + 1), &[1]);
        assert_eq!(lookup(&mut cache, &"x".repeat(MAX_WORD_BYTES + 1)), None);
    }

    #[test]
    fn a_word_met_twice_outlives_words_met_once() {
        let mut cache = WordCache::new();
        insert(&mut cache, "le", &[1]);
        assert!(lookup(&mut cache, "le").is_some());
        for number in 0..1_000_000_u32 {
            insert(&mut cache, &number.to_string(), &[0]);
        }
        assert_eq!(lookup(&mut cache, "le"), Some(vec![1]));
    }

    #[test]
    fn a_short_word_is_the_same_wherever_it_stands() {
        let text = "la toux et la toux";
        assert_eq!(ShortWord::of(text.as_bytes(), 3, 4), ShortWord::of(text.as_bytes(), 14, 4));
        assert_ne!(ShortWord::of(text.as_bytes(), 3, 4), ShortWord::of(text.as_bytes(), 3, 3));
        assert_eq!(ShortWord::of(&[b'a'; 40], 0, 16), None);
    }
}
