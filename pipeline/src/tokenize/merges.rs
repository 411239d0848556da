//! Byte-pair encoding of one word by the library's own merges, several times as fast as the library: its words are short, so the next merge is looked for
//! among all pairs, and nothing is allocated.

use rustc_hash::FxHashMap;
use tokenizers::models::bpe::BPE;

/// Longer words go to the library, whose queue is then faster.
const MAX_SYMBOLS: usize = 64;

pub(super) struct Merges {
    characters: FxHashMap<char, u32>,
    /// Two symbols → the merge's rank and the symbol that it makes.
    pairs: FxHashMap<(u32, u32), (u32, u32)>,
}

impl Merges {
    /// `None` for a model that does more to a word than merge its characters.
    pub(super) fn of(model: &BPE) -> Option<Self> {
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
        // The library shows its merges in its files only: in the order of their ranks.
        let written = serde_json::to_value(model).ok()?;
        let mut pairs = FxHashMap::default();
        for (merge, rank) in written["merges"].as_array()?.iter().zip(0..) {
            let (left, right) = (merge[0].as_str()?, merge[1].as_str()?);
            let made = vocabulary.get(&format!("{left}{right}"))?;
            pairs.insert((*vocabulary.get(left)?, *vocabulary.get(right)?), (rank, *made));
        }
        Some(Self { characters, pairs })
    }

    /// Appends the ids of a word; returns false, and appends nothing, if it is too long or has a character that is no symbol.
    pub(super) fn append(&self, word: impl Iterator<Item = char>, ids: &mut Vec<u32>) -> bool {
        const NO_MERGE: (u32, u32) = (u32::MAX, 0);
        let pair = |left: u32, right: u32| self.pairs.get(&(left, right)).copied().unwrap_or(NO_MERGE);
        let mut symbols = [0; MAX_SYMBOLS];
        let mut count = 0;
        for character in word {
            let Some(&symbol) = self.characters.get(&character).filter(|_| count < MAX_SYMBOLS) else { return false };
            symbols[count] = symbol;
            count += 1;
        }
        // The merge of each symbol with the next.
        let mut merges = [NO_MERGE; MAX_SYMBOLS];
        for place in 1..count {
            merges[place - 1] = pair(symbols[place - 1], symbols[place]);
        }
        // The lowest rank comes first; of equal ranks, the first in the word.
        while let Some((place, &(rank, made))) = merges[..count.saturating_sub(1)].iter().enumerate().min_by_key(|(_, (rank, _))| *rank)
            && rank != NO_MERGE.0
        {
            symbols[place] = made;
            symbols.copy_within(place + 2..count, place + 1);
            merges.copy_within(place + 1..count, place);
            count -= 1;
            if place > 0 {
                merges[place - 1] = pair(symbols[place - 1], made);
            }
            merges[place] = if place + 1 < count { pair(made, symbols[place + 1]) } else { NO_MERGE };
        }
        ids.extend_from_slice(&symbols[..count]);
        true
    }
}
