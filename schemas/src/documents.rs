//! `documents.parquet`: one row is one input document, kept or dropped, in input order.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

pub const ID: &str = "id";
pub const SOURCE: &str = "source";
pub const OFFSET: &str = "offset";
pub const LENGTH: &str = "length";
pub const HASH: &str = "hash";
pub const TOKENS: &str = "tokens";
pub const VERDICT: &str = "verdict";
pub const DUPLICATE_OF: &str = "duplicate_of";

/// What became of a document: kept, or the reason why it was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Keep,
    /// The cleaned text equals that of an earlier document, which `duplicate_of` names.
    Duplicate,
    /// Nothing was left after cleaning.
    Empty,
    /// The line is not a JSON object.
    InvalidJson,
    /// The text field is absent, null or not a string.
    MissingText,
    /// The record is longer than `input.max_document_mib`.
    TooLong,
}

impl Verdict {
    pub const ALL: [Self; 6] = [Self::Keep, Self::Duplicate, Self::Empty, Self::InvalidJson, Self::MissingText, Self::TooLong];

    /// The word in the `verdict` column and in the manifest's counts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Duplicate => "duplicate",
            Self::Empty => "empty",
            Self::InvalidJson => "invalid_json",
            Self::MissingText => "missing_text",
            Self::TooLong => "too_long",
        }
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
/// - `duplicate_of`: the id of the document that was kept in its place, or null.
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
    ]))
}
