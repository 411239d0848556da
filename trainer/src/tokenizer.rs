//! The tokenizer of a shard or model directory.

use std::path::Path;

use schemas::TOKENIZER_FILES;
use tokenizers::Tokenizer;

use crate::error::{Error, Result};

/// How SentencePiece marks the start of a word.
const WORD_START: char = '▁';

/// Loads `tokenizer.json` of a folder.
pub(crate) fn load(directory: &Path) -> Result<Tokenizer> {
    let path = directory.join(TOKENIZER_FILES[0]);
    Tokenizer::from_file(&path).map_err(|error| Error::Tokenizer(format!("{}: {error}", path.display())))
}

/// For every id, whether its piece starts a word.
pub(crate) fn starts_word(directory: &Path, vocab_size: usize) -> Result<Vec<bool>> {
    let tokenizer = load(directory)?;
    Ok((0..vocab_size as u32).map(|id| tokenizer.id_to_token(id).is_some_and(|piece| piece.starts_with(WORD_START))).collect())
}
