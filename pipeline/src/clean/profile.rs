//! What a cleaned text is made of, line by line: one pass over its bytes and words, whose counts are all that language and quality are judged by.

use std::ops::Range;

use super::function_words::{Evidence, FunctionWords, WordCounter};
use crate::letters::{for_each_place, for_each_word};

/// Five counts in one number, so that a byte takes one addition.
const LANE_BITS: u32 = 12;
const LANE_MAX: usize = (1 << LANE_BITS) - 1;
const CHARACTERS: u32 = 0;
const LETTERS: u32 = 1;
const DIGITS: u32 = 2;
const BRACES: u32 = 3;
const SYMBOLS: u32 = 4;
/// What each byte counts for. Of the characters beyond ASCII only those from À to ÿ are counted here, as letters.
const LANES: [u64; 256] = {
    let mut lanes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let is_character = byte & 0xC0 != 0x80;
        let class = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | LATIN => 1 << (LANE_BITS * LETTERS),
            b'0'..=b'9' => 1 << (LANE_BITS * DIGITS),
            b'{' | b'}' => 1 << (LANE_BITS * BRACES),
            b'\t'..=b'\r' | b' '..=b'"' | b'%' | b'\''..=b')' | b','..=b'/' | b':' | b';' | b'?' | 0x80.. => 0,
            _ => 1 << (LANE_BITS * SYMBOLS),
        };
        lanes[byte] = class + if is_character { 1 << (LANE_BITS * CHARACTERS) } else { 0 };
        byte += 1;
    }
    lanes
};
/// The first byte of the letters from À to ÿ (and of × and ÷).
const LATIN: u8 = 0xC3;

/// What a line, or a text, is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) characters: u32,
    pub(super) letters: u32,
    pub(super) digits: u32,
    pub(super) braces: u32,
    /// Neither letters, digits, braces, white space nor the punctuation of sentences.
    pub(super) symbols: u32,
    /// Words that begin with a letter, units aside.
    pub(super) words: Evidence,
}

impl Profile {
    pub(super) fn add(&mut self, other: &Self) {
        self.characters += other.characters;
        self.letters += other.letters;
        self.digits += other.digits;
        self.braces += other.braces;
        self.symbols += other.symbols;
        self.words.add(&other.words);
    }
}

/// Reads one text after another, and remembers the last.
pub(super) struct Profiler {
    function_words: FunctionWords,
    /// Each line's place in bytes, with the line ends after it.
    pub(super) lines: Vec<(Range<usize>, Profile)>,
    /// The hashes of the words, numbers among them.
    pub(super) words: Vec<u64>,
}

impl Profiler {
    /// `wanted` is the place of the language asked for among those with a list of function words.
    pub(super) fn new(wanted: Option<usize>) -> Self {
        Self { function_words: FunctionWords::new(wanted), lines: Vec::new(), words: Vec::new() }
    }

    /// Reads the text from `start` on.
    pub(super) fn read(&mut self, text: &str, start: usize) {
        self.lines.clear();
        self.words.clear();
        let bytes = text.as_bytes();
        let mut line_start = start;
        while line_start < bytes.len() {
            let line_end = memchr::memchr(b'\n', &bytes[line_start..]).map_or(bytes.len(), |at| line_start + at);
            let next = bytes[line_end..].iter().position(|&byte| byte != b'\n').map_or(bytes.len(), |at| line_end + at);
            let mut profile = self.read_line(&text[line_start..line_end]);
            profile.characters += (next - line_end) as u32;
            self.lines.push((line_start..next, profile));
            line_start = next;
        }
    }

    /// The profile of all lines together.
    pub(super) fn whole(&self) -> Profile {
        self.lines.iter().fold(Profile::default(), |mut whole, (_, line)| {
            whole.add(line);
            whole
        })
    }

    fn read_line(&mut self, line: &str) -> Profile {
        let bytes = line.as_bytes();
        let mut profile = Profile::default();
        for chunk in bytes.chunks(LANE_MAX) {
            let lanes = chunk.iter().map(|&byte| LANES[usize::from(byte)]).sum::<u64>();
            let count = |lane: u32| (lanes >> (LANE_BITS * lane)) as u32 & LANE_MAX as u32;
            profile.characters += count(CHARACTERS);
            profile.letters += count(LETTERS);
            profile.digits += count(DIGITS);
            profile.braces += count(BRACES);
            profile.symbols += count(SYMBOLS);
        }
        // Other characters beyond ASCII are told by their first bytes.
        for_each_place(
            bytes,
            |byte| byte == 0xC2 || byte > LATIN,
            |at| {
                let character = line[at..].chars().next().unwrap_or_default();
                let is_punctuation = matches!(character, '«' | '»' | '…' | '–' | '—' | '’') || character.is_whitespace();
                let is_letter = character.is_alphabetic();
                profile.letters += u32::from(is_letter);
                profile.symbols += u32::from(!is_letter && !is_punctuation);
            },
        );
        let mut counter = WordCounter::new(&self.function_words);
        let words = &mut self.words;
        for_each_word(bytes, |start, hash| {
            words.push(hash);
            // « °C » and « µg » are units: C is no word there.
            let follows_sign = start > 0 && bytes[start - 1] >= 0x80;
            if !bytes[start].is_ascii_digit() && !follows_sign {
                counter.count(hash);
            }
        });
        profile.words = counter.finish();
        profile
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_counted_line_by_line() {
        let mut profiler = Profiler::new(Some(0));
        let text = "avant\nL'été, 5 µg/m² {x}\n\n« Œdème » : 12 ± 3 = ok\n";
        profiler.read(text, 6);
        let counts: Vec<_> = profiler
            .lines
            .iter()
            .map(|(range, Profile { characters, letters, digits, braces, symbols, words })| {
                (&text[range.clone()], [*characters, *letters, *digits, *braces, *symbols, words.words, words.hits[0]])
            })
            .collect();
        assert_eq!(counts, [("L'été, 5 µg/m² {x}\n\n", [20, 8, 1, 2, 1, 4, 2]), ("« Œdème » : 12 ± 3 = ok\n", [24, 7, 3, 0, 2, 2, 0])]);
        assert_eq!(profiler.words.len(), 10);
        assert_eq!(profiler.whole().characters, 44);
    }
}
