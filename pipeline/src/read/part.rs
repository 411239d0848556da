//! The cleaned documents of a part → chunks.

use std::{
    fs::File,
    sync::{Arc, atomic::Ordering},
};

use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::{UInt32Type, UInt64Type},
};
use parquet::{arrow::arrow_reader::ArrowReaderOptions, errors::ParquetError};
use schemas::{documents::Verdict, part};

use super::{
    Chunk, CleanedRow, Emit, Framing, Input, ReadError, ReadProgress,
    guard::{self, guarded},
    share::proportion,
};

/// Texts decoded at a time, about.
const BATCH_BYTES: u64 = 1 << 20;

pub(super) fn read(input: &Input, from: u64, progress: &Arc<ReadProgress>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let damaged = |source| ReadError::Parquet { path: input.path.clone(), source };
    let file = File::open(&input.path).map_err(|source| ReadError::Open(input.path.clone(), source))?;
    // The columns are known; the Arrow schema that the file may hold is not looked at.
    let options = ArrowReaderOptions::new().with_schema(part::schema());
    let builder = guard::open(file, options).map_err(damaged)?;
    let metadata = builder.metadata();
    let total_rows = metadata.file_metadata().num_rows().max(1) as u64;
    let bytes: i64 = metadata.row_groups().iter().map(parquet::file::metadata::RowGroupMetaData::total_byte_size).sum();
    let batch_rows = (BATCH_BYTES * total_rows / bytes.max(1) as u64).clamp(1, 1 << 16) as usize;
    let file_bytes_up_to = |row| proportion(input.file_bytes, row, total_rows);
    progress.file_bytes.fetch_add(file_bytes_up_to(from), Ordering::Relaxed);
    let (mut row, mut buffer) = (from, Vec::new());
    let mut reader = guarded(|| builder.with_batch_size(batch_rows).with_offset(from as usize).build()).map_err(damaged)?;
    while let Some(batch) = guarded(|| Ok(reader.next().transpose()?)).map_err(damaged)? {
        let end = row + batch.num_rows() as u64;
        progress.file_bytes.fetch_add(file_bytes_up_to(end) - file_bytes_up_to(row), Ordering::Relaxed);
        let chunk = chunk(&batch, row, buffer).ok_or_else(|| damaged(ParquetError::General("it holds an unknown verdict".into())))?;
        row = end;
        let Some(spare) = emit(chunk) else { return Ok(()) };
        buffer = spare;
    }
    Ok(())
}

fn chunk(batch: &RecordBatch, offset: u64, mut bytes: Vec<u8>) -> Option<Chunk> {
    let files = batch.column(0).as_primitive::<UInt32Type>().values();
    let offsets = batch.column(1).as_primitive::<UInt64Type>().values();
    let lengths = batch.column(2).as_primitive::<UInt64Type>().values();
    let (verdicts, texts) = (batch.column(3).as_string::<i32>(), batch.column(4).as_string::<i64>());
    let rows: Option<Vec<_>> = (0..batch.num_rows())
        .map(|row| {
            let text = texts.value(row);
            bytes.extend_from_slice(text.as_bytes());
            let verdict = Verdict::from_name(verdicts.value(row))?;
            Some(CleanedRow { file: files[row], offset: offsets[row], length: lengths[row], verdict, text_bytes: text.len() })
        })
        .collect();
    let end = offset + batch.num_rows() as u64;
    Some(Chunk { framing: Framing::Cleaned(rows?), text_column: "".into(), max_record: usize::MAX, offset, end, bytes })
}
