//! Byte-pair encoding of one word by the library's own merges, several times as fast as the library: its words are short, so the next merge is looked for
//! among all pairs with vectors, and nothing is allocated.

use std::borrow::Cow;

use prefetch_index::prefetch_index;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use tokenizers::models::bpe::BPE;

use crate::displaced::Size;

/// Longer words go to the library, whose queue is then faster.
const MAX_SYMBOLS: usize = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 6;
/// A slot holds the rank of a merge and, above it, some bits of its pair's hash.
const RANK_BITS: u32 = u32::BITS - 12;
const MAX_RANK: u32 = (1 << RANK_BITS) - 1;
const EMPTY: u32 = u32::MAX;
/// Orders that are looked at together.
const ORDERS: usize = 8;
/// Of a symbol that does not merge with the next.
const NO_MERGE: u32 = u32::MAX;

pub(super) struct Merges {
    /// The symbol of each character up to the last that has one, or [`NO_SYMBOL`].
    characters: Vec<u32>,
    /// Two symbols → the rank of their merge, if they have one: a few others have a slot too, but not its merge. The table is small, so that it stays near.
    size: Size,
    multipliers: Vec<u16>,
    slots: Vec<u32>,
    by_rank: Vec<Merge>,
}

struct Merge {
    left: u32,
    right: u32,
    made: u32,
}

const NO_SYMBOL: u32 = u32::MAX;

/// What a `tokenizer.json` says of merges, in the order of their ranks.
#[derive(Deserialize)]
struct TokenizerFile<'f> {
    #[serde(borrow)]
    model: ModelInFile<'f>,
}

#[derive(Deserialize)]
struct ModelInFile<'f> {
    #[serde(borrow)]
    merges: Vec<MergeInFile<'f>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum MergeInFile<'f> {
    Pair(#[serde(borrow)] [Cow<'f, str>; 2]),
    /// As older files have it.
    Joined(#[serde(borrow)] Cow<'f, str>),
}

impl MergeInFile<'_> {
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
        let mut characters = Vec::new();
        for (piece, &id) in &vocabulary {
            let mut of_piece = piece.chars();
            if let (Some(only), None) = (of_piece.next(), of_piece.next()) {
                characters.resize(characters.len().max(only as usize + 1), NO_SYMBOL);
                characters[only as usize] = id;
            }
        }
        let TokenizerFile { model: ModelInFile { merges: in_file } } = serde_json::from_slice(file).ok()?;
        let mut by_rank = Vec::new();
        let mut ranks = FxHashMap::default();
        for (merge, rank) in in_file.iter().zip(0..MAX_RANK) {
            let (left, right) = merge.parts()?;
            let made = *vocabulary.get(&format!("{left}{right}"))?;
            let (left, right) = (*vocabulary.get(left)?, *vocabulary.get(right)?);
            by_rank.push(Merge { left, right, made });
            ranks.insert(hash(left, right), rank);
        }
        if ranks.len() < in_file.len() {
            return None;
        }
        let num_slots = ranks.len() as u32 * 5 / 4 + 8;
        let size = Size { bucket_bits: num_slots.ilog2() - 2, num_slots };
        let multipliers = size.multipliers(ranks.keys().copied())?;
        let mut slots = vec![EMPTY; num_slots as usize];
        for (&hash, rank) in &ranks {
            slots[size.slot(hash, multipliers[size.bucket(hash)])] = tag(hash) << RANK_BITS | rank;
        }
        Some(Self { characters, size, multipliers, slots, by_rank })
    }

    /// The order of the merge that the symbol at a place may have with the next, or [`NO_MERGE`].
    #[inline(always)]
    fn order(&self, place: usize, left: u32, right: u32) -> u32 {
        let hash = hash(left, right);
        let held = self.slots[self.size.slot(hash, self.multipliers[self.size.bucket(hash)])];
        // The merge is looked at when it is chosen.
        prefetch_index(&self.by_rank, (held & MAX_RANK) as usize);
        // All bits of it if there is none: a branch would often be mispredicted.
        let none = u32::from(held >> RANK_BITS == tag(hash)).wrapping_sub(1);
        (held & MAX_RANK) << PLACE_BITS | place as u32 | none
    }

    /// Appends the ids of a word; returns false, and appends nothing, if it is too long or has a character that is no symbol.
    pub(super) fn append(&self, word: impl Iterator<Item = char>, ids: &mut Vec<u32>) -> bool {
        let mut symbols = [0; MAX_SYMBOLS];
        let mut count = 0;
        for character in word {
            let symbol = self.characters.get(character as usize).copied().unwrap_or(NO_SYMBOL);
            if symbol == NO_SYMBOL || count == MAX_SYMBOLS {
                return false;
            }
            symbols[count] = symbol;
            count += 1;
        }
        // Of each symbol and the next: the rank of their merge with the symbol's place below it, so that the least is the merge to do next.
        let mut orders = [NO_MERGE; MAX_SYMBOLS];
        for place in 1..count {
            orders[place - 1] = self.order(place - 1, symbols[place - 1], symbols[place]);
        }
        // A symbol stays in its place; those after it go, and the places before and after each that is left are remembered.
        let mut before: [u8; MAX_SYMBOLS] = std::array::from_fn(|place| place.saturating_sub(1) as u8);
        let mut after: [u8; MAX_SYMBOLS] = std::array::from_fn(|place| place as u8 + 1);
        loop {
            let order = least(&orders, count);
            if order == NO_MERGE {
                break;
            }
            let place = order as usize % MAX_SYMBOLS;
            let gone = usize::from(after[place]);
            let merge = self.by_rank.get((order >> PLACE_BITS) as usize);
            let Some(merge) = merge.filter(|merge| (merge.left, merge.right) == (symbols[place], symbols[gone])) else {
                orders[place] = NO_MERGE;
                continue;
            };
            symbols[place] = merge.made;
            orders[gone] = NO_MERGE;
            let next = usize::from(after[gone]);
            after[place] = next as u8;
            orders[place] = NO_MERGE;
            if next < count {
                before[next] = place as u8;
                orders[place] = self.order(place, symbols[place], symbols[next]);
            }
            if place > 0 {
                let previous = usize::from(before[place]);
                orders[previous] = self.order(previous, symbols[previous], symbols[place]);
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

/// The least of the first `count` orders.
#[inline(always)]
fn least(orders: &[u32; MAX_SYMBOLS], count: usize) -> u32 {
    let (groups, _) = orders.as_chunks::<ORDERS>();
    let least = groups[..count.div_ceil(ORDERS)]
        .iter()
        .fold([NO_MERGE; ORDERS], |least, group| std::array::from_fn(|lane| least[lane].min(group[lane])));
    least.into_iter().fold(NO_MERGE, u32::min)
}

#[inline(always)]
fn hash(left: u32, right: u32) -> u64 {
    let product = (u64::from(left) << u32::BITS | u64::from(right)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ product >> 32
}

/// Bits of a hash that its bucket does not depend on, nor its slot as a whole.
#[inline(always)]
fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32 & (u32::MAX >> RANK_BITS)
}
