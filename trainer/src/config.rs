//! The settings of a run: a typed TOML file with overrides, checked once. `README.md` explains every key.

use std::{
    fmt::Display,
    fs,
    path::{Path, PathBuf},
};

use schemas::{manifest::Manifest, settings};
use serde::{Deserialize, Serialize};

use crate::{
    data::{micro_batch::AttentionScope, samples::LengthWarmup},
    device::{DeviceChoice, Precision},
    error::{Error, Result},
    model::{
        config::{EncoderConfig, HiddenActivation, ModelType},
        operators::KernelChoice,
    },
    optim::{
        optimizer::{OptimizerKind, OptimizerOptions},
        schedule::{BatchSchedule, DecayShape, Schedule, ScheduleKind},
    },
};

/// Everything that a run depends on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub attention: AttentionScope,
    pub data: DataConfig,
    #[serde(default = "ModelConfig::unstated")]
    pub model: ModelConfig,
    pub masking: MaskingConfig,
    pub optimizer: OptimizerConfig,
    pub schedule: ScheduleConfig,
    pub train: TrainConfig,
    pub checkpoint: CheckpointConfig,
    pub eval: EvalConfig,
    pub log: LogConfig,
    pub distributed: DistributedConfig,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    pub shards: PathBuf,
    pub micro_batch_size: u64,
    pub global_batch_size: u64,
    pub loader_threads: usize,
    pub prefetch_batches: usize,
}

/// As in Hugging Face's config.json. What is not stated is that of the model that the run begins from, or else that of
/// [`EncoderConfig::base`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    #[serde(default)]
    pub model_type: Option<ModelType>,
    #[serde(default)]
    pub hidden_size: Option<i64>,
    #[serde(default)]
    pub num_hidden_layers: Option<usize>,
    #[serde(default)]
    pub num_attention_heads: Option<i64>,
    #[serde(default)]
    pub intermediate_size: Option<i64>,
    #[serde(default)]
    pub hidden_act: Option<HiddenActivation>,
    #[serde(default)]
    pub hidden_dropout_prob: Option<f64>,
    #[serde(default)]
    pub attention_probs_dropout_prob: Option<f64>,
    #[serde(default)]
    pub max_position_embeddings: Option<i64>,
    #[serde(default)]
    pub type_vocab_size: Option<i64>,
    #[serde(default)]
    pub layer_norm_eps: Option<f64>,
    #[serde(default)]
    pub initializer_range: Option<f64>,
    #[serde(default)]
    pub vocab_size: OrManifest,
    #[serde(default)]
    pub pad_token_id: OrManifest,
    #[serde(default)]
    pub bos_token_id: OrManifest,
    #[serde(default)]
    pub eos_token_id: OrManifest,
}

/// A number that the shards' manifest knows: stated again, it must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OrManifest {
    Stated(i64),
    Manifest(ManifestWord),
}

