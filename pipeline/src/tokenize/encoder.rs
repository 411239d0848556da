//! Text → ids, exactly as the tokenizers library gives them, mostly without asking it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustc_hash::FxHashMap;
use schemas::{TOKENIZER_FILES, hash::ContentHash, manifest::SpecialTokens};
use serde_json::Value;
use tokenizers::{ModelWrapper, Tokenizer};

use super::{TokenizeError, layout, words};

/// Words that one encoder remembers; the rest of an unusual corpus is encoded anew each time.
const MAX_CACHED_WORDS: usize = 1 << 20;
/// Longer words are too rare to be worth remembering.
const MAX_CACHED_WORD_BYTES: usize = 64;

/// Encodes text for one thread; a clone shares the tokenizer but has a cache of its own.
pub struct Encoder {
    shared: Arc<Shared>,
    cache: WordCache,
}

struct Shared {
    tokenizer: Tokenizer,
    hash: ContentHash,
    special_tokens: SpecialTokens,
    vocab_size: usize,
    /// Whether a word's ids are the same in every text.
    words_are_independent: bool,
}

/// The ids of words met before: a word leads to its place in one long list.
#[derive(Default)]
struct WordCache {
    places: FxHashMap<Box<str>, (u32, u32)>,
    ids: Vec<u32>,
}

impl Clone for Encoder {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), cache: WordCache::default() }
    }
}

impl Encoder {
    /// Loads a folder with a `tokenizer.json` of any kind, and the files beside it that name its special tokens.
    pub fn from_dir(dir: &Path) -> Result<Self, TokenizeError> {
        let path = dir.join(TOKENIZER_FILES[0]);
        let json = fs::read(&path).map_err(|source| TokenizeError::Read { path: path.clone(), source })?;
        let malformed = |error: tokenizers::Error| TokenizeError::Malformed { path: path.clone(), message: error.to_string() };
        let mut tokenizer = Tokenizer::from_bytes(&json).map_err(malformed)?;
        // A corpus that holds the word "<mask>" means the word.
        tokenizer.set_encode_special_tokens(true);
        let vocab_size = tokenizer.get_vocab(true).into_values().max().map_or(0, |largest| largest as usize + 1);
        let special_tokens = special_tokens(dir, &tokenizer)?;
        let words_are_independent = are_words_independent(&tokenizer);
        let shared = Shared { tokenizer, hash: ContentHash::of(&json), special_tokens, vocab_size, words_are_independent };
        Ok(Self { shared: Arc::new(shared), cache: WordCache::default() })
    }

    pub fn special_tokens(&self) -> &SpecialTokens {
        &self.shared.special_tokens
    }

    /// Hash of `tokenizer.json`.
    pub fn hash(&self) -> ContentHash {
        self.shared.hash
    }

    /// Every id is below this.
    pub fn vocab_size(&self) -> usize {
        self.shared.vocab_size
    }

    /// Appends the ids of `text`, without special tokens; none but `<unk>` is ever among them.
    pub fn encode_into(&mut self, text: &str, ids: &mut Vec<u32>) {
        if !self.shared.words_are_independent {
            self.shared.encode(text, ids);
            return;
        }
        for word in words::split(text) {
            if let Some(&(start, end)) = self.cache.places.get(word) {
                ids.extend_from_slice(&self.cache.ids[start as usize..end as usize]);
                continue;
            }
            let start = ids.len();
            self.shared.encode(word, ids);
            if word.len() <= MAX_CACHED_WORD_BYTES && self.cache.places.len() < MAX_CACHED_WORDS {
                self.cache.insert(word, &ids[start..]);
            }
        }
    }

    /// The text of some ids, special tokens left out.
    pub fn decode(&self, ids: &[u32]) -> String {
        self.shared.tokenizer.decode(ids, true).unwrap_or_default()
    }
}

impl WordCache {
    fn insert(&mut self, word: &str, ids: &[u32]) {
        let start = self.ids.len() as u32;
        self.ids.extend_from_slice(ids);
        self.places.insert(word.into(), (start, self.ids.len() as u32));
    }
}

impl Shared {
    /// What the library gives. A special token that a model finds in plain text is not one.
    fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let encoding = self.tokenizer.encode_fast(text, false).expect("no part of a loaded tokenizer refuses a text");
        let SpecialTokens { all, unk, .. } = &self.special_tokens;
        ids.extend(encoding.get_ids().iter().map(|id| if all.contains(id) { *unk } else { *id }));
    }
}

/// True if the tokenizer splits and normalises as ours do, and its model has no state: then words can be encoded one by one.
fn are_words_independent(tokenizer: &Tokenizer) -> bool {
    let same = |left: Option<Value>, right: Option<Value>| left.is_some() && left == right;
    let json = |part: serde_json::Result<Value>| part.ok();
    let is_deterministic = match tokenizer.get_model() {
        ModelWrapper::BPE(bpe) => bpe.dropout.is_none_or(|dropout| dropout == 0.0),
        ModelWrapper::Unigram(_) => true,
        ModelWrapper::WordPiece(_) | ModelWrapper::WordLevel(_) => false,
    };
    is_deterministic
        && same(json(serde_json::to_value(tokenizer.get_pre_tokenizer())), json(serde_json::to_value(layout::metaspace())))
        && same(json(serde_json::to_value(tokenizer.get_normalizer())), layout::normalizer().ok().and_then(|own| json(serde_json::to_value(own))))
}

fn special_tokens(dir: &Path, tokenizer: &Tokenizer) -> Result<SpecialTokens, TokenizeError> {
    let named: Vec<(PathBuf, Value)> = TOKENIZER_FILES[1..].iter().filter_map(|name| read_json(&dir.join(name)).transpose()).collect::<Result<_, _>>()?;
    let find = |what: &'static str, keys: &[&str]| {
        let content = |value: &Value| value.as_str().or_else(|| value["content"].as_str()).map(str::to_owned);
        let mut ids = keys.iter().flat_map(|key| named.iter().filter_map(move |(_, file)| content(&file[*key]))).filter_map(|token| tokenizer.token_to_id(&token));
        ids.next().ok_or_else(|| TokenizeError::NoSpecialToken { path: dir.to_owned(), what, keys: keys.join(" or ") })
    };
    let (bos, eos) = (find("beginning", &["bos_token", "cls_token"])?, find("end", &["eos_token", "sep_token"])?);
    let (pad, unk, mask) = (find("padding", &["pad_token"])?, find("unknown", &["unk_token"])?, find("mask", &["mask_token"])?);
    let added = tokenizer.get_added_tokens_decoder();
    let mut all: Vec<u32> = added.iter().filter(|(_, token)| token.special).map(|(id, _)| *id).chain([bos, eos, pad, unk, mask]).collect();
    all.sort_unstable();
    all.dedup();
    Ok(SpecialTokens { bos, eos, pad, unk, mask, all })
}

/// The JSON of a file that may be absent.
fn read_json(path: &Path) -> Result<Option<(PathBuf, Value)>, TokenizeError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(|json| Some((path.to_owned(), json)))
            .map_err(|error| TokenizeError::Malformed { path: path.to_owned(), message: error.to_string() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TokenizeError::Read { path: path.to_owned(), source }),
    }
}
