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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Read,
    Clean,
    Count,
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
            Self::Count => "count",
            Self::Dedup => "dedup",
            Self::Tokenize => "tokenize",
            Self::Print => "print",
            Self::Pack => "pack",
            Self::Write => "write",
        }
    }
}

/// The positions of a run's stages, and what each cost. Stages advance it; [`Progress::show`] draws it.
pub struct Progress {
    pub read: Arc<ReadProgress>,
    stages: Vec<Stage>,
    passed: [Passed; Stage::Write as usize + 1],
    threads: usize,
    begun: Instant,
}

/// What a stage has done.
#[derive(Default)]
struct Passed {
    file_bytes: AtomicU64,
    text_bytes: AtomicU64,
    nanoseconds: AtomicU64,
    batches: AtomicU64,
    /// The batches that waited for it whenever one was taken, added up.
    waiting: AtomicU64,
}

impl Passed {
    fn busy(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }
}

impl Progress {
    /// `stages` are those after reading; `threads` do them.
    pub fn of(stages: impl Iterator<Item = Stage>, threads: usize) -> Self {
        let stages = [Stage::Read].into_iter().chain(stages).collect();
        Self { read: Arc::default(), stages, passed: Default::default(), threads, begun: Instant::now() }
    }

    /// A stage was busy for so long with so many bytes of text.
    pub fn spend(&self, stage: Stage, time: Duration, text_bytes: usize) {
        let passed = &self.passed[stage as usize];
        passed.nanoseconds.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
        passed.text_bytes.fetch_add(text_bytes as u64, Ordering::Relaxed);
    }

    /// A stage is through with so many bytes of the input files; so many batches waited for it.
    pub fn advance(&self, stage: Stage, file_bytes: u64, waiting: usize) {
        let passed = &self.passed[stage as usize];
        passed.file_bytes.fetch_add(file_bytes, Ordering::Relaxed);
        passed.batches.fetch_add(1, Ordering::Relaxed);
        passed.waiting.fetch_add(waiting as u64, Ordering::Relaxed);
    }

    fn position(&self, stage: Stage) -> u64 {
        let counter = if stage == Stage::Read { &self.read.file_bytes } else { &self.passed[stage as usize].file_bytes };
        counter.load(Ordering::Relaxed)
    }

    /// The share of the time of all threads that do it, in percent, for which a stage was busy.
    fn busy_share(&self, stage: Stage) -> f64 {
        // Reading has a thread of its own.
        let threads = if stage == Stage::Read { 1 } else { self.threads };
        100.0 * self.passed[stage as usize].busy().as_secs_f64() / (self.begun.elapsed().as_secs_f64() * threads as f64)
    }

    /// Writes a table of what each stage cost.
    pub fn tell(&self) {
        say("stage      busy     MB/s  waiting");
        for &stage in &self.stages {
            let passed = &self.passed[stage as usize];
            let rate = passed.text_bytes.load(Ordering::Relaxed) as f64 / 1e6 / passed.busy().as_secs_f64();
            let batches = passed.batches.load(Ordering::Relaxed);
            let waiting = passed.waiting.load(Ordering::Relaxed) as f64 / batches.max(1) as f64;
            let waiting = if batches == 0 { String::new() } else { format!("{waiting:7.1}") };
            say(format!("{:<9} {:4.0} % {rate:8.0}  {waiting}", stage.name(), self.busy_share(stage)).trim_end());
        }
        let idle = 100.0 - self.stages[1..].iter().map(|&stage| self.busy_share(stage)).sum::<f64>();
        say(&format!("{:<9} {:4.0} %", "idle", idle.max(0.0)));
        say(&format!(
            "busy: of the time of {} threads (of its own thread for read); MB/s: raw text in a second of one thread; waiting: batches of about 1 MB, on average",
            self.threads
        ));
    }

    /// Draws until `finished` is disconnected. `total` is the size of all input files, or 0 if it is not known.
    pub fn show(&self, screen: &MultiProgress, total: u64, finished: &Receiver<()>) {
        if std::io::stderr().is_terminal() { self.show_bars(screen, total, finished) } else { self.show_lines(total, finished) }
    }

    fn show_bars(&self, screen: &MultiProgress, total: u64, finished: &Receiver<()>) {
        let template = if total > 0 {
            "{prefix:>9} {bar:12} {percent:>3} %  {bytes:>10}  {binary_bytes_per_sec:>12}  busy {msg:>5}  ETA {eta}"
        } else {
            "{prefix:>9} {spinner} {bytes:>10}  {binary_bytes_per_sec:>12}  busy {msg:>5}"
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
                bar.set_message(format!("{:.0} %", self.busy_share(*stage)));
            }
        }
        for (_, bar) in bars {
            bar.finish_and_clear();
        }
    }

    fn show_lines(&self, total: u64, finished: &Receiver<()>) {
        while finished.recv_timeout(STATUS_LINE).is_err_and(|error| error.is_timeout()) {
            let done = self.stages.last().map_or(0, |&last| self.position(last));
            let rate = done as f64 / self.begun.elapsed().as_secs_f64();
            let stages: Vec<_> =
                self.stages.iter().map(|&stage| format!("{} {}", stage.name(), HumanBytes(self.position(stage)))).collect();
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
