//! Attention within segments that lie end to end: each token sees its own segment alone. Where nothing but some positions is wanted, their queries suffice.

use tch::Tensor;

use super::config::EncoderConfig;
use crate::{
    error::Result,
    ffi::attention::{self as kernels, AttentionItems, CudnnSegments, Heads, Spans},
};

/// The segments of a micro-batch, within which attention stays.
#[derive(Clone, Copy, Debug)]
pub struct Segments<'a> {
    /// Their sum is the number of tokens.
    pub lengths: &'a [i64],
    /// No length is greater.
    pub longest: i64,
    /// int32 `[segments + 1]`, on the model's device: where each begins, and where the last ends.
    pub boundaries: &'a Tensor,
    /// The same of the chosen positions, which ascend: where those of each segment begin among them, and where those of the last end.
    pub chosen_boundaries: &'a Tensor,
    /// No segment has more chosen positions.
    pub longest_chosen: i64,
}

/// What attention runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionKernel {
    /// Ours over all segments in one call: on Hopper GPUs, and emulated on the CPU, in bf16, for heads of 64, without dropout.
    Tiled,
    /// cuDNN's over all segments in one call: on Hopper and later GPUs, in bf16 or fp16, without dropout.
    Cudnn,
    /// libtorch's `FlashAttention` over all segments in one call: on CUDA, in bf16 or fp16.
    VariableLength,
    /// One call for each run of segments of equal length: anywhere.
    Grouped,
}

/// How attention is computed for one micro-batch.
#[derive(Debug)]
pub(super) enum Attention {
    Tiled { all: AttentionItems, chosen: AttentionItems },
    Cudnn { all: CudnnSegments, chosen: CudnnSegments },
    VariableLength { all: Spans, chosen: Spans },
    Grouped(Vec<SegmentGroup>),
}

/// Segments of one length that follow each other: attention treats them in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentGroup {
    count: i64,
    length: i64,
}

impl Attention {
    /// For segments of so many tokens, of which so many are chosen.
    pub(super) fn new(kernel: AttentionKernel, config: &EncoderConfig, segments: Segments, tokens: i64, num_chosen: i64) -> Result<Self> {
        let Segments { lengths, longest, boundaries, chosen_boundaries, longest_chosen } = segments;
        let spans = |query_boundaries: &Tensor, longest_queries| Spans {
            query_boundaries: query_boundaries.shallow_clone(),
            boundaries: boundaries.shallow_clone(),
            longest_queries,
            longest,
        };
        let [all, chosen] = [spans(boundaries, longest), spans(chosen_boundaries, longest_chosen)];
        Ok(match kernel {
            AttentionKernel::Tiled => {
                Self::Tiled { all: AttentionItems::new(&all, tokens, tokens)?, chosen: AttentionItems::new(&chosen, num_chosen, tokens)? }
            }
            AttentionKernel::Cudnn => {
                let table = |spans, are_together| CudnnSegments::new(spans, are_together, config.num_attention_heads, config.head_size());
                Self::Cudnn { all: table(&all, true)?, chosen: table(&chosen, false)? }
            }
            AttentionKernel::VariableLength => Self::VariableLength { all, chosen },
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
            Self::Tiled { all, chosen } => Self::Tiled { all: all.shallow_clone(), chosen: chosen.shallow_clone() },
            Self::Cudnn { all, chosen } => Self::Cudnn { all: all.shallow_clone(), chosen: chosen.shallow_clone() },
            Self::VariableLength { all, chosen } => Self::VariableLength { all: all.shallow_clone(), chosen: chosen.shallow_clone() },
            Self::Grouped(groups) => Self::Grouped(groups.clone()),
        }
    }

    /// From queries, keys and values [t, 3 d] to what they attend to [t, d].
    pub(super) fn forward(&self, config: &EncoderConfig, qkv_t3d: &Tensor, dropout: f64) -> Result<Tensor> {
        let (heads, head_size) = (config.num_attention_heads, config.head_size());
        if let Self::Grouped(groups) = self {
            let lengths: Vec<i64> = groups.iter().map(|group| group.count * group.length).collect();
            let mut attended = Vec::with_capacity(groups.len());
            // Splitting, not slicing, keeps the backward pass linear in the number of tokens.
            for (qkv, group) in qkv_t3d.f_split_with_sizes(&lengths, 0)?.iter().zip(groups) {
                let qkv_gs3hk = qkv.f_view([group.count, group.length, 3, heads, head_size])?;
                attended.push(attend(&qkv_gs3hk, dropout)?.f_reshape([-1, config.hidden_size])?);
            }
            return Ok(Tensor::f_cat(&attended, 0)?);
        }
        let qkv_t3hk = qkv_t3d.f_view([-1, 3, heads, head_size])?;
        self.in_one_call(config, Heads::Together(&qkv_t3hk), dropout)
    }

    /// Whether [`Self::forward_chosen`] is there.
    pub(super) fn takes_chosen_queries(&self) -> bool {
        !matches!(self, Self::Grouped(_))
    }

    /// From the queries [m, d] of the chosen positions, at least one, and keys and values [t, 2 d] to what those positions attend to [m, d].
    ///
    /// # Panics
    /// If attention is computed in groups.
    pub(super) fn forward_chosen(&self, config: &EncoderConfig, query_md: &Tensor, others_t2d: &Tensor, dropout: f64) -> Result<Tensor> {
        let (heads, head_size) = (config.num_attention_heads, config.head_size());
        let query_mhk = query_md.f_view([-1, heads, head_size])?;
        let others_t2hk = others_t2d.f_view([-1, 2, heads, head_size])?;
        self.in_one_call(config, Heads::Apart { queries: &query_mhk, others: &others_t2hk }, dropout)
    }

    fn in_one_call(&self, config: &EncoderConfig, heads: Heads, dropout: f64) -> Result<Tensor> {
        let are_together = matches!(heads, Heads::Together(_));
        let attended = match self {
            Self::Tiled { all, chosen } => {
                assert!(dropout == 0.0, "our attention is not chosen for a model with dropout in its attention");
                kernels::tiled(heads, if are_together { all } else { chosen })?
            }
            Self::Cudnn { all, chosen } => {
                assert!(dropout == 0.0, "cuDNN's attention is not chosen for a model with dropout in its attention");
                kernels::cudnn(heads, if are_together { all } else { chosen })?
            }
            Self::VariableLength { all, chosen } => kernels::flash(heads, if are_together { all } else { chosen }, dropout)?,
            Self::Grouped(_) => panic!("groups of segments take several calls"),
        };
        Ok(attended.f_reshape([-1, config.hidden_size])?)
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
