//! Counter-based random numbers: a function of what they are for, never of a thread's state.
//!
//! The generator is `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), started at a
//! key mixed from (purpose, seed, epoch, index). `README.md` gives the arithmetic, so that another program can redo it.

const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// What a sequence of numbers is for: two purposes never share one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    RowGroupOrder = 1,
    RowOrder = 2,
    Masking = 3,
    EvaluationMasking = 4,
    Dropout = 5,
}

/// A `SplitMix64` sequence.
#[derive(Clone, Debug)]
pub(crate) struct CounterRng {
    state: u64,
}

impl CounterRng {
    /// The sequence of (purpose, seed, epoch, index), always the same.
    pub(crate) fn new(purpose: Purpose, seed: u64, epoch: u64, index: u64) -> Self {
        let state = [purpose as u64, seed, epoch, index].into_iter().fold(0, |key, part| mix((key ^ part).wrapping_add(GOLDEN_GAMMA)));
        Self { state }
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        mix(self.state)
    }

    /// A number below `bound`: the high half of a 128-bit product, whose bias is below `bound` / 2^64.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// Moves a uniformly drawn, uniformly ordered choice of `count` items to the front (Fisher–Yates).
    pub(crate) fn choose_to_front<T>(&mut self, items: &mut [T], count: usize) {
        for front in 0..count {
            let drawn = front + self.below(items.len() - front);
            items.swap(front, drawn);
        }
    }
}

/// The finaliser of `SplitMix64`: every bit of the input changes about half of the output's.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix64_gives_the_published_sequence() {
        // The first outputs for seed 1234567, from the reference implementation at prng.di.unimi.it.
        let mut rng = CounterRng { state: 1_234_567 };
        assert_eq!(
            [rng.next_u64(), rng.next_u64(), rng.next_u64()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn sequences_differ_in_every_part_of_their_key() {
        let first = |purpose, seed, epoch, index| CounterRng::new(purpose, seed, epoch, index).next_u64();
        let mut seen = vec![
            first(Purpose::Masking, 1, 2, 3),
            first(Purpose::RowOrder, 1, 2, 3),
            first(Purpose::Masking, 2, 1, 3),
            first(Purpose::Masking, 1, 3, 2),
        ];
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn a_choice_is_uniform() {
        let mut hits = [0_u32; 10];
        for index in 0..20_000 {
            let mut items: Vec<usize> = (0..10).collect();
            CounterRng::new(Purpose::Masking, 7, 0, index).choose_to_front(&mut items, 3);
            items[..3].iter().for_each(|&item| hits[item] += 1);
        }
        // 6,000 expected, standard deviation 65.
        assert!(hits.iter().all(|hit| hit.abs_diff(6_000) < 5 * 65), "{hits:?}");
    }
}
