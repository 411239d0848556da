//! What `nachos build --part` leaves for `nachos merge`: cleaned documents, not yet deduplicated.
//!
//! A part's folder holds `cleaned-NNNNN.parquet`, the `tokenizer` folder, and `part.json`, which is written last.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use crate::{
    hash::ContentHash,
    manifest::{BLANK, FileInfo, ManifestError, SchemaVersion, Totals, sealed, unsealed},
};

/// Written last and atomically: a folder without it is not a part.
pub const PART_FILE: &str = "part.json";

pub const FILE: &str = "file";
pub const OFFSET: &str = "offset";
pub const LENGTH: &str = "length";
pub const VERDICT: &str = "verdict";
pub const TEXT: &str = "text";

/// The name of file number `index`, counted from zero.
pub fn file_name(index: usize) -> String {
    format!("cleaned-{index:05}.parquet")
}

/// The Arrow schema of the cleaned documents, in input order.
///
/// - `file`: the number of the input file in `part.json`'s `inputs`;
/// - `offset`, `length`, `verdict`: as in `documents.parquet`, before deduplication;
/// - `text`: the cleaned text.
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(FILE, DataType::UInt32, false),
        Field::new(OFFSET, DataType::UInt64, false),
        Field::new(LENGTH, DataType::UInt64, false),
        Field::new(VERDICT, DataType::Utf8, false),
        Field::new(TEXT, DataType::LargeUtf8, false),
    ]))
}

/// The whole of `part.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartManifest {
    pub schema_version: SchemaVersion,
    pub program_version: String,
    /// Hash of this file's own JSON with this field set to 32 zeros.
    pub manifest_hash: ContentHash,
    /// This is part number `part`, counted from 1, of `of`.
    pub part: usize,
    pub of: usize,
    /// The whole effective configuration; the same in every part.
    pub config: serde_json::Value,
    /// Hash of `tokenizer.json`; the same in every part.
    pub tokenizer: ContentHash,
    /// All input files of the build, in order; the same in every part.
    pub inputs: Vec<PartInput>,
    /// The files of cleaned documents, in order.
    pub files: Vec<FileInfo>,
    /// What reading and cleaning counted.
    pub totals: Totals,
}

impl PartManifest {
    /// Reads `part.json` and checks its version and its own hash.
    pub fn from_json(json: &[u8]) -> Result<Self, ManifestError> {
        unsealed(json, |part: &Self| part.manifest_hash)
    }

    /// The bytes of `part.json`, with `manifest_hash` filled in.
    pub fn to_json(&self) -> Result<Vec<u8>, ManifestError> {
        sealed(&Self { manifest_hash: BLANK, ..self.clone() })
    }
}

/// An input file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartInput {
    pub path: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// The number of its source in the totals.
    pub source: usize,
}
