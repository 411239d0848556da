//! The words of UTF-8 text, found 64 bytes at a time. Cleaning and deduplication read every document word by word; they share this.

use std::ops::Range;

use wide::{u8x32, u32x8};

/// Bytes that are looked at together.
pub(crate) const BLOCK: usize = 64;
/// So many edges of runs are gathered before the runs are visited.
const STRETCH: usize = 512;
/// Bytes of which the edges are written together.
const AT_ONCE: usize = 8;
const TWO_BYTE_SIGN: u8 = 0xC2;
const THREE_BYTE_SIGN: u8 = 0xE2;
/// Bytes of a word that are hashed together.
pub(crate) const WINDOW: usize = size_of::<u128>();
/// The bit in which the letters of ASCII, and those from À to ÿ, differ by case; digits and the bytes of other letters have it already, or are told apart by
/// their other bits.
const CASE: u64 = 0x2020_2020_2020_2020;

/// Calls `visit` with the beginnings and ends of words, some at a time and all in order: of every run of letters and ASCII digits, whatever their case. Signs
/// from U+0080 to U+00BF and punctuation and symbols from U+2000 to U+2FFF are none of either; what else is beyond ASCII is taken for letters.
#[inline(always)]
pub(crate) fn for_words(text: &[u8], visit: impl FnMut(&[[u32; 2]])) {
    let mut signs = 0;
    let inside = |block: &[u8; BLOCK]| {
        let is_of_word = |byte: u8| (byte | 0x20).wrapping_sub(b'a') < 26 || byte.is_ascii_digit() || byte >= 0x80;
        let begins_short = mask(block, |byte| byte == TWO_BYTE_SIGN);
        let begins_long = mask(block, |byte| byte == THREE_BYTE_SIGN);
        let begins = begins_short | begins_long;
        // What a block before has left over of its last sign comes first.
        let are_signs = begins | begins << 1 | begins_long << 2 | signs;
        signs = begins >> (BLOCK - 1) | begins_long >> (BLOCK - 2);
        mask(block, is_of_word) & !are_signs
    };
    for_runs(text, inside, visit);
}

/// The words of a shingle.
pub(crate) const SHINGLE_WORDS: usize = 5;
/// Odd, and otherwise of no meaning.
const WORD_MULTIPLIERS: [u32; SHINGLE_WORDS] = [0x7F4A_7C15, 0x2E5A_3F4B, 0x6659_FD93, 0x78BD_642F, 0xA0B4_28DB];

/// The hashes of all sequences of five words of a text.
pub fn shingles(text: &str) -> Vec<u32> {
    let mut shingles = Vec::new();
    append_shingles(&word_hashes(text), &mut shingles);
    shingles
}

/// Appends the hashes of all sequences of five words, given by their hashes.
pub(crate) fn append_shingles(words: &[u64], shingles: &mut Vec<u32>) {
    const STRETCH: usize = 64;
    let mut lower = [0; STRETCH + SHINGLE_WORDS - 1];
    for at in (0..words.len()).step_by(STRETCH) {
        let stretch = &words[at..words.len().min(at + lower.len())];
        lower.iter_mut().zip(stretch).for_each(|(lower, word)| *lower = *word as u32);
        shingles.extend(lower[..stretch.len()].array_windows().map(shingle));
    }
}

/// The hash of the lower halves of five words' hashes.
#[inline(always)]
fn shingle(words: &[u32; SHINGLE_WORDS]) -> u32 {
    // Each word has a multiplier of its own, so that no product waits for another.
    let products = words.iter().zip(&WORD_MULTIPLIERS).map(|(word, multiplier)| word.wrapping_mul(*multiplier));
    let mut hash = products.fold(0, u32::wrapping_add);
    // The finalizer of MurmurHash3 (Appleby 2011).
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85EB_CA6B);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xC2B2_AE35);
    hash ^ (hash >> 16)
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014).
pub(crate) fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// The hashes of a text's words.
fn word_hashes(text: &str) -> Vec<u64> {
    let mut hashes = Vec::new();
    for_words(text.as_bytes(), |places| append_hashes(text.as_bytes(), places, &mut hashes));
    hashes
}

