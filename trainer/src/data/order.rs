//! The order of samples, as arithmetic: position in the endless stream of training rows → (epoch, window, row).
//!
//! Held-out rows are spread evenly over the directory and never trained on. In every epoch the row groups of all shards are
//! permuted; runs of [`ROW_GROUPS_PER_WINDOW`] of them form windows, and the training rows of a window are permuted. So any
//! position is found without going through those before it, and only two windows need to be in memory.

use crate::random::{CounterRng, Purpose};

/// How many row groups are pooled: rows are shuffled across that many places of the directory.
pub(crate) const ROW_GROUPS_PER_WINDOW: usize = 16;

/// `held_out` of `num_rows` rows, evenly spaced: row i is one if ⌊(i + 1)·E/N⌋ > ⌊i·E/N⌋.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldOut {
    num_rows: u64,
    held_out: u64,
}

impl HeldOut {
    pub(crate) fn new(held_out: u64, num_rows: u64) -> Self {
        assert!(held_out <= num_rows, "{held_out} of {num_rows} rows");
        Self { num_rows, held_out }
    }

    pub(crate) fn len(self) -> u64 {
        self.held_out
    }

    /// Held-out rows below `row`.
    fn before(self, row: u64) -> u64 {
        (u128::from(row) * u128::from(self.held_out) / u128::from(self.num_rows)) as u64
    }

    fn contains(self, row: u64) -> bool {
        self.before(row + 1) > self.before(row)
    }

    /// The held-out row number `index`: the smallest i with ⌊(i + 1)·E/N⌋ > index.
    pub(crate) fn row(self, index: u64) -> u64 {
        (u128::from(index + 1) * u128::from(self.num_rows)).div_ceil(u128::from(self.held_out)) as u64 - 1
    }

    fn training_rows(self, first_row: u64, num_rows: u64) -> u64 {
        num_rows - (self.before(first_row + num_rows) - self.before(first_row))
    }
}

/// The rows of one row group: the first one's number, and how many there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowRange {
    pub(crate) first_row: u64,
    pub(crate) num_rows: u64,
}

/// The order of the training rows of one directory.
#[derive(Debug)]
pub(crate) struct TrainingOrder {
    seed: u64,
    held_out: HeldOut,
    groups: Vec<RowRange>,
    rows_per_epoch: u64,
}

impl TrainingOrder {
    pub(crate) fn new(seed: u64, held_out: HeldOut, groups: Vec<RowRange>) -> Self {
        let rows_per_epoch = held_out.num_rows - held_out.held_out;
        Self { seed, held_out, groups, rows_per_epoch }
    }

    pub(crate) fn rows_per_epoch(&self) -> u64 {
        self.rows_per_epoch
    }

    /// The epoch that a position lies in, and how far.
    pub(crate) fn epoch_of(&self, position: u64) -> (u64, u64) {
        (position / self.rows_per_epoch, position % self.rows_per_epoch)
    }

    /// The windows of one epoch.
    pub(crate) fn epoch(&self, epoch: u64) -> EpochOrder {
        let mut groups: Vec<usize> = (0..self.groups.len()).collect();
        let count = groups.len();
        CounterRng::new(Purpose::RowGroupOrder, self.seed, epoch, 0).choose_to_front(&mut groups, count);
        let mut end = 0;
        let ends = groups
            .chunks(ROW_GROUPS_PER_WINDOW)
            .map(|window| {
                end += window.iter().map(|&group| self.training_rows(group)).sum::<u64>();
                end
            })
            .collect();
        EpochOrder { epoch, groups, ends }
    }

    fn training_rows(&self, group: usize) -> u64 {
        let RowRange { first_row, num_rows } = self.groups[group];
        self.held_out.training_rows(first_row, num_rows)
    }

