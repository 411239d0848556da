//! Text → ids, exactly as the tokenizers library gives them, mostly without asking it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use schemas::{TOKENIZER_FILES, hash::ContentHash, manifest::SpecialTokens};
use serde::Serialize;
use serde_json::{Value, json};
use tokenizers::{Model, ModelWrapper, NormalizedString, Normalizer, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};
use unicode_segmentation::UnicodeSegmentation;

use super::{
    TokenizeError,
    cache::{LongWord, ROOM_FOR_WORD, ShortWord, WORDS_AHEAD, WordCache, Words},
    layout::{self, SPACE},
    merges::Merges,
    words::{has_other_controls, is_separator},
};
use crate::letters::for_runs_between_spaces;

/// A noncharacter: no text holds it, so no piece is made of it.
const NEVER_A_PIECE: &str = "\u{FFFF}";
/// Why encoding cannot fail once [`NEVER_A_PIECE`] was encoded.
const TAKES_ANY_TEXT: &str = "a tokenizer that has an entry for the unknown takes any text";

/// For the ids of these words.
type Room = [u32; WORDS_AHEAD * ROOM_FOR_WORD];

/// Encodes text for one thread; a clone shares the tokenizer but has a cache of its own.
pub struct Encoder {
    shared: Arc<Shared>,
    /// Made for the first text, where it is of use.
    cache: Option<WordCache>,
}

struct Shared {
    tokenizer: Tokenizer,
    hash: ContentHash,
    special_tokens: SpecialTokens,
    /// Of each id.
    is_special: Vec<bool>,
    vocab_size: usize,
    independence: Independence,
    /// Where the model is one of merges alone.
    merges: Option<Merges>,
}

/// What a tokenizer makes the ids of a word depend on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Independence {
    /// The word alone, which ours takes as it is if [`layout::is_normalized`].
    Ours,
    /// The word alone.
    OfWords,
    /// The word alone, if it [`Shared::stands_alone`].
    OfSeparateWords,
    /// More than that, for all that is known.
    None,
}

impl Clone for Encoder {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), cache: None }
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
        tokenizer.with_padding(None).with_truncation(None).map_err(malformed)?;
        // Without an entry for what it does not know, the library fails when it meets some.
        tokenizer.encode_fast(NEVER_A_PIECE, false).map_err(malformed)?;
        let vocab_size = tokenizer.get_vocab(true).into_values().max().map_or(0, |largest| largest as usize + 1);
        let special_tokens = special_tokens(dir, &tokenizer)?;
        let independence = independence(&tokenizer);
        let merges = if let ModelWrapper::BPE(model) = tokenizer.get_model() { Merges::of(model, &json) } else { None };
        let is_special = (0..vocab_size).map(|id| special_tokens.all.binary_search(&(id as u32)).is_ok()).collect();
        let shared = Shared { tokenizer, hash: ContentHash::of(&json), special_tokens, is_special, vocab_size, independence, merges };
        Ok(Self { shared: Arc::new(shared), cache: None })
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

    /// Whether words are looked up one by one, rather than every text given to the library as a whole.
    pub fn is_cached(&self) -> bool {
        self.shared.independence != Independence::None
    }

    /// Appends the ids of `text`, without special tokens; none but `<unk>` is ever among them.
    pub fn encode_into(&mut self, text: &str, ids: &mut Vec<u32>) {
        if !self.is_cached() || has_other_controls(text.as_bytes()) {
            self.shared.encode(text, ids);
            return;
        }
        let num_ids = ids.len();
        if !self.encode_by_words(text, ids) {
            ids.truncate(num_ids);
            self.shared.encode(text, ids);
        }
    }

    /// Returns false, with some ids written, if a word's ids depend on what stands beside it.
    fn encode_by_words(&mut self, text: &str, ids: &mut Vec<u32>) -> bool {
        let mut words = self.cache.get_or_insert_with(WordCache::new).words();
        let mut are_separate = true;
        let mut ahead = [None; WORDS_AHEAD];
        let mut room = [0; WORDS_AHEAD * ROOM_FOR_WORD];
        for_runs_between_spaces(text.as_bytes(), |runs| {
            for places in runs.chunks(WORDS_AHEAD) {
                // Where many words may be is asked for before the first is needed: most come from far away.
                for (short, place) in ahead.iter_mut().zip(places) {
                    let [start, end] = place.map(|at| at as usize);
                    *short = ShortWord::of(text.as_bytes(), start, end - start);
                    if let Some(short) = *short {
                        words.prefetch_short(short);
                    } else if let Some(long) = LongWord::of(text.as_bytes(), start, end - start) {
                        words.prefetch_long(long);
                    }
                }
                are_separate = are_separate && self.shared.encode_words(text, places, &ahead, &mut room, &mut words, ids);
            }
        });
        are_separate
    }

    /// The text of some ids, with `<unk>` for what the tokenizer does not know and without the other special tokens.
    pub fn decode(&self, ids: &[u32]) -> String {
        let is_shown = |id: &u32| self.shared.as_text(*id) == *id;
        let ids: Vec<u32> = ids.iter().copied().filter(is_shown).collect();
        self.shared.tokenizer.decode(&ids, false).unwrap_or_default()
    }
}

