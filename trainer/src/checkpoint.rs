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
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tch::Tensor;

use crate::{
    config::Config,
    error::{AtPath, Error, Result, file_of},
    evaluate::Evaluation,
    init_from::Origin,
    model::{
        config::EncoderConfig,
        parameters::{parameter_specs, to_hugging_face},
        weights::{MODEL_FILE, read_parameters, write_safetensors},
    },
    recovery::Recovery,
    trainer::Progress,
};

const CHECKPOINTS_DIR: &str = "checkpoints";
const OPTIMIZER_FILE: &str = "optimizer.safetensors";
const AVERAGE_FILE: &str = "ema.safetensors";
const STATE_FILE: &str = "state.json";
const HASHES_FILE: &str = "hashes.json";
const EXP_AVG: &str = "exp_avg.";
const EXP_AVG_SQ: &str = "exp_avg_sq.";
const STEP_PREFIX: &str = "step-";
const UNFINISHED_PREFIX: &str = ".unfinished-";
const DAMAGED_PREFIX: &str = "damaged-";

/// `state.json`: everything of a checkpoint that is not a tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub program_version: String,
    /// Steps taken.
    pub step: u64,
    /// The whole effective configuration.
    pub config: Config,
    pub model: EncoderConfig,
    pub data: DataFingerprint,
    /// The model that the run began from; none if it began with random weights.
    #[serde(default)]
    pub origin: Option<Origin>,
    pub progress: Progress,
    #[serde(default)]
    pub recovery: Recovery,
    pub last_evaluation: Option<EvaluationRecord>,
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

/// A file and its hash; `hashes.json` has one of these for every other file of the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileHash {
    pub file: String,
    pub xxh3: ContentHash,
}

/// Which checkpoints stay when a new one is written.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// The newest ones.
    pub newest: usize,
    /// And those of every so many steps; 0 = none.
    pub every_steps: u64,
}

/// A checkpoint on disk whose files agree with its `hashes.json`.
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
    /// The moving average of the parameters, if the run keeps one.
    pub average: Option<Vec<Tensor>>,
}

impl State {
    /// The state before the first step.
    pub fn new(config: &Config, model: EncoderConfig, data: DataFingerprint) -> Self {
        let program_version = env!("CARGO_PKG_VERSION").to_owned();
        Self {
            program_version,
            step: 0,
            config: config.clone(),
            model,
            data,
            origin: None,
            progress: Progress::default(),
            recovery: Recovery::default(),
            last_evaluation: None,
        }
    }
}

/// Where the checkpoint of a step lies.
pub fn directory(output: &Path, step: u64) -> PathBuf {
    output.join(CHECKPOINTS_DIR).join(format!("{STEP_PREFIX}{step:08}"))
}

/// Writes a checkpoint beside its final place, then moves it there at once, and removes old ones.
pub fn save(output: &Path, state: &State, tensors: &TensorsToSave, tokenizer: &Path, retention: Retention) -> Result<PathBuf> {
    let parent = output.join(CHECKPOINTS_DIR);
    fs::create_dir_all(&parent).at_path(&parent)?;
    remove_unfinished(&parent)?;
    let finished = directory(output, state.step);
    let name = file_name(&finished).to_owned();
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
    if let Some(average) = &tensors.average {
        write_safetensors(&unfinished.join(AVERAGE_FILE), &named(average, "")?)?;
    }
    copy_tokenizer(tokenizer, &unfinished.join(TOKENIZER_DIR))?;
    write_json(&unfinished.join(STATE_FILE), state)?;
    let files = files_of(tensors.average.is_some());
    let hash = |file: String| Ok(FileHash { xxh3: hash_file(&unfinished.join(&file))?, file });
    write_json(&unfinished.join(HASHES_FILE), &files.into_iter().map(hash).collect::<Result<Vec<FileHash>>>()?)?;

    sync_tree(&unfinished)?;
    if finished.exists() {
        set_aside(&finished)?;
    }
    fs::rename(&unfinished, &finished).at_path(&finished)?;
    sync(&parent)?;
    let is_regular = |step: u64| retention.every_steps > 0 && step.is_multiple_of(retention.every_steps);
    let is_kept = |step: u64| is_regular(step) || state.recovery.last_good_step == Some(step);
    newest_first(output)?.iter().skip(retention.newest).filter(|(step, _)| !is_kept(*step)).try_for_each(|(_, old)| remove(old))?;
    Ok(finished)
}

/// Removes the checkpoints of later steps than `step`, the last one first: the run that returns there takes those steps anew.
pub fn remove_later(output: &Path, step: u64) -> Result<()> {
    remove_unfinished(&output.join(CHECKPOINTS_DIR))?;
    newest_first(output)?.iter().filter(|(later, _)| *later > step).try_for_each(|(_, path)| remove(path))
}

/// Removes a checkpoint under another name, so that a kill cannot leave half of it under the good one.
fn remove(directory: &Path) -> Result<()> {
    let unfinished = directory.with_file_name(format!("{UNFINISHED_PREFIX}{}", file_name(directory)));
    fs::rename(directory, &unfinished).at_path(directory)?;
    fs::remove_dir_all(&unfinished).at_path(&unfinished)
}

/// The names of a checkpoint's files, without `hashes.json`.
fn files_of(has_average: bool) -> Vec<String> {
    let tensors = [MODEL_FILE, OPTIMIZER_FILE].into_iter().chain(has_average.then_some(AVERAGE_FILE));
    let tokenizer = TOKENIZER_FILES.iter().map(|name| format!("{TOKENIZER_DIR}/{name}"));
    tensors.chain([STATE_FILE]).map(str::to_owned).chain(tokenizer).collect()
}

