//! The ids of words met before: exact, in bounded memory, without allocation for the words that text is mostly made of.
//!
//! Words of up to 15 bytes with up to seven ids below 65,536, which are nearly all, live in a table of small sets, where a word's
//! bytes and length are its key and the words met most often come first. The others live in a hash table.

use rustc_hash::FxHashMap;

use super::words::is_separator;

/// 128 bytes each: 16 MiB.
const NUM_SETS: usize = 1 << 17;
const WORDS_PER_SET: usize = 4;
const MAX_INLINE_IDS: usize = 7;
/// When there are more, all are forgotten.
const MAX_LONG_WORDS: usize = 1 << 16;
/// Longer words are too rare to be worth remembering.
const MAX_WORD_BYTES: usize = 64;

const WINDOW_BYTES: usize = size_of::<u128>();
const ONES: u128 = u128::MAX / 0xff;

/// The bytes of a word of up to 15 bytes, the first one lowest, and above them its length. Never zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct ShortWord(u128);

/// What stands at the beginning of some text.
enum Next {
    Separator,
    Short(ShortWord, usize),
    /// Its length in bytes.
    Long(usize),
}

#[derive(Clone, Copy, Default)]
struct Entry {
    /// Zero where there is none.
    key: u128,
    ids: [u16; MAX_INLINE_IDS],
    num_ids: u16,
}

#[derive(Clone, Copy, Default)]
#[repr(align(128))]
struct Set([Entry; WORDS_PER_SET]);

pub(super) struct WordCache {
    sets: Vec<Set>,
    long: FxHashMap<Box<[u8]>, Box<[u32]>>,
}

impl WordCache {
    pub(super) fn new() -> Self {
        Self { sets: vec![Set::default(); NUM_SETS], long: FxHashMap::default() }
    }

    /// Reads where the word's ids may be, so that they are near when they are asked for. The number means nothing.
    #[inline]
    pub(super) fn touch(&self, word: ShortWord) -> u64 {
        self.sets[word.set()].0[0].key as u64
    }

    /// Appends the ids of a word, or returns false if it does not know them.
    #[inline]
    pub(super) fn append_short(&mut self, word: ShortWord, ids: &mut Vec<u32>) -> bool {
        let Set(entries) = &mut self.sets[word.set()];
        let Some(place) = entries.iter().position(|entry| entry.key == word.0) else { return false };
        if place > 0 {
            entries.swap(place - 1, place);
        }
        let Entry { ids: known, num_ids, .. } = &entries[place.saturating_sub(1)];
        if *num_ids == 1 {
            ids.push(known[0].into());
        } else {
            ids.extend(known[..usize::from(*num_ids)].iter().map(|id| u32::from(*id)));
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
        match short.zip(Entry::holding(ids)) {
            Some((short, entry)) => {
                let Set(entries) = &mut self.sets[short.set()];
                let place = entries.iter().position(|entry| entry.key == 0).unwrap_or(WORDS_PER_SET - 1);
                entries[place] = Entry { key: short.0, ..entry };
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

impl Entry {
    fn holding(ids: &[u32]) -> Option<Self> {
        let mut entry = Self { num_ids: ids.len() as u16, ..Self::default() };
        for (held, id) in entry.ids.get_mut(..ids.len())?.iter_mut().zip(ids) {
            *held = u16::try_from(*id).ok()?;
        }
        Some(entry)
    }
}

impl ShortWord {
    #[inline]
    fn set(self) -> usize {
        let (low, high) = (self.0 as u64, (self.0 >> 64) as u64);
        let product = u128::from(low ^ 0x9e37_79b9_7f4a_7c15) * u128::from(high ^ 0xd1b5_4a32_d192_ed03);
        ((product >> 64) as u64 ^ product as u64) as usize % NUM_SETS
    }
}

/// A word's place in a text, in bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) length: usize,
    pub(super) short: Option<ShortWord>,
}

/// The words of a text.
pub(super) fn words(text: &[u8]) -> impl Iterator<Item = Word> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at;
            let (short, length) = match next(text.get(start..).filter(|rest| !rest.is_empty())?) {
                Next::Separator => {
                    at += 1;
                    continue;
                }
                Next::Short(short, length) => (Some(short), length),
                Next::Long(length) => (None, length),
            };
            at += length + 1;
            return Some(Word { start, length, short });
        }
    })
}

/// Looks at the beginning of `text`, which is not empty.
#[inline]
fn next(text: &[u8]) -> Next {
    let window = text.first_chunk::<WINDOW_BYTES>().copied().unwrap_or_else(|| {
        let mut padded = [b' '; WINDOW_BYTES];
        padded[..text.len()].copy_from_slice(text);
        padded
    });
    let bytes = u128::from_le_bytes(window);
    // The lowest of these bits is set in the first byte below '!': a subtraction borrows only from bytes above it.
    let below = bytes.wrapping_sub(ONES * u128::from(b'!')) & !bytes & (ONES * 0x80);
    let length = (below.trailing_zeros() / 8) as usize;
    if length == WINDOW_BYTES || !is_separator(window[length]) {
        let end = text.iter().position(|byte| is_separator(*byte));
        return Next::Long(end.unwrap_or(text.len()));
    }
    if length == 0 {
        return Next::Separator;
    }
    let word = bytes & (u128::MAX >> (128 - 8 * length));
    Next::Short(ShortWord(word | (length as u128) << 120), length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(cache: &mut WordCache, word: &str) -> Option<Vec<u32>> {
        let mut ids = vec![7];
        let is_known = match next(word.as_bytes()) {
            Next::Short(short, length) if length == word.len() => {
                cache.append_short(short, &mut ids) || cache.append_long(word.as_bytes(), &mut ids)
            }
            Next::Long(length) if length == word.len() => cache.append_long(word.as_bytes(), &mut ids),
            Next::Separator | Next::Short(..) | Next::Long(_) => panic!("{word:?} is not one word"),
        };
        assert_eq!(ids[0], 7);
        is_known.then(|| ids.split_off(1))
    }

    fn insert(cache: &mut WordCache, word: &str, ids: &[u32]) {
        let short = if let Next::Short(short, _) = next(word.as_bytes()) { Some(short) } else { None };
        cache.insert(word.as_bytes(), short, ids);
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
        assert!(cache.long.len() <= MAX_LONG_WORDS && cache.sets.len() == NUM_SETS);
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
    fn a_word_ends_at_a_separator_and_nowhere_else() {
        for length in 0..40 {
            for end in [" ", "\n", "\t", "\r", "\r\n", " a", ""] {
                for inside in ["a", "\u{1}", "\u{b}", "\u{7f}", "é"] {
                    let word = inside.repeat(length);
                    let text = format!("{word}{end}");
                    let found = match next(text.as_bytes()) {
                        _ if text.is_empty() => 0,
                        Next::Separator => 0,
                        Next::Short(_, length) | Next::Long(length) => length,
                    };
                    assert_eq!(found, word.len(), "{text:?}");
                }
            }
        }
    }
}
