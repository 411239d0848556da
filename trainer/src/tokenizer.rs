//! The tokenizer of a shard or model directory.

use std::{fs, io, path::Path};

use schemas::TOKENIZER_FILES;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::{ModelWrapper, Tokenizer};

use crate::error::{AtPath, Error, Result};

/// How SentencePiece marks the start of a word.
const SENTENCE_PIECE_WORD_START: char = '▁';
/// How byte-level tokenizers write the space before a word.
const BYTE_LEVEL_WORD_START: char = 'Ġ';

/// Loads `tokenizer.json` of a folder, without the padding and truncation that transformers may have left there of a last call.
pub(crate) fn load(directory: &Path) -> Result<Tokenizer> {
    let path = directory.join(TOKENIZER_FILES[0]);
    let bad = |error| Error::Tokenizer(format!("{}: {error}", path.display()));
    let mut tokenizer = Tokenizer::from_file(&path).map_err(bad)?;
    tokenizer.with_padding(None).with_truncation(None).map_err(bad)?;
    Ok(tokenizer)
}

/// Lowers the length to which the tokenizer of a model directory cuts texts to what the model has positions for.
pub(crate) fn limit_length(directory: &Path, max_length: i64) -> Result<()> {
    const LENGTH: &str = "model_max_length";
    let path = directory.join(TOKENIZER_FILES[1]);
    let mut settings: Map<String, Value> = serde_json::from_slice(&fs::read(&path).at_path(&path)?).at_path(&path)?;
    if settings.get(LENGTH).and_then(Value::as_f64).is_some_and(|length| length <= max_length as f64) {
        return Ok(());
    }
    settings.insert(LENGTH.into(), max_length.into());
    fs::write(&path, serde_json::to_vec_pretty(&settings).at_path(&path)?).at_path(&path)
}

/// For every id, whether its piece starts a word: by the mark that the tokenizer puts before a word, or, for `WordPiece`, before what
/// continues one.
pub(crate) fn starts_word(directory: &Path, vocab_size: usize) -> Result<Vec<bool>> {
    let tokenizer = load(directory)?;
    let pieces: Vec<String> = (0..vocab_size as u32).map(|id| tokenizer.id_to_token(id).unwrap_or_default()).collect();
    if let ModelWrapper::WordPiece(model) = tokenizer.get_model() {
        return Ok(pieces.iter().map(|piece| !piece.starts_with(&model.continuing_subword_prefix)).collect());
    }
    let marked = |mark: char| pieces.iter().map(|piece| piece.starts_with(mark)).collect::<Vec<_>>();
    let marks = [SENTENCE_PIECE_WORD_START, BYTE_LEVEL_WORD_START].map(marked);
    marks.into_iter().find(|starts| starts.contains(&true)).ok_or_else(|| Error::BadFile {
        path: directory.join(TOKENIZER_FILES[0]),
        expected: format!("pieces that start with {SENTENCE_PIECE_WORD_START} or {BYTE_LEVEL_WORD_START}, or a WordPiece model"),
        found: "none".into(),
        remedy: "set masking.whole_word = false",
    })
}

/// The mask as it is written in a text, from `special_tokens_map.json` or `tokenizer_config.json` of a model directory.
pub(crate) fn mask_token(directory: &Path) -> Result<String> {
    #[derive(Deserialize)]
    struct Names {
        mask_token: Option<Name>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Name {
        Plain(String),
        Token { content: String },
    }
    for file in [TOKENIZER_FILES[2], TOKENIZER_FILES[1]] {
        let path = directory.join(file);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).at_path(path),
        };
        match serde_json::from_slice::<Names>(&bytes).at_path(&path)?.mask_token {
            Some(Name::Plain(token) | Name::Token { content: token }) => return Ok(token),
            None => {}
        }
    }
    Err(Error::BadFile {
        path: directory.to_owned(),
        expected: format!("mask_token in {} or {}", TOKENIZER_FILES[2], TOKENIZER_FILES[1]),
        found: "none".into(),
        remedy: "use a tokenizer with a mask",
    })
}

