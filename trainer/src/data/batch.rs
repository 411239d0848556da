//! A micro-batch as tensors on the device that trains.

use tch::{Device, Tensor};

use super::micro_batch::MicroBatch;
use crate::{error::Result, ffi::stream, model::attention::Segments};

/// The tensors of a [`MicroBatch`]; the segment lengths stay on the host, where attention is laid out.
#[derive(Debug)]
pub struct Batch {
    /// int32 `[tokens]`.
    pub input_ids: Tensor,
    /// int32 `[tokens]`.
    pub positions: Tensor,
    pub segment_lengths: Vec<i64>,
    /// No segment has more tokens.
    pub longest_segment: i64,
    /// int32 `[segments + 1]`: where each segment begins, and where the last ends.
    pub segment_boundaries: Tensor,
    /// int32 `[masked]`, ascending.
    pub masked_positions: Tensor,
    /// int32 `[segments + 1]`: where the masked positions of each segment begin among all, and where those of the last end.
    pub masked_boundaries: Tensor,
    /// No segment has more masked positions.
    pub most_masked: i64,
    /// int32 `[masked]`.
    pub labels: Tensor,
    /// All of these are parts of it.
    packed: Tensor,
}

/// What the sizes of all tensors of a batch follow from: its tokens, masked positions and segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchShape([i64; 3]);

impl Batch {
    /// In one copy, which on CUDA goes beside what the device computes.
    pub fn to_device(micro_batch: &MicroBatch, device: Device) -> Result<Self> {
        let MicroBatch { input_ids, positions, segment_lengths, masked_positions, labels, .. } = micro_batch;
        let boundaries: Vec<i32> = std::iter::once(0)
            .chain(segment_lengths.iter().scan(0, |end, &length| {
                *end += length as i32;
                Some(*end)
            }))
            .collect();
        let masked_boundaries: Vec<i32> =
            boundaries.iter().map(|&boundary| masked_positions.partition_point(|&position| position < boundary) as i32).collect();
        let parts = [input_ids, positions, &boundaries, masked_positions, &masked_boundaries, labels];
        let lengths = parts.map(|part| part.len() as i64);
        let on_host = Tensor::f_from_slice(&parts.map(Vec::as_slice).concat())?;
        let all = match device {
            Device::Cuda(index) => stream::upload(&on_host, index)?,
            Device::Cpu | Device::Mps | Device::Vulkan => on_host,
        };
        let mut parts = all.f_split_with_sizes(lengths.as_slice(), 0)?.into_iter();
        let mut next = || parts.next().expect("as many parts as lengths");
        Ok(Self {
            input_ids: next(),
            positions: next(),
            longest_segment: segment_lengths.iter().copied().max().unwrap_or_default(),
            segment_lengths: segment_lengths.clone(),
            segment_boundaries: next(),
            masked_positions: next(),
            masked_boundaries: next(),
            most_masked: masked_boundaries.windows(2).map(|ends| i64::from(ends[1] - ends[0])).max().unwrap_or_default(),
            labels: next(),
            packed: all,
        })
    }

    pub fn shape(&self) -> BatchShape {
        BatchShape([&self.input_ids, &self.labels, &self.segment_boundaries].map(|part| part.size()[0]))
    }

    /// The segments, as attention takes them.
    pub fn segments(&self) -> Segments<'_> {
        Segments {
            lengths: &self.segment_lengths,
            longest: self.longest_segment,
            boundaries: &self.segment_boundaries,
            chosen_boundaries: &self.masked_boundaries,
            longest_chosen: self.most_masked,
        }
    }

    /// Puts another batch of the same shape into the memory of this one.
    pub fn copy_from(&mut self, other: Self) -> Result<()> {
        self.packed.f_copy_(&other.packed)?;
        (self.segment_lengths, self.longest_segment, self.most_masked) = (other.segment_lengths, other.longest_segment, other.most_masked);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_copy_holds_every_part_and_where_segments_begin() {
        let micro_batch = MicroBatch {
            input_ids: vec![7, 8, 9, 10, 11, 12],
            positions: vec![0, 1, 2, 0, 1, 0],
            segment_lengths: vec![3, 2, 1],
            masked_positions: vec![1, 4],
            labels: vec![70_000, 3],
            ..MicroBatch::default()
        };
        let batch = Batch::to_device(&micro_batch, Device::Cpu).expect("a batch");
        let numbers = |tensor: &Tensor| Vec::<i32>::try_from(tensor).expect("int32");
        assert_eq!(numbers(&batch.input_ids), micro_batch.input_ids);
        assert_eq!(numbers(&batch.positions), micro_batch.positions);
        assert_eq!(numbers(&batch.segment_boundaries), [0, 3, 5, 6]);
        assert_eq!(numbers(&batch.masked_positions), micro_batch.masked_positions);
        assert_eq!((numbers(&batch.masked_boundaries), batch.most_masked), (vec![0, 1, 2, 2], 1));
        assert_eq!(numbers(&batch.labels), micro_batch.labels);
        assert_eq!(batch.segment_lengths, micro_batch.segment_lengths);
    }
}
