//! Rows of dots or strokes that lead from an entry to its page or dose.

use crate::letters::find_window;

/// Dots that make a row; an ellipsis counts for two.
const LEAST_WEIGHT: usize = 4;

const ELLIPSIS: [u8; 3] = [0xE2, 0x80, 0xA6];

/// Where the next row of at least four dots or strokes, or two ellipses, begins, and its length in bytes.
fn find(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(at) = find_window(&bytes[from..], goes_on) {
        let mark = from + at;
        // An ellipsis is found by its last byte.
        let start = if bytes[mark] == ELLIPSIS[2] { (mark + 1).saturating_sub(ELLIPSIS.len()) } else { mark };
        let (length, weight) = if start >= from && text.is_char_boundary(start) { row(&text[start..]) } else { (0, 0) };
        if weight >= LEAST_WEIGHT {
            return Some((start, length));
        }
        from = (start + length).max(mark + 1);
    }
    None
}

/// Whether two marks, or what may be marks, stand side by side or with a space between them. The last two bytes of a text are of no row that counts.
#[expect(clippy::needless_bitwise_bool, reason = "lazy operators would be branches")]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as `find_window` gives it")]
fn goes_on([first, second, third]: &[u8; 3]) -> bool {
    let is_mark = |byte: u8| (byte == b'.') | (byte == b'_');
    let begins = |byte: u8| is_mark(byte) | (byte == ELLIPSIS[0]);
    (is_mark(*first) | (*first == ELLIPSIS[2])) & (begins(*second) | (*second == b' ') & begins(*third))
}

/// Replaces every row in the part of the text from `start` on by one ellipsis between spaces; returns how many there were.
pub(super) fn shorten(text: &mut String, start: usize) -> u64 {
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
        fn the_first_row_is_found(text in "([a-z. _…–é]{0,4}|\\.{2,5}|(\\. ){2,4}|…{2}|[a-z ]{60}){0,8}") {
            let is_mark = |character: char| matches!(character, '.' | '_' | '…');
            let begins = |at: usize| !text[..at].trim_end_matches(' ').ends_with(is_mark) || text[..at].ends_with("  ");
            let places = text.char_indices().filter(|(at, character)| is_mark(*character) && begins(*at));
            let first = places.map(|(at, _)| (at, row(&text[at..]))).find(|(_, (_, weight))| *weight >= LEAST_WEIGHT);
            prop_assert_eq!(find(&text), first.map(|(at, (length, _))| (at, length)));
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
