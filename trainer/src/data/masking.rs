//! Masked-language-model masking: an exact count of positions per row, of which by default 80% become `<mask>`, 10% a random id, and 10% stay.
//!
//! The recipe is that of BERT (Devlin et al., 2018); the count is exact so that shapes are known before the forward pass.

use std::iter;

use schemas::manifest::SpecialTokens;

use crate::random::CounterRng;

/// How much is masked, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaskingShares {
    /// Share of the maskable positions of a row that are chosen.
    pub probability: f64,
    /// Share of the chosen ones that become `<mask>`, in thousandths.
    pub mask_share: f64,
    /// Share of the chosen ones that become a random id, in thousandths; the rest stays.
    pub random_share: f64,
}

impl MaskingShares {
    /// What BERT does, with another number of chosen positions.
    pub const fn of_bert(probability: f64) -> Self {
        Self { probability, mask_share: 0.8, random_share: 0.1 }
    }
}

/// What to mask and with what; the same for every row.
#[derive(Debug)]
pub(crate) struct Masking {
    shares: MaskingShares,
    mask_id: i32,
    is_special: Vec<bool>,
    /// Every id that is not special: what a random replacement is drawn from.
    replacements: Vec<i32>,
    /// With whole words: whether an id starts a word.
    starts_word: Option<Vec<bool>>,
}

impl Masking {
    /// `starts_word` tells for every id whether it starts a word, and asks for whole words to be masked.
    pub(crate) fn new(shares: MaskingShares, vocab_size: usize, special: &SpecialTokens, starts_word: Option<Vec<bool>>) -> Self {
        let mut is_special = vec![false; vocab_size];
        for &id in &special.all {
            is_special[id as usize] = true;
        }
        let replacements = (0..vocab_size as i32).filter(|&id| !is_special[id as usize]).collect();
        Self { shares, mask_id: special.mask as i32, is_special, replacements, starts_word }
    }

    /// Masks one row in place and appends (position, original id) of every chosen position, in ascending order.
    pub(crate) fn apply(&self, row: &mut [i32], segment_lengths: &[u16], mut rng: CounterRng, chosen: &mut Vec<(u32, i32)>) {
        let positions = match &self.starts_word {
            None => self.choose_pieces(row, &mut rng),
            Some(starts_word) => self.choose_words(row, segment_lengths, starts_word, &mut rng),
        };
        let thousandths = |share: f64| (1e3 * share).round() as usize;
        let masked = thousandths(self.shares.mask_share);
        let masked_or_random = thousandths(self.shares.mask_share + self.shares.random_share);
        for position in ascending(&positions, row.len()) {
            let id = &mut row[position as usize];
            chosen.push((position, *id));
            let action = rng.below(1_000);
            if action < masked {
                *id = self.mask_id;
            } else if action < masked_or_random {
                *id = self.replacements[rng.below(self.replacements.len())];
            }
        }
    }

    /// round(probability × maskable), at least 1 if anything can be masked.
    fn count(&self, num_maskable: usize) -> usize {
        ((self.shares.probability * num_maskable as f64).round() as usize).clamp(num_maskable.min(1), num_maskable)
    }

    fn is_maskable(&self, id: i32) -> bool {
        !self.is_special[id as usize]
    }

    fn choose_pieces(&self, row: &[i32], rng: &mut CounterRng) -> Vec<u32> {
        // No branch: every position is written, and kept if it is maskable.
        let mut candidates = vec![0; row.len()];
        let mut num_candidates = 0;
        for (position, &id) in row.iter().enumerate() {
            candidates[num_candidates] = position as u32;
            num_candidates += usize::from(self.is_maskable(id));
        }
        candidates.truncate(num_candidates);
        let count = self.count(num_candidates);
        rng.choose_to_front(&mut candidates, count);
        candidates.truncate(count);
        candidates
    }

