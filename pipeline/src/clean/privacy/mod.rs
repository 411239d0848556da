//! Hides what identifies a person: numbers and addresses that have a form of their own or stand after a word that announces them, and at the level `strict`
//! names after a title. What the kinds are, and what they are not, is told in the README beside this file.
//!
//! A line is only looked at where its digits, or one of a few characters, allow a find.

mod context;
mod digits;
mod kinds;
mod names;
mod numbers;

pub use kinds::Identity;

use std::{ops::Range, sync::LazyLock};

use aho_corasick::packed::Searcher;
use context::ContextRules;
use digits::DigitRuns;
use names::NameRules;
use numbers::NumberRules;

use super::counts::CleanCounts;
use crate::config::{PrivacyAction, PrivacyConfig, PrivacyLevel};

/// What was hidden may have stood between the parts of something else, which is then found in the next round.
const MAX_ROUNDS: usize = 8;

/// Something found: where, and what.
type Find = (Range<usize>, Identity);

/// Hides identities in one document after another.
pub(super) struct PrivacyFilter {
    rules: Option<Rules>,
    action: PrivacyAction,
    digits: DigitRuns,
    finds: Vec<Find>,
}

struct Rules {
    numbers: NumberRules,
    context: ContextRules,
    names: Option<NameRules>,
    except: Vec<Identity>,
}

/// What a text, or a line, holds that a rule needs, digits aside.
#[derive(Clone, Copy)]
struct Signs {
    has_at: bool,
    has_scheme: bool,
    /// Two colons with at most four bytes between them.
    has_colons: bool,
}

impl PrivacyFilter {
    pub(super) fn new(config: &PrivacyConfig) -> Self {
        let rules = (config.level != PrivacyLevel::Off).then(|| Rules {
            numbers: NumberRules::default(),
            context: ContextRules::default(),
            names: (config.level == PrivacyLevel::Strict).then(NameRules::default),
            except: config.except.clone(),
        });
        Self { rules, action: config.action, digits: DigitRuns::default(), finds: Vec::new() }
    }

    /// Replaces the identities in the cleaned document that begins at `start`, until there are none; says whether there were any.
    pub(super) fn redact(&mut self, text: &mut String, start: usize, counts: &mut CleanCounts) -> bool {
        (0..MAX_ROUNDS).take_while(|_| self.redact_once(text, start, counts)).count() > 0
    }

    fn redact_once(&mut self, text: &mut String, start: usize, counts: &mut CleanCounts) -> bool {
        let Some(rules) = &mut self.rules else { return false };
        self.finds.clear();
        self.digits.find(text.as_bytes(), start);
        let signs = Signs::of(&text.as_bytes()[start..]);
        if self.digits.is_empty() && !signs.any() && rules.names.is_none() {
            return false;
        }
        let mut line_start = start;
        while line_start < text.len() {
            let line_end = memchr::memchr(b'\n', &text.as_bytes()[line_start..]).map_or(text.len(), |at| line_start + at);
            let line = line_start..line_end;
            // Few texts have any of the signs: then no line has.
            let signs = if signs.any() { Signs::of(&text.as_bytes()[line.clone()]) } else { signs };
            rules.search(text, line, signs, &self.digits, &mut self.finds);
            line_start = line_end + 1;
        }
        if self.finds.is_empty() {
            return false;
        }
        keep_first_and_strongest(&mut self.finds);
        let before = text.split_off(start);
        let mut copied = 0;
        for (range, kind) in self.finds.drain(..) {
            text.push_str(&before[copied..range.start - start]);
            if self.action == PrivacyAction::Replace {
                text.push_str(kind.placeholder());
            }
            copied = range.end - start;
            counts.hide(kind);
        }
        text.push_str(&before[copied..]);
        true
    }
}

impl Rules {
    fn search(&mut self, text: &str, line: Range<usize>, signs: Signs, digits: &DigitRuns, finds: &mut Vec<Find>) {
        let before = finds.len();
        self.numbers.search(text, line.clone(), signs, digits, finds);
        self.context.search(text, line.clone(), digits, finds);
        if let Some(names) = &self.names {
            names.search(text, line, finds);
        }
        if finds.len() > before && !self.except.is_empty() {
            finds.retain(|(_, kind)| !self.except.contains(kind));
        }
    }
}

impl Signs {
    fn of(text: &[u8]) -> Self {
        static SPELLED_AT: LazyLock<Option<Searcher>> = LazyLock::new(|| Searcher::new([" AT ", "arobase", "(at", "(AT", "[at", "[AT"]));
        let is_spelled = |at: &Searcher| at.find(text).is_some();
        let mut signs = Self { has_at: SPELLED_AT.as_ref().is_none_or(is_spelled), has_scheme: false, has_colons: false };
        let mut previous_colon = None;
        for at in memchr::memchr2_iter(b'@', b':', text) {
            if text[at] == b'@' {
                signs.has_at = true;
            } else {
                signs.has_scheme |= text[at..].starts_with(b"://");
                signs.has_colons |= previous_colon.replace(at).is_some_and(|previous| at - previous <= 5);
            }
        }
        signs
    }

    fn any(self) -> bool {
        self.has_at || self.has_scheme || self.has_colons
    }
}

/// Sorts the finds by place; of those that overlap, the kind that comes first in [`Identity::ALL`] stays, then the earlier one.
fn keep_first_and_strongest(finds: &mut Vec<Find>) {
    finds.sort_by_key(|(range, kind)| (range.start, *kind as usize, std::cmp::Reverse(range.end)));
    finds.dedup_by(|(range, kind), (kept_range, kept_kind)| {
        let overlap = range.start < kept_range.end;
        if overlap && (*kind as usize) < (*kept_kind as usize) {
            (*kept_range, *kept_kind) = (range.clone(), *kind);
        }
        overlap
    });
}

#[cfg(test)]
mod tests;
