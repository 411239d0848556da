//! Parquet files, and the parts of a build: see `reading.rs`.
#![no_main]

mod reading;

use libfuzzer_sys::fuzz_target;
use pipeline::{
    config::InputConfig,
    read::{Compression, Format},
};

fuzz_target!(|data: &[u8]| {
    let Some((&choice, content)) = data.split_first() else { return };
    let format = if choice % 2 == 0 { Format::Parquet } else { Format::Part };
    reading::check(content, format, Compression::None, &InputConfig::default());
});
