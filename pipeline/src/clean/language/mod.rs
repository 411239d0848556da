//! Keeps the documents, and of mixed documents the paragraphs, that are in the language asked for.
//!
//! Function words decide where they can: in running text every third word or so is one. Only where they leave a doubt is the full identifier asked, and where
//! it is not sure either, as with titles, lists of drugs and tables of doses, the text is kept.

mod identifier;

use std::ops::Range;

use schemas::documents::{Language, Verdict};

use super::{
    counts::{Change, CleanCounts},
    function_words::LANGUAGES,
    profile::{Profile, Profiler},
};
use crate::letters::append_without;

/// A text of fewer letters is not judged.
const MIN_DOCUMENT_LETTERS: u32 = 50;
/// A line of fewer letters or words is not judged on its own.
const MIN_LINE_LETTERS: u32 = 60;
const MIN_LINE_WORDS: u32 = 10;
/// A document in another language is kept for its lines in the language asked for if they have so many letters.
const MIN_WANTED_LETTERS: u32 = 200;

/// The language of a text, as far as it was asked for: what is unsure may still be in the wanted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Wanted,
    Foreign(Language),
    Unsure,
}

/// Judges one document after another.
pub(super) struct LanguageFilter {
    /// `None` keeps every language.
    wanted: Option<Wanted>,
    lines: Vec<Line>,
}

struct Line {
    class: Class,
    letters: u32,
    /// Whether it is long enough to be judged on its own.
    is_judged: bool,
    /// Its bytes, with the line ends after it.
    range: Range<usize>,
}

#[derive(Clone, Copy)]
struct Wanted {
    language: Language,
    /// Its place among those with a list of function words.
    list: Option<usize>,
}

/// Whether documents in this language can be told from others: `any`, or a code of two letters.
pub fn is_known_language(code: &str) -> bool {
    code == "any" || LANGUAGES.contains(&code) || identifier::knows(code)
}

/// The language's place among those with a list of function words.
pub(super) fn list_of(code: &str) -> Option<usize> {
    LANGUAGES.iter().position(|known| *known == code)
}

impl LanguageFilter {
    /// `language` is an ISO 639-1 code, or `any`.
    pub(super) fn new(language: &str) -> Self {
        let wanted = Language::from_code(language).map(|code| Wanted { language: code, list: list_of(language) });
        Self { wanted, lines: Vec::new() }
    }

    /// Looks at the cleaned document that begins at `start`, and that `profiler` has read: gives the reason to drop it, or removes its foreign paragraphs.
    pub(super) fn judge(&mut self, text: &mut String, start: usize, profiler: &mut Profiler, counts: &mut CleanCounts) -> Option<Verdict> {
        let wanted = self.wanted?;
        self.lines.clear();
        self.lines.extend(profiler.lines.iter().map(|(range, profile)| {
            let is_judged = profile.letters >= MIN_LINE_LETTERS && profile.words.words >= MIN_LINE_WORDS;
            let class = if is_judged { wanted.classify(profile, &text[range.clone()]) } else { Class::Unsure };
            Line { class, letters: profile.letters, is_judged, range: range.clone() }
        }));
        let whole = profiler.whole;
        if whole.letters < MIN_DOCUMENT_LETTERS {
            return None;
        }
        let class = match &self.lines[..] {
            [Line { class, is_judged: true, .. }] => *class,
            _ => wanted.classify(&whole, &text[start..]),
        };
        let has_foreign = self.lines.iter().any(|line| matches!(line.class, Class::Foreign(_)));
        match class {
            // Of a document in another language, only what surely is in this one; of one in this language, all but what surely is not.
            Class::Foreign(language) => {
                if self.settle_wanted(wanted, text) < MIN_WANTED_LETTERS {
                    return Some(Verdict::Language(language));
                }
                self.retain(text, start, profiler, counts, |class| class == Class::Wanted)
            }
            Class::Wanted | Class::Unsure if has_foreign => {
                self.retain(text, start, profiler, counts, |class| !matches!(class, Class::Foreign(_)))
            }
            Class::Wanted | Class::Unsure => None,
        }
    }

    /// Asks the full identifier which of the unsure lines are in the language asked for; returns the letters of all that are.
    fn settle_wanted(&mut self, wanted: Wanted, text: &str) -> u32 {
        for line in self.lines.iter_mut().filter(|line| line.is_judged && line.class == Class::Unsure) {
            if identifier::identify(text[line.range.clone()].trim_end()) == Some(wanted.language) {
                line.class = Class::Wanted;
            }
        }
        self.lines.iter().filter(|line| line.class == Class::Wanted).map(|line| line.letters).sum()
    }

    fn retain(
        &mut self,
        text: &mut String,
        start: usize,
        profiler: &mut Profiler,
        counts: &mut CleanCounts,
        is_kept: impl Fn(Class) -> bool,
    ) -> Option<Verdict> {
        let dropped = self.lines.iter().filter(|line| !is_kept(line.class));
        let language = dropped.clone().find_map(|line| if let Class::Foreign(language) = line.class { Some(language) } else { None });
        let num_dropped = dropped.clone().count();
        if num_dropped == self.lines.len() {
            return Some(language.map_or(Verdict::LanguageUnknown, Verdict::Language));
        }
        if num_dropped == 0 {
            return None;
        }
        counts.add(Change::ForeignParagraph, num_dropped as u64);
        let whole = text.split_off(start);
        append_without(&whole, dropped.map(|line| line.range.start - start..line.range.end - start), text);
        text.truncate(start + text[start..].trim_end_matches('\n').len());
        // What is left may be judged otherwise than the whole was.
        profiler.read(text, start);
        self.judge(text, start, profiler, counts)
    }
}

impl Wanted {
    fn classify(&self, profile: &Profile, text: &str) -> Class {
        let evidence = &profile.words;
        let share = |count: u32| f64::from(count) / f64::from(evidence.words.max(1));
        let own = self.list.map_or(0, |list| evidence.hits[list]);
        // The language that has most of the words which this one has not.
        let others = (0..LANGUAGES.len()).filter(|list| Some(*list) != self.list);
        let Some(other) = others.max_by_key(|&list| evidence.hits[list] - evidence.shared[list]) else { return Class::Unsure };
        let (own_only, other_only) = (own - evidence.shared[other].min(own), evidence.hits[other] - evidence.shared[other]);
        if share(own) >= 0.2 && own_only >= 2 * other_only {
            return Class::Wanted;
        }
        let is_other = other_only >= 2 && other_only >= 2 * own_only;
        if evidence.words >= MIN_LINE_WORDS && is_other && share(evidence.hits[other]) >= 0.15 {
            return Language::from_code(LANGUAGES[other]).map_or(Class::Unsure, Class::Foreign);
        }
        // French without its articles, as in tables, is easily taken for something else. The full identifier takes its time: it is asked only where its answer counts.
        if share(own) >= 0.1 || profile.letters < 2 * MIN_LINE_LETTERS {
            return Class::Unsure;
        }
        match identifier::identify(text) {
            Some(language) if language == self.language => Class::Wanted,
            Some(language) => Class::Foreign(language),
            None => Class::Unsure,
        }
    }
}

#[cfg(test)]
mod tests;
