//! `nachos inspect --document`: where a document came from, what became of it, and every row that holds it. What a request to erase a person's data needs.

use std::{fmt::Write, fs::File, path::Path};

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{UInt16Type, UInt64Type},
};
use parquet::{
    arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
    errors::ParquetError,
};
use schemas::{DOCUMENTS_FILE, documents, hash::ContentHash, shard};

use crate::verify::{VerifyError, read_manifest};

#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    #[error(transparent)]
    Directory(#[from] VerifyError),
    #[error("{dir}: no document {id}: {known}")]
    Unknown { dir: String, id: u64, known: String },
}

/// Everything that the directory knows of document `id`.
pub fn document(dir: &Path, id: u64) -> Result<String, TraceError> {
    let manifest = read_manifest(dir)?;
    let count = manifest.totals.read.documents;
    if id >= count {
        let known = count.checked_sub(1).map_or("it has none".to_owned(), |last| format!("its documents are numbered 0 to {last}"));
        return Err(TraceError::Unknown { dir: dir.display().to_string(), id, known });
    }
    let mut text = String::new();
    let mut copies = Vec::new();
    for_each_batch(&dir.join(DOCUMENTS_FILE), None, &mut |batch, _| {
        let ids = named(batch, documents::ID).as_primitive::<UInt64Type>();
        let originals = named(batch, documents::DUPLICATE_OF).as_primitive::<UInt64Type>();
        copies.extend((0..batch.num_rows()).filter(|&row| originals.is_valid(row) && originals.value(row) == id).map(|row| ids.value(row)));
        if let Some(row) = (0..batch.num_rows()).find(|&row| ids.value(row) == id) {
            describe(batch, row, &mut text);
        }
    })?;
    line(&mut text, "duplicates", &if copies.is_empty() { "none".to_owned() } else { list(&copies) });
    let mut places = 0;
    for info in &manifest.shards {
        for_each_batch(&dir.join(&info.file), Some(&[shard::SEGMENT_LENGTHS, shard::DOCUMENT_IDS]), &mut |batch, first_row| {
            let (lengths, ids) =
                (named(batch, shard::SEGMENT_LENGTHS).as_list::<i32>(), named(batch, shard::DOCUMENT_IDS).as_list::<i32>());
            for row in 0..batch.num_rows() {
                let (lengths, ids) = (lengths.value(row), ids.value(row));
                let (lengths, ids) = (lengths.as_primitive::<UInt16Type>(), ids.as_primitive::<UInt64Type>());
                let mut start = 0;
                for (segment, (&length, &document)) in lengths.values().iter().zip(ids.values()).enumerate() {
                    if document == id {
                        let end = start + u32::from(length);
                        line(
                            &mut text,
                            "in",
                            &format!("{} row {} segment {segment} (tokens {start} to {end})", info.file, first_row + row as u64),
                        );
                        places += 1;
                    }
                    start += u32::from(length);
                }
            }
        })?;
    }
    if places == 0 {
        line(&mut text, "in", "no row");
    }
    Ok(text)
}

fn describe(batch: &RecordBatch, row: usize, text: &mut String) {
    let number = |name: &str| named(batch, name).as_primitive::<UInt64Type>().value(row).to_string();
    let word = |name: &str| named(batch, name).as_string::<i32>().value(row).to_owned();
    line(text, "document", &number(documents::ID));
    line(text, documents::SOURCE, &word(documents::SOURCE));
    line(text, documents::SOURCE_NAME, &word(documents::SOURCE_NAME));
    line(text, "offset", &number(documents::OFFSET));
    line(text, "length", &number(documents::LENGTH));
    let hash: [u8; 16] = named(batch, documents::HASH).as_fixed_size_binary().value(row).try_into().unwrap_or_default();
    line(text, "hash", &ContentHash(u128::from_be_bytes(hash)).to_string());
    line(text, "verdict", &word(documents::VERDICT));
    if named(batch, documents::DUPLICATE_OF).is_valid(row) {
        line(text, "duplicate of", &number(documents::DUPLICATE_OF));
    }
    line(text, "tokens", &number(documents::TOKENS));
}

fn line(text: &mut String, name: &str, value: &str) {
    writeln!(text, "{name:<14}{value}").expect("a string takes everything");
}

fn list(ids: &[u64]) -> String {
    ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// Hands every batch of rows to `visit`, with the number of its first row.
pub(crate) fn for_each_batch(path: &Path, columns: Option<&[&str]>, visit: &mut dyn FnMut(&RecordBatch, u64)) -> Result<(), VerifyError> {
    let parquet_error = |source| VerifyError::Parquet { path: path.to_owned(), source };
    let file = File::open(path).map_err(|source| VerifyError::Io { path: path.to_owned(), source })?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(parquet_error)?;
    let schema = builder.parquet_schema();
    let mask = columns.map_or_else(ProjectionMask::all, |columns| ProjectionMask::columns(schema, columns.iter().copied()));
    let mut first_row = 0;
    for batch in builder.with_projection(mask).build().map_err(parquet_error)? {
        let batch = batch.map_err(|source| parquet_error(ParquetError::from(source)))?;
        visit(&batch, first_row);
        first_row += batch.num_rows() as u64;
    }
    Ok(())
}

pub(crate) fn named<'b>(batch: &'b RecordBatch, name: &str) -> &'b dyn Array {
    batch.column_by_name(name).expect("a column of the format")
}
