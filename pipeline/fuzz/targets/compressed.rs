//! gzip, zstd and xz streams: see `reading.rs`.
#![no_main]

mod reading;

use libfuzzer_sys::fuzz_target;
use pipeline::{
    config::InputConfig,
    read::{Compression, Format},
};

fuzz_target!(|data: &[u8]| {
    let Some((&choice, content)) = data.split_first() else { return };
    let compression = [Compression::Gzip, Compression::Zstd, Compression::Xz][usize::from(choice) % 3];
    reading::check(content, Format::Text, compression, &InputConfig::default());
});
