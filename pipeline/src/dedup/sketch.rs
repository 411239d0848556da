//! What a near duplicate is verified by: a sample of the hashes of a document's shingles, two bytes of each.
//!
//! A document of few shingles has all of them in its sketch. One of more has those below a bound, which is halved as often as needed (Beyer et al. 2007, "On
//! Synopses for Distinct-Value Estimation", with bounds that are powers of two): so two sketches can be compared whatever their bounds, and nothing is sorted.

use std::borrow::Cow;

/// Shingles in a sketch, at most, repetitions aside. The standard error of a similarity of 0.8 is 0.013 to 0.018 where a document has more.
const MAX_SHINGLES: usize = 1024;
/// Distinct shingles in a sketch, at least, if the document has so many: with the usual bound there are half of [`MAX_SHINGLES`] but for chance and repetition.
const MIN_SHINGLES: usize = 400;
/// A bit for each value of two bytes.
type Bits = [u64; (u16::MAX as usize + 1) / u64::BITS as usize];

/// The sample; or its place among those of other documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sketch<Values> {
    /// The upper two bytes of the hashes below the bound, after the zeros that the bound leaves, in no order and possibly repeated.
    pub(super) values: Values,
    /// How often the bound was halved.
    pub(super) level: u8,
}

impl Sketch<Cow<'_, [u16]>> {
    /// The Jaccard similarity of two documents' shingles, estimated from what stands below both bounds. Two bytes tell a thousand shingles apart but for a few,
    /// which makes an error of 0.002 at 0.8, and of 0.01 where nothing is alike.
    pub(super) fn similarity(&self, other: &Self) -> f64 {
        let (level, difference) = (self.level.max(other.level), u32::from(self.level.abs_diff(other.level)));
        // Filled where they lie: they are large to be handed on.
        let mut sets: [Bits; 2] = [[0; _]; 2];
        for (sketch, bits) in [self, other].into_iter().zip(&mut sets) {
            let values = sketch.values.iter().copied();
            if sketch.level == level {
                // The one with the lower bound has more of its hashes' bits.
                set_bits(values.map(|value| value.checked_shr(difference).unwrap_or_default()), bits);
            } else {
                set_bits(values.filter(|value| value.leading_zeros() >= difference), bits);
            }
        }
        let [left, right] = &sets;
        let count = |join: fn(u64, u64) -> u64| left.iter().zip(right).map(|(left, right)| join(*left, *right).count_ones()).sum::<u32>();
        let (shared, all) = (count(|left, right| left & right), count(|left, right| left | right));
        if all == 0 { 0.0 } else { f64::from(shared) / f64::from(all) }
    }
}

/// Appends the values of a document's sketch, and returns its level.
pub(super) fn append(shingles: &[u32], sketches: &mut Vec<u16>) -> u8 {
    let start = sketches.len();
    let usual = shingles.len().div_ceil(MAX_SHINGLES).next_power_of_two().ilog2() as u8;
    append_level(shingles, usual, sketches);
    let mut level = usual;
    while level > 0 && num_distinct(&sketches[start..]) < MIN_SHINGLES {
        // The same shingles again and again.
        level -= 1;
        sketches.truncate(start);
        append_level(shingles, level, sketches);
    }
    if level < usual {
        let mut distinct = sketches.split_off(start);
        distinct.sort_unstable();
        distinct.dedup();
        sketches.append(&mut distinct);
    }
    level
}

fn append_level(shingles: &[u32], level: u8, sketches: &mut Vec<u16>) {
    let value = |shingle: u32| (shingle << level >> u16::BITS) as u16;
    if level == 0 {
        sketches.extend(shingles.iter().map(|shingle| value(*shingle)));
        return;
    }
    let mut end = sketches.len();
    sketches.resize(end + shingles.len(), 0);
    for &shingle in shingles {
        // All are written, since a branch would often be mispredicted.
        sketches[end] = value(shingle);
        end += usize::from(shingle.leading_zeros() >= u32::from(level));
    }
    sketches.truncate(end);
}

fn num_distinct(values: &[u16]) -> usize {
    let mut bits: Bits = [0; _];
    set_bits(values.iter().copied(), &mut bits);
    bits.iter().map(|bits| bits.count_ones() as usize).sum()
}

fn set_bits(values: impl Iterator<Item = u16>, bits: &mut Bits) {
    for value in values {
        bits[usize::from(value) / 64] |= 1 << (value % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::mix;

    fn hashes(numbers: impl IntoIterator<Item = u64>) -> Vec<u32> {
        numbers.into_iter().map(|number| (mix(number + 1) >> 32) as u32).collect()
    }

    fn sketch(shingles: &[u32]) -> Sketch<Cow<'static, [u16]>> {
        let mut values = vec![7];
        let level = append(shingles, &mut values);
        assert_eq!(values.remove(0), 7);
        Sketch { values: values.into(), level }
    }

    #[test]
    fn similarity_is_estimated_at_any_length_and_repetition() {
        for (count, repetitions) in
            [(1, 1), (12, 3), (700, 1), (1000, 1), (1024, 1), (1025, 1), (1500, 1), (30_000, 1), (700, 40), (3, 5000), (90_000, 3)]
        {
            for share in [0.0, 0.3, 0.75, 0.8, 0.85, 1.0] {
                // Of `count` each, so many are in both.
                let shared = (count as f64 * 2.0 * share / (1.0 + share)).round() as u64;
                let left = hashes((0..repetitions).flat_map(|_| 0..count));
                let right = hashes((0..repetitions).flat_map(|_| count - shared..2 * count - shared));
                let (found, truth) = (sketch(&left).similarity(&sketch(&right)), shared as f64 / (2 * count - shared) as f64);
                let bound = if count > 1024 { 0.06 } else { 0.003 + 0.01 * (1.0 - share) };
                assert!((found - truth).abs() < bound, "{count} {repetitions} {share}: {found} for {truth}");
            }
        }
    }

    #[test]
    fn levels_may_differ() {
        for (short, long) in [(1000, 1030), (2000, 2100), (1020, 4100)] {
            let (left, right) = (sketch(&hashes(0..short)), sketch(&hashes(0..long)));
            assert_ne!(left.level, right.level);
            let (found, truth) = (left.similarity(&right), short as f64 / long as f64);
            assert!((found - truth).abs() < 0.02, "{found} for {truth}");
            assert_eq!(found.to_bits(), right.similarity(&left).to_bits());
        }
    }

    #[test]
    fn a_sketch_is_small_whatever_the_document() {
        for shingles in
            [hashes(0..200_000), hashes((0..200_000).map(|number| number % 1100)), hashes((0..200_000).map(|number| number % 5))]
        {
            let sketch = sketch(&shingles);
            assert!(sketch.values.len() < 2 * MAX_SHINGLES, "{}", sketch.values.len());
        }
    }

    #[test]
    fn nothing_is_like_nothing() {
        assert!(sketch(&[]).similarity(&sketch(&[])) < f64::EPSILON);
    }
}
