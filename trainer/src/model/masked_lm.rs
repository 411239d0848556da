//! A masked language model on packed tokens: no padding, attention within segments, the head on chosen positions only.
//!
//! The model is that of RoBERTa (Liu et al., 2019) with BERT's post-norm blocks (Devlin et al., 2018). BERT is the same computation: its
//! positions start at row 0 of their table, and of its two token types a lone text has the first.
//!
//! Shape suffixes: t tokens of the micro-batch, m masked positions, v vocabulary, d hidden size, f intermediate size,
//! g segments of one length, s that length, h heads, k head size.

use tch::Tensor;

use super::{
    config::EncoderConfig,
    operators::{Kernels, LayerNorm, Linear, dropped_out, summed_cross_entropy},
    parameters::parameter_specs,
};
use crate::{error::Result, ffi::recompute::recomputed};

/// The model's parameters and what is done with them.
#[derive(Debug)]
pub struct MaskedLm {
    config: EncoderConfig,
    word_embeddings_vd: Tensor,
    position_embeddings: Tensor,
    token_type_embeddings: Tensor,
    embedding_norm: LayerNorm,
    layers: Vec<Layer>,
    head_dense: Linear,
    head_norm: LayerNorm,
    head_bias_v: Tensor,
    recomputes_layers: bool,
    kernels: Kernels,
}

#[derive(Debug)]
struct Layer {
    qkv: Linear,
    attention_output: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    output_norm: LayerNorm,
}

/// Whether dropout is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Train,
    Evaluate,
}

/// Segments of one length that follow each other: attention treats them in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SegmentGroup {
    count: i64,
    length: i64,
}

impl MaskedLm {
    /// Takes the parameters in the order of [`parameter_specs`]; they stay shared with the caller.
    ///
    /// # Panics
    /// If their number or a shape is not that of [`parameter_specs`].
    pub fn new(config: EncoderConfig, parameters: &[Tensor]) -> Self {
        let specs = parameter_specs(&config);
        assert_eq!(specs.len(), parameters.len(), "number of parameters");
        let mut rest = specs.iter().zip(parameters).map(|(spec, parameter)| {
            assert_eq!(parameter.size(), spec.shape, "shape of {}", spec.name);
            parameter.shallow_clone()
        });
        let mut next = || rest.next().expect("the count was checked");
        let eps = config.layer_norm_eps;
        let (word_embeddings_vd, position_embeddings, token_type_embeddings) = (next(), next(), next());
        let embedding_norm = LayerNorm { weight: next(), bias: next(), eps };
        let layers = (0..config.num_hidden_layers)
            .map(|_| Layer {
                qkv: Linear { weight: next(), bias: next() },
                attention_output: Linear { weight: next(), bias: next() },
                attention_norm: LayerNorm { weight: next(), bias: next(), eps },
                intermediate: Linear { weight: next(), bias: next() },
                output: Linear { weight: next(), bias: next() },
                output_norm: LayerNorm { weight: next(), bias: next(), eps },
            })
            .collect();
        let head_dense = Linear { weight: next(), bias: next() };
        let head_norm = LayerNorm { weight: next(), bias: next(), eps };
        let head_bias_v = next();
        Self {
            config,
            word_embeddings_vd,
            position_embeddings,
            token_type_embeddings,
            embedding_norm,
            layers,
            head_dense,
            head_norm,
            head_bias_v,
            recomputes_layers: false,
            kernels: Kernels::Plain,
        }
    }

    /// Whether a backward pass knows of each layer its input alone and computes the rest again: the same gradients in less memory.
    #[must_use]
    pub fn recomputing_layers(self, recomputes_layers: bool) -> Self {
        Self { recomputes_layers, ..self }
    }

    /// Computes with these operators from now on; a new model has the plain ones.
    pub fn set_kernels(&mut self, kernels: Kernels) {
        self.kernels = kernels;
    }

    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// The last hidden state [t, d] of tokens laid end to end, whose segments have these lengths. Positions count from 0 in each segment.
    pub fn hidden(&self, input_ids_t: &Tensor, positions_t: &Tensor, segment_lengths: &[i64], mode: Mode) -> Result<Tensor> {
        let position_ids_t = positions_t.f_add_scalar(self.config.first_position_id())?;
        let token_type_d = self.token_type_embeddings.f_select(0, 0)?;
        let (words, positions) = ([&self.word_embeddings_vd, input_ids_t], [&self.position_embeddings, &position_ids_t]);
        let embeddings_td = self.embedding_norm.embed(words, positions, &token_type_d, self.kernels)?;
        let mut hidden_td = dropped_out(embeddings_td, hidden_dropout(&self.config, mode))?;
        let groups = group_equal_lengths(segment_lengths);
        for layer in &self.layers {
            hidden_td = if self.recomputes_layers && mode == Mode::Train {
                let (layer, config, groups, kernels) = (layer.shallow_clone(), self.config.clone(), groups.clone(), self.kernels);
                recomputed(&hidden_td, move |hidden_td| layer.forward(&config, hidden_td, &groups, mode, kernels))?
            } else {
                layer.forward(&self.config, &hidden_td, &groups, mode, self.kernels)?
            };
        }
        Ok(hidden_td)
    }