/// Gives the checkpoints of later steps than `step` another name: a run that goes on from there found them damaged.
pub fn set_aside_later(output: &Path, step: u64) -> Result<()> {
    newest_first(output)?.iter().filter(|(later, _)| *later > step).try_for_each(|(_, path)| set_aside(path))
}

fn set_aside(directory: &Path) -> Result<()> {
    let aside = directory.with_file_name(format!("{DAMAGED_PREFIX}{}", file_name(directory)));
    if aside.exists() {
        fs::remove_dir_all(&aside).at_path(&aside)?;
    }
    fs::rename(directory, &aside).at_path(directory)
}

/// The newest checkpoint of a run that checks out, or none if the run has none. Those passed over are named in the log.
pub fn newest(output: &Path) -> Result<Option<Checkpoint>> {
    let mut newest_error = None;
    for (_, directory) in newest_first(output)? {
        match open(&directory) {
            Ok(checkpoint) => return Ok(Some(checkpoint)),
            Err(error) if error.is_damage() => {
                log::warn!("passing over the damaged checkpoint {}: {error}", directory.display());
                newest_error.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    newest_error.map_or(Ok(None), Err)
}

/// Whether a run has saved anything.
pub fn any(output: &Path) -> Result<bool> {
    Ok(!newest_first(output)?.is_empty())
}

/// Compares every file with its hash, then reads `state.json`.
pub fn open(directory: &Path) -> Result<Checkpoint> {
    const REMEDY: &str = "the checkpoint was altered: use an older one";
    let path = file_of(directory, HASHES_FILE, "a checkpoint", "name one of those below the checkpoints folder of a run")?;
    let hashes: Vec<FileHash> = read_json(&path)?;
    let found: Vec<&str> = hashes.iter().map(|hash| hash.file.as_str()).collect();
    if !([false, true].map(files_of).iter().any(|files| *files == found)) {
        let (expected, found) = (format!("the files {}", files_of(false).join(", ")), found.join(", "));
        return Err(Error::BadFile { path, expected, found, remedy: REMEDY });
    }
    for FileHash { file, xxh3 } in &hashes {
        let path = directory.join(file);
        let found = hash_file(&path)?;
        if found != *xxh3 {
            let (expected, found) = (format!("hash {xxh3}"), found.to_string());
            return Err(Error::BadFile { path, expected, found, remedy: REMEDY });
        }
    }
    let state = read_json(&directory.join(STATE_FILE))?;
    Ok(Checkpoint { directory: directory.to_owned(), state })
}

impl Checkpoint {
    /// Refuses to go on with another model, other data or another stream of samples than those of the checkpoint.
    pub fn check_resumable(&self, now: &State) -> Result<()> {
        const SAME_CONFIG: &str = "resume with the configuration that the run began with, or begin a new run in another train.output";
        const SAME_DATA: &str = "resume with the shards that the run began with, or begin a new run in another train.output";
        let check = |what: &str, expected: String, found: String, remedy| {
            let (path, what) = (self.directory.clone(), what.to_owned());
            if expected == found { Ok(()) } else { Err(Error::Resume { path, what, expected, found, remedy }) }
        };
        let before = &self.state;
        check("the tokenizer", before.data.tokenizer_hash.to_string(), now.data.tokenizer_hash.to_string(), SAME_DATA)?;
        check("the data", before.data.manifest_hash.to_string(), now.data.manifest_hash.to_string(), SAME_DATA)?;
        if let Some((what, expected, found)) = before.model.difference(&now.model)? {
            check(&format!("model.{what}"), expected, found, SAME_CONFIG)?;
        }
        let same = |what, setting: &dyn Fn(&Config) -> String| check(what, setting(&before.config), setting(&now.config), SAME_CONFIG);
        same("train.seed", &|config| config.train.seed.to_string())?;
        same("data.global_batch_size", &|config| config.data.global_batch_size.to_string())?;
        same("schedule.batch_warmup_steps", &|config| config.schedule.batch_warmup_steps.to_string())?;
        same("schedule.batch_warmup_start_size", &|config| config.schedule.batch_warmup_start_size.to_string())?;
        same("the warm-up of lengths (schedule.length_warmup_steps and length_warmup_start)", &|config| {
            format!("{:?}", config.length_warmup())
        })?;
        same("eval.rows", &|config| config.eval.rows.to_string())
    }

    /// The fp32 parameters, in the order of [`parameter_specs`].
    pub fn parameters(&self) -> Result<Vec<Tensor>> {
        read_parameters(&self.directory.join(MODEL_FILE), &self.state.model, "")
    }

    /// The moving average of the parameters, in the order of [`parameter_specs`], if the run kept one.
    pub fn average(&self) -> Result<Option<Vec<Tensor>>> {
        self.average_file().map(|path| read_parameters(&path, &self.state.model, "")).transpose()
    }

    /// The safetensors file of that average.
    pub fn average_file(&self) -> Option<PathBuf> {
        Some(self.directory.join(AVERAGE_FILE)).filter(|path| path.exists())
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

/// The steps and folders of finished checkpoints, the highest step first.
fn newest_first(output: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut steps: Vec<(u64, PathBuf)> = children(&output.join(CHECKPOINTS_DIR))?
        .into_iter()
        .filter_map(|path| Some((file_name(&path).strip_prefix(STEP_PREFIX)?.parse().ok()?, path)))
        .collect();
    steps.sort();
    steps.reverse();
    Ok(steps)
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

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    fs::write(path, serde_json::to_vec_pretty(value).at_path(path)?).at_path(path)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&fs::read(path).at_path(path)?).at_path(path)
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
