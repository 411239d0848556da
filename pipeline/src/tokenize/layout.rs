//! DrBERT's tokenizer around a trained model: ids, normalisation, framing.
//!
//! Normalisation is SentencePiece's `nmt_nfkc` with extra white space removed and a dummy prefix, spelled with the library's normalizers.
//! It differs from SentencePiece 0.2.3 as follows; `tests/python/check_tokenizer.py` lists every code point concerned:
//! - compatibility characters that Unicode added since version 12 stay as they are, because the library's NFKC is older;
//! - NFKC composes and orders combining marks in every sequence, where SentencePiece's rules know the usual ones
//!   (U+00E2 U+0300 becomes `ầ` here and stays as it is there; U+0344 composes with the letter before it);
//! - the noncharacter U+FDD0, which no text holds, becomes `～`.

use std::borrow::Cow;

use schemas::TOKENIZER_FILES;
use serde_json::{Value, json};
use tokenizers::{
    AddedToken, ModelWrapper, NormalizedString, Normalizer, Tokenizer,
    decoders::DecoderWrapper,
    normalizers::{NFKC, NormalizerWrapper, Replace, Sequence, replace::ReplacePattern},
    pre_tokenizers::metaspace::{Metaspace, PrependScheme},
    processors::template::TemplateProcessing,
};

pub(super) const UNK: &str = "<unk>";
pub(super) const MASK: &str = "<mask>";
const BOS: &str = "<s>";
const EOS: &str = "</s>";
const PAD: &str = "<pad>";
/// The longest input of the models that these tokenizers are made for.
const MODEL_MAX_LENGTH: usize = 512;

/// The entries before the pieces, in the order of their ids; `<mask>` follows the pieces.
pub(super) const FIRST_ENTRIES: [&str; 7] = ["<s>NOTUSED", PAD, "</s>NOTUSED", UNK, "<unk>NOTUSED", BOS, EOS];
/// What SentencePiece counts in a vocabulary beside its pieces: `<unk>`, `<s>` and `</s>`.
const SENTENCEPIECE_CONTROLS: usize = 3;

/// What `nmt_nfkc` removes and what it reads as a space, beside what NFKC does.
const REMOVED_CHARACTERS: &str = r"[\x01-\x08\x0B\x0E-\x1F\x7F\x{8F}\x{9F}]";
const SPACE_CHARACTERS: &str = r"[\t\n\x0C\r\x{61C}\x{1680}\x{200B}\x{200C}\x{200E}\x{200F}\x{2028}\x{2029}\x{2581}\x{FEFF}\x{FFFD}]";
/// The one character that `nmt_nfkc` keeps from NFKC; in the meantime a noncharacter, which no text holds, stands for it.
const FULLWIDTH_TILDE: char = '～';
const NONCHARACTER: char = '\u{FDD0}';

/// Stands for the space before a word.
pub(super) const SPACE: char = '▁';

/// How many pieces a vocabulary of the asked size has.
pub(super) fn num_pieces(vocab_size: usize) -> usize {
    vocab_size.saturating_sub(SENTENCEPIECE_CONTROLS)
}

/// The complete tokenizer around `model`, whose vocabulary begins with [`FIRST_ENTRIES`].
pub(super) fn tokenizer(model: impl Into<ModelWrapper>) -> tokenizers::Result<Tokenizer> {
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_normalizer(Some(normalizer()))?;
    tokenizer.with_pre_tokenizer(Some(metaspace()));
    tokenizer.with_decoder(Some(DecoderWrapper::from(metaspace())));
    let special = |content: &str| AddedToken::from(content, true).normalized(false);
    tokenizer.add_special_tokens(FIRST_ENTRIES.map(special))?;
    tokenizer.add_special_tokens([special(MASK).lstrip(true)])?;
    let ids = [BOS, EOS].map(|token| (token, tokenizer.token_to_id(token).unwrap_or_default()));
    let framing = TemplateProcessing::builder()
        .try_single(format!("{BOS} $A {EOS}"))?
        .try_pair(format!("{BOS} $A {EOS} {EOS} $B {EOS}"))?
        .special_tokens(ids.to_vec())
        .build()?;
    tokenizer.with_post_processor(Some(framing));
    Ok(tokenizer)
}

pub(super) fn normalizer() -> NormalizerWrapper {
    let replace = |pattern, with: String| Replace::new(pattern, with).expect("our patterns are regular expressions").into();
    let regex = |pattern: &str, with: &str| replace(ReplacePattern::Regex(pattern.into()), with.into());
    let character = |from: char, to: char| replace(ReplacePattern::String(from.into()), to.into());
    let steps = vec![
        regex(REMOVED_CHARACTERS, ""),
        regex(SPACE_CHARACTERS, " "),
        character(FULLWIDTH_TILDE, NONCHARACTER),
        NFKC.into(),
        character(NONCHARACTER, FULLWIDTH_TILDE),
        regex(" {2,}", " "),
        regex(r"\A | \z", ""),
    ];
    Sequence::new(steps).into()
}

/// The text that [`normalizer`] makes of another.
pub(super) fn normalize<'text>(normalizer: &NormalizerWrapper, text: &'text str) -> Cow<'text, str> {
    if is_normalized(text) {
        return Cow::Borrowed(text);
    }
    let mut normalized = NormalizedString::from(text);
    normalizer.normalize(&mut normalized).expect("none of our steps refuses a text");
    Cow::Owned(normalized.get().to_owned())
}

/// True only of words that normalisation leaves as they are: printable ASCII, Latin letters without combining marks, French punctuation.
pub(super) fn is_normalized(word: &str) -> bool {
    word.chars().all(|character| matches!(character, '!'..='~' | 'À'..='ÿ' | 'Œ' | 'œ' | '’' | '«' | '»' | '–' | '—' | '•' | '€' | '°'))
}

pub(super) fn metaspace() -> Metaspace {
    Metaspace::new(SPACE, PrependScheme::Always, true)
}

/// The files beside `tokenizer.json`, in the order of [`TOKENIZER_FILES`], that tell transformers what the special tokens are for.
pub(super) fn companion_files() -> [(&'static str, Value); 2] {
    let mask = json!({"content": MASK, "lstrip": true, "normalized": false, "rstrip": false, "single_word": false});
    let mut special_tokens = json!({
        "bos_token": BOS, "eos_token": EOS, "cls_token": BOS, "sep_token": EOS, "pad_token": PAD, "unk_token": UNK, "mask_token": mask,
    });
    let map = special_tokens.clone();
    special_tokens["mask_token"]["__type"] = json!("AddedToken");
    for (key, value) in [
        ("tokenizer_class", json!("PreTrainedTokenizerFast")),
        ("model_max_length", json!(MODEL_MAX_LENGTH)),
        ("model_input_names", json!(["input_ids", "attention_mask"])),
        ("clean_up_tokenization_spaces", json!(false)),
    ] {
        special_tokens[key] = value;
    }
    [(TOKENIZER_FILES[1], special_tokens), (TOKENIZER_FILES[2], map)]
}
