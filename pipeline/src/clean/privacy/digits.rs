//! The runs of digits of a text. Nearly every rule needs some, so what they are decides which rules are asked at all.

use std::ops::Range;

use crate::letters::for_each_run_of_digits;

/// The runs of digits of a whole text.
#[derive(Default)]
pub(super) struct DigitRuns(Vec<Range<usize>>);

impl DigitRuns {
    /// Finds those of the text from `start` on.
    pub(super) fn find(&mut self, text: &[u8], start: usize) {
        self.0.clear();
        for_each_run_of_digits(&text[start..], |from, to| self.0.push(start + from..start + to));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those within a part of `text` at whose ends no run goes on.
    pub(super) fn within<'t>(&'t self, text: &'t [u8], part: &Range<usize>) -> Digits<'t> {
        let first = self.0.partition_point(|run| run.start < part.start);
        let count = self.0[first..].iter().take_while(|run| run.start < part.end).count();
        Digits { text: &text[..part.end], runs: &self.0[first..first + count] }
    }
}

/// The runs of digits of a line, or of a line and the next.
#[derive(Clone, Copy)]
pub(super) struct Digits<'t> {
    /// The text, from its beginning to the end of the part.
    text: &'t [u8],
    runs: &'t [Range<usize>],
}

impl Digits<'_> {
    pub(super) fn count(self) -> usize {
        self.runs.iter().map(ExactSizeIterator::len).sum()
    }

    /// The most digits with at most three bytes between each and the next, none of which is a letter but A or B.
    pub(super) fn longest_cluster(self) -> usize {
        let (mut longest, mut current, mut previous_end) = (0, 0, 0);
        for run in self.runs {
            let gap = &self.text[previous_end..run.start];
            let goes_on = gap.len() <= 3 && gap.iter().all(|byte| !byte.is_ascii_alphabetic() || matches!(byte, b'A' | b'B'));
            current = if goes_on { current + run.len() } else { run.len() };
            longest = longest.max(current);
            previous_end = run.end;
        }
        longest
    }

    /// Where what words announce begins, or a few bytes around it, in order and possibly repeated: dates, and numbers of five digits, with one space, hyphen or stroke between each and the
    /// next at most, or with a letter in them.
    pub(super) fn announced(self) -> impl Iterator<Item = usize> {
        let (mut start, mut count, mut previous_end) = (0, 0, 0);
        self.runs.iter().enumerate().filter_map(move |(place, run)| {
            if !matches!(&self.text[previous_end..run.start], [b' ' | b'-' | b'/']) {
                (start, count) = (run.start, 0);
            }
            count += run.len();
            previous_end = run.end;
            // « 12A3456 », « 9B1234567 »: the letter parts the digits.
            let follows_letter = run.len() >= 4 && self.text[..run.start].last().is_some_and(u8::is_ascii_alphabetic);
            (count >= 5 || follows_letter || self.begins_date(place)).then_some(start)
        })
    }

    /// Whether there is a date.
    pub(super) fn have_date(self) -> bool {
        (0..self.runs.len()).any(|place| self.begins_date(place))
    }

    /// Whether a run begins a date as the patterns have it: three short numbers, or a day, a month's name and a year.
    fn begins_date(self, place: usize) -> bool {
        let gap = |first: &Range<usize>, second: &Range<usize>| &self.text[first.end..second.start];
        let is_short = |[day, month, year]: &[Range<usize>; 3]| {
            let are_near = gap(day, month).len() <= 3 && gap(month, year).len() <= 3;
            are_near && month.len() <= 2 && (day.len() <= 2 && matches!(year.len(), 2 | 4) || day.len() == 4 && year.len() == 2)
        };
        let is_long = |[day, year]: &[Range<usize>; 2]| {
            let is_of_month = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii() || matches!(byte, b' ' | b'.');
            day.len() <= 2 && year.len() == 4 && (5..=16).contains(&gap(day, year).len()) && gap(day, year).iter().all(is_of_month)
        };
        let runs = &self.runs[place..];
        runs.first_chunk().is_some_and(is_short) || runs.first_chunk().is_some_and(is_long)
    }

    /// Whether there is a postcode, of five digits or two and three, before what may be a town.
    pub(super) fn have_postcode(self) -> bool {
        let is_before_town = |run: &Range<usize>| {
            let after = &self.text[run.end..];
            let after = after.strip_prefix(b",").unwrap_or(after);
            matches!(after, [b' ', b'A'..=b'Z' | 0x80.., ..])
        };
        let is_pair = |[first, second]: &[Range<usize>; 2]| {
            first.len() >= 2 && second.len() == 3 && second.start == first.end + 1 && self.text[first.end] == b' ' && is_before_town(second)
        };
        self.runs.iter().any(|run| run.len() >= 5 && is_before_town(run)) || self.runs.array_windows().any(is_pair)
    }

    /// Whether four short numbers stand with points between them.
    pub(super) fn have_ipv4(self) -> bool {
        let is_next = |pair: &[Range<usize>]| pair[1].start == pair[0].end + 1 && self.text[pair[0].end] == b'.';
        self.runs.windows(4).any(|runs| runs.iter().all(|run| run.len() <= 3) && runs.windows(2).all(is_next))
    }

    /// Whether a number of at least two digits follows two letters, as in an IBAN.
    pub(super) fn have_iban(self) -> bool {
        self.runs.iter().any(|run| {
            let before = self.text[..run.start].last_chunk::<2>();
            run.len() >= 2 && before.is_some_and(|letters| letters.iter().all(u8::is_ascii_alphabetic))
        })
    }

    /// Whether a number begins as telephone numbers do.
    pub(super) fn have_telephone(self) -> bool {
        self.runs.iter().any(|run| self.text[run.start] == b'0' || self.text[..run.start].ends_with(b"+"))
    }

    /// Whether a number stands before a word for a street, or what such a word begins with, as the patterns of addresses have it.
    pub(super) fn have_street(self) -> bool {
        let begins =
            |at: usize, word: &str| self.text.get(at..at + word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
        // « av. » and « av » are streets, « avec » and « avant » are not.
        let is_street = |at: usize, word: &str| {
            begins(at, word) && (word != "av" || !self.text.get(at + word.len()).is_some_and(u8::is_ascii_alphanumeric))
        };
        let begins_street = |at: usize| {
            let first = self.text.get(at).map_or(0, u8::to_ascii_lowercase);
            streets(first).iter().any(|word| is_street(at, word))
        };
        let skip = |at: usize, sign: u8| at + usize::from(self.text.get(at) == Some(&sign));
        self.runs.iter().any(|run| {
            let after_number = skip(run.end, b' ');
            // Only a letter, or what comes before one, can begin such a word.
            let next = self.text.get(after_number).copied().unwrap_or_default();
            let may_begin = matches!(next | 0x20, b'a'..=b'v') || matches!(next, b',' | b' ');
            let suffixes = ["", "bis", "ter", "quater", "a", "b", "c", "d"].into_iter().filter(|suffix| begins(after_number, suffix));
            may_begin && suffixes.map(|suffix| skip(skip(after_number + suffix.len(), b','), b' ')).any(begins_street)
        })
    }
}

