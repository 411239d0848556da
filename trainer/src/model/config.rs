//! The shape of a model, as Hugging Face's `config.json` states it.

use std::{fmt, fs, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{AtPath, Error, Result, file_of};

/// What Hugging Face takes where a `config.json` leaves it out.
const DEFAULT_LAYER_NORM_EPS: f64 = 1e-12;
/// The file's name in a model directory.
pub const CONFIG_FILE: &str = "config.json";

/// Which of Hugging Face's models it is. The first three are one model under three names; BERT differs from them in how positions are
/// counted and in the names of its tensors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelType {
    #[default]
    Roberta,
    Camembert,
    XlmRoberta,
    Bert,
}

impl ModelType {
    /// Hugging Face's class with a head for masked language modelling.
    pub fn architecture(self) -> &'static str {
        match self {
            Self::Roberta => "RobertaForMaskedLM",
            Self::Camembert => "CamembertForMaskedLM",
            Self::XlmRoberta => "XLMRobertaForMaskedLM",
            Self::Bert => "BertForMaskedLM",
        }
    }

    /// The name by which people know it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Roberta => "RoBERTa",
            Self::Camembert => "CamemBERT",
            Self::XlmRoberta => "XLM-RoBERTa",
            Self::Bert => "BERT",
        }
    }

    /// The padding id of Hugging Face's configuration, which a `config.json` may leave out.
    fn default_pad_token_id(self) -> i64 {
        i64::from(self != Self::Bert)
    }
}

/// As in `config.json`.
impl fmt::Display for ModelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A `RobertaConfig` or `BertConfig` of Hugging Face, with its names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncoderConfig {
    #[serde(default)]
    pub model_type: ModelType,
    pub vocab_size: i64,
    pub hidden_size: i64,
    pub num_hidden_layers: usize,
    pub num_attention_heads: i64,
    pub intermediate_size: i64,
    #[serde(default)]
    pub hidden_act: HiddenActivation,
    pub hidden_dropout_prob: f64,
    pub attention_probs_dropout_prob: f64,
    pub max_position_embeddings: i64,
    pub type_vocab_size: i64,
    pub layer_norm_eps: f64,
    pub initializer_range: f64,
    pub pad_token_id: i64,
    /// BERT's own files do not state it, nor the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bos_token_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eos_token_id: Option<i64>,
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
    #[serde(default)]
    architectures: Vec<String>,
    #[serde(default = "true_by_default")]
    tie_word_embeddings: bool,
    #[serde(default, skip_serializing)]
    is_decoder: bool,
    #[serde(default = "absolute", skip_serializing)]
    position_embedding_type: String,
    #[serde(default = "float32")]
    dtype: String,
    #[serde(flatten)]
    config: EncoderConfig,
}

fn true_by_default() -> bool {
    true
}

fn absolute() -> String {
    "absolute".into()
}

fn float32() -> String {
    "float32".into()
}

impl EncoderConfig {
    pub fn head_size(&self) -> i64 {
        self.hidden_size / self.num_attention_heads
    }

    /// The longest segment that has positions.
    pub fn max_segment_length(&self) -> i64 {
        self.max_position_embeddings - self.first_position_id()
    }

    /// The row of the position table that a segment's first token takes: BERT counts from 0, the others leave the first
    /// `pad_token_id + 1` rows unused.
    pub fn first_position_id(&self) -> i64 {
        if self.model_type == ModelType::Bert { 0 } else { self.pad_token_id + 1 }
    }

    /// The base model of DrBERT's family of this type: DrBERT-7-GB, `CamemBERT` base, or `PubMedBERT`.
    pub fn base(model_type: ModelType) -> Self {
        let roberta = Self {
            model_type,
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
            bos_token_id: Some(5),
            eos_token_id: Some(6),
        };
        match model_type {
            ModelType::Roberta | ModelType::Camembert | ModelType::XlmRoberta => roberta,
            ModelType::Bert => Self {
                vocab_size: 30_522,
                max_position_embeddings: 512,
                type_vocab_size: 2,
                layer_norm_eps: 1e-12,
                pad_token_id: 0,
                bos_token_id: None,
                eos_token_id: None,
                ..roberta
            },
        }
    }