    /// The rows of one window in the order in which they are trained on.
    pub(crate) fn window_rows(&self, epoch: &EpochOrder, window: usize) -> Vec<RowInWindow> {
        let mut rows = Vec::new();
        for (slot, &group) in epoch.window_groups(window).iter().enumerate() {
            let RowRange { first_row, num_rows } = self.groups[group];
            let training = (0..num_rows).filter(|row| !self.held_out.contains(first_row + row));
            rows.extend(training.map(|row| RowInWindow { slot: slot as u32, row: row as u32 }));
        }
        let count = rows.len();
        CounterRng::new(Purpose::RowOrder, self.seed, epoch.epoch, window as u64).choose_to_front(&mut rows, count);
        rows
    }
}

/// A row, by the place of its row group in the window and its place in that row group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowInWindow {
    pub(crate) slot: u32,
    pub(crate) row: u32,
}

/// The row groups of one epoch in order, cut into windows.
#[derive(Debug)]
pub(crate) struct EpochOrder {
    epoch: u64,
    groups: Vec<usize>,
    /// Training rows up to the end of each window.
    ends: Vec<u64>,
}

impl EpochOrder {
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn num_windows(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn window_groups(&self, window: usize) -> &[usize] {
        let first = window * ROW_GROUPS_PER_WINDOW;
        &self.groups[first..self.groups.len().min(first + ROW_GROUPS_PER_WINDOW)]
    }

    /// The window that holds the `offset`-th training row of the epoch, and the row's place in it.
    pub(crate) fn locate(&self, offset: u64) -> (usize, u64) {
        let window = self.ends.partition_point(|&end| end <= offset);
        (window, offset - if window == 0 { 0 } else { self.ends[window - 1] })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn groups(sizes: &[u64]) -> Vec<RowRange> {
        let mut first_row = 0;
        let range = |&num_rows| {
            first_row += num_rows;
            RowRange { first_row: first_row - num_rows, num_rows }
        };
        sizes.iter().map(range).collect()
    }

    fn epoch_rows(order: &TrainingOrder, epoch: u64) -> Vec<u64> {
        let plan = order.epoch(epoch);
        let row = |offset| {
            let (window, place) = plan.locate(offset);
            let RowInWindow { slot, row } = order.window_rows(&plan, window)[place as usize];
            order.groups[plan.window_groups(window)[slot as usize]].first_row + u64::from(row)
        };
        (0..order.rows_per_epoch()).map(row).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn held_out_rows_are_counted_and_found_by_arithmetic(num_rows in 1_u64..3_000, share in 0.0..=1.0_f64) {
            let held_out = HeldOut::new((num_rows as f64 * share) as u64, num_rows);
            let rows: Vec<u64> = (0..num_rows).filter(|&row| held_out.contains(row)).collect();
            prop_assert_eq!(rows.len() as u64, held_out.len());
            prop_assert_eq!(rows, (0..held_out.len()).map(|index| held_out.row(index)).collect::<Vec<_>>());
        }

        #[test]
        fn an_epoch_holds_every_training_row_once(sizes in prop::collection::vec(1_u64..9, 1..40), share in 0.0..0.9_f64, seed: u64) {
            let num_rows: u64 = sizes.iter().sum();
            let held_out = HeldOut::new((num_rows as f64 * share) as u64, num_rows);
            let order = TrainingOrder::new(seed, held_out, groups(&sizes));
            let rows = epoch_rows(&order, 3);
            let distinct: HashSet<u64> = rows.iter().copied().collect();
            prop_assert_eq!(rows.len(), distinct.len());
            prop_assert_eq!(distinct, (0..num_rows).filter(|&row| !held_out.contains(row)).collect::<HashSet<_>>());
        }
    }

    #[test]
    fn epochs_and_seeds_have_different_orders() {
        let order = |seed| TrainingOrder::new(seed, HeldOut::new(10, 400), groups(&[10; 40]));
        assert_ne!(epoch_rows(&order(1), 0), epoch_rows(&order(1), 1));
        assert_ne!(epoch_rows(&order(1), 0), epoch_rows(&order(2), 0));
        assert_eq!(epoch_rows(&order(1), 5), epoch_rows(&order(1), 5));
    }
}
