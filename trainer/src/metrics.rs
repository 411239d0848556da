//! What a run reports: `metrics.jsonl`, one object per record, and TensorBoard event files with the same numbers.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::EvaluationRecord,
    error::{AtPath, Result},
    evaluate::Evaluation,
    tensorboard::EventWriter,
    throughput::Rates,
};

const METRICS_FILE: &str = "metrics.jsonl";
const TENSORBOARD_DIR: &str = "tensorboard";

/// One logged step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    pub step: u64,
    /// Passes over the training rows so far.
    pub epoch: f64,
    pub loss: f64,
    pub learning_rate: f64,
    pub gradient_norm: f64,
    pub masked_tokens: u64,
    /// Of the whole run so far.
    pub skipped_steps: u64,
    /// That the training waited for checkpoints since the record before.
    pub checkpoint_wait_seconds: f64,
    #[serde(flatten)]
    pub rates: Rates,
}

/// One evaluation on the held-out rows.
#[derive(Serialize)]
struct EvaluationLine<'a> {
    step: u64,
    evaluation: &'a Evaluation,
}

/// A return to the checkpoint of an earlier step.
#[derive(Serialize)]
pub struct ReturnRecord {
    /// That of the checkpoint.
    pub step: u64,
    /// Of the whole run so far, with this one.
    pub returns: u64,
    /// The last step that was undone.
    pub from_step: u64,
    /// Rows of the stream passed over by all returns so far.
    pub skipped_rows: u64,
    pub reason: String,
}

/// What every line has, and that of a return besides.
#[derive(Deserialize)]
struct AnyLine {
    step: u64,
    #[serde(default)]
    returns: u64,
}

/// The open report files of a run.
pub struct Metrics {
    path: PathBuf,
    file: File,
    events: EventWriter,
}

impl Metrics {
    /// Opens the files of a run that has taken `step` steps and returned `num_returns` times. What it reported after that is cut off, for it will come again.
    pub fn open(output: &Path, step: u64, num_returns: u64) -> Result<Self> {
        fs::create_dir_all(output).at_path(output)?;
        let path = output.join(METRICS_FILE);
        let kept = lines_up_to(&path, step, num_returns)?;
        let rewritten = path.with_extension("jsonl.new");
        fs::write(&rewritten, kept).and_then(|()| fs::rename(&rewritten, &path)).at_path(&path)?;
        let file = File::options().append(true).open(&path).at_path(&path)?;
        Ok(Self { file, path, events: EventWriter::create(&output.join(TENSORBOARD_DIR), step)? })
    }

    pub fn write_step(&mut self, record: &StepRecord) -> Result<()> {
        self.write_line(record)?;
        self.events.write_scalars(
            record.step,
            &[
                ("train/loss", record.loss),
                ("train/learning_rate", record.learning_rate),
                ("train/gradient_norm", record.gradient_norm),
                ("train/tokens_per_second", record.rates.tokens_per_second),
                ("train/mfu", record.rates.mfu),
                ("train/data_wait", record.rates.data_wait),
                ("train/epoch", record.epoch),
                ("train/skipped_steps", record.skipped_steps as f64),
                ("train/checkpoint_wait_seconds", record.checkpoint_wait_seconds),
            ],
        )
    }

    pub fn write_evaluation(&mut self, record: &EvaluationRecord) -> Result<()> {
        let EvaluationRecord { step, result } = record;
        self.write_line(&EvaluationLine { step: *step, evaluation: result })?;
        let scalars = [("eval/loss", result.loss), ("eval/perplexity", result.perplexity), ("eval/accuracy", result.accuracy)];
        self.events.write_scalars(*step, &scalars)
    }

    pub fn write_return(&mut self, record: &ReturnRecord) -> Result<()> {
        self.write_line(record)?;
        self.events
            .write_scalars(record.step, &[("train/returns", record.returns as f64), ("train/skipped_rows", record.skipped_rows as f64)])
    }

    fn write_line(&mut self, record: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_string(record).at_path(&self.path)?;
        line.push('\n');
        self.file.write_all(line.as_bytes()).at_path(&self.path)
    }
}

/// The whole lines of a report that are about steps up to `step`, and returns up to the `num_returns`-th.
fn lines_up_to(path: &Path, step: u64, num_returns: u64) -> Result<String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).at_path(path),
    };
    let is_kept = |line: &&str| serde_json::from_str::<AnyLine>(line).is_ok_and(|line| line.step <= step && line.returns <= num_returns);
    Ok(text.split_inclusive('\n').filter(|line| line.ends_with('\n')).filter(is_kept).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_run_cuts_off_what_will_come_again_and_a_torn_line() {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let path = directory.path().join(METRICS_FILE);
        let kept = "{\"step\":1,\"loss\":2.0}\n{\"step\":2,\"evaluation\":{}}\n{\"step\":1,\"returns\":1}\n";
        fs::write(&path, format!("{kept}{{\"step\":3}}\n{{\"step\":2,\"returns\":2}}\n{{\"step\":2,\"lo")).expect("written");
        Metrics::open(directory.path(), 2, 1).expect("the files can be opened");
        assert_eq!(fs::read_to_string(&path).expect("read"), kept);
    }
}
