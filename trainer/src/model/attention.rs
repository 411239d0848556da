//! Attention within segments that lie end to end: each token sees its own segment alone.

use tch::Tensor;

use super::config::EncoderConfig;
use crate::{error::Result, ffi::attention as kernels};

/// The segments of a micro-batch, within which attention stays.
#[derive(Clone, Copy, Debug)]
pub struct Segments<'a> {
    /// Their sum is the number of tokens.
    pub lengths: &'a [i64],
    /// No length is greater.
    pub longest: i64,
    /// int32 `[segments + 1]`, on the model's device: where each begins, and where the last ends.
    pub boundaries: &'a Tensor,
}

/// Which of libtorch's operators attention runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionKernel {
    /// cuDNN's over all segments in one call: on Hopper and later GPUs, in bf16 or fp16, without dropout.
    Cudnn,
    /// `FlashAttention` over all segments in one call: on CUDA, in bf16 or fp16.
    VariableLength,
    /// One call for each run of segments of equal length: anywhere.
    Grouped,
}

/// How attention is computed for one micro-batch.
#[derive(Debug)]
pub(super) enum Attention {
    Cudnn { segments: Tensor, longest: i64 },
    VariableLength { boundaries: Tensor, longest: i64 },
    Grouped(Vec<SegmentGroup>),
}

/// Segments of one length that follow each other: attention treats them in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentGroup {
    count: i64,
    length: i64,
}

impl Attention {
    pub(super) fn new(kernel: AttentionKernel, config: &EncoderConfig, segments: Segments) -> Result<Self> {
        let Segments { lengths, longest, boundaries } = segments;
        Ok(match kernel {
            AttentionKernel::Cudnn => {
                let segments = kernels::cudnn_segments(boundaries, config.num_attention_heads, config.head_size())?;
                Self::Cudnn { segments, longest }
            }
            AttentionKernel::VariableLength => Self::VariableLength { boundaries: boundaries.shallow_clone(), longest },
            AttentionKernel::Grouped => Self::Grouped(
                lengths
                    .chunk_by(|left, right| left == right)
                    .filter(|run| run[0] > 0)
                    .map(|run| SegmentGroup { count: run.len() as i64, length: run[0] })
                    .collect(),
            ),
        })
    }

    /// Another handle of the same.
    pub(super) fn shallow_clone(&self) -> Self {
        match self {
            Self::Cudnn { segments, longest } => Self::Cudnn { segments: segments.shallow_clone(), longest: *longest },
            Self::VariableLength { boundaries, longest } => {
                Self::VariableLength { boundaries: boundaries.shallow_clone(), longest: *longest }
            }
            Self::Grouped(groups) => Self::Grouped(groups.clone()),
        }
    }

    /// From queries, keys and values [t, 3 d] to what they attend to [t, d].
    pub(super) fn forward(&self, config: &EncoderConfig, qkv_t3d: &Tensor, dropout: f64) -> Result<Tensor> {
        let (heads, head_size) = (config.num_attention_heads, config.head_size());
        match self {
            Self::Cudnn { segments, longest } => {
                assert!(dropout == 0.0, "cuDNN's attention is not chosen for a model with dropout in its attention");
                let qkv_t3hk = qkv_t3d.f_view([-1, 3, heads, head_size])?;
                Ok(kernels::cudnn(&qkv_t3hk, segments, *longest)?.f_view([-1, config.hidden_size])?)
            }
            Self::VariableLength { boundaries, longest } => {
                let qkv_t3hk = qkv_t3d.f_view([-1, 3, heads, head_size])?;
                Ok(kernels::flash(&qkv_t3hk, boundaries, *longest, dropout)?.f_reshape([-1, config.hidden_size])?)
            }
            Self::Grouped(groups) => {
                let lengths: Vec<i64> = groups.iter().map(|group| group.count * group.length).collect();
                let mut attended = Vec::with_capacity(groups.len());
                // Splitting, not slicing, keeps the backward pass linear in the number of tokens.
                for (qkv, group) in qkv_t3d.f_split_with_sizes(&lengths, 0)?.iter().zip(groups) {
                    let qkv_gs3hk = qkv.f_view([group.count, group.length, 3, heads, head_size])?;
                    attended.push(attend(&qkv_gs3hk, dropout)?.f_reshape([-1, config.hidden_size])?);
                }
                Ok(Tensor::f_cat(&attended, 0)?)
            }
        }
    }
}

/// [g, s, 3, h, k] → [g, s, h, k], each of the g segments by itself.
fn attend(qkv_gs3hk: &Tensor, dropout: f64) -> Result<Tensor> {
    let parts = qkv_gs3hk.f_permute([2, 0, 3, 1, 4])?.f_unbind(0)?;
    let [query_ghsk, key_ghsk, value_ghsk] = [0, 1, 2].map(|part| &parts[part]);
    let attended_ghsk =
        Tensor::f_scaled_dot_product_attention::<&Tensor>(query_ghsk, key_ghsk, value_ghsk, None, dropout, false, None, false)?;
    Ok(attended_ghsk.f_transpose(1, 2)?)
}