impl Default for OrManifest {
    fn default() -> Self {
        Self::Manifest(ManifestWord::Manifest)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ManifestWord {
    Manifest,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaskingConfig {
    pub probability: f64,
    pub decay_probability: f64,
    pub mask_share: f64,
    pub random_share: f64,
    pub whole_word: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    pub kind: OptimizerKind,
    pub peak_learning_rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    pub weight_decay: f64,
    pub max_gradient_norm: f64,
    pub ema_decay: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    pub kind: ScheduleKind,
    pub warmup_steps: u64,
    pub decay_steps: u64,
    pub decay_shape: DecayShape,
    pub final_ratio: f64,
    pub batch_warmup_steps: u64,
    pub batch_warmup_start_size: u64,
    pub length_warmup_steps: u64,
    pub length_warmup_start: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    pub steps: u64,
    pub seed: u64,
    pub device: DeviceChoice,
    pub precision: Precision,
    pub output: PathBuf,
    pub deterministic: bool,
    pub kernels: KernelChoice,
    pub threads: usize,
    /// A Hugging Face model directory to begin from; empty for random weights.
    pub init_from: PathBuf,
    pub max_skipped_steps: u64,
    pub max_returns: u64,
    pub max_spike_steps: u64,
    pub activation_checkpointing: bool,
    pub cuda_graphs: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointConfig {
    pub interval_steps: u64,
    pub keep: usize,
    pub keep_every_steps: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalConfig {
    pub interval_steps: u64,
    pub rows: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    pub interval_steps: u64,
}

/// Training on several ranks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistributedConfig {
    /// How long a rank waits for the others before it ends the run.
    pub timeout_seconds: u64,
    /// Steps between comparisons of all ranks' parameters; 0 = at the start only.
    pub verify_interval_steps: u64,
    pub gradient_compression: GradientCompression,
    /// Of gradients in fp32 that travel together while the backward pass gives the next ones.
    pub bucket_mib: f64,
}

/// In what precision gradients travel between ranks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GradientCompression {
    /// fp32.
    #[default]
    None,
    Bf16,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self { shards: PathBuf::new(), micro_batch_size: 8, global_batch_size: 32, loader_threads: 2, prefetch_batches: 8 }
    }
}

/// Every setting stated: the keys of `Config::default()` are those that a settings file may hold.
impl Default for ModelConfig {
    fn default() -> Self {
        let base = EncoderConfig::base(ModelType::default());
        Self {
            model_type: Some(base.model_type),
            hidden_size: Some(base.hidden_size),
            num_hidden_layers: Some(base.num_hidden_layers),
            num_attention_heads: Some(base.num_attention_heads),
            intermediate_size: Some(base.intermediate_size),
            hidden_act: Some(base.hidden_act),
            hidden_dropout_prob: Some(base.hidden_dropout_prob),
            attention_probs_dropout_prob: Some(base.attention_probs_dropout_prob),
            max_position_embeddings: Some(base.max_position_embeddings),
            type_vocab_size: Some(base.type_vocab_size),
            layer_norm_eps: Some(base.layer_norm_eps),
            initializer_range: Some(base.initializer_range),
            ..Self::unstated()
        }
    }
}

impl ModelConfig {
    fn unstated() -> Self {
        Self {
            model_type: None,
            hidden_size: None,
            num_hidden_layers: None,
            num_attention_heads: None,
            intermediate_size: None,
            hidden_act: None,
            hidden_dropout_prob: None,
            attention_probs_dropout_prob: None,
            max_position_embeddings: None,
            type_vocab_size: None,
            layer_norm_eps: None,
            initializer_range: None,
            vocab_size: OrManifest::default(),
            pad_token_id: OrManifest::default(),
            bos_token_id: OrManifest::default(),
            eos_token_id: OrManifest::default(),
        }
    }

    /// What is stated, and for the rest what `own` has.
    fn over(&self, own: &EncoderConfig) -> EncoderConfig {
        EncoderConfig {
            model_type: self.model_type.unwrap_or(own.model_type),
            hidden_size: self.hidden_size.unwrap_or(own.hidden_size),
            num_hidden_layers: self.num_hidden_layers.unwrap_or(own.num_hidden_layers),
            num_attention_heads: self.num_attention_heads.unwrap_or(own.num_attention_heads),
            intermediate_size: self.intermediate_size.unwrap_or(own.intermediate_size),
            hidden_act: self.hidden_act.unwrap_or(own.hidden_act),
            hidden_dropout_prob: self.hidden_dropout_prob.unwrap_or(own.hidden_dropout_prob),
            attention_probs_dropout_prob: self.attention_probs_dropout_prob.unwrap_or(own.attention_probs_dropout_prob),
            max_position_embeddings: self.max_position_embeddings.unwrap_or(own.max_position_embeddings),
            type_vocab_size: self.type_vocab_size.unwrap_or(own.type_vocab_size),
            layer_norm_eps: self.layer_norm_eps.unwrap_or(own.layer_norm_eps),
            initializer_range: self.initializer_range.unwrap_or(own.initializer_range),
            ..own.clone()
        }
    }

    /// Refuses a stated number that decides what the weights mean and is another than the weights' own. Dropout may change at any time.
    fn check_agrees(&self, own: &EncoderConfig, own_file: &Path) -> Result<()> {
        let whose = own_file.display().to_string();
        agree("model.model_type", self.model_type, own.model_type, &whose)?;
        agree("model.hidden_size", self.hidden_size, own.hidden_size, &whose)?;
        agree("model.num_hidden_layers", self.num_hidden_layers, own.num_hidden_layers, &whose)?;
        agree("model.num_attention_heads", self.num_attention_heads, own.num_attention_heads, &whose)?;
        agree("model.intermediate_size", self.intermediate_size, own.intermediate_size, &whose)?;
        agree("model.max_position_embeddings", self.max_position_embeddings, own.max_position_embeddings, &whose)?;
        agree("model.type_vocab_size", self.type_vocab_size, own.type_vocab_size, &whose)?;
        agree("model.layer_norm_eps", self.layer_norm_eps, own.layer_norm_eps, &whose)
    }
}

impl Default for MaskingConfig {
    fn default() -> Self {
        Self { probability: 0.15, decay_probability: 0.0, mask_share: 0.8, random_share: 0.1, whole_word: false }
    }
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            kind: OptimizerKind::AdamW,
            peak_learning_rate: 5e-4,
            beta1: 0.9,
            beta2: 0.98,
            epsilon: 1e-6,
            weight_decay: 0.01,
            max_gradient_norm: 1.0,
            ema_decay: 0.0,
        }
    }
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            kind: ScheduleKind::Linear,
            warmup_steps: 100,
            decay_steps: 0,
            decay_shape: DecayShape::OneMinusSqrt,
            final_ratio: 0.0,
            batch_warmup_steps: 0,
            batch_warmup_start_size: 0,
            length_warmup_steps: 0,
            length_warmup_start: 64,
        }
    }
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            steps: 1_000,
            seed: 1,
            device: DeviceChoice::Auto,
            precision: Precision::Fp32,
            output: PathBuf::new(),
            deterministic: false,
            kernels: KernelChoice::Auto,
            threads: 0,
            init_from: PathBuf::new(),
            max_skipped_steps: 20,
            max_returns: 0,
            max_spike_steps: 50,
            activation_checkpointing: false,
            cuda_graphs: false,
        }
    }
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self { interval_steps: 1_000, keep: 2, keep_every_steps: 0 }
    }
}

