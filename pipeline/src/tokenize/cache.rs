//! The ids of words met before: exact, in bounded memory, without allocation for the words that text is mostly made of.
//!
//! Words of up to 15 bytes with up to seven ids below 65,536, which are nearly all, live in a table of small sets, where a word's
//! bytes and length are its key and the words met most often come first. The others live in a hash table.

use memmap2::MmapMut;
use prefetch_index::prefetch_index;
use rustc_hash::FxHashMap;

/// 128 bytes each: 16 MiB.
const NUM_SETS: usize = 1 << 17;
const WORDS_PER_SET: usize = 4;
const MAX_INLINE_IDS: usize = 7;
/// When there are more, all are forgotten.
const MAX_LONG_WORDS: usize = 1 << 16;
/// Longer words are too rare to be worth remembering.
const MAX_WORD_BYTES: usize = 64;
const ID_BITS: u32 = u16::BITS;

/// The bytes of a word of up to 15 bytes, the first one lowest, and above them its length. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShortWord(u128);

/// A word's key, or zero where there is none, and its ids.
type Entry = [u128; 2];
type Set = [Entry; WORDS_PER_SET];

pub(super) struct WordCache {
    sets: Memory,
    long: FxHashMap<Box<[u8]>, Box<[u32]>>,
}

impl WordCache {
    pub(super) fn new() -> Self {
        Self { sets: Memory::new(), long: FxHashMap::default() }
    }

    pub(super) fn words(&mut self) -> Words<'_> {
        Words { sets: self.sets.sets(), long: &mut self.long }
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
    long: &'c mut FxHashMap<Box<[u8]>, Box<[u32]>>,
}

impl Words<'_> {
    /// Begins to bring near where the word's ids may be.
    #[inline(always)]
    pub(super) fn prefetch(&self, word: ShortWord) {
        prefetch_index(&*self.sets, word.set());
    }

    /// Appends the ids of a word, or returns false if it does not know them.
    #[inline(always)]
    pub(super) fn append_short(&mut self, word: ShortWord, ids: &mut Vec<u32>) -> bool {
        let set = &mut self.sets[word.set()];
        let Some(place) = set.iter().position(|[key, _]| *key == word.0) else { return false };
        if place > 0 {
            set.swap(place - 1, place);
        }
        let [_, held] = set[place.saturating_sub(1)];
        let num_ids = num_ids(held);
        if num_ids == 1 {
            ids.push(u32::from(held as u16));
        } else {
            ids.extend((0..num_ids).map(|place| u32::from((held >> (ID_BITS * place)) as u16)));
        }
        true
    }

    pub(super) fn append_long(&self, word: &[u8], ids: &mut Vec<u32>) -> bool {
        let known = self.long.get(word);
        ids.extend(known.into_iter().flatten());
        known.is_some()
    }

    /// `short` is the word's short form, if it has one.
    pub(super) fn insert(&mut self, word: &[u8], short: Option<ShortWord>, ids: &[u32]) {
        match short.zip(held(ids)) {
            Some((short, held)) => {
                let set = &mut self.sets[short.set()];
                let place = set.iter().position(|[key, _]| *key == 0).unwrap_or(WORDS_PER_SET - 1);
                set[place] = [short.0, held];
            }
            None if word.len() > MAX_WORD_BYTES => {}
            None => {
                if self.long.len() == MAX_LONG_WORDS {
                    self.long.clear();
                }
                self.long.insert(word.into(), ids.into());
            }
        }
    }
}

/// The ids in one number, 16 bits each, the first one lowest, and how many there are above them. `None` if they do not fit.
fn held(ids: &[u32]) -> Option<u128> {
    let count = (ids.len() <= MAX_INLINE_IDS).then_some(ids.len() as u128)?;
    ids.iter().zip((0..).step_by(ID_BITS as usize)).try_fold(count << (ID_BITS * MAX_INLINE_IDS as u32), |held, (&id, shift)| {
        Some(held | u128::from(u16::try_from(id).ok()?) << shift)
    })
}

fn num_ids(held: u128) -> u32 {
    (held >> (ID_BITS * MAX_INLINE_IDS as u32)) as u32
}

impl ShortWord {
    /// The short form of the word at `start` of `text`, if it is short enough.
    #[inline(always)]
    pub(super) fn of(text: &[u8], start: usize, length: usize) -> Option<Self> {
        const WINDOW: usize = size_of::<u128>();
        if length >= WINDOW || length == 0 {
            return None;
        }
        let bytes = text[start..].first_chunk::<WINDOW>().map_or_else(
            || {
                let mut padded = [0; WINDOW];
                padded[..length].copy_from_slice(&text[start..start + length]);
                u128::from_le_bytes(padded)
            },
            |window| u128::from_le_bytes(*window),
        );
        let word = bytes & (u128::MAX >> (u128::BITS - 8 * length as u32));
        Some(Self(word | (length as u128) << (u128::BITS - 8)))
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
        let is_known = short.is_some_and(|short| words.append_short(short, &mut ids)) || words.append_long(word.as_bytes(), &mut ids);
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
            insert(&mut cache, &format!("a long word number {number}").replace(' ', "_"), &[number]);
        }
        assert!(cache.long.len() <= MAX_LONG_WORDS && cache.sets.sets().len() == NUM_SETS);
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
