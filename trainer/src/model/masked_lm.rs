//! A masked language model on packed tokens: no padding, attention within segments, the head on chosen positions only.
//!
//! The model is that of RoBERTa (Liu et al., 2019) with BERT's post-norm blocks (Devlin et al., 2018). BERT is the same computation: its
//! positions start at row 0 of their table, and of its two token types a lone text has the first.
//!
//! Shape suffixes: t tokens of the micro-batch, m masked positions, r the rows of a layer's output (t, in the last layer m), v vocabulary
//! (in training with the rows that fill it up), d hidden size, f intermediate size, g segments of one length, s that length, h heads, k head size.

use tch::Tensor;

use super::{
    attention::{Attention, Segments},
    config::EncoderConfig,
    operators::{Kernels, LayerNorm, Linear, Operators, chosen_rows, dropped_out, summed_cross_entropy, twice},
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
    head_bias: Tensor,
    /// The bias of rows that fill up the vocabulary: minus infinity, so that they get no probability and no gradient.
    fill_bias: Tensor,
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

impl MaskedLm {
    /// Takes the parameters in the order of [`parameter_specs`]; they stay shared with the caller. The word embeddings may have more rows than
    /// the vocabulary, which are never predicted.
    ///
    /// # Panics
    /// If their number or a shape is not that of [`parameter_specs`].
    pub fn new(config: EncoderConfig, parameters: &[Tensor]) -> Self {
        let specs = parameter_specs(&config);
        assert_eq!(specs.len(), parameters.len(), "number of parameters");
        let mut rest = specs.iter().zip(parameters).map(|(spec, parameter)| {
            assert!(spec.has_shape_of(parameter), "shape of {}", spec.name);
            parameter.shallow_clone()
        });
        let mut next = || rest.next().expect("the count was checked");
        let eps = config.layer_norm_eps;
        let (word_embeddings_vd, position_embeddings, token_type_embeddings) = (next(), next(), next());
        let embedding_norm = LayerNorm { weight: next(), bias: next(), eps };
        let layers = (0..config.num_hidden_layers)
            .map(|_| Layer {
                qkv: Linear::of_attention(next(), next()),
                attention_output: Linear::new(next(), next()),
                attention_norm: LayerNorm { weight: next(), bias: next(), eps },
                intermediate: Linear::new(next(), next()),
                output: Linear::new(next(), next()),
                output_norm: LayerNorm { weight: next(), bias: next(), eps },
            })
            .collect();
        let head_dense = Linear::new(next(), next());
        let head_norm = LayerNorm { weight: next(), bias: next(), eps };
        let head_bias = next();
        let num_fill_rows = word_embeddings_vd.size()[0] - config.vocab_size;
        let fill_bias = Tensor::full([num_fill_rows], f64::NEG_INFINITY, (head_bias.kind(), head_bias.device()));
        Self {
            config,
            word_embeddings_vd,
            position_embeddings,
            token_type_embeddings,
            embedding_norm,
            layers,
            head_dense,
            head_norm,
            head_bias,
            fill_bias,
            recomputes_layers: false,
            kernels: Kernels::PLAIN,
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

    /// Logits [m, v] at the chosen positions of tokens laid end to end, which ascend. Positions count from 0 in each segment.
    pub fn logits(&self, input_ids_t: &Tensor, positions_t: &Tensor, segments: Segments, chosen_m: &Tensor, mode: Mode) -> Result<Tensor> {
        let hidden_md = self.head(input_ids_t, positions_t, segments, chosen_m, mode)?;
        Ok(hidden_md.f_linear(&self.word_embeddings_vd, Some(&self.decoder_bias()?))?)
    }

    fn decoder_bias(&self) -> Result<Tensor> {
        Ok(Tensor::f_cat(&[&self.head_bias, &self.fill_bias], 0)?)
    }

    /// What the decoder predicts from, [m, d].
    ///
    /// The tokens that are not chosen are keys and values of the last layer's attention, and nothing after it is computed for them.
    fn head(&self, input_ids_t: &Tensor, positions_t: &Tensor, segments: Segments, chosen_m: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut hidden_td = self.embed(input_ids_t, positions_t, mode)?;
        let attention = Attention::new(self.kernels.attention, &self.config, segments, input_ids_t.size()[0], chosen_m.size()[0])?;
        for (index, layer) in self.layers.iter().enumerate() {
            let rows = (index + 1 == self.layers.len()).then_some(chosen_m);
            let operators = self.kernels.operators;
            hidden_td = if self.recomputes_layers && mode == Mode::Train {
                let (layer, config, attention) = (layer.shallow_clone(), self.config.clone(), attention.shallow_clone());
                let rows = rows.map(Tensor::shallow_clone);
                recomputed(&hidden_td, move |hidden_td| layer.forward(&config, hidden_td, &attention, rows.as_ref(), mode, operators))?
            } else {
                layer.forward(&self.config, &hidden_td, &attention, rows, mode, operators)?
            };
        }
        let operators = self.kernels.operators;
        self.head_norm.forward(&self.head_dense.forward_gelu(&hidden_td[0], operators)?, operators)
    }

    fn embed(&self, input_ids_t: &Tensor, positions_t: &Tensor, mode: Mode) -> Result<[Tensor; 2]> {
        let position_ids_t = positions_t.f_add_scalar(self.config.first_position_id())?;
        let token_type_d = self.token_type_embeddings.f_select(0, 0)?;
        let (words, positions) = ([&self.word_embeddings_vd, input_ids_t], [&self.position_embeddings, &position_ids_t]);
        let [embeddings_td, residual_td] = self.embedding_norm.embed(words, positions, &token_type_d, self.kernels.operators)?;
        let dropout = hidden_dropout(&self.config, mode);
        // Without dropout both stay apart, for the norm to get both gradients.
        if dropout > 0.0 { dropped_out(embeddings_td, dropout).map(twice) } else { Ok([embeddings_td, residual_td]) }
    }

    /// The sum, in fp32, of the cross-entropies of the predictions at the chosen positions, whose labels are int32 `[m]`.
    pub fn summed_cross_entropy(
        &self,
        input_ids_t: &Tensor,
        positions_t: &Tensor,
        segments: Segments,
        chosen_m: &Tensor,
        labels_m: &Tensor,
        mode: Mode,
    ) -> Result<Tensor> {
        let hidden_md = self.head(input_ids_t, positions_t, segments, chosen_m, mode)?;
        let decoder = [&self.word_embeddings_vd, &self.decoder_bias()?];
        summed_cross_entropy(&hidden_md, decoder, labels_m, self.config.vocab_size, self.kernels.operators)
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

    /// The output [r, d] for these rows of the input, or for all: as the input it comes twice, for the next layer and for its residual.
    fn forward(
        &self,
        config: &EncoderConfig,
        [hidden_td, residual_td]: &[Tensor; 2],
        attention: &Attention,
        rows: Option<&Tensor>,
        mode: Mode,
        operators: Operators,
    ) -> Result<[Tensor; 2]> {
        let dropout = if mode == Mode::Train { config.attention_probs_dropout_prob } else { 0.0 };
        let attend_all = || attention.forward(config, &self.qkv.forward(hidden_td, operators)?, dropout);
        let [attended_rd, residual_rd] = match rows {
            Some(rows) => {
                let residual_rd = chosen_rows(residual_td, rows, operators)?;
                let attended_rd = if attention.takes_chosen_queries() && rows.size()[0] > 0 {
                    let [query_rd, others_t2d] = self.qkv.forward_split([&residual_rd, hidden_td], config.hidden_size, operators)?;
                    attention.forward_chosen(config, &query_rd, &others_t2d, dropout)?
                } else {
                    chosen_rows(&attend_all()?, rows, operators)?
                };
                [attended_rd, residual_rd]
            }
            None => [attend_all()?, residual_td.shallow_clone()],
        };
        let dropout = hidden_dropout(config, mode);
        let [attended_rd, residual_rd] =
            self.attention_norm.end_block(&self.attention_output, &attended_rd, &residual_rd, dropout, operators)?;
        let intermediate_rf = self.intermediate.forward_gelu(&attended_rd, operators)?;
        self.output_norm.end_block(&self.output, &intermediate_rf, &residual_rd, dropout, operators)
    }
}

/// The probability with which a hidden number is dropped.
fn hidden_dropout(config: &EncoderConfig, mode: Mode) -> f64 {
    if mode == Mode::Evaluate { 0.0 } else { config.hidden_dropout_prob }
}
