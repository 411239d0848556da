//! Tables in which every key has a slot of its own, so that looking one up takes no decision (Belazzougui, Botelho, Dietzfelbinger 2009, "Hash, displace, and
//! compress"): the upper bits of a key's hash name a bucket, and the bucket's multiplier spreads the lower bits of its hashes over free slots.

/// How large a table is.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) bucket_bits: u32,
    /// A few more than there are keys.
    pub(crate) num_slots: u32,
}

impl Size {
    #[inline(always)]
    pub(crate) fn bucket(self, hash: u64) -> usize {
        (hash >> (u64::BITS - self.bucket_bits)) as usize
    }

    /// The slot of a hash whose bucket has this multiplier.
    #[inline(always)]
    pub(crate) fn slot(self, hash: u64, multiplier: u16) -> usize {
        let spread = (hash as u32).wrapping_mul(u32::from(multiplier));
        ((u64::from(spread) * u64::from(self.num_slots)) >> u32::BITS) as usize
    }

    /// Each bucket's multiplier, by which all hashes have different slots. `None` if there are none, as for equal hashes.
    pub(crate) fn multipliers(self, hashes: impl Iterator<Item = u64>) -> Option<Vec<u16>> {
        let mut buckets: Vec<Vec<u64>> = vec![Vec::new(); 1 << self.bucket_bits];
        hashes.for_each(|hash| buckets[self.bucket(hash)].push(hash));
        let mut by_size: Vec<usize> = (0..buckets.len()).collect();
        by_size.sort_by_key(|&bucket| std::cmp::Reverse(buckets[bucket].len()));
        let mut is_taken = vec![false; self.num_slots as usize];
        let mut multipliers = vec![1; buckets.len()];
        let mut slots = Vec::new();
        for bucket in by_size {
            multipliers[bucket] = (1..u16::MAX).step_by(2).find(|&multiplier| {
                slots.clear();
                slots.extend(buckets[bucket].iter().map(|&hash| self.slot(hash, multiplier)));
                slots.sort_unstable();
                slots.array_windows().all(|[first, second]| first != second) && slots.iter().all(|&slot| !is_taken[slot])
            })?;
            for &slot in &slots {
                is_taken[slot] = true;
            }
        }
        Some(multipliers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hash_has_a_slot_of_its_own_and_equal_ones_are_refused() {
        let size = Size { bucket_bits: 8, num_slots: 900 };
        let hashes: Vec<u64> = (1..700_u64).map(|key| key.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)).collect();
        let multipliers = size.multipliers(hashes.iter().copied()).expect("different hashes");
        let slots: std::collections::BTreeSet<usize> = hashes.iter().map(|&hash| size.slot(hash, multipliers[size.bucket(hash)])).collect();
        assert_eq!(slots.len(), hashes.len());
        assert!(size.multipliers([7, 7].into_iter()).is_none());
    }
}
