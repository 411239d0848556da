//! What a run shows of itself: a bar a stage on a terminal, else a status line every 30 seconds. Always on standard error.

use std::{
    io::{IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};

use crate::read::ReadProgress;

const REDRAW: Duration = Duration::from_millis(100);
const STATUS_LINE: Duration = Duration::from_secs(30);

/// A stage of a run; its position is in bytes of the input files, so that all stages have one scale.
#[derive(Clone, Copy, Debug)]
pub enum Stage {
    Read,
    Clean,
    Dedup,
    Tokenize,
    Print,
    Pack,
    Write,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Clean => "clean",
            Self::Dedup => "dedup",
            Self::Tokenize => "tokenize",
            Self::Print => "print",
            Self::Pack => "pack",
            Self::Write => "write",
        }
    }
}

/// The positions of a run's stages. Stages advance it; [`Progress::show`] draws it.
pub struct Progress {
    pub read: Arc<ReadProgress>,
    stages: &'static [Stage],
    passed: [AtomicU64; Stage::Write as usize + 1],
}

impl Progress {
    /// `stages` are those that are shown.
    pub fn of(stages: &'static [Stage]) -> Self {
        Self { read: Arc::default(), stages, passed: Default::default() }
    }

    pub fn advance(&self, stage: Stage, file_bytes: u64) {
        self.passed[stage as usize].fetch_add(file_bytes, Ordering::Relaxed);
    }

    fn position(&self, stage: Stage) -> u64 {
        let counter = if matches!(stage, Stage::Read) { &self.read.file_bytes } else { &self.passed[stage as usize] };
        counter.load(Ordering::Relaxed)
    }

    /// Draws until `finished` is disconnected. `total` is the size of all input files, or 0 if it is not known.
    pub fn show(&self, screen: &MultiProgress, total: u64, finished: &Receiver<()>) {
        if std::io::stderr().is_terminal() { self.show_bars(screen, total, finished) } else { self.show_lines(total, finished) }
    }

    fn show_bars(&self, screen: &MultiProgress, total: u64, finished: &Receiver<()>) {
        let template = if total > 0 {
            "{prefix:>9} {bar:32} {bytes:>11} / {total_bytes}  {binary_bytes_per_sec:>13}  ETA {eta}"
        } else {
            "{prefix:>9} {spinner} {bytes:>11}  {binary_bytes_per_sec:>13}"
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let new_bar = |stage: &Stage| {
            let bar = if total > 0 { ProgressBar::new(total) } else { ProgressBar::new_spinner() };
            (*stage, screen.add(bar.with_style(style.clone()).with_prefix(stage.name())))
        };
        let bars: Vec<_> = self.stages.iter().map(new_bar).collect();
        while finished.recv_timeout(REDRAW).is_err_and(|error| error.is_timeout()) {
            for (stage, bar) in &bars {
                bar.set_position(self.position(*stage));
            }
        }
        for (_, bar) in bars {
            bar.finish_and_clear();
        }
    }

    fn show_lines(&self, total: u64, finished: &Receiver<()>) {
        let start = Instant::now();
        while finished.recv_timeout(STATUS_LINE).is_err_and(|error| error.is_timeout()) {
            let done = self.position(Stage::Write);
            let rate = done as f64 / start.elapsed().as_secs_f64();
            let stages: Vec<_> =
                self.stages.iter().map(|stage| format!("{} {}", stage.name(), HumanBytes(self.position(*stage)))).collect();
            let mut line = format!("{} | {}/s", stages.join(", "), HumanBytes(rate as u64));
            if total > 0 && rate > 0.0 {
                let rest = total.saturating_sub(done) as f64 / rate;
                line = format!("{line} of {} | ETA {rest:.0} s", HumanBytes(total));
            }
            say(&line);
        }
    }
}

/// Shows that `work` goes on, and for how long it has.
pub fn spinning<T>(screen: &MultiProgress, what: &'static str, work: impl FnOnce() -> T) -> T {
    let style = ProgressStyle::with_template("{prefix:>9} {spinner} {elapsed}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    let spinner = screen.add(ProgressBar::new_spinner().with_style(style).with_prefix(what));
    spinner.enable_steady_tick(REDRAW);
    let result = work();
    spinner.finish_and_clear();
    result
}

/// Writes one line to standard error. Nobody listening is no reason to stop.
pub fn say(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}
