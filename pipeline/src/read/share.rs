//! The share of the inputs that one of several processes reads.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Seek, SeekFrom},
};

use super::{Compression, Format, Input, ReadError};
use crate::config::{DocumentUnit, InputConfig};

/// Part `part` of `of` (counted from 1) of the inputs: as many bytes as the others have, in input order. A text file that is not compressed may be divided, where a
/// record ends; any other file belongs whole to the part in which it begins.
pub fn share(inputs: &[Input], config: &InputConfig, part: usize, of: usize) -> Result<Vec<(usize, Input)>, ReadError> {
    let total: u64 = inputs.iter().map(|input| input.file_bytes).sum();
    let bound = |part: usize| (u128::from(total) * part as u128 / of as u128) as u64;
    let (first, last) = (bound(part - 1), if part == of { u64::MAX } else { bound(part) });
    let mut begin = 0;
    let mut own = Vec::new();
    for (number, input) in inputs.iter().enumerate() {
        let within = |bound: u64| bound.saturating_sub(begin);
        let range = if is_divisible(input)? {
            cut(input, config, within(first))?..cut(input, config, within(last))?
        } else if (first..last).contains(&begin) {
            0..u64::MAX
        } else {
            0..0
        };
        if !range.is_empty() || (input.file_bytes == 0 && (first..last).contains(&begin)) {
            own.push((number, Input { range, ..input.clone() }));
        }
        begin += input.file_bytes;
    }
    Ok(own)
}

fn is_divisible(input: &Input) -> Result<bool, ReadError> {
    let is_plain =
        input.compression == Compression::None && matches!(input.format, Format::Text | Format::JsonLines) && input.file_bytes > 0;
    Ok(is_plain && input.utf16()?.is_none())
}

/// The first place from byte `target` on where surely no record goes on. Both parts that meet there find the same.
fn cut(input: &Input, config: &InputConfig, target: u64) -> Result<u64, ReadError> {
    if target == 0 {
        return Ok(0);
    }
    if target >= input.file_bytes {
        return Ok(u64::MAX);
    }
    let until_blank_line = input.format == Format::Text && config.document == DocumentUnit::BlankLine;
    find_cut(input, target, until_blank_line).map_err(|source| ReadError::Open(input.path.clone(), source))
}

fn find_cut(input: &Input, target: u64, until_blank_line: bool) -> io::Result<u64> {
    let mut file = File::open(&input.path)?;
    file.seek(SeekFrom::Start(target))?;
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut at = target;
    let mut is_first = true;
    loop {
        let Some((length, is_blank)) = pass_line(&mut file)? else { return Ok(u64::MAX) };
        at += length;
        // The line in which the target lies may have begun before it.
        if !is_first && is_blank || !until_blank_line {
            return Ok(at);
        }
        is_first = false;
    }
}

/// Passes over a line: its length, and whether it is blank. `None` if it has no end.
fn pass_line(file: &mut impl BufRead) -> io::Result<Option<(u64, bool)>> {
    let (mut length, mut is_blank) = (0, true);
    loop {
        let buffer = file.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let line_end = memchr::memchr(b'\n', buffer);
        let count = line_end.map_or(buffer.len(), |at| at + 1);
        is_blank &= buffer[..count].trim_ascii().is_empty();
        file.consume(count);
        length += count as u64;
        if line_end.is_some() {
            return Ok(Some((length, is_blank)));
        }
    }
}

/// The part of `whole` that the first `part` of `of` equal parts stand for.
pub(super) fn proportion(whole: u64, part: u64, of: u64) -> u64 {
    (u128::from(whole) * u128::from(part) / u128::from(of)) as u64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::read::{ReadProgress, Resolved, read_chunks};

    fn texts(inputs: &[Input], config: &InputConfig) -> Vec<(String, u64, String)> {
        let mut found = Vec::new();
        for input in inputs {
            read_chunks(input, input.range.start, config, &Arc::new(ReadProgress::default()), &mut |chunk| {
                chunk.for_each_record(&mut |record| {
                    found.push((input.source().to_string(), record.offset, record.text.expect("text").into_owned()));
                });
                Some(Vec::new())
            })
            .expect("readable");
        }
        found
    }

    #[test]
    fn the_parts_are_the_whole_wherever_they_are_cut() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let lines: Vec<_> = (0..40).map(|number| format!("ligne {number}\nsuite\n{}", ["", "\n", " \t\r\n\n"][number % 3])).collect();
        let text = lines.concat();
        std::fs::write(folder.path().join("a.txt"), &text).expect("written");
        std::fs::write(folder.path().join("b.txt"), "").expect("written");
        std::fs::write(folder.path().join("c.txt"), "fin sans saut de ligne").expect("written");
        for document in [DocumentUnit::Line, DocumentUnit::BlankLine] {
            let config = InputConfig { document, ..InputConfig::default() };
            let inputs = Resolved::of(&[folder.path().display().to_string()], None).expect("files").inputs;
            let whole = texts(&inputs, &config);
            for of in [1, 2, 3, 7, 50] {
                let parts: Vec<_> = (1..=of).map(|part| share(&inputs, &config, part, of).expect("shares")).collect();
                let found: Vec<_> = parts
                    .iter()
                    .flat_map(|part| texts(&part.iter().map(|(_, input)| input.clone()).collect::<Vec<_>>(), &config))
                    .collect();
                assert_eq!(found, whole, "{document:?} {of}");
            }
        }
    }
}
