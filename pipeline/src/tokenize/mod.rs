//! Clean text → token ids, and the training of the tokenizer that does it.
//!
//! Tokenizers are Hugging Face `tokenizer.json` files. Ours have DrBERT's layout and SentencePiece's conventions (`layout.rs`), under which
//! a word's ids do not depend on its neighbours: the encoder looks words up in a cache and asks the library only once for each.

mod cache;
mod encoder;
mod layout;
mod merges;
mod pieces;
mod train;
mod words;

#[cfg(test)]
mod tests;

pub use encoder::Encoder;
pub use train::{Algorithm, TrainedTokenizer};
pub use words::WordCounts;

use std::{io, path::PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum TokenizeError {
    #[error("{path}: cannot be read")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path}: cannot be written")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path}: not a tokenizer that the tokenizers library can load: {message}")]
    Malformed { path: PathBuf, message: String },
    #[error("{path}: names no {what} token that tokenizer.json has: expected it under {keys}")]
    NoSpecialToken { path: PathBuf, what: &'static str, keys: String },
    #[error("{0}: is not empty: choose another --output or empty it")]
    NotEmpty(PathBuf),
    #[error("no word in the input: nothing to learn a vocabulary from")]
    NoWords,
    #[error("a vocabulary of {asked} cannot hold the {characters} characters of the input: ask for at least {least}")]
    VocabularyTooSmall { asked: usize, characters: usize, least: usize },
    #[error("the vocabulary cannot be learned: {0}")]
    Training(String),
}
