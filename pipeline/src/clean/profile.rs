//! What a cleaned text is made of, line by line: one pass over its bytes and words, whose counts are all that language and quality are judged by.

use std::ops::Range;

use wide::u8x32;

use super::function_words::{Evidence, FunctionWords};
use crate::letters::{append_hashes, append_shingles, for_each_place, for_words, padded};

/// Bytes that are counted together; a lane counts up to 255 of them.
const LANES: usize = 32;
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
    /// All lines together.
    pub(super) whole: Profile,
    /// The hashes of the words, numbers among them.
    pub(super) words: Vec<u64>,
    /// The hashes of all sequences of five words.
    pub(super) shingles: Vec<u32>,
}

impl Profiler {
    /// `wanted` is the place of the language asked for among those with a list of function words.
    pub(super) fn new(wanted: Option<usize>) -> Self {
        let function_words = FunctionWords::new(wanted);
        Self { function_words, lines: Vec::new(), whole: Profile::default(), words: Vec::new(), shingles: Vec::new() }
    }

    /// Reads the text from `start` on.
    pub(super) fn read(&mut self, text: &str, start: usize) {
        self.lines.clear();
        self.whole = Profile::default();
        self.words.clear();
        let bytes = text.as_bytes();
        let mut line_start = start;
        while line_start < bytes.len() {
            let line_end = memchr::memchr(b'\n', &bytes[line_start..]).map_or(bytes.len(), |at| line_start + at);
            let next = bytes[line_end..].iter().position(|&byte| byte != b'\n').map_or(bytes.len(), |at| line_end + at);
            let mut profile = read_line(&text[line_start..line_end]);
            profile.characters += (next - line_end) as u32;
            self.lines.push((line_start..next, profile));
            line_start = next;
        }
        self.read_words(bytes, start);
        self.shingles.clear();
        append_shingles(&self.words, &mut self.shingles);
        self.lines.iter().for_each(|(_, profile)| self.whole.add(profile));
    }

    /// The lines of the text that was read, without their ends.
    pub(super) fn lines_of<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let start = self.lines.first().map_or(0, |(range, _)| range.start);
        self.lines.iter().map(move |(range, _)| text[range.start - start..range.end - start].trim_end_matches('\n'))
    }

    /// Remembers the words from `start` on, and says of each line what they tell of its language.
    #[expect(clippy::needless_bitwise_bool, reason = "a lazy operator would be a branch")]
    fn read_words(&mut self, text: &[u8], start: usize) {
        let Self { words, function_words, lines, .. } = self;
        let text = &text[start..];
        // « °C » and « µg » are units: C is no word there.
        let is_telling = |at: usize| !text[at].is_ascii_digit() & !(at > 0 && text[at - 1] >= 0x80);
        let mut lines = lines.iter_mut();
        let mut line = lines.next();
        for_words(text, |mut places| {
            let mut known = words.len();
            append_hashes(text, places, words);
            while let Some((range, profile)) = &mut line {
                let (of_line, others) = places.split_at(places.partition_point(|&[at, _]| start + (at as usize) < range.end));
                function_words.count(&words[known..], of_line, |[at, _]| is_telling(*at as usize), &mut profile.words);
                if others.is_empty() {
                    break;
                }
                known += of_line.len();
                places = others;
                line = lines.next();
            }
        });
    }
}

/// All that can be told of a line without its words.
#[expect(clippy::needless_bitwise_bool, reason = "a lazy operator would be a branch")]
fn read_line(line: &str) -> Profile {
    let bytes = line.as_bytes();
    let mut profile = Profile::default();
    for bytes in bytes.chunks(LANES * usize::from(u8::MAX)) {
        let (blocks, rest) = bytes.as_chunks::<LANES>();
        // The inside of a character counts for nothing.
        let padded = padded(rest, 0x80);
        let mut lanes = [u8x32::ZERO; 5];
        for block in blocks.iter().chain([&padded]) {
            let [characters, letters, digits, braces, symbols] = &mut lanes;
            *characters += ones(block, |byte| byte & 0xC0 != 0x80);
            *letters += ones(block, is_letter);
            *digits += ones(block, |byte| byte.is_ascii_digit());
            *braces += ones(block, |byte| (byte == b'{') | (byte == b'}'));
            *symbols += ones(block, is_symbol);
        }
        let [characters, letters, digits, braces, symbols] =
            lanes.map(|lanes| lanes.as_array().iter().copied().map(u32::from).sum::<u32>());
        profile.characters += characters;
        profile.letters += letters;
        profile.digits += digits;
        profile.braces += braces;
        profile.symbols += symbols;
    }
    // Other characters beyond ASCII are told by their first bytes.
    for_each_place(
        bytes,
        |byte| byte == 0xC2 || byte > LATIN,
        |at| {
            let character = line[at..].chars().next().unwrap_or_default();
            // Apostrophes and quotation marks are most of them, and whether something is a letter takes longer to tell.
            if !matches!(character, '’' | '«' | '»' | '…' | '–' | '—') && !character.is_whitespace() {
                let is_letter = character.is_alphabetic();
                profile.letters += u32::from(is_letter);
                profile.symbols += u32::from(!is_letter);
            }
        },
    );
    profile
}

/// One in each lane whose byte is what is looked for.
#[inline(always)]
fn ones(block: &[u8; LANES], is_it: impl Fn(u8) -> bool) -> u8x32 {
    u8x32::new(block.map(|byte| u8::from(is_it(byte))))
}

/// Whether it is a letter of ASCII, or begins one from À to ÿ.
#[expect(clippy::needless_bitwise_bool, reason = "a lazy operator would be a branch")]
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() | (byte == LATIN)
}

/// Whether it is a character of ASCII that [`Profile::symbols`] counts.
fn is_symbol(byte: u8) -> bool {
    const SYMBOLS: [(u8, u8); 10] = [
        (0, 8),
        (0x0E, 0x1F),
        (b'#', b'$'),
        (b'&', b'&'),
        (b'*', b'+'),
        (b'<', b'>'),
        (b'@', b'@'),
        (b'[', b'`'),
        (b'|', b'|'),
        (b'~', 0x7F),
    ];
    SYMBOLS.iter().fold(false, |is_symbol, &(first, last)| is_symbol | (byte.wrapping_sub(first) <= last - first))
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
        assert_eq!(profiler.whole.characters, 44);
    }
}
