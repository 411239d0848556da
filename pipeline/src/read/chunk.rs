//! A chunk → its records, decoded to text.

use std::{borrow::Cow, fmt, sync::Arc};

use memchr::{memchr, memchr_iter, memrchr3};
use schemas::documents::Verdict;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::encoding::{DecodingCounts, decode};
use crate::config::DocumentUnit;

/// Bytes of one input file that hold whole records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub framing: Framing,
    /// The field of a JSON line that holds the text.
    pub text_column: Arc<str>,
    /// A longer text is cut into several documents; a longer JSON line or Parquet text is dropped.
    pub max_record: usize,
    /// Where the chunk begins in the file, and where the next begins.
    pub offset: u64,
    pub end: u64,
    pub bytes: Vec<u8>,
}

/// How the records of a chunk are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    Line,
    BlankLine,
    JsonLine,
    /// The chunk is one text.
    Whole,
    /// One record that was too long to be kept in memory.
    Oversized {
        length: u64,
    },
    /// Texts one after another with these lengths; `None` is a null. Offsets are row numbers.
    Rows(Vec<Option<usize>>),
    /// Clean texts one after another.
    Cleaned(Vec<CleanedRow>),
}

/// A document that another process has cleaned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanedRow {
    /// The number of its file.
    pub file: u32,
    pub offset: u64,
    pub length: u64,
    pub verdict: Verdict,
    pub text_bytes: usize,
}

impl Framing {
    pub(super) fn of(unit: DocumentUnit) -> Self {
        match unit {
            DocumentUnit::Line => Self::Line,
            DocumentUnit::BlankLine => Self::BlankLine,
        }
    }
}

/// One document as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'c> {
    pub offset: u64,
    pub length: u64,
    /// The text, or why there is none.
    pub text: Result<Cow<'c, str>, Verdict>,
    /// What of the record was not UTF-8.
    pub decoding: DecodingCounts,
}

impl Chunk {
    /// Calls `visit` with every record, in order. Cleaned rows are no records: see [`Framing::Cleaned`].
    pub fn for_each_record<'c>(&'c self, visit: &mut dyn FnMut(Record<'c>)) {
        match &self.framing {
            Framing::Line => self.for_each_text(&|text| memchr(b'\n', text).unwrap_or(text.len()), visit),
            Framing::BlankLine => self.for_each_text(&paragraph_end, visit),
            Framing::Whole => self.for_each_text(&<[u8]>::len, visit),
            Framing::JsonLine => self.for_each_json_line(visit),
            Framing::Oversized { length } => visit(dropped(self.offset, *length, Verdict::TooLong)),
            Framing::Rows(lengths) => self.for_each_row(lengths, visit),
            Framing::Cleaned(_) => {}
        }
    }

    /// Every record between white space; `end_of` says where the record that its argument begins with ends. What is longer than a record
    /// may be is cut, and read on as if the rest were all there is: so it does not matter where the file was cut into chunks.
    fn for_each_text<'c>(&'c self, end_of: &dyn Fn(&[u8]) -> usize, visit: &mut dyn FnMut(Record<'c>)) {
        let mut start = leading_white_space(&self.bytes);
        while start < self.bytes.len() {
            let rest = &self.bytes[start..];
            let record = rest[..end_of(rest)].trim_ascii_end();
            let end = if record.len() > self.max_record { forced_cut(&record[..self.max_record]) } else { record.len() };
            let record = record[..end].trim_ascii_end();
            let (text, decoding) = decode(record);
            visit(Record { offset: self.offset + start as u64, length: record.len() as u64, text: Ok(text), decoding });
            start += end + leading_white_space(&rest[end..]);
        }
    }

    fn for_each_json_line<'c>(&'c self, visit: &mut dyn FnMut(Record<'c>)) {
        let mut start = 0;
        while start < self.bytes.len() {
            let end = memchr(b'\n', &self.bytes[start..]).map_or(self.bytes.len(), |at| start + at);
            let line = &self.bytes[start..end];
            let offset = self.offset + start as u64;
            if line.len() > self.max_record {
                visit(dropped(offset, line.len() as u64, Verdict::TooLong));
            } else if !line.trim_ascii().is_empty() {
                visit(self.json_record(offset, line.strip_suffix(b"\r").unwrap_or(line)));
            }
            start = end + 1;
        }
    }

    fn for_each_row<'c>(&'c self, lengths: &[Option<usize>], visit: &mut dyn FnMut(Record<'c>)) {
        let mut start = 0;
        for (length, offset) in lengths.iter().zip(self.offset..) {
            let Some(length) = *length else {
                visit(dropped(offset, 0, Verdict::MissingText));
                continue;
            };
            let bytes = &self.bytes[start..start + length];
            start += length;
            if length > self.max_record {
                visit(dropped(offset, length as u64, Verdict::TooLong));
            } else {
                let (text, decoding) = decode(bytes);
                visit(Record { offset, length: length as u64, text: Ok(text), decoding });
            }
        }
    }

    fn json_record<'c>(&self, offset: u64, line: &'c [u8]) -> Record<'c> {
        let (json, decoding) = decode(line);
        let text = match json {
            Cow::Borrowed(json) => text_field(json, &self.text_column),
            Cow::Owned(json) => text_field(&json, &self.text_column).map(|text| Cow::Owned(text.into_owned())),
        };
        Record { offset, length: line.len() as u64, text, decoding }
    }
}

