//! What the model does between its matrix products: with libtorch's operators, or with kernels of ours that do the same in one pass over
//! the activations where libtorch's take several.
//!
//! Shape suffixes as in [`super::masked_lm`]; n is any width, r any number of rows.

use std::{fmt, ops::Range};

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Reduction, Tensor};

use super::{attention::AttentionKernel, config::EncoderConfig};
use crate::{
    error::{Error, Result},
    ffi::{
        attention,
        kernels::{self, NormParameters},
    },
};

/// A position with this label has no loss and no gradient.
pub const IGNORED_LABEL: i32 = -100;

/// The setting `train.kernels`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KernelChoice {
    /// On CUDA devices the fastest that this program has and that suit the model, once they have been checked against the plain ones.
    #[default]
    Auto,
    /// Those that run anywhere.
    Plain,
    /// Ours, unchecked, and on the CPU emulated.
    Fused,
}

/// Whose operators a model computes with between its matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operators {
    Plain,
    Fused,
}

/// What a model runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernels {
    pub operators: Operators,
    pub attention: AttentionKernel,
}

impl Kernels {
    /// What runs anywhere.
    pub const PLAIN: Self = Self { operators: Operators::Plain, attention: AttentionKernel::Grouped };
}

impl fmt::Display for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (attention, plain) = match self.attention {
            AttentionKernel::Grouped => ("", "plain"),
            AttentionKernel::Tiled => ("our attention and ", "otherwise plain"),
            AttentionKernel::Cudnn => ("cuDNN attention's and ", "otherwise plain"),
            AttentionKernel::VariableLength => ("variable-length attention's and ", "otherwise plain"),
        };
        let operators = if self.operators == Operators::Fused { "fused" } else { plain };
        write!(f, "{attention}{operators}")
    }
}

impl KernelChoice {
    /// What a model that computes in `kind` on a device may run on, the fastest first. All but the last are to be checked before.
    ///
    /// # Errors
    /// If our kernels are asked for and there are none.
    pub fn candidates(self, config: &EncoderConfig, kind: Kind, device: Device) -> Result<Vec<Kernels>> {
        let is_fast = device.is_cuda() && kind != Kind::Float;
        let attention = if is_fast { AttentionKernel::VariableLength } else { AttentionKernel::Grouped };
        let (head_size, drops) = (config.head_size(), config.attention_probs_dropout_prob != 0.0);
        let tiled = (is_fast && !drops && attention::tiled_suits(head_size, kind, device)).then_some(AttentionKernel::Tiled);
        let cudnn = (is_fast && !drops && attention::cudnn_suits(head_size, device)).then_some(AttentionKernel::Cudnn);
        let fused = |attention| Kernels { operators: Operators::Fused, attention };
        let why_not = || {
            if !kernels::exist_for(device) {
                return Some("a program that was built where nvcc is, see README.md");
            }
            let suit = kernels::suit_norm(config.hidden_size, kind) && kernels::suit_columns(config.intermediate_size);
            (!suit).then_some(
                "model.hidden_size and model.intermediate_size that are multiples of 8, and the former at most 4096, in fp32 2048",
            )
        };
        match self {
            Self::Auto if device.is_cuda() => {
                let ours = [tiled, cudnn, Some(attention)].into_iter().flatten().map(fused);
                let mut found: Vec<Kernels> = ours.chain([Kernels { operators: Operators::Plain, attention }, Kernels::PLAIN]).collect();
                found.retain(|kernels| kernels.operators == Operators::Plain || why_not().is_none());
                found.dedup();
                Ok(found)
            }
            Self::Auto | Self::Plain => Ok(vec![Kernels::PLAIN]),
            Self::Fused => match why_not() {
                None => Ok(vec![fused(tiled.unwrap_or(attention))]),
                Some(expected) => {
                    Err(Error::BadSetting { setting: "train.kernels", found: "\"fused\"".to_owned(), expected: expected.to_owned() })
                }
            },
        }
    }
}

#[derive(Debug)]
pub(super) struct Linear {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
    /// Outputs whose bias changes nothing. Ours give it no gradient, libtorch's operators what is left of rounding.
    idle: Range<i64>,
}

impl Linear {
    pub(super) fn new(weight: Tensor, bias: Tensor) -> Self {
        Self { weight, bias, idle: 0..0 }
    }

    /// Queries, keys and values. The bias of the keys shifts all scores of a query alike, which a softmax does not see.
    pub(super) fn of_attention(weight: Tensor, bias: Tensor) -> Self {
        let hidden_size = bias.size()[0] / 3;
        Self { weight, bias, idle: hidden_size..2 * hidden_size }
    }

    pub(super) fn shallow_clone(&self) -> Self {
        Self { weight: self.weight.shallow_clone(), bias: self.bias.shallow_clone(), idle: self.idle.clone() }
    }

    pub(super) fn forward(&self, input: &Tensor, operators: Operators) -> Result<Tensor> {
        match operators {
            Operators::Plain => Ok(input.f_linear(&self.weight, Some(&self.bias))?),
            Operators::Fused => kernels::linear(input, &self.weight, Some(&self.bias), self.idle.clone()),
        }
    }

    /// The columns of the result before `column`, of the rows of one input, and those from it on, of another's.
    pub(super) fn forward_split(&self, [input, others]: [&Tensor; 2], column: i64, operators: Operators) -> Result<[Tensor; 2]> {
        match operators {
            Operators::Plain => {
                let part = |input: &Tensor, start: i64, end: i64| -> Result<Tensor> {
                    let [weight, bias] = [&self.weight, &self.bias].map(|whole| whole.f_narrow(0, start, end - start));
                    Ok(input.f_linear(&weight?, Some(&bias?))?)
                };
                Ok([part(input, 0, column)?, part(others, column, self.bias.size()[0])?])
            }
            Operators::Fused => kernels::split_linear([input, others], &self.weight, &self.bias, column, self.idle.clone()),
        }
    }