    /// The first field in which a model of the same weights would not differ: its name, and what it is here and in `other`.
    pub fn difference(&self, other: &Self) -> Result<Option<(String, String, String)>> {
        const FREE: [&str; 3] = ["hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range"];
        let [own, other] = [self, other].map(|config| serde_json::to_value(config).at_path(CONFIG_FILE));
        let (own, other) = (own?, other?);
        let mut fields = own.as_object().into_iter().chain(other.as_object()).flat_map(Map::keys).map(String::as_str);
        let found = fields.find(|&name| own[name] != other[name] && !FREE.contains(&name));
        Ok(found.map(|name| (name.to_owned(), own[name].to_string(), other[name].to_string())))
    }

    /// Reads the `config.json` of a model directory.
    pub fn from_directory(directory: &Path) -> Result<Self> {
        let path = file_of(directory, CONFIG_FILE, "a model directory", "drbert export makes one from a checkpoint")?;
        let mut json: Map<String, Value> = serde_json::from_slice(&fs::read(&path).at_path(&path)?).at_path(&path)?;
        json.retain(|_, value| !value.is_null());
        let Some(stated) = json.get("model_type").cloned() else {
            return Err(Error::BadFile {
                path,
                expected: "a model_type".into(),
                found: "none".into(),
                remedy: "add one to the file, for example \"model_type\": \"bert\"",
            });
        };
        let model_type: ModelType = serde_json::from_value(stated).at_path(&path)?;
        json.entry("pad_token_id").or_insert_with(|| model_type.default_pad_token_id().into());
        json.entry("layer_norm_eps").or_insert(DEFAULT_LAYER_NORM_EPS.into());
        // Its older name, beside which the new one may stand.
        json.remove("torch_dtype");
        let file: ConfigFile = serde_json::from_value(json.into()).at_path(&path)?;

        let supported = |what: &str, expected: &str, found: &str| {
            let (expected, found) = (format!("{what} = {expected}"), found.to_owned());
            let remedy = "use a model of BERT's original architecture";
            if expected.ends_with(&format!("= {found}")) {
                Ok(())
            } else {
                Err(Error::BadFile { path: path.clone(), expected, found, remedy })
            }
        };
        supported("tie_word_embeddings", "true", &file.tie_word_embeddings.to_string())?;
        supported("is_decoder", "false", &file.is_decoder.to_string())?;
        supported("position_embedding_type", &absolute(), &file.position_embedding_type)?;
        Ok(file.config)
    }

