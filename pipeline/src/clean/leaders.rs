//! Rows of dots or strokes that lead from an entry to its page or dose.

use crate::letters::any_window;

/// Dots that make a row; an ellipsis counts for two.
const LEAST_WEIGHT: usize = 4;

/// Where the next row of at least four dots or strokes, or two ellipses, begins, and its length in bytes.
fn find(text: &str) -> Option<(usize, usize)> {
    let mut passed = 0;
    memchr::memchr3_iter(b'.', b'_', ELLIPSIS[0], text.as_bytes()).find_map(|at| {
        // Most stand alone.
        let is_row = at >= passed && row_goes_on(&text.as_bytes()[at..]);
        let (length, weight) = if is_row { row(&text[at..]) } else { (0, 0) };
        passed = passed.max(at + length);
        (weight >= LEAST_WEIGHT).then_some((at, length))
    })
}

const ELLIPSIS: [u8; 3] = [0xE2, 0x80, 0xA6];

/// Whether `text` begins with two marks, or with two and a space between them.
fn row_goes_on(text: &[u8]) -> bool {
    let after_mark = |text: &[u8]| match text {
        [b'.' | b'_', ..] => 1,
        _ if text.starts_with(&ELLIPSIS) => ELLIPSIS.len(),
        _ => 0,
    };
    let next = after_mark(text);
    let space = usize::from(text.get(next) == Some(&b' '));
    next > 0 && after_mark(&text[next + space..]) > 0
}

/// Whether there may be a row: two marks side by side, or with a space between them.
#[expect(clippy::needless_bitwise_bool, reason = "lazy operators would be branches")]
fn may_have_rows(text: &[u8]) -> bool {
    let is_mark = |byte: u8| (byte == b'.') | (byte == b'_');
    let begins = |byte: u8| is_mark(byte) | (byte == ELLIPSIS[0]);
    let is_row = |[first, second, third]: &[u8; 3]| {
        (is_mark(*first) | (*first == ELLIPSIS[2])) & (begins(*second) | (*second == b' ') & begins(*third))
    };
    any_window(text, is_row)
}

/// Replaces every row in the part of the text from `start` on by one ellipsis between spaces; returns how many there were.
pub(super) fn shorten(text: &mut String, start: usize) -> u64 {
    if !may_have_rows(&text.as_bytes()[start..]) {
        return 0;
    }
    let Some((first, _)) = find(&text[start..]) else { return 0 };
    let tail = text.split_off(start + first);
    let mut count = 0;
    let mut rest = tail.as_str();
    while let Some((at, length)) = find(rest) {
        text.push_str(&rest[..at]);
        rest = &rest[at + length..];
        if !text[start..].is_empty() && !text.ends_with([' ', '\n']) {
            text.push(' ');
        }
        text.push('…');
        if !rest.is_empty() && !rest.starts_with([' ', '\n']) {
            text.push(' ');
        }
        count += 1;
    }
    text.push_str(rest);
    count
}

/// The length of the row that `text` begins with, and how many dots it counts for. Single spaces between dots belong to it.
fn row(text: &str) -> (usize, usize) {
    let (mut length, mut weight) = (0, 0);
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '.' | '_' => weight += 1,
            '…' => weight += 2,
            ' ' if characters.peek().is_some_and(|(_, next)| matches!(next, '.' | '…' | '_')) => continue,
            _ => break,
        }
        length = at + character.len_utf8();
    }
    (length, weight)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_row_is_suspected(text in "([a-z. _…é]{0,4}|\\.{2,5}|(\\. ){2,4}|…{2}){0,8}") {
            prop_assert!(may_have_rows(text.as_bytes()) || find(&text).is_none());
        }
    }

    fn check(text: &str, expected: &str) {
        let mut out = format!("avant{text}");
        shorten(&mut out, 5);
        assert_eq!(&out[5..], expected);
    }

    #[test]
    fn leaders_become_one_ellipsis_and_other_dots_stay() {
        check("Tadalafil………20 mg", "Tadalafil … 20 mg");
        check("Nom : ________ Prénom", "Nom : … Prénom");
        check("Chapitre 1 . . . . . . 12\nfin......", "Chapitre 1 … 12\nfin …");
        check("Bon… puis... enfin. etc.", "Bon… puis... enfin. etc.");
        check("A. B. C. D. E.", "A. B. C. D. E.");
    }
}