impl Default for EvalConfig {
    fn default() -> Self {
        Self { interval_steps: 500, rows: 128 }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { interval_steps: 10 }
    }
}

impl Default for DistributedConfig {
    fn default() -> Self {
        Self { timeout_seconds: 600, verify_interval_steps: 0, gradient_compression: GradientCompression::None, bucket_mib: 25.0 }
    }
}

impl Config {
    /// Reads a settings file, if there is one, applies `KEY=VALUE` overrides and checks the result.
    pub fn load(file: Option<&Path>, overrides: &[String]) -> Result<Self> {
        let text = match file {
            Some(path) => Some(fs::read_to_string(path).map_err(|error| Error::BadSetting {
                setting: "--config",
                found: path.display().to_string(),
                expected: format!("a readable settings file ({error})"),
            })?),
            None => None,
        };
        let named = file.map(|path| path.display().to_string()).zip(text);
        let config: Self = settings::load(named.as_ref().map(|(name, text)| (name.as_str(), text.as_str())), overrides)?;
        config.check()?;
        Ok(config)
    }

    pub fn schedule(&self) -> Schedule {
        let ScheduleConfig { kind, warmup_steps, decay_steps, decay_shape, final_ratio, .. } = self.schedule;
        let (peak_learning_rate, num_steps) = (self.optimizer.peak_learning_rate, self.train.steps);
        Schedule { kind, peak_learning_rate, warmup_steps, decay_steps, decay_shape, final_ratio, num_steps }
    }

    /// The number of rows of every step.
    pub fn batch_schedule(&self) -> BatchSchedule {
        let (rows, ScheduleConfig { batch_warmup_steps, batch_warmup_start_size, .. }) = (self.data.global_batch_size, self.schedule);
        if batch_warmup_steps == 0 {
            return BatchSchedule { first_rows: rows, rows, warmup_steps: 0 };
        }
        BatchSchedule { first_rows: batch_warmup_start_size, rows, warmup_steps: batch_warmup_steps }
    }