    /// Takes words in random order as long as they fit the count; what then is missing comes from the start of the first word that did not fit.
    fn choose_words(&self, row: &[i32], segment_lengths: &[u16], starts_word: &[bool], rng: &mut CounterRng) -> Vec<u32> {
        let mut words = self.words(row, segment_lengths, starts_word);
        let count = self.count(words.iter().map(ExactSizeIterator::len).sum());
        let num_words = words.len();
        rng.choose_to_front(&mut words, num_words);
        let mut positions: Vec<u32> = Vec::with_capacity(count);
        let mut first_too_long = None;
        for word in words {
            if positions.len() + word.len() <= count {
                positions.extend(word);
            } else {
                first_too_long.get_or_insert(word);
            }
        }
        let missing = count - positions.len();
        positions.extend(first_too_long.into_iter().flatten().take(missing));
        positions
    }

    /// Runs of maskable ids; a run ends where an id starts a word, at a special id, and at a segment's end.
    fn words(&self, row: &[i32], segment_lengths: &[u16], starts_word: &[bool]) -> Vec<std::ops::Range<u32>> {
        let mut words: Vec<std::ops::Range<u32>> = Vec::new();
        let mut position = 0;
        for &length in segment_lengths {
            let segment_start = position;
            for _ in 0..length {
                let id = row[position as usize];
                if self.is_maskable(id) {
                    let continued =
                        words.last_mut().filter(|word| word.end == position && position > segment_start && !starts_word[id as usize]);
                    match continued {
                        Some(word) => word.end += 1,
                        None => words.push(position..position + 1),
                    }
                }
                position += 1;
            }
        }
        words
    }
}