/// Appends the hashes of the words at some places.
#[inline(never)]
pub(crate) fn append_hashes(text: &[u8], places: &[[u32; 2]], hashes: &mut Vec<u64>) {
    hashes.extend(places.iter().map(|&place| word_hash(text, place)));
}

/// The hash of a word.
pub(crate) fn hash_of(word: &str) -> u64 {
    word_hash(word.as_bytes(), [0, word.len() as u32])
}

/// The hash of the word at a place. Words of up to eight bytes have different hashes; those of others are well spread.
#[inline(always)]
fn word_hash(text: &[u8], place: [u32; 2]) -> u64 {
    let [start, end] = place.map(|at| at as usize);
    // Nearly all words end in the first window: no branch tells their lengths apart.
    let first = window(text, start, end - start);
    let hash = hash_window((end - start) as u64, first);
    let hash = if end - start > WINDOW { hash_rest(hash, &text[start + WINDOW..end]) } else { hash };
    hash ^ hash >> 32
}

#[cold]
#[inline(never)]
fn hash_rest(hash: u64, rest: &[u8]) -> u64 {
    (0..rest.len()).step_by(WINDOW).fold(hash, |hash, at| hash_window(hash, window(rest, at, rest.len() - at)))
}

#[inline(always)]
fn hash_window(hash: u64, window: u128) -> u64 {
    hash_step(hash_step(hash, window as u64), (window >> 64) as u64)
}

fn hash_step(hash: u64, window: u64) -> u64 {
    (hash.rotate_left(25) ^ (window | CASE)).wrapping_mul(0x517C_C1B7_2722_0A95)
}

/// Whether any `N` bytes that follow each other are what is looked for. `is_it` should decide without a branch: then many places are looked at together.
#[inline(always)]
pub(crate) fn any_window<const N: usize>(text: &[u8], is_it: impl Fn(&[u8; N]) -> bool) -> bool {
    find_window(text, is_it).is_some()
}

/// The first place where `N` bytes that follow each other are what is looked for, as [`any_window`] does it.
#[inline(always)]
pub(crate) fn find_window<const N: usize>(text: &[u8], is_it: impl Fn(&[u8; N]) -> bool) -> Option<usize> {
    let Some(last) = text.len().checked_sub(BLOCK + N - 1) else { return text.array_windows().position(is_it) };
    // All are looked at in blocks of one length, of which the last may begin inside the one before.
    let block = |at: usize| &text[at..at + BLOCK + N - 1];
    let mut places = (0..last).step_by(BLOCK).chain([last]);
    let at = places.find(|&at| block(at).array_windows().fold(false, |found, window| found | is_it(window)))?;
    block(at).array_windows().position(is_it).map(|place| at + place)
}

/// Calls `visit` with the place of every byte that is looked for, in order.
#[inline(always)]
pub(crate) fn for_each_place(text: &[u8], is_it: impl Fn(u8) -> bool, mut visit: impl FnMut(usize)) {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().chain([&padded(rest, 0)]).enumerate() {
        let mut places = mask(block, &is_it);
        while places != 0 {
            let at = number * BLOCK + places.trailing_zeros() as usize;
            places &= places - 1;
            if at < text.len() {
                visit(at);
            }
        }
    }
}

/// Appends a text without some ranges of it, which are in order.
pub(crate) fn append_without(text: &str, ranges: impl IntoIterator<Item = Range<usize>>, out: &mut String) {
    let mut kept_from = 0;
    for range in ranges {
        out.push_str(&text[kept_from..range.start]);
        kept_from = range.end;
    }
    out.push_str(&text[kept_from..]);
}

/// How many bytes are ASCII digits.
pub(crate) fn num_digits(text: &[u8]) -> usize {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    blocks.iter().chain([&padded(rest, b' ')]).map(|block| mask(block, |byte| byte.is_ascii_digit()).count_ones() as usize).sum()
}

