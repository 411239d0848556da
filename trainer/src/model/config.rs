//! The shape of a model, as Hugging Face's `config.json` states it.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::error::{AtPath, Error, Result};

/// The file's name in a model directory.
pub const CONFIG_FILE: &str = "config.json";
const MODEL_TYPE: &str = "roberta";
const ARCHITECTURE: &str = "RobertaForMaskedLM";

/// A `RobertaConfig` of Hugging Face, with its names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RobertaConfig {
    pub vocab_size: i64,
    pub hidden_size: i64,
    pub num_hidden_layers: usize,
    pub num_attention_heads: i64,
    pub intermediate_size: i64,
    pub hidden_act: HiddenActivation,
    pub hidden_dropout_prob: f64,
    pub attention_probs_dropout_prob: f64,
    pub max_position_embeddings: i64,
    pub type_vocab_size: i64,
    pub layer_norm_eps: f64,
    pub initializer_range: f64,
    pub pad_token_id: i64,
    pub bos_token_id: i64,
    pub eos_token_id: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HiddenActivation {
    /// The exact one, with the error function.
    #[default]
    Gelu,
}

/// `config.json`: the shape, and what transformers needs to choose its class.
#[derive(Serialize, Deserialize)]
struct ConfigFile {
    model_type: String,
    architectures: Vec<String>,
    #[serde(default = "true_by_default")]
    tie_word_embeddings: bool,
    #[serde(default = "float32")]
    dtype: String,
    #[serde(flatten)]
    config: RobertaConfig,
}

fn true_by_default() -> bool {
    true
}

fn float32() -> String {
    "float32".into()
}

impl RobertaConfig {
    pub fn head_size(&self) -> i64 {
        self.hidden_size / self.num_attention_heads
    }

    /// The longest segment that has positions: the first `pad_token_id + 1` rows of the position table are not used.
    pub fn max_segment_length(&self) -> i64 {
        self.max_position_embeddings - self.first_position_id()
    }

    pub fn first_position_id(&self) -> i64 {
        self.pad_token_id + 1
    }

    /// Reads the `config.json` of a model directory.
    pub fn from_directory(directory: &Path) -> Result<Self> {
        let path = directory.join(CONFIG_FILE);
        let file: ConfigFile = serde_json::from_slice(&fs::read(&path).at_path(&path)?).at_path(&path)?;
        let unsupported = |expected: &str, found: String| Error::BadFile {
            path: path.clone(),
            expected: expected.to_owned(),
            found,
            remedy: "use a directory written by `drbert export`",
        };
        if file.model_type != MODEL_TYPE || file.architectures != [ARCHITECTURE] {
            return Err(unsupported(&format!("a {ARCHITECTURE}"), format!("{} ({})", file.architectures.join(", "), file.model_type)));
        }
        if !file.tie_word_embeddings {
            return Err(unsupported("tied word embeddings", "tie_word_embeddings = false".into()));
        }
        Ok(file.config)
    }

    /// The text of a `config.json` that transformers loads.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let file = ConfigFile {
            model_type: MODEL_TYPE.into(),
            architectures: vec![ARCHITECTURE.into()],
            tie_word_embeddings: true,
            dtype: float32(),
            config: self.clone(),
        };
        serde_json::to_string_pretty(&file).map(|text| text + "\n")
    }

    /// Floating-point operations of the matrix products of one forward pass over segments of these lengths.
    ///
    /// A multiplication and an addition count as two. Backward costs twice the forward.
    pub fn forward_flops(&self, segment_lengths: &[i64], num_masked: usize) -> f64 {
        let (hidden, intermediate) = (self.hidden_size as f64, self.intermediate_size as f64);
        let layers = self.num_hidden_layers as f64;
        let tokens: f64 = segment_lengths.iter().map(|&length| length as f64).sum();
        let squares: f64 = segment_lengths.iter().map(|&length| (length as f64).powi(2)).sum();
        let blocks = 2.0 * layers * (4.0 * hidden * hidden + 2.0 * hidden * intermediate) * tokens;
        let attention = 4.0 * layers * hidden * squares;
        let head = 2.0 * (hidden * hidden + hidden * self.vocab_size as f64) * num_masked as f64;
        blocks + attention + head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn base() -> RobertaConfig {
        RobertaConfig {
            vocab_size: 32_005,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3_072,
            hidden_act: HiddenActivation::Gelu,
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            max_position_embeddings: 514,
            type_vocab_size: 1,
            layer_norm_eps: 1e-5,
            initializer_range: 0.02,
            pad_token_id: 1,
            bos_token_id: 5,
            eos_token_id: 6,
        }
    }

    #[test]
    fn flops_are_those_of_the_published_arithmetic() {
        // Forward and backward of 12 × 768 with 512-token segments: 509.6 + 56.6 MFLOP a token, and 151.0 a predicted position.
        let per_token = 3.0 * base().forward_flops(&[512], 0) / 512.0;
        assert!((per_token / 1e6 - 566.2).abs() < 0.1, "{per_token}");
        let per_masked = 3.0 * base().forward_flops(&[], 1);
        assert!((per_masked / 1e6 - 151.0).abs() < 0.1, "{per_masked}");
    }

    #[test]
    fn config_json_is_read_back_and_other_models_are_refused() {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let path = directory.path().join(CONFIG_FILE);
        let text = base().to_json().expect("a config is JSON");
        fs::write(&path, &text).expect("the folder can be written");
        assert_eq!(RobertaConfig::from_directory(directory.path()).expect("our own file"), base());
        fs::write(&path, text.replace(ARCHITECTURE, "BertForMaskedLM")).expect("the folder can be written");
        let error = RobertaConfig::from_directory(directory.path()).expect_err("another architecture").to_string();
        assert!(error.contains("expected a RobertaForMaskedLM, found BertForMaskedLM"), "{error}");
    }
}
