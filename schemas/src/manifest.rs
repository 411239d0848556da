//! `manifest.json`: what a shard directory holds, how it was made, and the hash of every file in it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::hash::ContentHash;

/// Raised when a reader of the former major version would misread the directory.
pub const SCHEMA_MAJOR: u32 = 1;
/// Raised when something was added that such a reader may ignore.
pub const SCHEMA_MINOR: u32 = 2;

/// The whole of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    pub schema_version: SchemaVersion,
    /// The program that wrote the directory, and its version.
    pub program: String,
    pub program_version: String,
    /// Hash of this file's own JSON with this field set to 32 zeros: a flipped byte here is found too.
    pub manifest_hash: ContentHash,
    /// The whole effective configuration of the build.
    pub config: serde_json::Value,
    pub max_seq_len: usize,
    pub tokenizer: TokenizerInfo,
    pub special_tokens: SpecialTokens,
    pub shards: Vec<ShardInfo>,
    /// `documents.parquet`.
    pub documents: FileInfo,
    pub totals: Totals,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SchemaVersion {
    pub major: u32,
    pub minor: u32,
}

/// The tokenizer that made the ids; its files lie in the directory's `tokenizer` folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TokenizerInfo {
    /// Hash of `tokenizer.json`: two directories with the same hash hold the same ids for the same text.
    pub hash: ContentHash,
    /// Every id in the shards is below this.
    pub vocab_size: usize,
    pub files: Vec<FileInfo>,
}

/// The ids that the trainer must know. `all` lists every id that is never masked and never drawn as a random replacement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SpecialTokens {
    pub bos: u32,
    pub eos: u32,
    pub pad: u32,
    pub unk: u32,
    pub mask: u32,
    pub all: Vec<u32>,
}

/// A file of the directory other than a shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileInfo {
    /// Path relative to the directory, with forward slashes.
    pub file: String,
    pub bytes: u64,
    pub xxh3: ContentHash,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShardInfo {
    pub file: String,
    pub rows: u64,
    pub tokens: u64,
    pub bytes: u64,
    pub xxh3: ContentHash,
}

