//! The text column of a Parquet file → chunks.

use std::{
    fs::File,
    sync::{Arc, atomic::Ordering},
};

use arrow::{
    array::{ArrayAccessor, cast::AsArray},
    datatypes::DataType,
};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    },
    errors::ParquetError,
};

use super::{Chunk, Framing, Input, ReadError, ReadProgress};
use crate::config::InputConfig;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 1024;

pub(super) fn read(
    input: &Input,
    config: &InputConfig,
    progress: &Arc<ReadProgress>,
    emit: &mut dyn FnMut(Chunk) -> bool,
) -> Result<(), ReadError> {
    let damaged = |source| ReadError::Parquet { path: input.path.clone(), source };
    let file = File::open(&input.path).map_err(|source| ReadError::Open(input.path.clone(), source))?;
    // Without the writer's own Arrow schema every text column is plain text, dictionaries included.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(damaged)?;
    let column = config.text_column.as_str();
    let Some(index) = text_column_index(&builder, column) else {
        let names: Vec<_> = builder.schema().fields().iter().map(|field| format!("{} ({})", field.name(), field.data_type())).collect();
        return Err(ReadError::NoTextColumn { path: input.path.clone(), column: column.to_owned(), found: names.join(", ") });
    };
    let total_rows = builder.metadata().file_metadata().num_rows().max(1) as u64;
    let mask = ProjectionMask::roots(builder.parquet_schema(), [index]);
    let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(damaged)?;
    let (source, text_column): (Arc<str>, Arc<str>) = (input.source(), column.into());
    let mut row = 0;
    for batch in reader {
        let batch = batch.map_err(|source| damaged(ParquetError::from(source)))?;
        let texts = batch.column(0).as_ref();
        let (lengths, bytes) = if let Some(texts) = texts.as_string_opt::<i64>() {
            concatenate(texts)
        } else if let Some(texts) = texts.as_string_view_opt() {
            concatenate(texts)
        } else {
            concatenate(texts.as_string::<i32>())
        };
        let rows = lengths.len() as u64;
        let chunk = Chunk {
            source: source.clone(),
            framing: Framing::Rows(lengths),
            text_column: text_column.clone(),
            max_record: usize::MAX,
            offset: row,
            bytes,
        };
        let bytes_up_to = |row| share(input.file_bytes, row, total_rows);
        progress.file_bytes.fetch_add(bytes_up_to(row + rows) - bytes_up_to(row), Ordering::Relaxed);
        row += rows;
        if !emit(chunk) {
            return Ok(());
        }
    }
    Ok(())
}

fn text_column_index(builder: &ParquetRecordBatchReaderBuilder<File>, column: &str) -> Option<usize> {
    let (index, field) = builder.schema().fields().find(column)?;
    matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View).then_some(index)
}

fn concatenate<'a>(texts: impl ArrayAccessor<Item = &'a str> + Copy) -> (Vec<Option<usize>>, Vec<u8>) {
    let mut bytes = Vec::new();
    let lengths = (0..texts.len())
        .map(|row| {
            texts.is_valid(row).then(|| {
                bytes.extend_from_slice(texts.value(row).as_bytes());
                texts.value(row).len()
            })
        })
        .collect();
    (lengths, bytes)
}

/// The part of a file's bytes that the first `rows` of its rows stand for.
fn share(file_bytes: u64, rows: u64, total_rows: u64) -> u64 {
    (u128::from(file_bytes) * u128::from(rows) / u128::from(total_rows)) as u64
}