    /// Logits [m, v] at the chosen positions of a hidden state.
    pub fn logits(&self, hidden_td: &Tensor, positions_m: &Tensor) -> Result<Tensor> {
        let hidden_md = hidden_td.f_index_select(0, positions_m)?;
        let hidden_md = self.head_norm.forward(&self.head_dense.forward_gelu(&hidden_md, self.kernels)?, self.kernels)?;
        Ok(hidden_md.f_linear(&self.word_embeddings_vd, Some(&self.head_bias_v))?)
    }

    /// The sum, in fp32, of the cross-entropies of the predictions at the chosen positions, whose labels are int64 [m].
    pub fn summed_cross_entropy(&self, hidden_td: &Tensor, positions_m: &Tensor, labels_m: &Tensor) -> Result<Tensor> {
        summed_cross_entropy(&self.logits(hidden_td, positions_m)?, labels_m, self.config.vocab_size, self.kernels)
    }
}

impl Layer {
    /// Another handle of the same parameters.
    fn shallow_clone(&self) -> Self {
        Self {
            qkv: self.qkv.shallow_clone(),
            attention_output: self.attention_output.shallow_clone(),
            attention_norm: self.attention_norm.shallow_clone(),
            intermediate: self.intermediate.shallow_clone(),
            output: self.output.shallow_clone(),
            output_norm: self.output_norm.shallow_clone(),
        }
    }

    fn forward(&self, config: &EncoderConfig, hidden_td: &Tensor, groups: &[SegmentGroup], mode: Mode, kernels: Kernels) -> Result<Tensor> {
        let dropout = hidden_dropout(config, mode);
        let attended_td = attention(config, &self.qkv.forward(hidden_td)?, groups, mode)?;
        let attended_td = self.attention_norm.end_block(&self.attention_output, &attended_td, hidden_td, dropout, kernels)?;
        let intermediate_tf = self.intermediate.forward_gelu(&attended_td, kernels)?;
        self.output_norm.end_block(&self.output, &intermediate_tf, &attended_td, dropout, kernels)
    }
}

/// Each segment attends to itself alone. Splitting, not slicing, keeps the backward pass linear in the number of tokens.
fn attention(config: &EncoderConfig, qkv_t3d: &Tensor, groups: &[SegmentGroup], mode: Mode) -> Result<Tensor> {
    let (heads, head_size) = (config.num_attention_heads, config.head_size());
    let dropout = if mode == Mode::Train { config.attention_probs_dropout_prob } else { 0.0 };
    let lengths: Vec<i64> = groups.iter().map(|group| group.count * group.length).collect();
    let mut attended = Vec::with_capacity(groups.len());
    for (qkv, group) in qkv_t3d.f_split_with_sizes(&lengths, 0)?.iter().zip(groups) {
        let qkv_3ghsk = qkv.f_view([group.count, group.length, 3, heads, head_size])?.f_permute([2, 0, 3, 1, 4])?;
        let [query_ghsk, key_ghsk, value_ghsk] = [0, 1, 2].map(|part| qkv_3ghsk.f_select(0, part));
        let attended_ghsk =
            Tensor::f_scaled_dot_product_attention::<&Tensor>(&query_ghsk?, &key_ghsk?, &value_ghsk?, None, dropout, false, None, false)?;
        attended.push(attended_ghsk.f_transpose(1, 2)?.f_reshape([group.count * group.length, config.hidden_size])?);
    }
    Ok(Tensor::f_cat(&attended, 0)?)
}

/// The probability with which a hidden number is dropped.
fn hidden_dropout(config: &EncoderConfig, mode: Mode) -> f64 {
    if mode == Mode::Evaluate { 0.0 } else { config.hidden_dropout_prob }
}

fn group_equal_lengths(segment_lengths: &[i64]) -> Vec<SegmentGroup> {
    segment_lengths.chunk_by(|left, right| left == right).map(|run| SegmentGroup { count: run.len() as i64, length: run[0] }).collect()
}
