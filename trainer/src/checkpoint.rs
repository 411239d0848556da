//! Checkpoints: a folder per saved step that is either whole or not there, and the search for the newest sound one.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use schemas::{
    TOKENIZER_DIR, TOKENIZER_FILES,
    hash::{ContentHash, StreamingHash},
};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::{
    config::Config,
    error::{AtPath, Error, Result},
    evaluate::Evaluation,
    init_from::Origin,
    model::{
        config::RobertaConfig,
        parameters::{parameter_specs, to_hugging_face},
        weights::{MODEL_FILE, read_parameters, write_safetensors},
    },
};

const CHECKPOINTS_DIR: &str = "checkpoints";
const OPTIMIZER_FILE: &str = "optimizer.safetensors";
const STATE_FILE: &str = "state.json";
const EXP_AVG: &str = "exp_avg.";
const EXP_AVG_SQ: &str = "exp_avg_sq.";
const STEP_PREFIX: &str = "step-";
const UNFINISHED_PREFIX: &str = ".unfinished-";

/// `state.json`: everything of a checkpoint that is not a tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub program_version: String,
    /// Steps taken.
    pub step: u64,
    /// The whole effective configuration.
    pub config: Config,
    pub model: RobertaConfig,
    pub data: DataFingerprint,
    /// The model that the run began from; none if it began with random weights.
    #[serde(default)]
    pub origin: Option<Origin>,
    pub last_evaluation: Option<EvaluationRecord>,
    /// Of the two tensor files; filled in when they are written.
    pub files: Vec<FileHash>,
}

/// What a run was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFingerprint {
    pub manifest_hash: ContentHash,
    pub tokenizer_hash: ContentHash,
    pub num_rows: u64,
    pub num_tokens: u64,
}

/// The result of an evaluation, and after how many steps it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    pub step: u64,
    pub result: Evaluation,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHash {
    pub file: String,
    pub xxh3: ContentHash,
}

/// A checkpoint on disk whose files agree with its `state.json`.
#[derive(Debug)]
pub struct Checkpoint {
    pub directory: PathBuf,
    pub state: State,
}

/// The tensors of a checkpoint, each list in the order of [`parameter_specs`].
#[derive(Debug)]
pub struct TensorsToSave {
    pub parameters: Vec<Tensor>,
    pub exp_avg: Vec<Tensor>,
    pub exp_avg_sq: Vec<Tensor>,
}

impl State {
    /// The state before the first step.
    pub fn new(config: &Config, model: RobertaConfig, data: DataFingerprint) -> Self {
        let program_version = env!("CARGO_PKG_VERSION").to_owned();
        Self { program_version, step: 0, config: config.clone(), model, data, origin: None, last_evaluation: None, files: Vec::new() }
    }
}

/// Writes a checkpoint beside its final place, then moves it there at once; keeps the newest `keep`.
pub fn save(output: &Path, mut state: State, tensors: &TensorsToSave, tokenizer: &Path, keep: usize) -> Result<PathBuf> {
    let parent = output.join(CHECKPOINTS_DIR);
    fs::create_dir_all(&parent).at_path(&parent)?;
    remove_unfinished(&parent)?;
    let name = format!("{STEP_PREFIX}{:08}", state.step);
    let unfinished = parent.join(format!("{UNFINISHED_PREFIX}{name}"));
    fs::create_dir(&unfinished).at_path(&unfinished)?;

    let specs = parameter_specs(&state.model);
    let named = |parameters: &[Tensor], prefix: &str| -> Result<Vec<(String, Tensor)>> {
        let tensors = to_hugging_face(&specs, parameters)?;
        Ok(tensors.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect())
    };
    write_safetensors(&unfinished.join(MODEL_FILE), &named(&tensors.parameters, "")?)?;
    let mut moments = named(&tensors.exp_avg, EXP_AVG)?;
    moments.extend(named(&tensors.exp_avg_sq, EXP_AVG_SQ)?);
    write_safetensors(&unfinished.join(OPTIMIZER_FILE), &moments)?;
    copy_tokenizer(tokenizer, &unfinished.join(TOKENIZER_DIR))?;
    let hash = |file: &str| Ok(FileHash { file: file.to_owned(), xxh3: hash_file(&unfinished.join(file))? });
    state.files = [MODEL_FILE, OPTIMIZER_FILE].into_iter().map(hash).collect::<Result<_>>()?;
    let state_path = unfinished.join(STATE_FILE);
    fs::write(&state_path, serde_json::to_vec_pretty(&state).at_path(&state_path)?).at_path(&state_path)?;

    sync_tree(&unfinished)?;
    let finished = parent.join(name);
    if finished.exists() {
        fs::remove_dir_all(&finished).at_path(&finished)?;
    }
    fs::rename(&unfinished, &finished).at_path(&finished)?;
    sync(&parent)?;
    for old in newest_first(output)?.into_iter().skip(keep) {
        fs::remove_dir_all(&old).at_path(&old)?;
    }
    Ok(finished)
}

