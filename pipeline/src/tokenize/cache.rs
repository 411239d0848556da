//! The ids of words met before: exact, in bounded memory, without allocation for the words that text is mostly made of.
//!
//! Words of up to 47 bytes with up to seven ids below 65,536, which are nearly all, live in two tables of small sets, one for those of up to 15 bytes. A
//! word's bytes and length are its key, and in each set the words met most often come first. The others live in a hash table.

use std::num::NonZeroU128;

use memmap2::MmapMut;
use prefetch_index::prefetch_index;
use rustc_hash::FxHashMap;
use wide::{u16x8, u32x8};

use crate::letters::{WINDOW, window};

/// 128 bytes each: 16 MiB of short words, 4 MiB of long ones.
const NUM_SHORT_SETS: usize = 1 << 17;
const NUM_LONG_SETS: usize = 1 << 15;
/// Words that are looked up together.
pub(super) const WORDS_AHEAD: usize = 32;
const MAX_INLINE_IDS: usize = 7;
/// Words that are looked up together take so much room for each, whatever they need.
pub(super) const ROOM_FOR_WORD: usize = MAX_INLINE_IDS + 1;
/// When there are more that no set can hold, all of them are forgotten.
const MAX_OTHER_WORDS: usize = 1 << 16;
/// Longer words are too rare to be worth remembering.
const MAX_WORD_BYTES: usize = 64;

/// The bytes of a word of up to 15 bytes, the first one lowest, and above them its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShortWord(NonZeroU128);

/// The bytes of a word of 16 to 47 bytes, the first one lowest, and above them its length.
#[derive(Clone, Copy)]
pub(super) struct LongWord([u128; 3]);

/// Up to seven ids, and in the last place how many.
type ShortIds = [u16; MAX_INLINE_IDS + 1];
/// Of each word the parts of its key, or zeros where there is none, and its [`ShortIds`].
type ShortSet = [[u128; 2]; 4];
type LongSet = [[u128; 4]; 2];

pub(super) struct WordCache {
    short: Memory,
    long: Memory,
    others: FxHashMap<Box<[u8]>, Box<[u32]>>,
}

impl WordCache {
    pub(super) fn new() -> Self {
        Self {
            short: Memory::new(NUM_SHORT_SETS * size_of::<ShortSet>()),
            long: Memory::new(NUM_LONG_SETS * size_of::<LongSet>()),
            others: FxHashMap::default(),
        }
    }

    pub(super) fn words(&mut self) -> Words<'_> {
        Words { short: self.short.as_sets(), long: self.long.as_sets(), others: &mut self.others }
    }
}

/// How often words of up to 15 bytes were met: exact, in bounded memory. In each set the words met most often come first.
pub(super) struct ShortCounts(Memory);

impl Default for ShortCounts {
    fn default() -> Self {
        Self(Memory::new(NUM_SHORT_SETS * size_of::<ShortSet>()))
    }
}

impl ShortCounts {
    /// Counts the words at some places of a text. `forget` is given those that are too long, and those that others take the place of, with their counts.
    pub(super) fn add(&mut self, text: &str, places: &[[u32; 2]], mut forget: impl FnMut(&str, u64)) {
        let sets: &mut [ShortSet] = self.0.as_sets();
        let mut ahead = [None; WORDS_AHEAD];
        for places in places.chunks(WORDS_AHEAD) {
            for (word, place) in ahead.iter_mut().zip(places) {
                let [start, end] = place.map(|at| at as usize);
                *word = ShortWord::of(text.as_bytes(), start, end - start);
                match *word {
                    Some(word) => prefetch_index(&*sets, word.set()),
                    None => forget(&text[start..end], 1),
                }
            }
            for word in ahead[..places.len()].iter().flatten() {
                let set = &mut sets[word.set()];
                if let Some(count) = find(set, |[key, _]| *key == word.0.get()) {
                    *count += 1;
                } else {
                    hand_on(put(set, [word.0.get(), 1]), &mut forget);
                }
            }
        }
    }

    /// Gives all words and counts to `forget`.
    pub(super) fn clear(&mut self, mut forget: impl FnMut(&str, u64)) {
        for entry in self.0.as_sets::<ShortSet>().as_flattened_mut() {
            hand_on(std::mem::take(entry), &mut forget);
        }
    }
}

/// Hands on the word and the count of an entry, if it has one.
fn hand_on([key, count]: [u128; 2], forget: &mut impl FnMut(&str, u64)) {
    let bytes = key.to_le_bytes();
    let length = usize::from(bytes[WINDOW - 1]);
    if length > 0 {
        forget(std::str::from_utf8(&bytes[..length]).expect("a word of a text"), count as u64);
    }
}

/// The memory of the sets. Words lie all over it: with pages of the usual size, nearly every look-up would first have to look up its page.
enum Memory {
    LargePages(MmapMut),
    Plain(Vec<u128>),
}

