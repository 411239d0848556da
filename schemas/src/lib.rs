//! The contract between `nachos`, which writes a shard directory, and `drbert`, which reads it.
//!
//! Both programs, and any reader in another language, meet here and nowhere else: file names, Arrow schemas, the manifest,
//! and the settings language. There is no IO, no thread and no tensor in this crate. `schemas/README.md` is the specification.

pub mod documents;
pub mod hash;
pub mod manifest;
pub mod part;
pub mod settings;
pub mod shard;

/// Written last and atomically: a directory without it is not a dataset.
pub const MANIFEST_FILE: &str = "manifest.json";
/// One row per input document, kept or dropped, in input order.
pub const DOCUMENTS_FILE: &str = "documents.parquet";
/// The folder with the exact tokenizer that made the ids.
pub const TOKENIZER_DIR: &str = "tokenizer";
/// The files of a tokenizer folder, in the layout that Hugging Face transformers loads.
pub const TOKENIZER_FILES: [&str; 3] = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"];

/// The name of shard number `index`, counted from zero.
pub fn shard_file_name(index: usize) -> String {
    format!("shard-{index:05}.parquet")
}