/// The newest checkpoint of a run that checks out, or none if the run has none. Those passed over are named in the log.
pub fn newest(output: &Path) -> Result<Option<Checkpoint>> {
    let mut newest_error = None;
    for directory in newest_first(output)? {
        match open(&directory) {
            Ok(checkpoint) => return Ok(Some(checkpoint)),
            Err(error) => {
                log::warn!("passing over a damaged checkpoint: {error}");
                newest_error.get_or_insert(error);
            }
        }
    }
    newest_error.map_or(Ok(None), Err)
}

/// Whether a run has saved anything.
pub fn any(output: &Path) -> Result<bool> {
    Ok(!newest_first(output)?.is_empty())
}

/// Reads `state.json` and compares the hashes of the files that it names.
pub fn open(directory: &Path) -> Result<Checkpoint> {
    let path = directory.join(STATE_FILE);
    let state: State = serde_json::from_slice(&fs::read(&path).at_path(&path)?).at_path(&path)?;
    for FileHash { file, xxh3 } in &state.files {
        let path = directory.join(file);
        let found = hash_file(&path)?;
        if found != *xxh3 {
            let (expected, found) = (format!("hash {xxh3}"), found.to_string());
            return Err(Error::BadFile { path, expected, found, remedy: "the file was altered: use an older checkpoint" });
        }
    }
    Ok(Checkpoint { directory: directory.to_owned(), state })
}

impl Checkpoint {
    /// Refuses to go on with another model, other data or another stream of samples than those of the checkpoint.
    pub fn check_resumable(&self, now: &State) -> Result<()> {
        const SAME_CONFIG: &str = "resume with the configuration that the run began with, or begin a new run in another train.output";
        const SAME_DATA: &str = "resume with the shards that the run began with, or begin a new run in another train.output";
        let check = |what, expected: String, found: String, remedy| {
            let path = self.directory.clone();
            if expected == found { Ok(()) } else { Err(Error::Resume { path, what, expected, found, remedy }) }
        };
        let before = &self.state;
        check("the tokenizer", before.data.tokenizer_hash.to_string(), now.data.tokenizer_hash.to_string(), SAME_DATA)?;
        check("the data", before.data.manifest_hash.to_string(), now.data.manifest_hash.to_string(), SAME_DATA)?;
        check("the model", format!("{:?}", before.model), format!("{:?}", now.model), SAME_CONFIG)?;
        let (before, now) = (&before.config, &now.config);
        check("train.seed", before.train.seed.to_string(), now.train.seed.to_string(), SAME_CONFIG)?;
        let [before_rows, now_rows] = [before, now].map(|config| config.data.global_batch_size.to_string());
        check("data.global_batch_size", before_rows, now_rows, SAME_CONFIG)?;
        check("eval.rows", before.eval.rows.to_string(), now.eval.rows.to_string(), SAME_CONFIG)
    }

    /// The fp32 parameters, in the order of [`parameter_specs`].
    pub fn parameters(&self) -> Result<Vec<Tensor>> {
        read_parameters(&self.directory.join(MODEL_FILE), &self.state.model, "")
    }

    /// The optimizer's two moments, each in the order of [`parameter_specs`].
    pub fn moments(&self) -> Result<[Vec<Tensor>; 2]> {
        let path = self.directory.join(OPTIMIZER_FILE);
        let [exp_avg, exp_avg_sq] = [EXP_AVG, EXP_AVG_SQ].map(|prefix| read_parameters(&path, &self.state.model, prefix));
        Ok([exp_avg?, exp_avg_sq?])
    }
}

/// Copies the tokenizer's files into `target`.
pub fn copy_tokenizer(source: &Path, target: &Path) -> Result<()> {
    fs::create_dir_all(target).at_path(target)?;
    for name in TOKENIZER_FILES {
        let path = source.join(name);
        fs::copy(&path, target.join(name)).at_path(&path)?;
    }
    Ok(())
}

/// The folders of finished checkpoints, the highest step first.
fn newest_first(output: &Path) -> Result<Vec<PathBuf>> {
    let mut steps: Vec<(u64, PathBuf)> = children(&output.join(CHECKPOINTS_DIR))?
        .into_iter()
        .filter_map(|path| Some((file_name(&path).strip_prefix(STEP_PREFIX)?.parse().ok()?, path)))
        .collect();
    steps.sort();
    Ok(steps.into_iter().rev().map(|(_, path)| path).collect())
}

fn remove_unfinished(parent: &Path) -> Result<()> {
    for path in children(parent)?.into_iter().filter(|path| file_name(path).starts_with(UNFINISHED_PREFIX)) {
        fs::remove_dir_all(&path).at_path(&path)?;
    }
    Ok(())
}

/// What a folder holds; nothing, if there is no such folder.
fn children(directory: &Path) -> Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>().at_path(directory),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).at_path(directory),
    }
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

pub(crate) fn hash_file(path: &Path) -> Result<ContentHash> {
    let mut hash = StreamingHash::default();
    io::copy(&mut File::open(path).at_path(path)?, &mut hash).at_path(path)?;
    Ok(hash.finish())
}

/// Makes a folder and all that is in it survive a loss of power.
fn sync_tree(path: &Path) -> Result<()> {
    if path.is_dir() {
        children(path)?.iter().try_for_each(|child| sync_tree(child))?;
    }
    sync(path)
}

fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).at_path(path)
}
