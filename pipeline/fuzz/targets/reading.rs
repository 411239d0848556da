//! Reads one file whose content is the fuzzer's, and checks what every reader promises.

use std::{fs, sync::Arc};

use pipeline::{
    config::InputConfig,
    read::{Compression, Format, Framing, Input, ReadProgress, read_chunks},
};
use tempfile::TempDir;

thread_local! {
    /// In memory where that is possible.
    static FOLDER: TempDir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder");
}

/// Reading ends with records in order, within the file, or with an error; and goes on from the end of any chunk with the same records.
pub fn check(content: &[u8], format: Format, compression: Compression, config: &InputConfig) {
    let path = FOLDER.with(|folder| folder.path().join("input"));
    fs::write(&path, content).expect("written");
    let input = Input { path, format, compression, file_bytes: content.len() as u64, range: 0..u64::MAX };
    let (mut ends, mut records) = (Vec::new(), Vec::new());
    let is_whole = read(&input, 0, config, &mut ends, &mut records);
    for pair in records.windows(2) {
        assert!(pair[0].0 + pair[0].1 <= pair[1].0 || format == Format::Parquet, "{pair:?}");
    }
    if let Some((end, before)) = ends.get(ends.len() / 2).filter(|_| is_whole) {
        let mut rest = Vec::new();
        read(&input, *end, config, &mut Vec::new(), &mut rest);
        assert_eq!(rest, records[*before..]);
    }
}

type Records = Vec<(u64, u64, Option<String>)>;

fn read(input: &Input, from: u64, config: &InputConfig, ends: &mut Vec<(u64, usize)>, records: &mut Records) -> bool {
    let whole = read_chunks(input, from, config, &Arc::new(ReadProgress::default()), &mut |chunk| {
        chunk.for_each_record(&mut |record| {
            records.push((record.offset, record.length, record.text.ok().map(|text| text.into_owned())));
        });
        if let Framing::Cleaned(rows) = &chunk.framing {
            assert_eq!(rows.iter().map(|row| row.text_bytes).sum::<usize>(), chunk.bytes.len());
        }
        ends.push((chunk.end, records.len()));
        Some(Vec::new())
    });
    whole.is_ok()
}