    pub fn length_warmup(&self) -> Option<LengthWarmup> {
        let ScheduleConfig { length_warmup_steps, length_warmup_start, .. } = self.schedule;
        let end_sample = self.batch_schedule().rows_before(length_warmup_steps);
        (end_sample > 0).then_some(LengthWarmup { first_length: length_warmup_start, end_sample })
    }

    /// Checks that every step's micro-batches can be shared among so many ranks.
    pub fn check_shared(&self, world_size: usize) -> Result<()> {
        let (BatchSchedule { first_rows, rows, .. }, ranks) = (self.batch_schedule(), world_size as u64);
        let expected = format!("a multiple of data.micro_batch_size = {} times the {ranks} ranks", self.data.micro_batch_size);
        let is_shared = |rows: u64| rows.is_multiple_of(self.data.micro_batch_size * ranks);
        require("data.global_batch_size", is_shared(rows), rows, &expected)?;
        require("schedule.batch_warmup_start_size", is_shared(first_rows), first_rows, &expected)?;
        let is_one_for_all = world_size > 1 && matches!(self.train.device, DeviceChoice::Cuda(1..));
        require(
            "train.device",
            !is_one_for_all,
            self.train.device,
            "\"cuda\" or \"auto\" with several ranks: each takes the device of its number",
        )
    }

    /// Micro-batches of all steps before `step`: the number of that step's first one.
    pub fn micro_batches_before(&self, step: u64) -> u64 {
        self.batch_schedule().rows_before(step) / self.data.micro_batch_size
    }

    pub fn optimizer_options(&self) -> OptimizerOptions {
        let OptimizerConfig { kind, beta1, beta2, epsilon, weight_decay, .. } = self.optimizer;
        OptimizerOptions { kind, beta1, beta2, epsilon, weight_decay }
    }

    fn check(&self) -> Result<()> {
        let (data, optimizer) = (&self.data, &self.optimizer);
        require("data.shards", !data.shards.as_os_str().is_empty(), data.shards.display(), "the folder that `nachos build` wrote")?;
        at_least_one("data.micro_batch_size", data.micro_batch_size)?;
        let multiple = data.global_batch_size > 0 && data.global_batch_size.is_multiple_of(data.micro_batch_size);
        require("data.global_batch_size", multiple, data.global_batch_size, "a multiple of data.micro_batch_size")?;
        at_least_one("distributed.timeout_seconds", self.distributed.timeout_seconds)?;
        positive("distributed.bucket_mib", self.distributed.bucket_mib)?;
        require("data.loader_threads", (1..=1024).contains(&data.loader_threads), data.loader_threads, "a number from 1 to 1024")?;
        require("data.prefetch_batches", (1..=65_536).contains(&data.prefetch_batches), data.prefetch_batches, "a number from 1 to 65536")?;
        require("train.threads", self.train.threads <= 1024, self.train.threads, "a number from 0 (all processors) to 1024")?;

        // The shape of a model that is already there is known when its directory is read.
        if self.train.init_from.as_os_str().is_empty() {
            check_shape(&self.fresh_shape())?;
        }

        self.check_masking()?;
        self.check_schedule()?;
        positive("optimizer.peak_learning_rate", optimizer.peak_learning_rate)?;
        probability("optimizer.beta1", optimizer.beta1)?;
        probability("optimizer.beta2", optimizer.beta2)?;
        positive("optimizer.epsilon", optimizer.epsilon)?;
        require("optimizer.weight_decay", optimizer.weight_decay >= 0.0, optimizer.weight_decay, "a number of at least 0")?;
        let norm = optimizer.max_gradient_norm;
        require("optimizer.max_gradient_norm", norm >= 0.0, norm, "a number of at least 0 (0 = no clipping)")?;
        probability("optimizer.ema_decay", optimizer.ema_decay)?;
        at_least_one("train.max_skipped_steps", self.train.max_skipped_steps)?;
        at_least_one("train.max_spike_steps", self.train.max_spike_steps)?;
        let sound = !(self.train.cuda_graphs && self.train.activation_checkpointing);
        require(
            "train.cuda_graphs",
            sound,
            self.train.cuda_graphs,
            "false with train.activation_checkpointing, whose random numbers cannot be recorded",
        )?;
        let sound = self.train.max_returns == 0 || self.checkpoint.interval_steps > 0;
        require("train.max_returns", sound, self.train.max_returns, "0 unless checkpoint.interval_steps makes checkpoints to return to")?;
        at_least_one("checkpoint.keep", self.checkpoint.keep as u64)
    }

