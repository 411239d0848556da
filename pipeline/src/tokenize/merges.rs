//! Byte-pair encoding of one word by the library's own merges, several times as fast as the library: its words are short, so the next merge is looked for
//! among all pairs with vectors, and nothing is allocated.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use serde::Deserialize;
use tokenizers::models::bpe::BPE;

/// Longer words go to the library, whose queue is then faster.
const MAX_SYMBOLS: usize = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 6;
/// Ranks are below this.
const MAX_MERGES: usize = 1 << (u32::BITS - PLACE_BITS);
/// Of a symbol that does not merge with the next.
const NO_MERGE: u32 = u32::MAX;

pub(super) struct Merges {
    characters: FxHashMap<char, u32>,
    /// Two symbols → the merge's rank and the symbol that it makes.
    pairs: FxHashMap<(u32, u32), (u32, u32)>,
}

/// What a `tokenizer.json` says of merges, in the order of their ranks.
#[derive(Deserialize)]
struct TokenizerFile<'f> {
    #[serde(borrow)]
    model: ModelInFile<'f>,
}

#[derive(Deserialize)]
struct ModelInFile<'f> {
    #[serde(borrow)]
    merges: Vec<Merge<'f>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Merge<'f> {
    Pair(#[serde(borrow)] [Cow<'f, str>; 2]),
    /// As older files have it.
    Joined(#[serde(borrow)] Cow<'f, str>),
}

impl Merge<'_> {
    fn parts(&self) -> Option<(&str, &str)> {
        match self {
            Self::Pair([left, right]) => Some((left, right)),
            Self::Joined(both) => both.split_once(' '),
        }
    }
}

impl Merges {
    /// `None` for a model that does more to a word than merge its characters. The library shows its merges only in the file, `tokenizer.json`.
    pub(super) fn of(model: &BPE, file: &[u8]) -> Option<Self> {
        let is_plain = model.dropout.is_none_or(|dropout| dropout == 0.0)
            && model.continuing_subword_prefix.as_deref().is_none_or(str::is_empty)
            && model.end_of_word_suffix.as_deref().is_none_or(str::is_empty)
            && !model.ignore_merges;
        if !is_plain {
            return None;
        }
        let vocabulary = model.get_vocab();
        let mut characters = FxHashMap::default();
        for (piece, &id) in &vocabulary {
            let mut of_piece = piece.chars();
            if let (Some(only), None) = (of_piece.next(), of_piece.next()) {
                characters.insert(only, id);
            }
        }
        let TokenizerFile { model: ModelInFile { merges } } = serde_json::from_slice(file).ok()?;
        if merges.len() >= MAX_MERGES {
            return None;
        }
        let mut pairs = FxHashMap::default();
        for (merge, rank) in merges.iter().zip(0..) {
            let (left, right) = merge.parts()?;
            let made = vocabulary.get(&format!("{left}{right}"))?;
            pairs.insert((*vocabulary.get(left)?, *vocabulary.get(right)?), (rank, *made));
        }
        Some(Self { characters, pairs })
    }

    /// Appends the ids of a word; returns false, and appends nothing, if it is too long or has a character that is no symbol.
    pub(super) fn append(&self, word: impl Iterator<Item = char>, ids: &mut Vec<u32>) -> bool {
        let mut symbols = [0; MAX_SYMBOLS];
        let mut count = 0;
        for character in word {
            let Some(&symbol) = self.characters.get(&character).filter(|_| count < MAX_SYMBOLS) else { return false };
            symbols[count] = symbol;
            count += 1;
        }
        // Of each symbol and the next: what they make, and the rank of their merge with the symbol's place below it, so that the least is the merge to do next.
        let (mut made, mut orders) = ([0; MAX_SYMBOLS], [NO_MERGE; MAX_SYMBOLS]);
        let pair = |place: usize, left: u32, right: u32| {
            let merge = self.pairs.get(&(left, right));
            merge.map_or((NO_MERGE, 0), |&(rank, made)| (rank << PLACE_BITS | place as u32, made))
        };
        for place in 1..count {
            (orders[place - 1], made[place - 1]) = pair(place - 1, symbols[place - 1], symbols[place]);
        }
        // A symbol stays in its place; those after it go, and the places before and after each that is left are remembered.
        let mut before: [u8; MAX_SYMBOLS] = std::array::from_fn(|place| place.saturating_sub(1) as u8);
        let mut after: [u8; MAX_SYMBOLS] = std::array::from_fn(|place| place as u8 + 1);
        while let Some(&order) = orders[..count].iter().min()
            && order != NO_MERGE
        {
            let place = order as usize % MAX_SYMBOLS;
            symbols[place] = made[place];
            let gone = usize::from(after[place]);
            orders[gone] = NO_MERGE;
            let next = usize::from(after[gone]);
            after[place] = next as u8;
            orders[place] = NO_MERGE;
            if next < count {
                before[next] = place as u8;
                (orders[place], made[place]) = pair(place, symbols[place], symbols[next]);
            }
            if place > 0 {
                let previous = usize::from(before[place]);
                (orders[previous], made[previous]) = pair(previous, symbols[previous], symbols[place]);
            }
        }
        let mut place = 0;
        while place < count {
            ids.push(symbols[place]);
            place = usize::from(after[place]);
        }
        true
    }
}
