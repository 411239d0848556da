//! Continued pre-training: a run that begins from the weights of a Hugging Face model directory.
//!
//! The model's shape is the directory's, its tokenizer must be that of the shards, and entries that the shards' tokenizer has beyond the
//! model's get new rows.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::{
    checkpoint::{FileHash, hash_file},
    config::Config,
    data::dataset::ShardDirectory,
    error::{Error, Result},
    model::{
        config::{CONFIG_FILE, EncoderConfig},
        parameters::{TensorNames, from_hugging_face, initial_parameters, parameter_specs, to_hugging_face},
        pretrained::Pretrained,
    },
    tokenizer,
};

/// How far a new row lies from the mean of the old ones, in standard deviations of those.
const NEW_ROW_NOISE: f64 = 0.1;

/// Where a run began; every checkpoint of the run states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    pub directory: PathBuf,
    /// Of the files with the weights.
    pub files: Vec<FileHash>,
    /// What was done to the weights, and what could not be checked: a sentence each.
    pub notes: Vec<String>,
}

/// What a run begins with in place of random weights.
#[derive(Debug)]
pub struct Beginning {
    pub model: EncoderConfig,
    /// In the order of [`parameter_specs`].
    pub parameters: Vec<Tensor>,
    pub origin: Origin,
}

impl Beginning {
    /// Reads the model of `train.init_from` and fits it to the shards.
    ///
    /// # Errors
    /// If a file cannot be read, a setting contradicts the model, its padding id or its vocabulary is another than the shards', or a
    /// tensor is missing.
    pub fn read(config: &Config, shards: &ShardDirectory) -> Result<Self> {
        let Pretrained { directory, config: own, files, mut tensors, left_out } = Pretrained::read(&config.train.init_from)?;
        let manifest = shards.manifest();
        let own_file = directory.join(CONFIG_FILE);
        if own.pad_token_id != i64::from(manifest.special_tokens.pad) {
            return Err(Error::BadFile {
                path: own_file,
                expected: format!("pad_token_id {}, as in the shards' manifest", manifest.special_tokens.pad),
                found: own.pad_token_id.to_string(),
                remedy: "build the shards with the model's tokenizer",
            });
        }
        let mut notes: Vec<String> = tokenizer::check_extends(&directory, &shards.tokenizer_dir())?.into_iter().collect();
        let model = config.continued_model(&own, &own_file, manifest)?;
        if !left_out.is_empty() {
            notes.push(format!("left out, as they are no part of the model: {}", left_out.join(", ")));
        }

        let names = TensorNames::of(model.model_type);
        let specs = parameter_specs(&model);
        let used = manifest.tokenizer.vocab_size as i64;
        if used < own.vocab_size {
            notes.push(format!("the shards use {used} of the model's {} vocabulary entries", own.vocab_size));
        }
        if used > own.vocab_size {
            notes.push(format!(
                "vocabulary entries {} to {} are new: mean of the old rows, plus noise of {NEW_ROW_NOISE} of their standard deviation (seed {})",
                own.vocab_size,
                used - 1,
                config.train.seed
            ));
            tch::manual_seed(config.train.seed as i64);
            for name in [names.word_embeddings(), names.head_bias.to_owned()] {
                if let Some(table) = tensors.get_mut(&name).filter(|table| table.size().first() == Some(&own.vocab_size)) {
                    *table = with_new_rows(table, used - own.vocab_size)?;
                }
            }
        }
        if !tensors.keys().any(|name| name.starts_with(names.head)) {
            notes.push(format!(
                "the head for masked language modelling is new: the model has no {}* (seed {})",
                names.head, config.train.seed
            ));
            let fresh = to_hugging_face(&specs, &initial_parameters(&model, config.train.seed)?)?;
            tensors.extend(fresh.into_iter().filter(|(name, _)| name.starts_with(names.head)));
        }
        let parameters = from_hugging_face(&specs, tensors).map_err(|mismatch| Error::BadFile {
            path: directory.clone(),
            expected: format!("the tensors of the {} that config.json describes", model.model_type.title()),
            found: mismatch.to_string(),
            remedy: "use a whole model",
        })?;
        let hash = |path: PathBuf| {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok(FileHash { file, xxh3: hash_file(&path)? })
        };
        let files = files.into_iter().map(hash).collect::<Result<_>>()?;
        Ok(Self { model, parameters, origin: Origin { directory, files, notes } })
    }
}

/// The rows of `table`, then `count` more around their mean (Hewitt, "Initializing new word embeddings for pretrained language models",
/// 2021).
fn with_new_rows(table: &Tensor, count: i64) -> Result<Tensor> {
    let mean = table.f_mean_dim(Some([0_i64].as_slice()), true, Kind::Float)?;
    let spread = table.f_std_dim(Some([0_i64].as_slice()), true, true)?;
    let mut shape = table.size();
    shape[0] = count;
    let noise = Tensor::f_randn(&shape, (Kind::Float, table.device()))?.f_mul(&spread.f_mul_scalar(NEW_ROW_NOISE)?)?;
    Ok(Tensor::f_cat(&[table.shallow_clone(), noise.f_add(&mean)?], 0)?)
}
