//! Forward and backward passes as CUDA graphs: recorded with the first micro-batch of every shape, replayed for the later ones.
//!
//! A pass is a thousand kernels and more. Where a micro-batch is small, the host needs longer to launch them one by one than the device to
//! compute them; a graph takes one launch. It reads and writes the same memory every time, so micro-batches are padded to a few shapes,
//! and copied to where the first of their shape is. On the CPU the pass itself is done again on that memory instead.

use std::collections::HashMap;

use tch::Device;

use crate::{
    data::{
        batch::{Batch, BatchShape},
        micro_batch::MicroBatch,
        padding::Padding,
    },
    error::Result,
    ffi::graph::Graph,
};

/// A graph of a model of 12 layers takes some megabytes. Micro-batches of further shapes are passed through without one.
const MAX_GRAPHS: usize = 32;

/// The graphs of one kind of pass.
#[derive(Debug)]
pub(crate) struct PassGraphs {
    padding: Padding,
    recorded: HashMap<BatchShape, RecordedPass>,
}

#[derive(Debug)]
struct RecordedPass {
    /// Where the pass finds its micro-batch.
    batch: Batch,
    /// On CUDA.
    graph: Option<Graph>,
}

impl PassGraphs {
    pub(crate) fn new(padding: Padding) -> Self {
        Self { padding, recorded: HashMap::new() }
    }

    /// Does `pass` for a padded micro-batch, or replays one of the same shape; with `is_plain` certainly the former. All passes must do the same with their batch, and
    /// leave nothing but changed contents of tensors that outlive them.
    ///
    /// # Errors
    /// If the pass fails, or something in it cannot be recorded.
    pub(crate) fn pass(
        &mut self,
        micro_batch: &MicroBatch,
        device: Device,
        is_plain: bool,
        mut pass: impl FnMut(&Batch) -> Result<()>,
    ) -> Result<()> {
        let mut batch = Batch::to_device(&self.padding.pad(micro_batch), device)?;
        batch.longest_segment = self.padding.longest_segment() as i64;
        batch.most_masked = batch.longest_segment;
        if is_plain {
            return pass(&batch);
        }
        if let Some(RecordedPass { batch: place, graph }) = self.recorded.get_mut(&batch.shape()) {
            place.copy_from(batch)?;
            return graph.as_ref().map_or_else(|| pass(place), Graph::replay);
        }
        // Not only does this micro-batch need its pass: libraries load and choose what they need by it.
        pass(&batch)?;
        if self.recorded.len() < MAX_GRAPHS {
            let beside = self.recorded.values().find_map(|recorded| recorded.graph.as_ref());
            let graph = device.is_cuda().then(|| Graph::record(beside, || pass(&batch))).transpose()?;
            self.recorded.insert(batch.shape(), RecordedPass { batch, graph });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micro_batch(num_tokens: i32, first_id: i32) -> MicroBatch {
        MicroBatch {
            input_ids: (first_id..first_id + num_tokens).collect(),
            positions: (0..num_tokens).collect(),
            segment_lengths: vec![i64::from(num_tokens)],
            masked_positions: vec![num_tokens - 1],
            labels: vec![7],
            ..MicroBatch::default()
        }
    }

    /// Where a pass found its ids, and the ids.
    fn seen(graphs: &mut PassGraphs, micro_batch: &MicroBatch, is_plain: bool) -> (usize, Vec<i32>, i64) {
        let mut found = Vec::new();
        let look = |batch: &Batch| {
            assert_eq!(batch.segment_lengths.iter().sum::<i64>(), batch.input_ids.size()[0]);
            assert!(Vec::<i32>::try_from(&batch.labels).expect("int32").contains(&7));
            found.push((batch.input_ids.data_ptr() as usize, Vec::try_from(&batch.input_ids).expect("int32"), batch.longest_segment));
            Ok(())
        };
        graphs.pass(micro_batch, Device::Cpu, is_plain, look).expect("a pass");
        assert_eq!(found.len(), 1, "one pass each");
        found.swap_remove(0)
    }

    #[test]
    fn a_later_micro_batch_of_a_shape_lies_where_the_first_lay() {
        let mut graphs = PassGraphs::new(Padding::new(2, 32));
        let (first, ids, longest) = seen(&mut graphs, &micro_batch(16, 10), false);
        assert_eq!((ids, longest), ((10..26).collect(), 32));
        let (other, ids, _) = seen(&mut graphs, &micro_batch(18, 50), false);
        assert_eq!(ids, [(50..68).collect(), vec![0, 0]].concat());
        let (again, ids, _) = seen(&mut graphs, &micro_batch(15, 70), false);
        assert_eq!(ids, [(70..85).collect(), vec![0]].concat());
        let (plain, ids, _) = seen(&mut graphs, &micro_batch(13, 90), true);
        assert_eq!(ids, [(90..103).collect(), vec![0; 3]].concat());
        assert!(again != first && plain != first && other != first, "15 tokens and padding are two segments, 16 are one");
        let (replayed, ids, _) = seen(&mut graphs, &micro_batch(14, 30), false);
        assert_eq!((replayed, ids), (again, [(30..44).collect(), vec![0, 0]].concat()));
        assert_eq!(graphs.recorded.len(), 3);
    }

    #[test]
    fn shapes_beyond_the_limit_are_passed_through() {
        let mut graphs = PassGraphs::new(Padding::new(1, 16));
        for round in 0..2 {
            for num_tokens in 1..=MAX_GRAPHS as i32 + 4 {
                let (_, ids, _) = seen(&mut graphs, &micro_batch(num_tokens, round), false);
                assert_eq!(ids, (round..round + num_tokens).collect::<Vec<_>>());
            }
            assert_eq!(graphs.recorded.len(), MAX_GRAPHS);
        }
    }
}