/// Different positions below `length` in ascending order: cheaper than to sort so many of them.
fn ascending(positions: &[u32], length: usize) -> impl Iterator<Item = u32> {
    let mut is_chosen = vec![0_u64; length.div_ceil(64)];
    for position in positions {
        is_chosen[*position as usize / 64] |= 1 << (position % 64);
    }
    is_chosen.into_iter().zip((0_u32..).step_by(64)).flat_map(|(bits, first)| {
        iter::successors(Some(bits), |bits| Some(bits & bits.wrapping_sub(1)))
            .take_while(|&bits| bits != 0)
            .map(move |bits| first + bits.trailing_zeros())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    const MASK: i32 = 99;

    fn special() -> SpecialTokens {
        SpecialTokens { bos: 0, eos: 2, pad: 1, unk: 3, mask: MASK as u32, all: vec![0, 1, 2, 3, MASK as u32] }
    }

    fn masking(probability: f64, starts_word: Option<Vec<bool>>) -> Masking {
        Masking::new(MaskingShares::of_bert(probability), 100, &special(), starts_word)
    }

    fn mask(masking: &Masking, row: &[i32], segment_lengths: &[u16], index: u64) -> (Vec<i32>, Vec<(u32, i32)>) {
        let (mut masked, mut chosen) = (row.to_vec(), Vec::new());
        masking.apply(&mut masked, segment_lengths, CounterRng::new(Purpose::Masking, 1, 0, index), &mut chosen);
        (masked, chosen)
    }

    fn row(length: usize) -> Vec<i32> {
        let mut row: Vec<i32> = (0..length as i32).map(|index| 4 + index * 7 % 95).collect();
        row[0] = 0;
        row[length - 1] = 2;
        row
    }

    #[test]
    fn the_count_is_exact_and_at_least_one() {
        for (probability, length, expected) in [(0.15, 512, 77), (0.15, 5, 1), (0.3, 3, 1), (1.0, 12, 10), (0.15, 2, 0)] {
            let (_, chosen) = mask(&masking(probability, None), &row(length), &[length as u16], 0);
            assert_eq!(chosen.len(), expected, "{probability} of {length}");
        }
    }

    #[test]
    fn actions_follow_80_10_10_and_random_ids_cover_the_vocabulary() {
        let (masking, row) = (masking(0.15, None), row(512));
        let (mut total, mut masks, mut kept, mut hits) = (0_u32, 0_u32, 0_u32, vec![0_u32; 512]);
        let mut drawn = [false; 100];
        for index in 0..2_000 {
            let (masked, chosen) = mask(&masking, &row, &[512], index);
            for (position, label) in chosen {
                assert_eq!(label, row[position as usize]);
                assert!(!special().all.contains(&(label as u32)), "special id {label} was masked");
                let found = masked[position as usize];
                total += 1;
                hits[position as usize] += 1;
                masks += u32::from(found == MASK);
                kept += u32::from(found == label);
                drawn[found as usize] = true;
            }
        }
        // Random ids equal the label once in 95 times and count as kept here.
        let share = |count: u32, expected: f64| {
            let deviation = (f64::from(total) * expected * (1.0 - expected)).sqrt();
            assert!((f64::from(count) - f64::from(total) * expected).abs() < 5.0 * deviation, "{count} of {total}, expected {expected}");
        };
        share(masks, 0.8);
        share(kept, 0.1 + 0.1 / 95.0);
        assert!((4..100).all(|id| drawn[id]), "some ids are never drawn");
        // 2,000 × 77 / 510 = 302 hits a position, standard deviation 16.
        assert!(hits[1..511].iter().all(|hit| hit.abs_diff(302) < 6 * 16), "{hits:?}");
    }

    #[test]
    fn other_shares_are_followed() {
        let row = row(512);
        let check = |mask_share: f64, random_share: f64| {
            let masking = Masking::new(MaskingShares { probability: 0.3, mask_share, random_share }, 100, &special(), None);
            let (mut total, mut masks, mut kept) = (0, 0, 0);
            for index in 0..300 {
                let (masked, chosen) = mask(&masking, &row, &[512], index);
                total += chosen.len();
                masks += chosen.iter().filter(|(position, _)| masked[*position as usize] == MASK).count();
                kept += chosen.iter().filter(|(position, label)| masked[*position as usize] == *label).count();
            }
            assert_eq!(total, 300 * 153);
            let expected_kept = 1.0 - mask_share - random_share + random_share / 95.0;
            for (found, expected) in [(masks, mask_share), (kept, expected_kept)] {
                let deviation = (total as f64 * expected * (1.0 - expected)).sqrt();
                assert!(
                    (found as f64 - total as f64 * expected).abs() <= 5.0 * deviation + 1e-6,
                    "{found} of {total}, expected {expected}"
                );
            }
        };
        check(1.0, 0.0);
        check(0.5, 0.125);
        check(0.0, 1.0);
        check(0.0, 0.0);
    }

    #[test]
    fn untouched_positions_keep_their_ids() {
        let row = row(200);
        let (masked, chosen) = mask(&masking(0.15, None), &row, &[200], 3);
        let positions: Vec<usize> = chosen.iter().map(|&(position, _)| position as usize).collect();
        assert!(positions.is_sorted());
        assert!((0..200).all(|position| positions.contains(&position) || masked[position] == row[position]));
    }

    #[test]
    fn whole_words_are_masked_to_the_exact_count() {
        // Even ids start a word, odd ids continue one. Words of 1, 2 and 3 pieces; two segments.
        let starts_word = (0..100).map(|id| id % 2 == 0).collect();
        let masking = masking(0.4, Some(starts_word));
        let row = [0, 10, 20, 21, 30, 31, 33, 2, 0, 41, 43, 50, 60, 61, 2];
        let words: [&[u32]; 6] = [&[1], &[2, 3], &[4, 5, 6], &[9, 10], &[11], &[12, 13]];
        for index in 0..200 {
            let (_, chosen) = mask(&masking, &row, &[8, 7], index);
            let positions: Vec<u32> = chosen.iter().map(|&(position, _)| position).collect();
            assert_eq!(positions.len(), 4, "0.4 × 11 maskable pieces, rounded");
            let partial = words.iter().filter(|word| {
                let hits = word.iter().filter(|position| positions.contains(position)).count();
                hits > 0 && hits < word.len()
            });
            assert!(partial.count() <= 1, "only the last word may be cut: {positions:?}");
        }
    }
}
