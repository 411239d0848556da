//! Rows of dots or strokes that lead from an entry to its page or dose.

/// Whether the text may have one: two of the marks side by side, or with a space between them.
pub(super) fn are_suspected(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mark_at = |at: usize| match bytes.get(at..).unwrap_or_default() {
        [b'.' | b'_', ..] => 1,
        [0xE2, 0x80, 0xA6, ..] => 3,
        _ => 0,
    };
    memchr::memchr3_iter(b'.', b'_', 0xE2, bytes).any(|at| {
        let next = at + mark_at(at);
        next > at && (mark_at(next) > 0 || (bytes.get(next) == Some(&b' ') && mark_at(next + 1) > 0))
    })
}

/// Replaces every row of at least four dots or strokes, or two ellipses, in the part of the text from `start` on by one ellipsis between spaces; returns
/// how many there were.
pub(super) fn shorten(text: &mut String, start: usize) -> u64 {
    let tail = text.split_off(start);
    let mut count = 0;
    let mut rest = tail.as_str();
    while let Some(at) = rest.find(['.', '…', '_']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let (length, weight) = row(rest);
        if weight >= 4 {
            if !text[start..].is_empty() && !text.ends_with([' ', '\n']) {
                text.push(' ');
            }
            text.push('…');
            if !rest[length..].is_empty() && !rest[length..].starts_with([' ', '\n']) {
                text.push(' ');
            }
            count += 1;
        } else {
            text.push_str(&rest[..length]);
        }
        rest = &rest[length..];
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
    use super::*;

    fn check(text: &str, expected: &str) {
        let mut out = format!("avant{text}");
        if are_suspected(text) {
            shorten(&mut out, 5);
        }
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
