//! The settings of `nachos build`: read once, checked once, trusted afterwards.

mod clean;
mod dedup;

pub use clean::{CleanConfig, PrivacyAction, PrivacyConfig, PrivacyLevel, QualityConfig};
pub use dedup::{DedupConfig, ExactDedupConfig, NearDedupConfig, ParagraphDedupConfig};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The effective configuration, as it is recorded in `manifest.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub input: InputConfig,
    pub sources: Vec<SourceConfig>,
    pub clean: CleanConfig,
    pub dedup: DedupConfig,
    pub pack: PackConfig,
    pub write: WriteConfig,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InputConfig {
    /// What a document is in a `.txt` file.
    pub document: DocumentUnit,
    /// The field of a JSON line, or the column of a Parquet file, that holds the text.
    pub text_column: String,
    /// No document in memory is longer than this: a longer text is cut into several documents, a longer JSON line is dropped.
    pub max_document_mib: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentUnit {
    /// Every line is a document.
    Line,
    /// Lines up to the next blank line are a document.
    BlankLine,
}

/// A `[[sources]]` section: where a part of the corpus comes from, and how much of it is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    pub name: String,
    /// Files, folders and patterns, as for `--input`.
    pub paths: Vec<String>,
    #[serde(default)]
    pub licence: String,
    /// How often its documents are used: 2 is twice, 0.5 is every second one, chosen by its text.
    #[serde(default = "once")]
    pub weight: f64,
}

fn once() -> f64 {
    1.0
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PackConfig {
    pub strategy: PackStrategy,
    /// Tokens in a row, special tokens included.
    pub max_seq_len: usize,
    /// Tokens that `best-fit` gathers before it places them: more fill rows better and take more memory (4 bytes each).
    pub window_tokens: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackStrategy {
    /// Whole documents are placed where they leave the least room; only what exceeds a row is cut.
    BestFit,
    /// Documents one after another, cut every `max_seq_len` tokens, as DrBERT was trained.
    Concat,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WriteConfig {
    /// A shard is closed at the first row group that takes it to this size.
    pub shard_size_mib: u64,
    pub zstd_level: i32,
}

impl Default for InputConfig {
    fn default() -> Self {
        Self { document: DocumentUnit::BlankLine, text_column: "text".into(), max_document_mib: 16 }
    }
}

impl Default for PackConfig {
    fn default() -> Self {
        Self { strategy: PackStrategy::BestFit, max_seq_len: 512, window_tokens: 4 << 20 }
    }
}

impl Default for WriteConfig {
    fn default() -> Self {
        Self { shard_size_mib: 64, zstd_level: 1 }
    }
}

/// A value that has the right type but cannot work.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{key} = {found}: expected {expected}")]
pub struct ConfigError {
    key: &'static str,
    found: String,
    expected: &'static str,
}

impl Config {
    /// Checks every value that the types leave open.
    pub fn checked(self) -> Result<Self, ConfigError> {
        let require = |holds: bool, key, found: String, expected| if holds { Ok(()) } else { Err(ConfigError { key, found, expected }) };
        let max_seq_len = self.pack.max_seq_len;
        require(
            (8..=schemas::shard::MAX_SEQ_LEN).contains(&max_seq_len),
            "pack.max_seq_len",
            max_seq_len.to_string(),
            "8 to 65535 tokens",
        )?;
        let window = self.pack.window_tokens;
        require((1..=1 << 30).contains(&window), "pack.window_tokens", window.to_string(), "1 to 1073741824 tokens")?;
        for (index, source) in self.sources.iter().enumerate() {
            let is_new = !source.name.is_empty() && self.sources[..index].iter().all(|other| other.name != source.name);
            require(is_new, "sources.name", format!("{:?}", source.name), "a name that no other source has")?;
            require((0.0..=100.0).contains(&source.weight), "sources.weight", source.weight.to_string(), "0 to 100")?;
        }
        let level = self.write.zstd_level;
        require((1..=22).contains(&level), "write.zstd_level", level.to_string(), "1 to 22")?;
        let size = self.write.shard_size_mib;
        require((1..=65_536).contains(&size), "write.shard_size_mib", size.to_string(), "1 to 65536")?;
        let longest = self.input.max_document_mib;
        require((1..=1024).contains(&longest), "input.max_document_mib", longest.to_string(), "1 to 1024")?;
        require(!self.input.text_column.is_empty(), "input.text_column", "\"\"".into(), "the name of a field")?;
        let language = self.clean.language.as_str();
        let is_language = crate::clean::is_known_language(language);
        require(
            is_language,
            "clean.language",
            format!("{language:?}"),
            "\"any\" or the code of a language that can be recognised, like \"fr\"",
        )?;
        let memory = self.dedup.memory_mib;
        require(memory > 0, "dedup.memory_mib", memory.to_string(), "at least 1")?;
        let threshold = self.dedup.near.threshold;
        require((0.5..=1.0).contains(&threshold), "dedup.near.threshold", threshold.to_string(), "0.5 to 1.0")?;
        let copies = self.dedup.paragraphs.max_copies;
        require((1..=255).contains(&copies), "dedup.paragraphs.max_copies", copies.to_string(), "1 to 255")?;
        Ok(self)
    }
}

/// Every setting by its dotted key.
pub(crate) fn leaves(config: &serde_json::Value) -> BTreeMap<String, String> {
    fn walk(value: &serde_json::Value, path: &str, found: &mut BTreeMap<String, String>) {
        if let serde_json::Value::Object(fields) = value {
            for (key, value) in fields {
                walk(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, found);
            }
        } else {
            found.insert(path.to_owned(), value.to_string());
        }
    }
    let mut found = BTreeMap::new();
    walk(config, "", &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_impossible_values_are_named() {
        assert_eq!(Config::default().checked(), Ok(Config::default()));
        let overrides = ["pack.max_seq_len=4".to_owned()];
        let config: Config = schemas::settings::load(None, &overrides).expect("well-typed");
        assert_eq!(config.checked().map_err(|error| error.to_string()), Err("pack.max_seq_len = 4: expected 8 to 65535 tokens".to_owned()));
    }
}