    /// The text of a `config.json` that transformers loads.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let file = ConfigFile {
            architectures: vec![self.model_type.architecture().into()],
            tie_word_embeddings: true,
            is_decoder: false,
            position_embedding_type: absolute(),
            dtype: float32(),
            config: self.clone(),
        };
        serde_json::to_string_pretty(&file).map(|text| text + "\n")
    }

    /// Floating-point operations of the matrix products of one forward pass over segments of these lengths, which predicts `num_masked` tokens, spread evenly: the
    /// last layer's are those of these alone, but for the keys and values that they attend to.
    ///
    /// A multiplication and an addition count as two. Backward costs twice the forward.
    pub fn forward_flops(&self, segment_lengths: &[i64], num_masked: usize) -> f64 {
        let (hidden, intermediate) = (self.hidden_size as f64, self.intermediate_size as f64);
        let (layers, masked) = (self.num_hidden_layers as f64, num_masked as f64);
        let tokens: f64 = segment_lengths.iter().map(|&length| length as f64).sum();
        let squares: f64 = segment_lengths.iter().map(|&length| (length as f64).powi(2)).sum();
        let keys_and_values = 2.0 * 2.0 * hidden * hidden;
        let of_queries = 2.0 * (2.0 * hidden * hidden + 2.0 * hidden * intermediate);
        let blocks = layers * keys_and_values * tokens + of_queries * ((layers - 1.0) * tokens + masked);
        let attention = 4.0 * hidden * squares * (layers - 1.0 + masked / tokens.max(1.0));
        let head = 2.0 * (hidden * hidden + hidden * self.vocab_size as f64) * masked;
        blocks + attention + head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flops_are_those_of_the_published_arithmetic() {
        // Forward and backward of 12 × 768 with 512-token segments: 509.6 + 56.6 MFLOP a token, and 151.0 a predicted position, where all of
        // the last layer is computed for all tokens; of it 35.4 for queries and what follows attention, and 4.7 in attention, are computed for the predicted ones alone.
        let base = EncoderConfig::base(ModelType::Roberta);
        let per_token = |masked| 3.0 * base.forward_flops(&[512], masked) / 512.0 / 1e6;
        assert!((per_token(0) - (509.6 + 56.6 - 35.4 - 4.7)).abs() < 0.1, "{}", per_token(0));
        assert!((per_token(512) - (509.6 + 56.6 + 151.0)).abs() < 0.1, "{}", per_token(512));
    }

    /// What is read from a `config.json` of this text.
    fn read(text: &str) -> Result<EncoderConfig> {
        let directory = tempfile::tempdir().expect("a temporary folder");
        fs::write(directory.path().join(CONFIG_FILE), text).expect("the folder can be written");
        EncoderConfig::from_directory(directory.path())
    }

    #[test]
    fn config_json_is_read_back_and_other_models_are_refused() {
        for model_type in [ModelType::Roberta, ModelType::Camembert, ModelType::XlmRoberta, ModelType::Bert] {
            let base = EncoderConfig::base(model_type);
            let text = base.to_json().expect("a config is JSON");
            assert!(text.contains(model_type.architecture()) && text.contains(&format!("\"model_type\": \"{model_type}\"")), "{text}");
            assert_eq!(read(&text).expect("our own file"), base);
        }
        let check = |from: &str, to: &str, expected: &str| {
            let text = EncoderConfig::base(ModelType::Bert).to_json().expect("a config is JSON");
            assert!(text.contains(from), "{text}");
            let error = read(&text.replace(from, to)).expect_err("another model");
            let chain = format!("{error} {}", std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default());
            assert!(chain.contains(expected), "{chain}");
        };
        check("\"bert\"", "\"gpt2\"", "unknown variant `gpt2`, expected one of `roberta`, `camembert`, `xlm-roberta`, `bert`");
        check("\"model_type\"", "\"no_type\"", "expected a model_type, found none; add one to the file");
        check("\"gelu\"", "\"relu\"", "unknown variant `relu`, expected `gelu`");
        check("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false", "expected tie_word_embeddings = true, found false");
        check("\"dtype\"", "\"is_decoder\": true, \"dtype\"", "expected is_decoder = false, found true");
        check(
            "\"dtype\"",
            "\"position_embedding_type\": \"relative_key\", \"dtype\"",
            "expected position_embedding_type = absolute, found relative_key",
        );
    }

    #[test]
    fn a_file_may_leave_the_padding_id_and_more_to_its_type() {
        let without = |model_type| {
            let mut json: Map<String, Value> =
                serde_json::from_str(&EncoderConfig::base(model_type).to_json().expect("a config is JSON")).expect("JSON");
            json.remove("pad_token_id");
            json.remove("layer_norm_eps");
            json.insert("torch_dtype".into(), "float16".into());
            json.insert("bos_token_id".into(), Value::Null);
            read(&Value::from(json).to_string()).expect("a sound file")
        };
        assert_eq!([ModelType::Bert, ModelType::Camembert].map(|model_type| without(model_type).pad_token_id), [0, 1]);
        assert_eq!([ModelType::Bert, ModelType::Camembert].map(|model_type| without(model_type).first_position_id()), [0, 2]);
        assert_eq!(without(ModelType::Roberta).layer_norm_eps.to_bits(), 1e-12_f64.to_bits());
    }
}