/// What every stage took in and gave out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    pub read: ReadTotals,
    pub clean: CleanTotals,
    /// Documents per verdict, `keep` included; the counts add up to `read.documents`.
    pub verdicts: BTreeMap<String, u64>,
    #[serde(default)]
    pub dedup: DedupTotals,
    /// The same documents by their source, in the order of the settings.
    #[serde(default)]
    pub sources: Vec<SourceTotals>,
    pub pack: PackTotals,
    pub write: WriteTotals,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadTotals {
    pub files: u64,
    /// Bytes of the documents as they came in, after decompression.
    pub bytes: u64,
    pub documents: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CleanTotals {
    /// Bytes of cleaned text, of all documents that could be decoded.
    pub bytes: u64,
    /// Changes made to texts, by their kind.
    #[serde(default)]
    pub changes: BTreeMap<String, u64>,
    /// Identities hidden, by their kind.
    #[serde(default)]
    pub identities: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DedupTotals {
    /// Paragraphs removed from kept documents because earlier documents hold them often enough, and their bytes.
    pub dropped_paragraphs: u64,
    pub dropped_paragraph_bytes: u64,
}

/// What came from one source and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceTotals {
    pub name: String,
    pub licence: String,
    pub weight: f64,
    pub files: u64,
    /// Bytes of its documents as they came in.
    pub bytes: u64,
    pub documents: u64,
    pub verdicts: BTreeMap<String, u64>,
    /// Ids of its documents in the shards, special tokens included.
    pub tokens: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PackTotals {
    pub documents: u64,
    pub segments: u64,
    pub rows: u64,
    pub tokens: u64,
    /// Those of them that stand for what the tokenizer does not know; of an older directory, 0.
    #[serde(default)]
    pub unknown_tokens: u64,
    /// tokens / (rows × `max_seq_len`), from 0 to 1.
    pub efficiency: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WriteTotals {
    pub shards: u64,
    /// Bytes of all shards on disk.
    pub bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("it is not a manifest: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("manifest.json has schema version {found}, and this program reads versions up to {SCHEMA_MAJOR}.x: use a newer program")]
    TooNew { found: u32 },
    #[error("it was altered: its own hash is {found}, and it states {stated}")]
    Altered { stated: ContentHash, found: ContentHash },
}

impl Manifest {
    /// Reads a manifest and checks its version and its own hash.
    pub fn from_json(json: &[u8]) -> Result<Self, ManifestError> {
        unsealed(json, |manifest: &Self| manifest.manifest_hash)
    }

    /// The bytes of `manifest.json`, with `manifest_hash` filled in. The same manifest always gives the same bytes.
    pub fn to_json(&self) -> Result<Vec<u8>, ManifestError> {
        sealed(&Self { manifest_hash: BLANK, ..self.clone() })
    }

    /// The JSON Schema of `manifest.json`; a copy is checked in beside this crate's README.
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Manifest).into()
    }
}

/// Stands where a file's own hash will.
pub(crate) const BLANK: ContentHash = ContentHash(0);

/// The JSON of `value`, whose own hash is [`BLANK`], with that hash filled in.
pub(crate) fn sealed(value: &impl Serialize) -> Result<Vec<u8>, ManifestError> {
    let mut json = serde_json::to_string_pretty(value)?;
    json.push('\n');
    let hash = ContentHash::of(json.as_bytes());
    Ok(json.replacen(&BLANK.to_string(), &hash.to_string(), 1).into_bytes())
}

/// Reads what [`sealed`] wrote, and checks its version and its own hash.
pub(crate) fn unsealed<T: DeserializeOwned>(json: &[u8], stated: impl Fn(&T) -> ContentHash) -> Result<T, ManifestError> {
    #[derive(Deserialize)]
    struct VersionOnly {
        schema_version: SchemaVersion,
    }
    let version = serde_json::from_slice::<VersionOnly>(json)?.schema_version;
    if version.major > SCHEMA_MAJOR {
        return Err(ManifestError::TooNew { found: version.major });
    }
    let value: T = serde_json::from_slice(json)?;
    let (stated, found) = (stated(&value), own_hash(json, stated(&value)));
    if found == stated { Ok(value) } else { Err(ManifestError::Altered { stated, found }) }
}

/// The hash of the file's bytes with the stated hash blanked, whatever else the bytes are.
fn own_hash(json: &[u8], stated: ContentHash) -> ContentHash {
    let stated = stated.to_string();
    let mut blanked = json.to_vec();
    if let Some(start) = json.windows(stated.len()).position(|window| window == stated.as_bytes()) {
        blanked[start..start + stated.len()].fill(b'0');
    }
    ContentHash::of(&blanked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Manifest {
        let file = |name: &str| FileInfo { file: name.into(), bytes: 1, xxh3: ContentHash::of(name.as_bytes()) };
        Manifest {
            schema_version: SchemaVersion { major: SCHEMA_MAJOR, minor: SCHEMA_MINOR },
            program: "nachos".into(),
            program_version: "0.1.0".into(),
            manifest_hash: ContentHash(0),
            config: serde_json::json!({"pack": {"max_seq_len": 512}}),
            max_seq_len: 512,
            tokenizer: TokenizerInfo {
                hash: ContentHash::of(b"tokenizer"),
                vocab_size: 32_005,
                files: vec![file("tokenizer/tokenizer.json")],
            },
            special_tokens: SpecialTokens { bos: 5, eos: 6, pad: 1, unk: 3, mask: 32_004, all: vec![0, 1, 2, 3, 4, 5, 6, 32_004] },
            shards: vec![ShardInfo { file: "shard-00000.parquet".into(), rows: 2, tokens: 900, bytes: 1, xxh3: ContentHash::of(b"shard") }],
            documents: file("documents.parquet"),
            totals: Totals::default(),
        }
    }

    #[test]
    fn a_manifest_survives_the_round_trip_and_every_flipped_byte_is_found() {
        let json = example().to_json().expect("serialisable");
        let read = Manifest::from_json(&json).expect("as written");
        assert_eq!(Manifest { manifest_hash: ContentHash(0), ..read }, example());
        for at in 0..json.len() {
            let mut altered = json.clone();
            altered[at] ^= 1;
            assert!(Manifest::from_json(&altered).is_err_and(|error| !error.to_string().is_empty()), "byte {at}");
        }
    }

    #[test]
    fn a_newer_major_version_is_refused_whatever_else_it_holds() {
        let newer = format!("{{\"schema_version\": {{\"major\": {}, \"minor\": 0}}}}", SCHEMA_MAJOR + 1);
        let error = Manifest::from_json(newer.as_bytes()).expect_err("newer").to_string();
        assert!(error.contains("use a newer program"), "{error}");
    }

    #[test]
    fn the_checked_in_json_schema_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/manifest.schema.json");
        let fresh = format!("{}\n", serde_json::to_string_pretty(&Manifest::json_schema()).expect("serialisable"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &fresh).expect("the source folder can be written");
        }
        let checked_in = std::fs::read_to_string(path).expect("manifest.schema.json");
        assert!(checked_in == fresh, "manifest.schema.json is stale: UPDATE_GOLDEN=1 cargo test --release -p schemas");
    }
}