impl Memory {
    fn new(bytes: usize) -> Self {
        let Ok(memory) = MmapMut::map_anon(bytes) else { return Self::Plain(vec![0; bytes / size_of::<u128>()]) };
        #[cfg(target_os = "linux")]
        if let Err(error) = memory.advise(memmap2::Advice::HugePage) {
            log::debug!("no large pages for the words: {error}");
        }
        Self::LargePages(memory)
    }

    fn as_sets<S: bytemuck::Pod>(&mut self) -> &mut [S] {
        match self {
            Self::LargePages(memory) => bytemuck::cast_slice_mut(memory),
            Self::Plain(memory) => bytemuck::cast_slice_mut(memory),
        }
    }
}

/// The words of a cache, to be looked up and entered.
pub(super) struct Words<'c> {
    short: &'c mut [ShortSet],
    long: &'c mut [LongSet],
    others: &'c mut FxHashMap<Box<[u8]>, Box<[u32]>>,
}

impl Words<'_> {
    /// Begins to bring near where the word's ids may be.
    #[inline(always)]
    pub(super) fn prefetch_short(&self, word: ShortWord) {
        prefetch_index(&*self.short, word.set());
    }

    pub(super) fn prefetch_long(&self, word: LongWord) {
        prefetch_index(&*self.long, word.set());
    }

    /// Writes the ids of a word at `at`, where there must be [`ROOM_FOR_WORD`], and returns where they end. `None` if it does not know them.
    #[inline(always)]
    pub(super) fn write_short(&mut self, word: ShortWord, ids: &mut [u32], at: usize) -> Option<usize> {
        let held: ShortIds = bytemuck::cast(*find(&mut self.short[word.set()], |[key, _]| *key == word.0.get())?);
        // All are written, whatever their number, since a branch on it would often be mispredicted.
        *ids[at..].first_chunk_mut()? = u32x8::from(u16x8::new(held)).to_array();
        Some(at + usize::from(held[MAX_INLINE_IDS]))
    }

    /// Appends the ids of a long word, if it knows them.
    #[expect(clippy::needless_bitwise_bool, reason = "lazy operators would be branches")]
    pub(super) fn append_long(&mut self, word: LongWord, ids: &mut Vec<u32>) -> bool {
        let [first, second, third] = word.0;
        let held = find(&mut self.long[word.set()], |[a, b, c, _]| (*a == first) & (*b == second) & (*c == third));
        let held: Option<ShortIds> = held.map(|held| bytemuck::cast(*held));
        ids.extend(held.iter().flat_map(|held| &held[..usize::from(held[MAX_INLINE_IDS])]).copied().map(u32::from));
        held.is_some()
    }

    /// Appends the ids of a word that no set can hold, if it knows them.
    pub(super) fn append_other(&self, word: &[u8], ids: &mut Vec<u32>) -> bool {
        let known = self.others.get(word);
        ids.extend(known.into_iter().flatten());
        known.is_some()
    }

    pub(super) fn insert(&mut self, word: &[u8], ids: &[u32]) {
        let held = short_ids(ids).map(bytemuck::cast);
        if let Some((short, held)) = ShortWord::of(word, 0, word.len()).zip(held) {
            let _forgotten = put(&mut self.short[short.set()], [short.0.get(), held]);
        } else if let Some((long, held)) = LongWord::of(word, 0, word.len()).zip(held) {
            let [first, second, third] = long.0;
            let _forgotten = put(&mut self.long[long.set()], [first, second, third, held]);
        } else if word.len() <= MAX_WORD_BYTES {
            if self.others.len() == MAX_OTHER_WORDS {
                self.others.clear();
            }
            self.others.insert(word.into(), ids.into());
        }
    }
}

/// What a set holds of a word, which comes one place further to the front.
#[inline(always)]
fn find<const N: usize, const WORDS: usize>(set: &mut [[u128; N]; WORDS], is_it: impl Fn(&[u128; N]) -> bool) -> Option<&mut u128> {
    let place = set.iter().position(is_it)?;
    if place > 0 {
        set.swap(place - 1, place);
    }
    Some(&mut set[place.saturating_sub(1)][N - 1])
}

/// Enters a word into a set: where none is, or in place of the last, which it returns. The last part of every key is not zero.
fn put<const N: usize, const WORDS: usize>(set: &mut [[u128; N]; WORDS], entry: [u128; N]) -> [u128; N] {
    let place = set.iter().position(|held| held[N - 2] == 0).unwrap_or(WORDS - 1);
    std::mem::replace(&mut set[place], entry)
}

/// `None` if the ids do not fit.
fn short_ids(ids: &[u32]) -> Option<ShortIds> {
    let mut short = [0; MAX_INLINE_IDS + 1];
    short[MAX_INLINE_IDS] = ids.len() as u16;
    let places = short[..MAX_INLINE_IDS].get_mut(..ids.len())?;
    places.iter_mut().zip(ids).try_for_each(|(place, &id)| u16::try_from(id).map(|id| *place = id)).ok()?;
    Some(short)
}