    fn check_masking(&self) -> Result<()> {
        let MaskingConfig { probability, decay_probability, mask_share, random_share, .. } = self.masking;
        require("masking.probability", probability > 0.0 && probability <= 1.0, probability, "a number above 0 and at most 1")?;
        let sound = (0.0..=1.0).contains(&decay_probability);
        require("masking.decay_probability", sound, decay_probability, "a number from 0 (as masking.probability) to 1")?;
        let decays = decay_probability == 0.0 || self.schedule.kind == ScheduleKind::Trapezoidal;
        require(
            "masking.decay_probability",
            decays,
            decay_probability,
            "0 unless schedule.kind is \"trapezoidal\", the one with a decay of its own",
        )?;
        require("masking.mask_share", (0.0..=1.0).contains(&mask_share), mask_share, "a number from 0 to 1")?;
        let sound = random_share >= 0.0 && mask_share + random_share <= 1.0 + f64::EPSILON;
        require("masking.random_share", sound, random_share, "a number of at least 0 that makes at most 1 with masking.mask_share")
    }

    fn check_schedule(&self) -> Result<()> {
        let ScheduleConfig { kind, warmup_steps, decay_steps, final_ratio, batch_warmup_steps, batch_warmup_start_size, .. } =
            self.schedule;
        require("schedule.final_ratio", (0.0..=1.0).contains(&final_ratio), final_ratio, "a number from 0 to 1")?;
        at_least_one("schedule.length_warmup_start", self.schedule.length_warmup_start)?;
        if kind == ScheduleKind::Trapezoidal {
            let fits = decay_steps > 0 && warmup_steps + decay_steps <= self.train.steps;
            let expected = "at least 1, and with schedule.warmup_steps at most train.steps";
            require("schedule.decay_steps", fits, decay_steps, expected)?;
        } else {
            require("schedule.decay_steps", decay_steps == 0, decay_steps, "0 unless schedule.kind is \"trapezoidal\"")?;
        }
        if batch_warmup_steps == 0 {
            let expected = "0 unless schedule.batch_warmup_steps is given";
            return require("schedule.batch_warmup_start_size", batch_warmup_start_size == 0, batch_warmup_start_size, expected);
        }
        let sound = batch_warmup_start_size > 0
            && batch_warmup_start_size.is_multiple_of(self.data.micro_batch_size)
            && self.data.global_batch_size.is_multiple_of(batch_warmup_start_size);
        let expected = "a multiple of data.micro_batch_size that divides data.global_batch_size";
        require("schedule.batch_warmup_start_size", sound, batch_warmup_start_size, expected)
    }

    /// A run must have a folder; a measurement writes nothing and needs none.
    pub fn check_output(&self) -> Result<()> {
        require("train.output", !self.train.output.as_os_str().is_empty(), self.train.output.display(), "a folder for the run")
    }

    /// The shape of a model that begins with random weights.
    fn fresh_shape(&self) -> EncoderConfig {
        self.model.over(&EncoderConfig::base(self.model.model_type.unwrap_or_default()))
    }

    /// A model that begins with random weights, with what the manifest knows; says which setting disagrees with it.
    pub fn fresh_model(&self, manifest: &Manifest) -> Result<EncoderConfig> {
        self.with_manifest(&self.fresh_shape(), manifest.tokenizer.vocab_size as i64, manifest)
    }

