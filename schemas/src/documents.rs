//! `documents.parquet`: one row is one input document, kept or dropped, in input order.

use std::{borrow::Cow, sync::Arc};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

pub const ID: &str = "id";
pub const SOURCE: &str = "source";
pub const OFFSET: &str = "offset";
pub const LENGTH: &str = "length";
pub const HASH: &str = "hash";
pub const TOKENS: &str = "tokens";
pub const VERDICT: &str = "verdict";
pub const DUPLICATE_OF: &str = "duplicate_of";
pub const SOURCE_NAME: &str = "source_name";

/// What became of a document: kept, or the reason why it was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Keep,
    /// The line is not a JSON object.
    InvalidJson,
    /// The text field is absent, null or not a string.
    MissingText,
    /// The record is longer than `input.max_document_mib`.
    TooLong,
    /// Nothing was left after cleaning.
    Empty,
    /// The text is in another language than the one asked for.
    Language(Language),
    /// The text is in no language that could be named.
    LanguageUnknown,
    /// Rules of `clean.quality`, see the settings of the same section.
    TooShort,
    TooManyDigits,
    TooManySymbols,
    Code,
    LongWords,
    PlaceholderText,
    TooFewStopWords,
    RepetitiveLines,
    RepetitiveWords,
    /// The text equals that of an earlier document, which `duplicate_of` names.
    Duplicate,
    /// The text resembles that of an earlier document, which `duplicate_of` names.
    NearDuplicate,
    /// Every paragraph stands in earlier documents often enough.
    RepeatedParagraphs,
    /// The weight of its source left it out.
    SampledOut,
}

/// An ISO 639-1 code: two lower-case letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Language([u8; 2]);

impl Language {
    /// `None` unless `code` is two lower-case letters.
    pub fn from_code(code: &str) -> Option<Self> {
        let code: [u8; 2] = code.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_lowercase).then_some(Self(code))
    }

    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

const LANGUAGE_PREFIX: &str = "language_";

impl Verdict {
    /// Every verdict that does not name a language.
    pub const PLAIN: [Self; 19] = [
        Self::Keep,
        Self::InvalidJson,
        Self::MissingText,
        Self::TooLong,
        Self::Empty,
        Self::LanguageUnknown,
        Self::Duplicate,
        Self::NearDuplicate,
        Self::RepeatedParagraphs,
        Self::SampledOut,
        Self::TooShort,
        Self::TooManyDigits,
        Self::TooManySymbols,
        Self::Code,
        Self::LongWords,
        Self::PlaceholderText,
        Self::TooFewStopWords,
        Self::RepetitiveLines,
        Self::RepetitiveWords,
    ];

    /// The word in the `verdict` column and in the manifest's counts.
    pub fn name(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Keep => "keep",
            Self::InvalidJson => "invalid_json",
            Self::MissingText => "missing_text",
            Self::TooLong => "too_long",
            Self::Empty => "empty",
            Self::Language(language) => return Cow::Owned(format!("{LANGUAGE_PREFIX}{}", language.code())),
            Self::LanguageUnknown => "language_unknown",
            Self::Duplicate => "duplicate",
            Self::NearDuplicate => "near_duplicate",
            Self::RepeatedParagraphs => "repeated_paragraphs",
            Self::SampledOut => "sampled_out",
            Self::TooShort => "too_short",
            Self::TooManyDigits => "too_many_digits",
            Self::TooManySymbols => "too_many_symbols",
            Self::Code => "code",
            Self::LongWords => "long_words",
            Self::PlaceholderText => "placeholder_text",
            Self::TooFewStopWords => "too_few_stop_words",
            Self::RepetitiveLines => "repetitive_lines",
            Self::RepetitiveWords => "repetitive_words",
        })
    }

    /// The verdict of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let plain = Self::PLAIN.into_iter().find(|verdict| verdict.name() == name);
        plain.or_else(|| name.strip_prefix(LANGUAGE_PREFIX).and_then(Language::from_code).map(Self::Language))
    }
}

/// The Arrow schema of the documents table.
///
/// - `id`: the document's number in input order, from 0;
/// - `source`: the input file as it was named on the command line or found below a folder named there;
/// - `offset`, `length`: its bytes in that file (in the decompressed stream of a compressed file; row number and text bytes for Parquet);
/// - `hash`: XXH3-128 of the cleaned text, 16 bytes, big-endian;
/// - `tokens`: the ids it occupies in the shards, special tokens included; 0 if it was dropped;
/// - `verdict`: `keep` or the reason, see [`Verdict`];
/// - `duplicate_of`: the id of the document that was kept in its place, or null;
/// - `source_name`: the name of its `[[sources]]` section.
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(ID, DataType::UInt64, false),
        Field::new(SOURCE, DataType::Utf8, false),
        Field::new(OFFSET, DataType::UInt64, false),
        Field::new(LENGTH, DataType::UInt64, false),
        Field::new(HASH, DataType::FixedSizeBinary(16), false),
        Field::new(TOKENS, DataType::UInt64, false),
        Field::new(VERDICT, DataType::Utf8, false),
        Field::new(DUPLICATE_OF, DataType::UInt64, true),
        Field::new(SOURCE_NAME, DataType::Utf8, false),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_is_found_by_its_name() {
        let english = Language::from_code("en").map(Verdict::Language).expect("two letters");
        assert_eq!(english.name(), "language_en");
        for verdict in Verdict::PLAIN.into_iter().chain([english]) {
            assert_eq!(Verdict::from_name(&verdict.name()), Some(verdict));
        }
        assert_eq!(Verdict::from_name("language_english"), None);
        assert_eq!(Verdict::from_name("kept"), None);
    }
}
