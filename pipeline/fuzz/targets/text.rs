//! Plain text and JSON lines in any encoding: see `reading.rs`.
#![no_main]

mod reading;

use libfuzzer_sys::fuzz_target;
use pipeline::{
    config::{DocumentUnit, InputConfig},
    read::{Compression, Format},
};

fuzz_target!(|data: &[u8]| {
    let Some((&choice, content)) = data.split_first() else { return };
    let format = if choice % 3 == 0 { Format::JsonLines } else { Format::Text };
    let document = if choice % 3 == 1 { DocumentUnit::Line } else { DocumentUnit::BlankLine };
    let config = InputConfig { document, max_document_mib: 1, ..InputConfig::default() };
    // A few texts are longer than a chunk and a document may be.
    let long = (choice == 0xF0 + choice % 3).then(|| content.repeat((3 << 19) / content.len().max(1) + 1));
    let content = long.as_deref().unwrap_or(content);
    reading::check(content, format, Compression::None, &config);
});
