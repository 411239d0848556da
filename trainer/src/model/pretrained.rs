//! A model directory of Hugging Face, whatever wrote it: its shape, and its tensors as this program names them.
//!
//! Files differ in small ways by their age and by the class that was saved. What is put right here: one file or several with an index,
//! safetensors or `pytorch_model.bin`, half precision, `gamma` and `beta` for `weight` and `bias`, the encoder's names with or without the
//! model's, the decoder stored a second time, and the heads of other tasks beside or in place of that for masked language modelling.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use tch::{Device, Tensor};

use super::{
    config::EncoderConfig,
    masked_lm::MaskedLm,
    parameters::{TensorNames, from_hugging_face, hugging_face_names, parameter_specs},
    torch_file::read_torch_file,
    weights::{MODEL_FILE, read_safetensors},
};
use crate::error::{AtPath, Error, Result};

const INDEX_FILE: &str = "model.safetensors.index.json";
const TORCH_FILE: &str = "pytorch_model.bin";
const TORCH_INDEX_FILE: &str = "pytorch_model.bin.index.json";

/// A model directory, read.
#[derive(Debug)]
pub struct Pretrained {
    pub directory: PathBuf,
    pub config: EncoderConfig,
    /// The files that hold the tensors.
    pub files: Vec<PathBuf>,
    /// fp32, under Hugging Face's names: those of the model alone. The head may be missing.
    pub tensors: BTreeMap<String, Tensor>,
    /// Tensors of the files that have no place in the model.
    pub left_out: Vec<String>,
}

/// `model.safetensors.index.json`: which file holds which tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Loads a Hugging Face model directory.
pub fn load_model(directory: &Path, device: Device) -> Result<MaskedLm> {
    let Pretrained { config, tensors, files, .. } = Pretrained::read(directory)?;
    let parameters = from_hugging_face(&parameter_specs(&config), tensors).map_err(|mismatch| Error::BadFile {
        path: files.into_iter().next().unwrap_or_else(|| directory.to_owned()),
        expected: format!("the tensors of a {}", config.model_type.architecture()),
        found: mismatch.to_string(),
        remedy: "use a model with a head for masked language modelling",
    })?;
    let on_device: Vec<Tensor> = parameters.iter().map(|tensor| Ok(tensor.f_to_device(device)?)).collect::<Result<_>>()?;
    Ok(MaskedLm::new(config, &on_device))
}

impl Pretrained {
    /// Reads the configuration and every tensor. Whether the tensors are all there and of the right shape is for the caller to check.
    pub fn read(directory: &Path) -> Result<Self> {
        let config = EncoderConfig::from_directory(directory)?;
        let files = weight_files(directory)?;
        let mut found = BTreeMap::new();
        for file in &files {
            let is_torch_file = file.extension().is_some_and(|extension| extension == "bin");
            found.append(&mut if is_torch_file { read_torch_file(file)? } else { read_safetensors(file, "")? });
        }
        let names = TensorNames::of(config.model_type);
        let mut tensors = rename(found, names);
        untie(&mut tensors, names, directory)?;
        let known: BTreeSet<String> = hugging_face_names(&parameter_specs(&config)).into_iter().collect();
        let left_out: Vec<String> = tensors.keys().filter(|name| !known.contains(*name)).cloned().collect();
        tensors.retain(|name, _| known.contains(name));
        Ok(Self { directory: directory.to_owned(), config, files, tensors, left_out })
    }
}

/// The files with the tensors, the newer format first.
fn weight_files(directory: &Path) -> Result<Vec<PathBuf>> {
    for (whole, index) in [(MODEL_FILE, INDEX_FILE), (TORCH_FILE, TORCH_INDEX_FILE)] {
        let (whole, index) = (directory.join(whole), directory.join(index));
        if whole.exists() {
            return Ok(vec![whole]);
        }
        if index.exists() {
            return indexed_files(&index);
        }
    }
    Err(Error::BadFile {
        path: directory.to_owned(),
        expected: format!("{MODEL_FILE}, {INDEX_FILE}, {TORCH_FILE} or {TORCH_INDEX_FILE}"),
        found: "none of them".into(),
        remedy: "name a model directory of Hugging Face",
    })
}

fn indexed_files(index: &Path) -> Result<Vec<PathBuf>> {
    let Index { weight_map } = serde_json::from_slice(&fs::read(index).at_path(index)?).at_path(index)?;
    let files: BTreeSet<String> = weight_map.into_values().collect();
    let beside = |file: String| {
        let is_name = Path::new(&file).file_name().is_some_and(|name| name == file.as_str());
        if is_name { Ok(index.with_file_name(file)) } else { Err(file) }
    };
    files.into_iter().map(beside).collect::<Result<_, _>>().map_err(|file| Error::BadFile {
        path: index.to_owned(),
        expected: "files of the same folder".into(),
        found: file,
        remedy: "put the files beside their index",
    })
}

/// Today's names for those of older files.
fn rename(found: BTreeMap<String, Tensor>, names: &TensorNames) -> BTreeMap<String, Tensor> {
    let bare = ["embeddings.", "encoder."];
    let rename = |name: String| {
        let name = match name.strip_suffix(".gamma") {
            Some(norm) => format!("{norm}.weight"),
            None => name.strip_suffix(".beta").map(|norm| format!("{norm}.bias")).unwrap_or(name),
        };
        if bare.iter().any(|start| name.starts_with(start)) { format!("{}{name}", names.encoder) } else { name }
    };
    found.into_iter().map(|(name, tensor)| (rename(name), tensor)).collect()
}

/// Leaves one copy of the decoder: its weight is that of the word embeddings, its bias that of the head.
fn untie(tensors: &mut BTreeMap<String, Tensor>, names: &TensorNames, directory: &Path) -> Result<()> {
    let mut merge = |copy: &str, original: String| -> Result<()> {
        let Some(copied) = tensors.remove(copy) else { return Ok(()) };
        let original_tensor = tensors.entry(original.clone()).or_insert_with(|| copied.shallow_clone());
        if original_tensor.size() == copied.size() && original_tensor.f_equal(&copied)? {
            return Ok(());
        }
        Err(Error::BadFile {
            path: directory.to_owned(),
            expected: format!("{copy} equal to {original}, as config.json says (tie_word_embeddings)"),
            found: "different numbers".into(),
            remedy: "use a model whose decoder is tied",
        })
    };
    merge(names.decoder_weight, names.word_embeddings())?;
    merge(names.decoder_bias, names.head_bias.to_owned())
}
