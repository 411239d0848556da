//! Word counts → a tokenizer folder.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use ahash::AHashMap;
use compact_str::CompactString;
use rayon::ThreadPoolBuilder;
use schemas::TOKENIZER_FILES;
use tokenizers::{
    AddedToken, ModelWrapper, Tokenizer,
    models::{
        bpe::{BPE, BpeTrainer},
        unigram::{Unigram, UnigramTrainer},
    },
};

use super::{
    TokenizeError,
    layout::{self, FIRST_ENTRIES, MASK, UNK},
    pieces,
    words::WordCounts,
};

/// Characters in the longest piece.
const MAX_PIECE_LENGTH: usize = 16;
/// The score of entries that no text may match: far below that of any real segmentation.
const UNREACHABLE_SCORE: f64 = -1e6;

/// How the pieces are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Byte-pair encoding on characters, as DrBERT's.
    Bpe,
    Unigram,
}

/// A tokenizer that is not saved yet.
pub struct TrainedTokenizer {
    tokenizer: Tokenizer,
}

impl TrainedTokenizer {
    /// Learns at most `vocab_size` − 3 pieces. The same counts always give the same tokenizer.
    pub fn train(algorithm: Algorithm, vocab_size: usize, words: WordCounts) -> Result<Self, TokenizeError> {
        let mut stretches = words.into_stretches();
        let alphabet = pieces::limit_alphabet(&mut stretches);
        if stretches.is_empty() {
            return Err(TokenizeError::NoWords);
        }
        let (num_pieces, characters) = (layout::num_pieces(vocab_size), alphabet.len());
        if num_pieces <= characters {
            let least = vocab_size - num_pieces + characters + 1;
            return Err(TokenizeError::VocabularyTooSmall { asked: vocab_size, characters, least });
        }
        log::info!("learning {num_pieces} pieces from {} distinct stretches of text, {characters} characters", stretches.len());
        let model = match algorithm {
            Algorithm::Bpe => train_bpe(num_pieces, stretches),
            Algorithm::Unigram => train_unigram(num_pieces, stretches),
        };
        let tokenizer = model.and_then(layout::tokenizer).map_err(|error| TokenizeError::Training(error.to_string()))?;
        let trained = Self { tokenizer };
        let wanted = num_pieces + FIRST_ENTRIES.len() + 1;
        if trained.vocab_size() < wanted {
            log::warn!("the input has only enough distinct words for {} of the {wanted} entries asked for", trained.vocab_size());
        }
        Ok(trained)
    }