impl LongWord {
    /// The long form of the word at `start` of `text`, if it has one.
    pub(super) fn of(text: &[u8], start: usize, length: usize) -> Option<Self> {
        let part = |at: usize| if at < length { window(text, start + at, length - at) } else { 0 };
        let is_long = (WINDOW..3 * WINDOW).contains(&length);
        is_long.then(|| Self([part(0), part(WINDOW), part(2 * WINDOW) | with_length(length)]))
    }

    fn set(self) -> usize {
        self.0.iter().fold(0, |hash: u64, part| hash.rotate_left(21) ^ folded(*part)) as usize % NUM_LONG_SETS
    }
}

impl ShortWord {
    /// The short form of the word at `start` of `text`, if it is short enough.
    #[inline(always)]
    pub(super) fn of(text: &[u8], start: usize, length: usize) -> Option<Self> {
        let key = if length < WINDOW { window(text, start, length) | with_length(length) } else { 0 };
        NonZeroU128::new(key).map(Self)
    }

    #[inline(always)]
    fn set(self) -> usize {
        folded(self.0.get()) as usize % NUM_SHORT_SETS
    }
}

/// A length, in a key's highest byte.
fn with_length(length: usize) -> u128 {
    (length as u128) << (u128::BITS - 8)
}

/// A hash of one part of a key.
#[inline(always)]
fn folded(part: u128) -> u64 {
    let (low, high) = (part as u64, (part >> 64) as u64);
    let product = u128::from(low ^ 0x9e37_79b9_7f4a_7c15) * u128::from(high ^ 0xd1b5_4a32_d192_ed03);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(cache: &mut WordCache, word: &str) -> Option<Vec<u32>> {
        let mut ids = vec![7];
        let mut words = cache.words();
        let (short, long) = (ShortWord::of(word.as_bytes(), 0, word.len()), LongWord::of(word.as_bytes(), 0, word.len()));
        ids.resize(1 + ROOM_FOR_WORD, 0);
        let end = short.and_then(|short| words.write_short(short, &mut ids, 1));
        ids.truncate(end.unwrap_or(1));
        let is_known =
            end.is_some() || long.is_some_and(|long| words.append_long(long, &mut ids)) || words.append_other(word.as_bytes(), &mut ids);
        assert_eq!(ids[0], 7);
        is_known.then(|| ids.split_off(1))
    }

    fn insert(cache: &mut WordCache, word: &str, ids: &[u32]) {
        cache.words().insert(word.as_bytes(), ids);
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
            "a_word_of_no_more_than_32_bytes_a",
            "a_word_of_no_more_than_32_bytes_b",
            "a_word_that_has_no_more_and_no_less_than_47_aaa",
            "a_word_that_has_no_more_and_no_less_than_47_aab",
            "a_word_that_has_no_more_and_no_less_than_48_aaaa",
            "a_word_that_has_no_more_and_no_less_than_48_aaab",
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
            insert(&mut cache, &format!("a_long_word_{number:07}"), &[number % 60_000]);
            insert(&mut cache, &format!("another_long_word_{number}"), &[100_000 + number]);
        }
        assert!(cache.others.len() <= MAX_OTHER_WORDS);
        let kept = (0..1_000_000)
            .filter(|number| lookup(&mut cache, &number.to_string()).inspect(|ids| assert_eq!(ids, &[number % 60_000])).is_some())
            .count();
        assert!(kept > NUM_SHORT_SETS * 4 / 2, "{kept}");
        let kept = (0..1_000_000)
            .filter(|number| {
                let found = lookup(&mut cache, &format!("a_long_word_{number:07}"));
                found.inspect(|ids| assert_eq!(ids, &[number % 60_000])).is_some()
            })
            .count();
        assert!(kept > NUM_LONG_SETS * 2 / 2, "{kept}");
        insert(&mut cache, &"x".repeat(MAX_WORD_BYTES + 1), &[1]);
        assert_eq!(lookup(&mut cache, &"x".repeat(MAX_WORD_BYTES + 1)), None);
    }

    #[test]
    fn no_count_is_lost_where_words_are_forgotten() {
        let mut counts = ShortCounts::default();
        let mut found: FxHashMap<String, u64> = FxHashMap::default();
        let mut note = |word: &str, count| *found.entry(word.to_owned()).or_default() += count;
        for number in 0..1_500_000_u32 {
            let text = format!("{} {}", number % 1_000_000, number % 7);
            let (space, end) = (text.len() as u32 - 2, text.len() as u32);
            counts.add(&text, &[[0, space], [space + 1, end]], &mut note);
        }
        counts.clear(&mut note);
        counts.clear(|_, _| panic!("all were given"));
        assert_eq!(found.len(), 1_000_000);
        assert_eq!(found.values().sum::<u64>(), 3_000_000);
        assert_eq!((found["6"], found["7"], found["999999"]), (214_285 + 2, 2, 1));
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
