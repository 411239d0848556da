//! The parameters of the model in their order, and their names and shapes in Hugging Face's files.
//!
//! In memory query, key and value of a layer are one parameter, [3 × hidden, hidden], so that one matrix product serves all three;
//! in files they are three. The decoder's weight is that of the word embeddings and is stored once.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use super::config::{EncoderConfig, ModelType};
use crate::error::Result;

/// One parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpec {
    pub name: String,
    pub shape: Vec<i64>,
    /// Rows in the memory of a training run, where the vocabulary is filled up with rows of zeros: tensor cores like multiples of 64.
    pub rows_in_memory: i64,
    pub role: Role,
}

impl ParameterSpec {
    /// Whether a tensor is such a parameter, filled up or not.
    pub(crate) fn has_shape_of(&self, tensor: &Tensor) -> bool {
        let found = tensor.size();
        found.len() == self.shape.len() && found[1..] == self.shape[1..] && [self.shape[0], self.rows_in_memory].contains(&found[0])
    }
}

/// What a parameter is, which decides how it starts and whether it decays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Starts normal; decays.
    Weight,
    /// A [`Role::Weight`] whose row for padding starts as zero.
    PaddedEmbedding,
    /// Starts at zero; does not decay.
    Bias,
    /// Starts at one; does not decay.
    LayerNormWeight,
}

impl Role {
    pub fn decays(self) -> bool {
        matches!(self, Self::Weight | Self::PaddedEmbedding)
    }
}

/// What the vocabulary is filled up to a multiple of.
const VOCABULARY_MULTIPLE: u64 = 64;

const QKV: &str = "self.qkv.";
const QKV_PARTS: [&str; 3] = ["self.query.", "self.key.", "self.value."];

/// Where a type of model keeps its tensors in Hugging Face's files.
#[derive(Debug)]
pub(crate) struct TensorNames {
    /// Before every name outside the head.
    pub(crate) encoder: &'static str,
    /// Before every name of the head.
    pub(crate) head: &'static str,
    head_dense: &'static str,
    head_norm: &'static str,
    pub(crate) head_bias: &'static str,
    /// Under these names some files store the tied weight and the head's bias a second time.
    pub(crate) decoder_weight: &'static str,
    pub(crate) decoder_bias: &'static str,
}

impl TensorNames {
    pub(crate) fn of(model_type: ModelType) -> &'static Self {
        match model_type {
            ModelType::Roberta | ModelType::Camembert | ModelType::XlmRoberta => &Self {
                encoder: "roberta.",
                head: "lm_head.",
                head_dense: "lm_head.dense",
                head_norm: "lm_head.layer_norm",
                head_bias: "lm_head.bias",
                decoder_weight: "lm_head.decoder.weight",
                decoder_bias: "lm_head.decoder.bias",
            },
            ModelType::Bert => &Self {
                encoder: "bert.",
                head: "cls.predictions.",
                head_dense: "cls.predictions.transform.dense",
                head_norm: "cls.predictions.transform.LayerNorm",
                head_bias: "cls.predictions.bias",
                decoder_weight: "cls.predictions.decoder.weight",
                decoder_bias: "cls.predictions.decoder.bias",
            },
        }
    }

    pub(crate) fn word_embeddings(&self) -> String {
        format!("{}embeddings.word_embeddings.weight", self.encoder)
    }
}

/// All parameters in the order in which [`super::masked_lm::MaskedLm`] takes them.
pub fn parameter_specs(config: &EncoderConfig) -> Vec<ParameterSpec> {
    let (hidden, intermediate) = (config.hidden_size, config.intermediate_size);
    let names = TensorNames::of(config.model_type);
    let embeddings = format!("{}embeddings", names.encoder);
    // A table whose first rows are not used holds a row for padding; BERT's positions start with row 0, which is like the others.
    let positions = if config.first_position_id() > 0 { Role::PaddedEmbedding } else { Role::Weight };
    let mut specs = Specs(Vec::new());
    specs.add(&names.word_embeddings(), &[config.vocab_size, hidden], Role::PaddedEmbedding);
    specs.0[0].rows_in_memory = (config.vocab_size as u64).next_multiple_of(VOCABULARY_MULTIPLE) as i64;
    specs.add(&format!("{embeddings}.position_embeddings.weight"), &[config.max_position_embeddings, hidden], positions);
    specs.add(&format!("{embeddings}.token_type_embeddings.weight"), &[config.type_vocab_size, hidden], Role::Weight);
    specs.add_layer_norm(&format!("{embeddings}.LayerNorm"), hidden);
    for layer in 0..config.num_hidden_layers {
        let prefix = format!("{}encoder.layer.{layer}", names.encoder);
        specs.add_linear(&format!("{prefix}.attention.{}", QKV.trim_end_matches('.')), hidden, 3 * hidden);
        specs.add_linear(&format!("{prefix}.attention.output.dense"), hidden, hidden);
        specs.add_layer_norm(&format!("{prefix}.attention.output.LayerNorm"), hidden);
        specs.add_linear(&format!("{prefix}.intermediate.dense"), hidden, intermediate);
        specs.add_linear(&format!("{prefix}.output.dense"), intermediate, hidden);
        specs.add_layer_norm(&format!("{prefix}.output.LayerNorm"), hidden);
    }
    specs.add_linear(names.head_dense, hidden, hidden);
    specs.add_layer_norm(names.head_norm, hidden);
    specs.add(names.head_bias, &[config.vocab_size], Role::Bias);
    specs.0
}

