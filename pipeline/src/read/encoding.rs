//! Bytes → text. Files are UTF-8, UTF-16, or one byte a character; what is not UTF-8 is told apart document by document, since files are often mixed.

use std::{borrow::Cow, io::Read};

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;

/// Bytes looked at to recognise UTF-16.
pub(super) const HEAD_BYTES: usize = 4096;

/// The encoding of a UTF-16 file, by its first bytes: a byte order mark, or a NUL in every second byte of nearly every pair.
pub(super) fn utf16(head: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return Some(encoding).filter(|encoding| [UTF_16BE, UTF_16LE].contains(encoding));
    }
    let pairs = head.as_chunks::<2>().0;
    let is_most = |count: usize| pairs.len() >= 8 && count * 10 >= pairs.len() * 8;
    if is_most(pairs.iter().filter(|pair| pair[0] != 0 && pair[1] == 0).count()) {
        Some(UTF_16LE)
    } else if is_most(pairs.iter().filter(|pair| pair[0] == 0 && pair[1] != 0).count()) {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// The same text in UTF-8.
pub(super) fn to_utf8(stream: impl Read + 'static, encoding: &'static Encoding) -> Box<dyn Read> {
    Box::new(DecodeReaderBytesBuilder::new().encoding(Some(encoding)).build(stream))
}

/// What was not UTF-8 in a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodingCounts {
    /// Bytes read as windows-1252.
    pub windows_1252: u64,
    /// Byte sequences that are no text in either encoding, each now a U+FFFD.
    pub invalid: u64,
}

/// The text of these bytes. What is not UTF-8 is read as windows-1252 where that gives a letter or a sign of running text.
pub(super) fn decode(bytes: &[u8]) -> (Cow<'_, str>, DecodingCounts) {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
        return (Cow::Borrowed(text), DecodingCounts::default());
    }
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    let mut counts = DecodingCounts::default();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        match chunk.invalid() {
            [] => {}
            // One byte, or the beginning of a character that is cut off: two letters of windows-1252 hardly ever look like that.
            &[byte] if is_plausible(byte) => {
                text.push_str(&WINDOWS_1252.decode_without_bom_handling(&[byte]).0);
                counts.windows_1252 += 1;
            }
            _ => {
                text.push('\u{fffd}');
                counts.invalid += 1;
            }
        }
    }
    (Cow::Owned(text), counts)
}

/// Whether windows-1252 has a letter, punctuation or unit here that French texts use.
fn is_plausible(byte: u8) -> bool {
    let is_letter = byte >= 0xC0 && !matches!(byte, 0xD0 | 0xDD | 0xDE | 0xF0 | 0xFD | 0xFE);
    is_letter
        || matches!(byte, 0x80 | 0x85 | 0x8A | 0x8C | 0x91..=0x97 | 0x99 | 0x9A | 0x9C | 0x9F | 0xA0 | 0xA3 | 0xA7 | 0xA9 | 0xAA | 0xAB | 0xAE | 0xB0..=0xB7 | 0xB9..=0xBF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: &str, windows_1252: u64, invalid: u64) {
        assert_eq!(decode(bytes), (Cow::Borrowed(expected), DecodingCounts { windows_1252, invalid }));
    }

    #[test]
    fn what_is_not_utf8_is_windows_1252_where_that_is_text() {
        check("Œdème à 38,5 °C".as_bytes(), "Œdème à 38,5 °C", 0, 0);
        check(b"L\x92h\xf4pital \xab Saint-Louis \xbb co\xfbte 5 \x80", "L’hôpital « Saint-Louis » coûte 5 €", 6, 0);
        check(b"d\xc3\xa9j\xe0 vu", "déjà vu", 1, 0);
        check(b"\xEF\xBB\xBFtoux", "toux", 0, 0);
        check(b"\x81\x90 toux", "\u{fffd}\u{fffd} toux", 0, 2);
    }

    #[test]
    fn a_character_that_is_cut_off_is_no_letter() {
        check(b"la fi\xe2\x80", "la fi\u{fffd}", 0, 1);
    }

    #[test]
    fn utf16_is_recognised_with_and_without_a_mark() {
        let text = "Le patient présente une toux.";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (bytes, encoding) in [(&little, UTF_16LE), (&big, UTF_16BE)] {
            assert_eq!(utf16(bytes), Some(encoding));
            let mut decoded = String::new();
            to_utf8(std::io::Cursor::new(bytes.clone()), encoding).read_to_string(&mut decoded).expect("in memory");
            assert_eq!(decoded, text);
        }
        assert_eq!(utf16(&[b"\xff\xfe", &little[..4]].concat()), Some(UTF_16LE));
        assert_eq!(utf16(text.as_bytes()), None);
        assert_eq!(utf16(b"\xEF\xBB\xBFtoux"), None);
        assert_eq!(utf16(&[0; 64]), None);
    }
}
