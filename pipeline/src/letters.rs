//! Where words are in UTF-8 text, found 64 bytes at a time. Cleaning and deduplication read every document word by word; they share this.

const BLOCK: usize = 64;
const TWO_BYTE_SIGN: u8 = 0xC2;
const THREE_BYTE_SIGN: u8 = 0xE2;
/// Bytes of a word that are looked at together.
pub(crate) const WINDOW: usize = size_of::<u64>();

/// Calls `visit` with the beginning and the end of every run of ASCII letters and bytes beyond ASCII, in order.
pub(crate) fn for_each_run_of_letters(text: &[u8], visit: impl FnMut(usize, usize)) {
    for_each_run(text, |byte| (byte | 0x20).wrapping_sub(b'a') < 26 || byte >= 0x80, visit);
}

/// The same with ASCII digits, and without the signs from U+0080 to U+00BF and punctuation and symbols from U+2000 to U+2FFF.
pub(crate) fn for_each_run_of_letters_and_digits(text: &[u8], mut visit: impl FnMut(usize, usize)) {
    let is_inside = |byte: u8| {
        (byte | 0x20).wrapping_sub(b'a') < 26
            || byte.wrapping_sub(b'0') < 10
            || byte >= 0x80 && byte != TWO_BYTE_SIGN && byte != THREE_BYTE_SIGN
    };
    for_each_run(text, is_inside, |start, end| {
        // What follows the first byte of a sign looks like the inside of a word.
        let sign = match text[start.saturating_sub(1)] {
            TWO_BYTE_SIGN => 1,
            THREE_BYTE_SIGN => 2,
            _ => 0,
        };
        if start + sign < end {
            visit(start + sign, end);
        }
    });
}

/// Calls `visit` with the beginning and the end of every run of bytes other than ASCII's white space.
pub(crate) fn for_each_run_between_spaces(text: &[u8], visit: impl FnMut(usize, usize)) {
    for_each_run(text, |byte| !matches!(byte, b' ' | b'\n' | b'\t' | b'\r' | 0xC), visit);
}

#[inline(always)]
fn for_each_run(text: &[u8], is_inside: impl Fn(u8) -> bool, mut visit: impl FnMut(usize, usize)) {
    let mut start = 0;
    let mut last = 0;
    // What is beyond the end is outside, so the last run ends too.
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    let mut padded = [b' '; BLOCK];
    padded[..rest.len()].copy_from_slice(rest);
    for (number, block) in blocks.iter().chain([&padded]).enumerate() {
        let inside = mask(block, &is_inside);
        // A bit wherever a run begins or ends.
        let mut edges = inside ^ (inside << 1 | last);
        let mut is_open = last == 1;
        last = inside >> (BLOCK - 1);
        while edges != 0 {
            let at = number * BLOCK + edges.trailing_zeros() as usize;
            edges &= edges - 1;
            if is_open {
                visit(start, at);
            } else {
                start = at;
            }
            is_open = !is_open;
        }
    }
}

/// A bit for each byte, the first one lowest.
#[inline(always)]
fn mask(block: &[u8; BLOCK], is_inside: impl Fn(u8) -> bool) -> u64 {
    let ones = block.map(|byte| u8::from(is_inside(byte)));
    let (words, _) = ones.as_chunks::<8>();
    // Gathers the lowest bits of eight bytes in the highest byte.
    let gathered = |word: &[u8; 8]| u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    words.iter().zip(0..).fold(0, |mask, (word, place)| mask | gathered(word) << (8 * place))
}

/// The first bytes of a run of `length`, the first one lowest, and zeros after its end.
#[inline]
pub(crate) fn window(text: &[u8], start: usize, length: usize) -> u64 {
    let bytes = text.get(start..).and_then(<[u8]>::first_chunk::<WINDOW>).map_or_else(
        || {
            let mut padded = [0; WINDOW];
            let rest = &text[start..];
            padded[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(padded)
        },
        |bytes| u64::from_le_bytes(*bytes),
    );
    if length >= WINDOW { bytes } else { bytes & ((1 << (8 * length)) - 1) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &[u8], is_inside: impl Fn(u8) -> bool, found: impl FnOnce(&[u8], &mut dyn FnMut(usize, usize))) {
        let mut expected = Vec::new();
        let mut at = 0;
        for run in text.split(|&byte| !is_inside(byte)) {
            expected.extend((!run.is_empty()).then_some((at, at + run.len())));
            at += run.len() + 1;
        }
        let mut runs = Vec::new();
        found(text, &mut |start, end| runs.push((start, end)));
        assert_eq!(runs, expected);
    }

    proptest! {
        #[test]
        fn runs_are_those_of_a_plain_split(text in "([a-zA-Zéœ«–²0-9]{0,80}[ ,.\n\t@\\[`{]{0,70}){0,6}") {
            let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte >= 0x80;
            check(text.as_bytes(), is_letter, |text, visit| for_each_run_of_letters(text, visit));
            let mut words = Vec::new();
            for_each_run_of_letters_and_digits(text.as_bytes(), |start, end| words.push(&text[start..end]));
            let is_word = |character: char| character.is_ascii_alphanumeric() || character >= 'À' && !('\u{2000}'..'\u{3000}').contains(&character);
            let expected: Vec<&str> = text.split(|character| !is_word(character)).filter(|word| !word.is_empty()).collect();
            prop_assert_eq!(words, expected);
            check(text.as_bytes(), |byte| !byte.is_ascii_whitespace(), |text, visit| for_each_run_between_spaces(text, visit));
        }
    }

    #[test]
    fn a_window_ends_where_the_run_does() {
        let text = b"la toux et la fievre";
        assert_eq!(window(text, 3, 4).to_le_bytes(), *b"toux\0\0\0\0");
        assert_eq!(window(text, 14, 6).to_le_bytes(), *b"fievre\0\0");
        assert_eq!(window(b"hospitalisation", 0, 15).to_le_bytes(), *b"hospital");
    }
}