struct Specs(Vec<ParameterSpec>);

impl Specs {
    fn add(&mut self, name: &str, shape: &[i64], role: Role) {
        self.0.push(ParameterSpec { name: name.to_owned(), shape: shape.to_vec(), rows_in_memory: shape[0], role });
    }

    fn add_linear(&mut self, name: &str, inputs: i64, outputs: i64) {
        self.add(&format!("{name}.weight"), &[outputs, inputs], Role::Weight);
        self.add(&format!("{name}.bias"), &[outputs], Role::Bias);
    }

    fn add_layer_norm(&mut self, name: &str, size: i64) {
        self.add(&format!("{name}.weight"), &[size], Role::LayerNormWeight);
        self.add(&format!("{name}.bias"), &[size], Role::Bias);
    }
}

/// Fresh parameters, as Hugging Face starts them: weights normal(0, `initializer_range`), biases 0, layer norms 1, padding rows 0.
pub fn initial_parameters(config: &EncoderConfig, seed: u64) -> Result<Vec<Tensor>> {
    tch::manual_seed(seed as i64);
    let options = (Kind::Float, tch::Device::Cpu);
    let start = |spec: &ParameterSpec| -> Result<Tensor> {
        Ok(match spec.role {
            Role::Bias => Tensor::f_zeros(&spec.shape, options)?,
            Role::LayerNormWeight => Tensor::f_ones(&spec.shape, options)?,
            Role::Weight => Tensor::f_empty(&spec.shape, options)?.f_normal_(0.0, config.initializer_range)?,
            Role::PaddedEmbedding => {
                let table = Tensor::f_empty(&spec.shape, options)?.f_normal_(0.0, config.initializer_range)?;
                table.f_select(0, config.pad_token_id)?.f_zero_().map(drop)?;
                table
            }
        })
    };
    parameter_specs(config).iter().map(start).collect()
}

/// Parameters under their names in Hugging Face's files; the tensors share their memory with those given.
pub fn to_hugging_face(specs: &[ParameterSpec], parameters: &[Tensor]) -> Result<Vec<(String, Tensor)>> {
    let mut named = Vec::with_capacity(parameters.len());
    for (spec, parameter) in specs.iter().zip(parameters) {
        if spec.name.contains(QKV) {
            let parts = parameter.f_chunk(QKV_PARTS.len() as i64, 0)?;
            named.extend(QKV_PARTS.iter().zip(parts).map(|(part, tensor)| (spec.name.replace(QKV, part), tensor)));
        } else {
            named.push((spec.name.clone(), parameter.shallow_clone()));
        }
    }
    Ok(named)
}

/// The names in Hugging Face's files, in the order of [`to_hugging_face`].
pub(crate) fn hugging_face_names(specs: &[ParameterSpec]) -> Vec<String> {
    let names = |spec: &ParameterSpec| {
        if spec.name.contains(QKV) { QKV_PARTS.iter().map(|part| spec.name.replace(QKV, part)).collect() } else { vec![spec.name.clone()] }
    };
    specs.iter().flat_map(names).collect()
}

/// Parameters in the order of `specs` from tensors under Hugging Face's names. Says what is missing, left over or of another shape.
pub fn from_hugging_face(specs: &[ParameterSpec], mut named: BTreeMap<String, Tensor>) -> Result<Vec<Tensor>, ParameterMismatch> {
    let mut take = |name: String, expected: &[i64]| match named.remove(&name) {
        None => Err(ParameterMismatch::Missing { name }),
        Some(tensor) if tensor.size() != expected => {
            Err(ParameterMismatch::Shape { name, expected: expected.to_vec(), found: tensor.size() })
        }
        Some(tensor) => Ok(tensor),
    };
    let mut parameters = Vec::with_capacity(specs.len());
    for ParameterSpec { name, shape, .. } in specs {
        parameters.push(if name.contains(QKV) {
            let mut part_shape = shape.clone();
            part_shape[0] /= QKV_PARTS.len() as i64;
            let parts: Vec<Tensor> = QKV_PARTS.iter().map(|part| take(name.replace(QKV, part), &part_shape)).collect::<Result<_, _>>()?;
            Tensor::cat(&parts, 0)
        } else {
            take(name.clone(), shape)?
        });
    }
    match named.into_keys().next() {
        Some(name) => Err(ParameterMismatch::Unexpected { name }),
        None => Ok(parameters),
    }
}

/// How a file's tensors differ from those of the model.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterMismatch {
    #[error("tensor {name} is missing")]
    Missing { name: String },
    #[error("tensor {name} is no part of the model")]
    Unexpected { name: String },
    #[error("tensor {name} has shape {found:?} instead of {expected:?}")]
    Shape { name: String, expected: Vec<i64>, found: Vec<i64> },
}
