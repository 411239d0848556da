//! What a person sees on standard error while a run goes on: a bar on a terminal, else a line every 30 seconds.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::metrics::StepRecord;

const LINE_EVERY: Duration = Duration::from_secs(30);
const TEMPLATE: &str = "{bar:30} {pos}/{len} steps [{elapsed} < {eta}] {msg}";

/// The progress of a run.
pub(crate) struct Progress {
    bar: ProgressBar,
    last_line: Instant,
    first_step: u64,
    started: Instant,
    /// Of several ranks, one speaks.
    is_shown: bool,
}

impl Progress {
    pub(crate) fn start(step: u64, num_steps: u64, is_shown: bool) -> Self {
        let target = if is_shown && io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(num_steps), target).with_style(style).with_position(step);
        bar.reset_eta();
        Self { bar, last_line: Instant::now(), first_step: step, started: Instant::now(), is_shown }
    }

    /// Prints lines above the bar.
    pub(crate) fn message(&self, text: &str) {
        if self.is_shown {
            self.bar.suspend(|| say(text));
        }
    }

    pub(crate) fn advance(&self, step: u64) {
        self.bar.set_position(step);
    }

    /// Shows the figures of a logged step.
    pub(crate) fn show(&mut self, record: &StepRecord) {
        let StepRecord { step, loss, rates, .. } = record;
        let figures = format!(
            "loss {loss:.4}, {} tokens/s, MFU {:.1}%, waited for data {:.1}%",
            with_thousands(rates.tokens_per_second as u64),
            100.0 * rates.mfu,
            100.0 * rates.data_wait
        );
        if self.is_shown && self.bar.is_hidden() && (self.last_line.elapsed() >= LINE_EVERY || Some(*step) == self.bar.length()) {
            self.last_line = Instant::now();
            say(&format!("step {step}/{}: {figures}, {} to go", self.bar.length().unwrap_or_default(), HumanDuration(self.to_go(*step))));
        }
        self.bar.set_message(figures);
    }

    fn to_go(&self, step: u64) -> Duration {
        let done = (step - self.first_step).max(1) as f64;
        let left = self.bar.length().unwrap_or_default().saturating_sub(step) as f64;
        self.started.elapsed().mul_f64(left / done)
    }

    pub(crate) fn finish(&self) {
        self.bar.abandon();
    }
}

/// Writes a line to standard error. That nobody reads it any more is no reason to stop a run.
pub fn say(text: &str) {
    if writeln!(io::stderr(), "{text}").is_err() {
        log::debug!("standard error is closed");
    }
}

/// 1234567 → "1,234,567".
pub(crate) fn with_thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(with_thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