fn dropped(offset: u64, length: u64, verdict: Verdict) -> Record<'static> {
    Record { offset, length, text: Err(verdict), decoding: DecodingCounts::default() }
}

pub(super) fn leading_white_space(bytes: &[u8]) -> usize {
    bytes.len() - bytes.trim_ascii_start().len()
}

/// Where the first line end is that a blank line, or nothing, follows.
fn paragraph_end(text: &[u8]) -> usize {
    memchr_iter(b'\n', text)
        .find(|&at| {
            let next = &text[at + 1..];
            let next_line = &next[..memchr(b'\n', next).unwrap_or(next.len())];
            next_line.trim_ascii().is_empty()
        })
        .unwrap_or(text.len())
}

/// Where to cut a text that is too long: after its last white space, or else between two characters.
pub(super) fn forced_cut(bytes: &[u8]) -> usize {
    let starts_character = |at: &usize| bytes[*at] & 0xC0 != 0x80;
    memrchr3(b'\n', b' ', b'\t', bytes)
        .map(|at| at + 1)
        .or_else(|| (bytes.len().saturating_sub(4)..bytes.len()).rev().find(starts_character).filter(|&at| at > 0))
        .unwrap_or(bytes.len())
}

/// The string under `column` of a JSON object; nothing else of the object is kept.
fn text_field<'j>(json: &'j str, column: &str) -> Result<Cow<'j, str>, Verdict> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let found = TextField { column }.deserialize(&mut deserializer).and_then(|text| deserializer.end().map(|()| text));
    match found {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(Verdict::MissingText),
        Err(_) => Err(Verdict::InvalidJson),
    }
}

struct TextField<'n> {
    column: &'n str,
}

impl<'de> DeserializeSeed<'de> for TextField<'_> {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TextField<'_> {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a JSON object with a string field {:?}", self.column)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut text = None;
        while let Some(Text::String(key)) = map.next_key()? {
            if key == self.column {
                text = match map.next_value()? {
                    Text::String(value) => Some(value),
                    Text::Other => None,
                };
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(text)
    }
}

/// Any JSON value, of which only strings are kept; borrowed where the string has no escapes.
enum Text<'de> {
    String(Cow<'de, str>),
    Other,
}

impl<'de> serde::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Text<'de>, E> {
        Ok(Text::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Text<'de>, E> {
        Ok(Text::String(Cow::Owned(value.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Text<'de>, E> {
        Ok(Text::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Text<'de>, E> {
        Ok(Text::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Text<'de>, E> {
        Ok(Text::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Text<'de>, E> {
        Ok(Text::Other)
    }

    fn visit_unit<E>(self) -> Result<Text<'de>, E> {
        Ok(Text::Other)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Text<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(framing: Framing, bytes: &[u8], expected: &[(u64, u64, Result<&str, Verdict>)]) {
        let chunk = Chunk { framing, text_column: "text".into(), max_record: 60, offset: 100, end: 0, bytes: bytes.to_vec() };
        let mut found = Vec::new();
        chunk.for_each_record(&mut |record| {
            found.push((record.offset - 100, record.length, record.text.map(Cow::into_owned)));
        });
        let expected: Vec<_> = expected.iter().map(|(offset, length, text)| (*offset, *length, text.map(str::to_owned))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_and_paragraphs_keep_their_place_in_the_file() {
        check(Framing::Line, b"un\r\n\n deux \nfin", &[(0, 2, Ok("un")), (6, 4, Ok("deux")), (12, 3, Ok("fin"))]);
        check(Framing::BlankLine, b"\n\nun\ndeux\r\n \t\r\ntrois\n", &[(2, 7, Ok("un\ndeux")), (15, 5, Ok("trois"))]);
        check(Framing::BlankLine, b" \n\n", &[]);
    }

    #[test]
    fn json_lines_give_their_text_or_the_reason_why_not() {
        check(
            Framing::JsonLine,
            b"{\"id\": [1, {}], \"text\": \"la toux\"}\n{\"text\": \"l\\u00e9sion\\n\"}\n\n{\"text\": null}\n{\"text\": 3}\n[]\n{\"text\": \"x\"} y\n",
            &[
                (0, 34, Ok("la toux")),
                (35, 25, Ok("lésion\n")),
                (62, 14, Err(Verdict::MissingText)),
                (77, 11, Err(Verdict::MissingText)),
                (89, 2, Err(Verdict::InvalidJson)),
                (92, 15, Err(Verdict::InvalidJson)),
            ],
        );
        let long = format!("{{\"text\": \"{}\"}}", "a".repeat(60));
        check(Framing::JsonLine, long.as_bytes(), &[(0, 72, Err(Verdict::TooLong))]);
    }

    #[test]
    fn rows_are_numbered_and_nulls_are_missing_text() {
        let rows = Framing::Rows(vec![Some(2), None, Some(0), Some(3)]);
        check(rows, b"unfin", &[(0, 2, Ok("un")), (1, 0, Err(Verdict::MissingText)), (2, 0, Ok("")), (3, 3, Ok("fin"))]);
    }
}