/// What words for a street begin with that have this first letter.
fn streets(first: u8) -> &'static [&'static str] {
    match first {
        b'a' => &["avenue", "alle", "allé", "allÉ", "av"],
        b'b' => &["boulevard", "bd", "bld"],
        b'c' => &["chemin", "cours"],
        b'e' => &["esplanade"],
        b'f' => &["faubourg"],
        b'h' => &["hameau"],
        b'i' => &["impasse"],
        b'l' => &["lotissement"],
        b'm' => &["monte", "monté", "montÉ"],
        b'p' => &["place", "passage", "promenade"],
        b'q' => &["quai"],
        b'r' => &["rue", "ruelle", "route", "resid", "résid", "rÉsid", "rond-point"],
        b's' => &["square", "sentier"],
        b'v' => &["villa"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check<'t>(text: &'t str, property: impl Fn(Digits<'t>) -> bool, expected: bool) {
        let mut runs = DigitRuns::default();
        runs.find(text.as_bytes(), 0);
        let digits = Digits { text: text.as_bytes(), runs: runs.0.leak() };
        assert_eq!(property(digits), expected, "{text:?}");
    }

    #[test]
    fn numbers_say_what_they_can_be() {
        for (text, expected) in [
            ("75001 Paris", true),
            ("75 001, Évry", true),
            ("75001 patients", false),
            ("10 000 cas", false),
            ("75  001 Paris", false),
            ("7 500 A", false),
        ] {
            check(text, Digits::have_postcode, expected);
        }
        for (text, expected) in [("10.1.22.254", true), ("v1.2.3", false), ("1.2.3.4567", false), ("1.2 3.4", false)] {
            check(text, Digits::have_ipv4, expected);
        }
        for (text, expected) in [
            ("né le 3/12/50", true),
            ("1950-03-12", true),
            ("1er février 1950", true),
            ("12/50", false),
            ("12 à 1950", false),
            ("12, mai 1950", false),
        ] {
            check(text, Digits::have_date, expected);
        }
        for (text, expected) in [("12-345", true), ("12A3456", true), ("3/12/50", true), ("12 a 345", false), ("1234", false)] {
            check(text, |digits| digits.announced().next().is_some(), expected);
        }
        for (text, expected) in [("FR76", true), ("F76", false), ("FR7", false), ("76", false)] {
            check(text, Digits::have_iban, expected);
        }
        for (text, expected) in [("06 12", true), ("+33", true), ("12 06", true), ("33", false)] {
            check(text, Digits::have_telephone, expected);
        }
        for (text, expected) in [("12 rue", true), ("3bis, AVENUE", true), ("12", false), ("12 mg", false), ("rue 12", false)] {
            check(text, Digits::have_street, expected);
        }
    }

    proptest! {
        #[test]
        fn the_longest_cluster_is_that_of_a_plain_count(text in "[0-9a-cA-C ./é]{0,30}") {
            let (mut longest, mut current, mut gap) = (0, 0, 0);
            for byte in text.bytes() {
                if byte.is_ascii_digit() {
                    (current, gap) = (current + 1, 0);
                    longest = longest.max(current);
                } else {
                    gap += 1;
                    if gap > 3 || byte.is_ascii_alphabetic() && !matches!(byte, b'A' | b'B') {
                        current = 0;
                    }
                }
            }
            let mut runs = DigitRuns::default();
            runs.find(text.as_bytes(), 0);
            let digits = runs.within(text.as_bytes(), &(0..text.len()));
            prop_assert_eq!(digits.longest_cluster(), longest);
            prop_assert_eq!(digits.count(), text.bytes().filter(u8::is_ascii_digit).count());
        }
    }
}