impl Shared {
    /// What the library gives.
    fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let encoding = self.tokenizer.encode_fast(text, false).expect(TAKES_ANY_TEXT);
        ids.extend(encoding.get_ids().iter().map(|id| self.as_text(*id)));
    }

    /// Appends the ids of words, given by their places and their short forms, if they have one. Returns false at the first that is not separate.
    #[inline(always)]
    fn encode_words(
        &self,
        text: &str,
        places: &[[u32; 2]],
        short: &[Option<ShortWord>],
        room: &mut Room,
        words: &mut Words<'_>,
        ids: &mut Vec<u32>,
    ) -> bool {
        let mut count = 0;
        for (place, short) in places.iter().zip(short) {
            if let Some(after) = short.and_then(|short| words.write_short(short, room, count)) {
                count = after;
                continue;
            }
            ids.extend_from_slice(&room[..count]);
            count = 0;
            if !self.append_rare(text, place.map(|at| at as usize), words, ids) {
                return false;
            }
        }
        ids.extend_from_slice(&room[..count]);
        true
    }

    /// Appends the ids of a long word, or of one not met before. Returns false if it is not separate.
    #[inline(never)]
    fn append_rare(&self, text: &str, [start, end]: [usize; 2], words: &mut Words<'_>, ids: &mut Vec<u32>) -> bool {
        let word = &text[start..end];
        if LongWord::of(text.as_bytes(), start, end - start).is_some_and(|long| words.append_long(long, ids))
            || words.append_other(word.as_bytes(), ids)
        {
            return true;
        }
        if self.independence == Independence::OfSeparateWords && !self.stands_alone(word) {
            return false;
        }
        let at = ids.len();
        self.encode_word(word, ids);
        words.insert(word.as_bytes(), &ids[at..]);
        true
    }

    /// Whether a table of SentencePiece, which looks at what a reader takes for one character, treats the word as if nothing stood beside it, and makes no space at its ends.
    fn stands_alone(&self, word: &str) -> bool {
        let spaced = format!(" {word} ");
        let mut characters = spaced.graphemes(true);
        let are_apart = characters.next() == Some(" ") && characters.next_back() == Some(" ");
        let normalized = normalized(&self.tokenizer, word);
        let is_of_word = |end: Option<char>| end.is_some_and(|end| !end.is_whitespace() && end != SPACE);
        are_apart && is_of_word(normalized.chars().next()) && is_of_word(normalized.chars().next_back())
    }

    /// The same, by a shorter way for most words.
    fn encode_word(&self, word: &str, ids: &mut Vec<u32>) {
        let start = ids.len();
        if self.independence != Independence::Ours || !layout::is_normalized(word) {
            self.encode(word, ids);
        } else if self.merges.as_ref().is_some_and(|merges| merges.append([SPACE].into_iter().chain(word.chars()), ids)) {
            ids[start..].iter_mut().for_each(|id| *id = self.as_text(*id));
        } else {
            let tokens = self.tokenizer.get_model().tokenize(&format!("{SPACE}{word}")).expect(TAKES_ANY_TEXT);
            ids.extend(tokens.iter().map(|token| self.as_text(token.id)));
        }
    }

    /// A special token that a model finds in plain text is not one.
    fn as_text(&self, id: u32) -> u32 {
        if self.is_special.get(id as usize) == Some(&true) { self.special_tokens.unk } else { id }
    }
}