    /// A model that goes on from weights of this configuration, which `own_file` states. Its vocabulary grows to the shards', and never
    /// shrinks.
    pub fn continued_model(&self, own: &EncoderConfig, own_file: &Path, manifest: &Manifest) -> Result<EncoderConfig> {
        self.model.check_agrees(own, own_file)?;
        let shape = self.model.over(own);
        check_shape(&shape)?;
        self.with_manifest(&shape, own.vocab_size.max(manifest.tokenizer.vocab_size as i64), manifest)
    }

    fn with_manifest(&self, shape: &EncoderConfig, vocab_size: i64, manifest: &Manifest) -> Result<EncoderConfig> {
        let (model, special) = (&self.model, &manifest.special_tokens);
        let agreed = |setting: &'static str, stated: OrManifest, number: i64| {
            let stated = if let OrManifest::Stated(stated) = stated { Some(stated) } else { None };
            agree(setting, stated, number, "the shards' manifest").map(|()| number)
        };
        let config = EncoderConfig {
            vocab_size: agreed("model.vocab_size", model.vocab_size, vocab_size)?,
            pad_token_id: agreed("model.pad_token_id", model.pad_token_id, i64::from(special.pad))?,
            bos_token_id: Some(agreed("model.bos_token_id", model.bos_token_id, i64::from(special.bos))?),
            eos_token_id: Some(agreed("model.eos_token_id", model.eos_token_id, i64::from(special.eos))?),
            ..shape.clone()
        };
        let needed = manifest.max_seq_len as i64 + config.first_position_id();
        let expected =
            format!("at least {needed}: rows of up to {} tokens and {} unused positions", manifest.max_seq_len, config.first_position_id());
        require("model.max_position_embeddings", config.max_position_embeddings >= needed, config.max_position_embeddings, &expected)?;
        Ok(config)
    }

    /// Checks that some of the directory's rows are left to train on.
    pub fn check_held_out_rows(&self, num_rows: u64) -> Result<()> {
        let expected = format!("fewer than the {num_rows} rows of data.shards");
        require("eval.rows", self.eval.rows < num_rows, self.eval.rows, &expected)
    }
}

/// What every model's shape must hold.
fn check_shape(model: &EncoderConfig) -> Result<()> {
    at_least_one("model.num_attention_heads", model.num_attention_heads.max(0) as u64)?;
    let divides = model.hidden_size > 0 && model.hidden_size % model.num_attention_heads == 0;
    require("model.hidden_size", divides, model.hidden_size, "a multiple of model.num_attention_heads")?;
    at_least_one("model.num_hidden_layers", model.num_hidden_layers as u64)?;
    at_least_one("model.intermediate_size", model.intermediate_size.max(0) as u64)?;
    at_least_one("model.type_vocab_size", model.type_vocab_size.max(0) as u64)?;
    probability("model.hidden_dropout_prob", model.hidden_dropout_prob)?;
    probability("model.attention_probs_dropout_prob", model.attention_probs_dropout_prob)?;
    positive("model.layer_norm_eps", model.layer_norm_eps)?;
    positive("model.initializer_range", model.initializer_range)
}

/// A stated number must be the one that `whose` has.
fn agree<T: Copy + PartialEq + Display>(setting: &'static str, stated: Option<T>, number: T, whose: &str) -> Result<()> {
    match stated {
        Some(stated) if stated != number => {
            Err(Error::BadSetting { setting, found: stated.to_string(), expected: format!("{number}, as in {whose}") })
        }
        Some(_) | None => Ok(()),
    }
}

fn require(setting: &'static str, holds: bool, found: impl Display, expected: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::BadSetting { setting, found: found.to_string(), expected: expected.to_owned() }) }
}

fn at_least_one(setting: &'static str, found: u64) -> Result<()> {
    require(setting, found > 0, found, "a number of at least 1")
}

fn probability(setting: &'static str, found: f64) -> Result<()> {
    require(setting, (0.0..1.0).contains(&found), found, "a number from 0 to below 1")
}

fn positive(setting: &'static str, found: f64) -> Result<()> {
    require(setting, found > 0.0 && found.is_finite(), found, "a number above 0")
}