/// Checks that a model's tokenizer gives the ids of the shards' tokenizer, which may have more entries. A model directory without
/// `tokenizer.json` cannot be checked: the answer then is a sentence that says so.
pub(crate) fn check_extends(model_directory: &Path, shards_tokenizer: &Path) -> Result<Option<String>> {
    let path = model_directory.join(TOKENIZER_FILES[0]);
    if !path.exists() {
        let note = "the model has no tokenizer.json: it was not checked that the shards were made with its tokenizer";
        return Ok(Some(note.to_owned()));
    }
    let (of_model, of_shards) = (load(model_directory)?, load(shards_tokenizer)?);
    let mut pieces: Vec<(String, u32)> = of_model.get_vocab(true).into_iter().collect();
    pieces.sort_unstable_by_key(|(_, id)| *id);
    let differs = |(piece, id): &&(String, u32)| of_shards.token_to_id(piece) != Some(*id);
    let Some((piece, id)) = pieces.iter().find(differs) else { return Ok(None) };
    let num_different = pieces.iter().filter(differs).count();
    let found = of_shards.token_to_id(piece).map_or_else(|| "no such piece".to_owned(), |found| format!("id {found}"));
    Err(Error::BadFile {
        path: shards_tokenizer.join(TOKENIZER_FILES[0]),
        expected: format!("piece {piece:?} at id {id}, as in {}", path.display()),
        found: format!("{found} ({num_different} of {} pieces differ)", pieces.len()),
        remedy: "build the shards with the model's tokenizer",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a tokenizer of these pieces, ids in their order.
    fn folder(model: &str, pieces: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let vocab: serde_json::Map<_, _> = pieces.iter().enumerate().map(|(id, piece)| ((*piece).to_owned(), id.into())).collect();
        let model = match model {
            "WordPiece" => serde_json::json!({
                "type": model, "vocab": vocab, "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100
            }),
            _ => serde_json::json!({ "type": model, "vocab": vocab, "unk_token": pieces[0] }),
        };
        let tokenizer = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
            "post_processor": null, "decoder": null, "model": model
        });
        fs::write(folder.path().join(TOKENIZER_FILES[0]), tokenizer.to_string()).expect("written");
        folder
    }

    #[test]
    fn words_start_where_the_kind_of_tokenizer_says() {
        let check = |model: &str, pieces: &[&str], expected: &[bool]| {
            assert_eq!(starts_word(folder(model, pieces).path(), pieces.len()).expect("a known kind"), expected, "{pieces:?}");
        };
        check("WordPiece", &["[UNK]", "coeur", "##s", "#", "(", "▁"], &[true, true, false, true, true, true]);
        check("WordLevel", &["<unk>", "▁coeur", "s", "▁", "Ġ"], &[false, true, false, true, false]);
        check("WordLevel", &["<unk>", "Ġcoeur", "s", "##s"], &[false, true, false, false]);
        let error = starts_word(folder("WordLevel", &["<unk>", "coeur"]).path(), 2).expect_err("no mark").to_string();
        assert!(error.contains("expected pieces that start with ▁ or Ġ, or a WordPiece model, found none"), "{error}");
    }

    #[test]
    fn the_mask_is_read_from_either_file_in_either_form() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |file: usize, text: &str| fs::write(folder.path().join(TOKENIZER_FILES[file]), text).expect("written");
        mask_token(folder.path()).expect_err("no file");
        write(1, r#"{"mask_token": "[MASK]", "model_max_length": 512}"#);
        assert_eq!(mask_token(folder.path()).expect("a mask"), "[MASK]");
        write(2, r#"{"mask_token": {"content": "<mask>", "lstrip": true}}"#);
        assert_eq!(mask_token(folder.path()).expect("a mask"), "<mask>");
    }
}