/// Words are independent in tokenizers that normalise and split as ours or as BERT's, whatever their model.
fn independence(tokenizer: &Tokenizer) -> Independence {
    let is_random = matches!(tokenizer.get_model(), ModelWrapper::BPE(bpe) if bpe.dropout.is_some_and(|dropout| dropout > 0.0));
    let added_tokens = tokenizer.get_added_tokens_decoder();
    if is_random || added_tokens.values().any(|token| !token.special) {
        return Independence::None;
    }
    match (tokenizer.get_normalizer(), tokenizer.get_pre_tokenizer()) {
        (Some(normalizer), Some(PreTokenizerWrapper::Metaspace(metaspace))) if *metaspace == layout::metaspace() && is_ours(normalizer) => {
            Independence::Ours
        }
        (None | Some(NormalizerWrapper::BertNormalizer(_)), Some(PreTokenizerWrapper::BertPreTokenizer(_))) => Independence::OfWords,
        (Some(normalizer), Some(pre_tokenizer)) if is_of_sentencepiece(tokenizer, normalizer, pre_tokenizer) => {
            Independence::OfSeparateWords
        }
        _ => Independence::None,
    }
}

fn is_ours(normalizer: &NormalizerWrapper) -> bool {
    json(normalizer) == json(&layout::normalizer())
}

/// Whether it normalises and splits as models of SentencePiece that were converted for the library, like CamemBERT and XLM-R: by a table of characters, then at spaces, however many.
fn is_of_sentencepiece(tokenizer: &Tokenizer, normalizer: &NormalizerWrapper, pre_tokenizer: &PreTokenizerWrapper) -> bool {
    let steps = |whole: Value, key: &str| whole[key].as_array().cloned().unwrap_or_else(|| vec![whole]);
    let is = |step: &Value, kind: &str| step["type"] == kind;
    let (splits, normalizers) = (steps(json(pre_tokenizer), "pretokenizers"), steps(json(normalizer), "normalizers"));
    let splits_at_white_space = match &splits[..] {
        [metaspace] if *metaspace == json(&layout::metaspace()) => false,
        [first, metaspace] if is(first, "WhitespaceSplit") && *metaspace == json(&layout::metaspace()) => true,
        _ => return false,
    };
    let [table, others @ ..] = &normalizers[..] else { return false };
    let joins_spaces = |step: &Value| {
        let with = &step["content"];
        is(step, "Replace") && step["pattern"] == json!({"Regex": " {2,}"}) && (*with == " " || *with == SPACE.to_string())
    };
    let makes_spaces =
        || (0..=b' ').filter(|byte| is_separator(*byte)).all(|byte| normalized(tokenizer, &format!("a{}b", char::from(byte))) == "a b");
    is(table, "Precompiled")
        && others.iter().all(|step| joins_spaces(step) || is(step, "Strip"))
        && (splits_at_white_space || others.iter().any(joins_spaces) && makes_spaces())
}

fn json(part: &impl Serialize) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}

/// What the tokenizer's normalizer makes of a text.
fn normalized(tokenizer: &Tokenizer, text: &str) -> String {
    let mut normalized = NormalizedString::from(text);
    let done = tokenizer.get_normalizer().map_or(Ok(()), |normalizer| normalizer.normalize(&mut normalized));
    done.map_or_else(|_| String::new(), |()| normalized.get().to_owned())
}

fn special_tokens(dir: &Path, tokenizer: &Tokenizer) -> Result<SpecialTokens, TokenizeError> {
    let named: Vec<(PathBuf, Value)> =
        TOKENIZER_FILES[1..].iter().filter_map(|name| read_json(&dir.join(name)).transpose()).collect::<Result<_, _>>()?;
    let find = |what: &'static str, keys: &[&str]| {
        let content = |value: &Value| value.as_str().or_else(|| value["content"].as_str()).map(str::to_owned);
        let mut ids = keys
            .iter()
            .flat_map(|key| named.iter().filter_map(move |(_, file)| content(&file[*key])))
            .filter_map(|token| tokenizer.token_to_id(&token));
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
