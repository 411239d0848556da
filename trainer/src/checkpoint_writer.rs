//! Checkpoints written beside the training: the loop hands over copies and goes on, and waits only while the one before is under way.

use std::{
    mem,
    path::PathBuf,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    checkpoint::{self, Retention, State, TensorsToSave},
    error::{Error, Result},
};

/// Where the checkpoints of a run go, and which of them stay.
#[derive(Clone, Debug)]
pub struct Destination {
    pub output: PathBuf,
    /// Its files are copied into every checkpoint.
    pub tokenizer: PathBuf,
    pub retention: Retention,
}

/// The thread that writes, one checkpoint at a time. Dropping it waits for the one in hand.
#[derive(Debug)]
pub struct CheckpointWriter {
    destination: Destination,
    under_way: Option<JoinHandle<Result<PathBuf>>>,
    last: Option<(u64, PathBuf)>,
    waited: Duration,
}

impl CheckpointWriter {
    /// `last` is the newest checkpoint that there is: its step and its folder.
    pub fn new(destination: Destination, last: Option<(u64, PathBuf)>) -> Self {
        Self { destination, under_way: None, last, waited: Duration::ZERO }
    }

    /// Starts to write, after the checkpoint before is written. Does nothing if this step is saved.
    pub fn save(&mut self, state: State, tensors: impl FnOnce() -> Result<TensorsToSave>) -> Result<()> {
        let begun = Instant::now();
        self.wait()?;
        let step = state.step;
        if self.last.as_ref().is_some_and(|(last, _)| *last == step) {
            return Ok(());
        }
        let (destination, tensors) = (self.destination.clone(), tensors()?);
        self.under_way = Some(std::thread::spawn(move || {
            let Destination { output, tokenizer, retention } = destination;
            checkpoint::save(&output, &state, &tensors, &tokenizer, retention)
        }));
        self.last = Some((step, PathBuf::new()));
        self.waited += begun.elapsed();
        Ok(())
    }

    /// How long calls of [`Self::save`] have taken since this was last asked: the copies of the tensors, and what was left of the write before.
    pub fn take_waited(&mut self) -> Duration {
        mem::take(&mut self.waited)
    }

    /// Reports what went wrong with a write that has ended; does not wait for one that has not.
    pub fn check(&mut self) -> Result<()> {
        if self.under_way.as_ref().is_some_and(JoinHandle::is_finished) { self.wait() } else { Ok(()) }
    }

    /// Waits for what is under way. Returns the folder of the newest checkpoint, if there is one.
    pub fn finish(mut self) -> Result<Option<PathBuf>> {
        self.wait()?;
        Ok(self.last.take().map(|(_, path)| path))
    }

    fn wait(&mut self) -> Result<()> {
        let Some(thread) = self.under_way.take() else { return Ok(()) };
        let written = thread.join().unwrap_or(Err(Error::WriterPanicked))?;
        if let Some((_, path)) = &mut self.last {
            *path = written;
        }
        Ok(())
    }
}

impl Drop for CheckpointWriter {
    fn drop(&mut self) {
        if let Err(error) = self.wait() {
            log::error!("{error}");
        }
    }
}