/// Calls `visit` with the beginning and the end of every run of ASCII digits, in order.
pub(crate) fn for_each_run_of_digits(text: &[u8], mut visit: impl FnMut(usize, usize)) {
    let inside = |block: &[u8; BLOCK]| mask(block, |byte| byte.is_ascii_digit());
    for_runs(text, inside, |runs| runs.iter().for_each(|&[start, end]| visit(start as usize, end as usize)));
}

/// Calls `visit` with the beginnings and ends of runs of bytes beyond ASCII's space and controls, some at a time and all in order.
#[inline(always)]
pub(crate) fn for_runs_between_spaces(text: &[u8], visit: impl FnMut(&[[u32; 2]])) {
    for_runs(text, |block| mask(block, |byte| byte > b' '), visit);
}

/// Calls `visit` with the beginnings and ends of runs, some at a time and all in order. `inside` says which bytes of a block are of one.
#[inline(always)]
fn for_runs(text: &[u8], mut inside: impl FnMut(&[u8; BLOCK]) -> u64, mut visit: impl FnMut(&[[u32; 2]])) {
    assert!(u32::try_from(text.len()).is_ok(), "no document is nearly as long");
    // Where runs begin and end, in turn. Many are gathered before they are visited: where a loop over those of one block ends cannot be predicted.
    let mut edges = [0; STRETCH + AT_ONCE];
    let mut count = 0;
    let mut last = 0;
    // What is beyond the end is outside, so the last run ends too.
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().chain([&padded(rest, b' ')]).enumerate() {
        let inside = inside(block);
        let places = inside ^ (inside << 1 | last);
        last = inside >> (BLOCK - 1);
        if places != 0 {
            let mut at = u32x8::splat((number * BLOCK) as u32);
            for places in places.to_le_bytes() {
                // All are written, since a branch would often be mispredicted.
                edges[count..count + AT_ONCE].copy_from_slice((at + u32x8::new(ONES[usize::from(places)])).as_array());
                count += places.count_ones() as usize;
                at += u32x8::splat(AT_ONCE as u32);
            }
        }
        if count > STRETCH - BLOCK || number == blocks.len() {
            let (runs, begun) = edges[..count].as_chunks::<2>();
            visit(runs);
            count = begun.len();
            edges[0] = begun.first().copied().unwrap_or_default();
        }
    }
}