    /// The layer's result but for its bias, which a kernel of ours adds.
    fn product(&self, input: &Tensor) -> Result<Tensor> {
        kernels::linear(input, &self.weight, None, 0..0)
    }

    pub(super) fn forward_gelu(&self, input: &Tensor, operators: Operators) -> Result<Tensor> {
        match operators {
            Operators::Plain => Ok(self.forward(input, operators)?.f_gelu("none")?),
            Operators::Fused => kernels::bias_gelu(&self.product(input)?, &self.bias),
        }
    }
}

#[derive(Debug)]
pub(super) struct LayerNorm {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
    pub(super) eps: f64,
}

impl LayerNorm {
    pub(super) fn shallow_clone(&self) -> Self {
        Self { weight: self.weight.shallow_clone(), bias: self.bias.shallow_clone(), eps: self.eps }
    }

    fn parameters(&self) -> NormParameters<'_> {
        NormParameters { weight: &self.weight, bias: &self.bias, epsilon: self.eps }
    }

    pub(super) fn forward(&self, input_rn: &Tensor, operators: Operators) -> Result<Tensor> {
        match operators {
            Operators::Plain => Ok(input_rn.f_layer_norm(self.weight.size(), Some(&self.weight), Some(&self.bias), self.eps, true)?),
            Operators::Fused => kernels::summed_norm(input_rn, None, None, self.parameters()).map(|[output_rn, _]| output_rn),
        }
    }

    /// The end of a block, norm(residual + dropout(linear(input))), for the next block and for its residual. Without dropout, ours adds the bias of
    /// `linear` too.
    pub(super) fn end_block(
        &self,
        linear: &Linear,
        input: &Tensor,
        residual_rn: &Tensor,
        dropout: f64,
        operators: Operators,
    ) -> Result<[Tensor; 2]> {
        match operators {
            Operators::Plain => {
                self.forward(&dropped_out(linear.forward(input, operators)?, dropout)?.f_add(residual_rn)?, operators).map(twice)
            }
            Operators::Fused if dropout > 0.0 => {
                kernels::summed_norm(&dropped_out(linear.forward(input, operators)?, dropout)?, Some(residual_rn), None, self.parameters())
            }
            Operators::Fused => kernels::summed_norm(&linear.product(input)?, Some(residual_rn), Some(&linear.bias), self.parameters()),
        }
    }

    /// norm(words[ids] + positions[position ids] + token type), as [`Self::end_block`] gives it: tables, int32 indices `[r]`, and `[n]`.
    pub(super) fn embed(
        &self,
        words: [&Tensor; 2],
        positions: [&Tensor; 2],
        token_type_n: &Tensor,
        operators: Operators,
    ) -> Result<[Tensor; 2]> {
        match operators {
            Operators::Plain => {
                let [words_rn, positions_rn] =
                    [words, positions].map(|[table, indices_r]| Tensor::f_embedding(table, indices_r, -1, false, false));
                self.forward(&words_rn?.f_add(token_type_n)?.f_add(&positions_rn?)?, operators).map(twice)
            }
            Operators::Fused => kernels::embedding_norm(words, positions, token_type_n, self.parameters()),
        }
    }
}

/// The rows [m, n] of a matrix [r, n] at int32 indices `[m]`, which ascend.
pub(super) fn chosen_rows(matrix_rn: &Tensor, indices_m: &Tensor, operators: Operators) -> Result<Tensor> {
    match operators {
        Operators::Plain => Ok(matrix_rn.f_index_select(0, indices_m)?),
        Operators::Fused => kernels::chosen_rows(matrix_rn, indices_m),
    }
}

/// One tensor for two readers.
pub(super) fn twice(tensor: Tensor) -> [Tensor; 2] {
    [tensor.shallow_clone(), tensor]
}

/// `probability` is 0 where nothing is dropped.
pub(super) fn dropped_out(input: Tensor, probability: f64) -> Result<Tensor> {
    if probability == 0.0 { Ok(input) } else { Ok(input.f_dropout(probability, true)?) }
}

/// The sum, in fp32, of the cross-entropies of the logits [m, v] that a decoder, weight [v, d] and bias `[v]`, makes of [m, d], of which the first `num_valid` columns count, and int32
/// labels `[m]`. Ours adds the bias and leaves the logits' memory to their gradient; it needs rows that are whole vectors, so that libtorch's serves the others.
pub(super) fn summed_cross_entropy(
    hidden_md: &Tensor,
    [weight_vd, bias_v]: [&Tensor; 2],
    labels_m: &Tensor,
    num_valid: i64,
    operators: Operators,
) -> Result<Tensor> {
    if operators == Operators::Fused && kernels::suit_columns(bias_v.size()[0]) {
        return kernels::cross_entropy(&kernels::linear(hidden_md, weight_vd, None, 0..0)?, Some(bias_v), labels_m, num_valid);
    }
    cross_entropy(&hidden_md.f_linear(weight_vd, Some(bias_v))?.f_to_kind(Kind::Float)?, labels_m, Reduction::Sum)
}

/// libtorch's cross-entropies of fp32 logits [m, v] and int32 labels `[m]`: each, their sum or their mean.
pub(crate) fn cross_entropy(logits_mv: &Tensor, labels_m: &Tensor, reduction: Reduction) -> Result<Tensor> {
    Ok(logits_mv.f_cross_entropy_loss::<&Tensor>(&labels_m.f_to_kind(Kind::Int64)?, None, reduction, i64::from(IGNORED_LABEL), 0.0)?)
}
