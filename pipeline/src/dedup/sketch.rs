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

impl<'v> Sketch<Cow<'v, [u16]>> {
    /// What is compared with a sketch of that level: the values below both bounds, in as many bits as both have.
    fn against(&self, level: u8) -> impl Iterator<Item = u16> + use<'_, 'v> {
        let difference = u32::from(self.level.abs_diff(level));
        // The one with the lower bound has more of its hashes' bits.
        let (surplus, missing) = if self.level >= level { (difference, 0) } else { (0, difference) };
        let below = self.values.iter().filter(move |value| value.leading_zeros() >= missing);
        below.map(move |value| value.checked_shr(surplus).unwrap_or_default())
    }
}

/// Compares the sketch of one document with those of others.
pub(super) struct Comparison {
    /// The document's values against those of a level, and how many there are.
    own: Box<Bits>,
    num_own: u32,
    level: Option<u8>,
    /// The other's values; empty between two comparisons.
    other: Box<Bits>,
}

impl Default for Comparison {
    fn default() -> Self {
        Self { own: Box::new([0; _]), num_own: 0, level: None, other: Box::new([0; _]) }
    }
}

impl Comparison {
    /// Begins with another document.
    pub(super) fn forget(&mut self) {
        self.level = None;
    }

    /// The Jaccard similarity of two documents' shingles, estimated from what stands below both bounds. Two bytes tell a thousand shingles apart but for a few,
    /// which makes an error of 0.002 at 0.8, and of 0.01 where nothing is alike. `own` is the same until [`Comparison::forget`].
    pub(super) fn similarity(&mut self, own: &Sketch<Cow<'_, [u16]>>, other: &Sketch<Cow<'_, [u16]>>) -> f64 {
        if self.level != Some(other.level) {
            self.own.fill(0);
            self.num_own = own.against(other.level).map(|value| u32::from(set_bit(&mut self.own, value))).sum();
            self.level = Some(other.level);
        }
        let (mut num_other, mut num_shared) = (0, 0);
        for value in other.against(own.level) {
            let is_new = set_bit(&mut self.other, value);
            num_other += u32::from(is_new);
            num_shared += u32::from(is_new & has_bit(&self.own, value));
        }
        other.against(own.level).for_each(|value| self.other[usize::from(value) / 64] = 0);
        let num_all = self.num_own + num_other - num_shared;
        if num_all == 0 { 0.0 } else { f64::from(num_shared) / f64::from(num_all) }
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
    values.iter().map(|value| usize::from(set_bit(&mut bits, *value))).sum()
}

/// Sets a value's bit; says whether it was not set.
fn set_bit(bits: &mut Bits, value: u16) -> bool {
    let is_new = !has_bit(bits, value);
    bits[usize::from(value) / 64] |= 1 << (value % 64);
    is_new
}

fn has_bit(bits: &Bits, value: u16) -> bool {
    bits[usize::from(value) / 64] & (1 << (value % 64)) != 0
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

    fn similarity(left: &Sketch<Cow<'_, [u16]>>, right: &Sketch<Cow<'_, [u16]>>) -> f64 {
        let mut comparison = Comparison::default();
        let found = comparison.similarity(left, right);
        // Nothing is left of a comparison.
        assert_eq!(found.to_bits(), comparison.similarity(left, right).to_bits());
        comparison.similarity(left, &sketch(&hashes(0..5000)));
        assert_eq!(found.to_bits(), comparison.similarity(left, right).to_bits());
        found
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
                let (found, truth) = (similarity(&sketch(&left), &sketch(&right)), shared as f64 / (2 * count - shared) as f64);
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
            let (found, truth) = (similarity(&left, &right), short as f64 / long as f64);
            assert!((found - truth).abs() < 0.02, "{found} for {truth}");
            assert_eq!(found.to_bits(), similarity(&right, &left).to_bits());
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
        assert!(similarity(&sketch(&[]), &sketch(&[])) < f64::EPSILON);
    }
}