/// What is left of a text, which is less than a block, and after it as often as needed another byte.
#[inline(always)]
pub(crate) fn padded<const N: usize>(rest: &[u8], other: u8) -> [u8; N] {
    let mut block = [other; N];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// A bit for each byte, the first one lowest.
#[inline(always)]
pub(crate) fn mask(block: &[u8; BLOCK], is_inside: impl Fn(u8) -> bool) -> u64 {
    let ones = block.map(|byte| if is_inside(byte) { u8::MAX } else { 0 });
    let [low, high]: [[u8; BLOCK / 2]; 2] = bytemuck::cast(ones);
    u64::from(u8x32::new(low).to_bitmask()) | u64::from(u8x32::new(high).to_bitmask()) << (BLOCK / 2)
}

/// The first bytes of a run of `length`, the first one lowest, and zeros after its end.
#[inline(always)]
pub(crate) fn window(text: &[u8], start: usize, length: usize) -> u128 {
    let rest = &text[start..];
    let bytes = rest.first_chunk::<WINDOW>().map_or_else(|| padded_window(rest), |bytes| u128::from_le_bytes(*bytes));
    bytes & INSIDE[length.min(WINDOW)]
}

#[cold]
#[inline(never)]
fn padded_window(rest: &[u8]) -> u128 {
    rest.iter().rev().fold(0, |bytes, &byte| bytes << 8 | u128::from(byte))
}

/// The places of the bits that are set in a byte, in order.
const ONES: [[u32; AT_ONCE]; 1 << AT_ONCE] = {
    let mut ones = [[0; AT_ONCE]; 1 << AT_ONCE];
    let mut byte = 0;
    while byte < ones.len() {
        let (mut rest, mut count) = (byte, 0);
        while rest != 0 {
            ones[byte][count] = rest.trailing_zeros();
            rest &= rest - 1;
            count += 1;
        }
        byte += 1;
    }
    ones
};

/// The bits of so many bytes.
const INSIDE: [u128; WINDOW + 1] = {
    let mut inside = [0; WINDOW + 1];
    let mut length = 1;
    while length <= WINDOW {
        inside[length] = u128::MAX >> (u128::BITS - 8 * length as u32);
        length += 1;
    }
    inside
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_are_those_of_a_plain_split(text in "([a-zA-Zéœ«–²0-9]{0,80}[ ,.\n\t@\\[`{]{0,70}){0,6}") {
            let mut found = Vec::new();
            for_words(text.as_bytes(), |places| found.extend(places.iter().map(|&place| (place[0] as usize, word_hash(text.as_bytes(), place)))));
            let is_word = |character: char| character.is_ascii_alphanumeric() || character >= 'À' && !('\u{2000}'..'\u{3000}').contains(&character);
            let words = text.split(|character| !is_word(character)).filter(|word| !word.is_empty());
            let place = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
            let expected: Vec<_> = words.map(|word| (place(word), hash_of(word))).collect();
            prop_assert_eq!(found, expected);
            let mut digits = Vec::new();
            for_each_run_of_digits(text.as_bytes(), |start, end| digits.push(&text[start..end]));
            let expected: Vec<&str> = text.split(|character: char| !character.is_ascii_digit()).filter(|run| !run.is_empty()).collect();
            prop_assert_eq!(digits, expected);
        }
    }

    proptest! {
        #[test]
        fn windows_and_digits_are_those_of_a_plain_search(text in "(a{0,150}(b\\.b|b\\.|[0-9]{1,70}|)){0,3}") {
            let bytes = text.as_bytes();
            let is_it = |window: &[u8; 3]| window == b"b.b";
            let expected = bytes.array_windows().position(is_it);
            prop_assert_eq!(find_window(bytes, is_it), expected);
            prop_assert_eq!(any_window(bytes, is_it), expected.is_some());
            prop_assert_eq!(num_digits(bytes), bytes.iter().filter(|byte| byte.is_ascii_digit()).count());
        }
    }

    #[test]
    fn shingles_are_the_same_wherever_they_stand() {
        let words: Vec<String> = (0..300).map(|number| format!("m{}", number % 100)).collect();
        let found = shingles(&words.join(" "));
        assert_eq!(found.len(), 296);
        assert!((100..296).all(|place| found[place] == found[place - 100]));
        assert_eq!(found[..100].iter().collect::<std::collections::BTreeSet<_>>().len(), 100);
        assert!(found[100 - 4..100].iter().all(|hash| *hash != 0));
        assert!(shingles("un deux trois quatre").is_empty());
    }

    #[test]
    fn case_does_not_matter_and_every_letter_does() {
        assert_eq!(hash_of("ÉLEVÉE"), hash_of("élevée"));
        assert_eq!(hash_of("HOSPITALISATION"), hash_of("hospitalisation"));
        let words =
            ["toux", "tous", "tou", "hospitalisation", "hospitalisations", "hospitalisatiom", "iospitalisation", "t", "to", "1", "11"];
        let distinct: std::collections::BTreeSet<_> = words.iter().map(|word| hash_of(word)).collect();
        assert_eq!(distinct.len(), words.len());
    }

    #[test]
    fn a_window_ends_where_the_run_does() {
        let text = b"la toux et la fievre";
        assert_eq!(window(text, 3, 4).to_le_bytes(), *b"toux\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(window(text, 14, 6).to_le_bytes(), *b"fievre\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(window(b"hospitalisation", 0, 15).to_le_bytes(), *b"hospitalisation\0");
        assert_eq!(window(b"hospitalisations au long cours", 0, 16).to_le_bytes(), *b"hospitalisations");
        assert_eq!(window(b"anticonstitutionnellement", 0, 25).to_le_bytes(), *b"anticonstitution");
    }
}