    /// The number of ids, special tokens included.
    pub fn vocab_size(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// Writes the folder that transformers' `AutoTokenizer` loads. It appears whole or not at all.
    pub fn save(&self, dir: &Path) -> Result<(), TokenizeError> {
        let write_error = |path: &Path| {
            let path = path.to_owned();
            move |source| TokenizeError::Write { path, source }
        };
        match dir.read_dir().map(|mut entries| entries.next().is_some()) {
            Ok(true) => return Err(TokenizeError::NotEmpty(dir.to_owned())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(write_error(dir)(error)),
            Ok(false) | Err(_) => {}
        }
        let json = self.tokenizer.to_string(true).map_err(|error| TokenizeError::Training(error.to_string()))?;
        let companions = layout::companion_files().map(|(name, content)| (name, format!("{content:#}\n")));
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_owned);
        fs::create_dir_all(&parent).map_err(write_error(&parent))?;
        let scratch = tempfile::Builder::new().prefix(".tokenizer-").tempdir_in(&parent).map_err(write_error(&parent))?;
        for (name, content) in [(TOKENIZER_FILES[0], json)].into_iter().chain(companions) {
            let path = scratch.path().join(name);
            fs::write(&path, content).map_err(write_error(&path))?;
        }
        fs::set_permissions(scratch.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).map_err(write_error(dir))?;
        fs::rename(scratch.path(), dir).map_err(write_error(dir))?;
        Ok(())
    }
}

fn train_bpe(num_pieces: usize, stretches: BTreeMap<Box<str>, u64>) -> tokenizers::Result<ModelWrapper> {
    let counts: AHashMap<CompactString, u64> = scaled(stretches).map(|(stretch, count)| (stretch.into(), count.into())).collect();
    let trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(FIRST_ENTRIES.len() + num_pieces)
        .special_tokens(FIRST_ENTRIES.map(|entry| AddedToken::from(entry, true)).to_vec())
        // To the library, the shortest length that is too long.
        .max_token_length(Some(MAX_PIECE_LENGTH + 1))
        .build();
    let mut model = BPE::builder().unk_token(UNK.into()).fuse_unk(true).build()?;
    trainer.do_train(&counts, &mut model)?;
    Ok(model.into())
}

fn train_unigram(num_pieces: usize, stretches: BTreeMap<Box<str>, u64>) -> tokenizers::Result<ModelWrapper> {
    // The model finds special tokens in text as well, but never while every character of theirs is a likelier piece.
    let required = FIRST_ENTRIES.iter().chain([&MASK]).flat_map(|entry| entry.chars()).collect();
    let trainer = UnigramTrainer::builder()
        .show_progress(false)
        .vocab_size(num_pieces as u32)
        .max_piece_length(MAX_PIECE_LENGTH)
        .initial_alphabet(required)
        .build()?;
    let counts = scaled(stretches).map(|(stretch, count)| (stretch.into(), count)).collect();
    let mut learned = Unigram::default();
    // The library adds up floating-point numbers by thread: only one thread adds them up in the same order everywhere.
    ThreadPoolBuilder::new().num_threads(1).build()?.install(|| trainer.do_train(counts, &mut learned))?;
    let mut pieces: Vec<(String, f64)> = learned.iter().cloned().collect();
    settle_rare_characters(&mut pieces);
    pieces.sort_by(|(left, left_score), (right, right_score)| right_score.total_cmp(left_score).then_with(|| left.cmp(right)));
    let unknown = FIRST_ENTRIES.iter().position(|entry| *entry == UNK);
    let special = |entry: &str| (entry.to_owned(), UNREACHABLE_SCORE);
    let entries = FIRST_ENTRIES.into_iter().map(special).chain(pieces).chain([special(MASK)]).collect();
    Ok(Unigram::from(entries, unknown, false)?.into())
}

/// The library adds up counts in 32 bits: beyond some 15 GB of text they are divided by a small number, so that no sum overflows.
fn scaled(stretches: BTreeMap<Box<str>, u64>) -> impl Iterator<Item = (Box<str>, u32)> {
    let mut characters: BTreeMap<char, u64> = BTreeMap::new();
    for (stretch, count) in &stretches {
        for character in stretch.chars() {
            *characters.entry(character).or_default() += count;
        }
    }
    let divisor = characters.into_values().max().unwrap_or_default().div_ceil(i32::MAX as u64).max(1);
    stretches.into_iter().map(move |(stretch, count)| (stretch, (count / divisor).max(1) as u32))
}

/// The library gives characters that no piece is left for the scores next to the least one, in the order of a hash table;
/// this gives the same scores in the order of the characters.
fn settle_rare_characters(pieces: &mut [(String, f64)]) {
    let least = pieces.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
    let characters = pieces.iter().filter(|(piece, _)| piece.chars().nth(1).is_none()).count();
    let ladder: Vec<f64> =
        std::iter::successors(Some(0.0), |penalty| Some(penalty + 0.0001)).take(characters).map(|penalty| least + penalty).collect();
    let mut rare: Vec<&mut (String, f64)> =
        pieces.iter_mut().filter(|(piece, score)| piece.chars().nth(1).is_none() && ladder.contains(score)).collect();
    let mut scores: Vec<f64> = rare.iter().map(|(_, score)| *score).collect();
    scores.sort_by(f64::total_cmp);
    rare.sort_by(|(left, _), (right, _)| left.cmp(right));
    for ((_, score), settled) in rare.into_iter().zip(scores) {
        *score = settled;
    }
}
