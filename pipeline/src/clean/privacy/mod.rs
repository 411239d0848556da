//! Hides what identifies a person: numbers and addresses that have a form of their own or stand after a word that announces them, and at the level `strict`
//! names after a title. What the kinds are, and what they are not, is told in the README beside this file.
//!
//! A line is only looked at where its digits, or one of a few characters, allow a find.

mod context;
mod kinds;
mod names;
mod numbers;

pub use kinds::Identity;

use std::{ops::Range, sync::LazyLock};

use context::ContextRules;
use memchr::memmem::Finder;
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
    finds: Vec<Find>,
}

struct Rules {
    numbers: NumberRules,
    context: ContextRules,
    names: Option<NameRules>,
    except: Vec<Identity>,
}

/// What a line holds that a rule needs.
#[derive(Clone, Copy)]
struct Signs {
    has_at: bool,
    has_scheme: bool,
    has_colons: bool,
    digits: usize,
    /// Digits with at most three other characters between them, none of which is a letter.
    longest_cluster: usize,
}

impl PrivacyFilter {
    pub(super) fn new(config: &PrivacyConfig) -> Self {
        let rules = (config.level != PrivacyLevel::Off).then(|| Rules {
            numbers: NumberRules::default(),
            context: ContextRules::default(),
            names: (config.level == PrivacyLevel::Strict).then(NameRules::default),
            except: config.except.clone(),
        });
        Self { rules, action: config.action, finds: Vec::new() }
    }

    /// Replaces the identities in the cleaned document that begins at `start`, until there are none; says whether there were any.
    pub(super) fn redact(&mut self, text: &mut String, start: usize, counts: &mut CleanCounts) -> bool {
        (0..MAX_ROUNDS).take_while(|_| self.redact_once(text, start, counts)).count() > 0
    }

    fn redact_once(&mut self, text: &mut String, start: usize, counts: &mut CleanCounts) -> bool {
        let Some(rules) = &mut self.rules else { return false };
        self.finds.clear();
        let mut line_start = start;
        while line_start < text.len() {
            let line_end = memchr::memchr(b'\n', &text.as_bytes()[line_start..]).map_or(text.len(), |at| line_start + at);
            rules.search(text, line_start..line_end, &mut self.finds);
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
    fn search(&mut self, text: &str, line: Range<usize>, finds: &mut Vec<Find>) {
        let before = finds.len();
        let signs = Signs::of(&text.as_bytes()[line.clone()]);
        self.numbers.search(text, line.clone(), signs, finds);
        self.context.search(text, line.clone(), signs, finds);
        if let Some(names) = &self.names {
            names.search(text, line, finds);
        }
        if finds.len() > before && !self.except.is_empty() {
            finds.retain(|(_, kind)| !self.except.contains(kind));
        }
    }
}

impl Signs {
    fn of(line: &[u8]) -> Self {
        static SPELLED_AT: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| [Finder::new(" AT "), Finder::new("arobase")]);
        let digits = line.iter().filter(|byte| byte.is_ascii_digit()).count();
        let is_at = |at: usize| line[at] == b'@' || matches!(line.get(at + 1..at + 3), Some(b"at" | b"AT"));
        let has_scheme = |at: usize| line[at..].starts_with(b"://");
        Self {
            has_at: memchr::memchr3_iter(b'@', b'(', b'[', line).any(is_at) || SPELLED_AT.iter().any(|word| word.find(line).is_some()),
            has_scheme: memchr::memchr_iter(b':', line).any(has_scheme),
            has_colons: memchr::memchr_iter(b':', line).nth(1).is_some(),
            digits,
            longest_cluster: if digits >= 5 { longest_cluster(line) } else { digits },
        }
    }
}

fn longest_cluster(line: &[u8]) -> usize {
    let (mut longest, mut current, mut gap) = (0, 0, 0);
    for byte in line {
        if byte.is_ascii_digit() {
            current += 1;
            gap = 0;
            longest = longest.max(current);
        } else {
            gap += 1;
            if gap > 3 || byte.is_ascii_alphabetic() && !matches!(byte, b'A' | b'B') {
                current = 0;
            }
        }
    }
    longest
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
