//! `nachos inspect`: rows as text, and SQL over the tables `shards` and `documents`, by Polars.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use polars::{
    frame::DataFrame,
    lazy::frame::{LazyFrame, ScanArgsParquet},
    prelude::{AnyValue, IntoLazy, PolarsError},
    sql::SQLContext,
};
use schemas::{DOCUMENTS_FILE, TOKENIZER_DIR, documents, manifest::Manifest, shard};

use crate::{
    tokenize::{Encoder, TokenizeError},
    verify::{VerifyError, read_manifest},
};

#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    #[error(transparent)]
    Directory(#[from] VerifyError),
    #[error(transparent)]
    Tokenizer(#[from] TokenizeError),
    #[error("{path}: cannot be read")]
    Scan { path: PathBuf, source: PolarsError },
    #[error("the query failed; the tables are shards ({shards}) and documents ({documents})", shards = columns(&shard::schema(shard::TokenWidth::U16)), documents = columns(&documents::schema()))]
    Query(#[source] PolarsError),
}

/// The columns as a query names them.
fn columns(schema: &arrow::datatypes::Schema) -> String {
    let as_in_sql = |name: &str| if name == documents::OFFSET { format!("\"{name}\"") } else { name.to_owned() };
    schema.fields().iter().map(|field| as_in_sql(field.name())).collect::<Vec<_>>().join(", ")
}

/// The totals, and the first `rows` rows decoded.
pub fn overview(dir: &Path, rows: usize) -> Result<String, InspectError> {
    let manifest = read_manifest(dir)?;
    let mut text = totals(&manifest);
    if rows == 0 {
        return Ok(text);
    }
    let encoder = Encoder::from_dir(&dir.join(TOKENIZER_DIR))?;
    let scan_error = |source| InspectError::Scan { path: dir.to_owned(), source };
    let head = scan_shards(dir, &manifest)?.limit(rows as u32).collect().map_err(scan_error)?;
    for row in 0..head.height() {
        let list = |name: &str| -> Result<Vec<u64>, PolarsError> { numbers(&head.column(name)?.get(row)?) };
        let ids: Vec<u32> = list(shard::INPUT_IDS).map_err(scan_error)?.into_iter().map(|id| id as u32).collect();
        let lengths = list(shard::SEGMENT_LENGTHS).map_err(scan_error)?;
        let segment_documents = list(shard::DOCUMENT_IDS).map_err(scan_error)?;
        append(&mut text, format_args!("\nrow {row}: {} tokens, {} segments\n", ids.len(), lengths.len()));
        let mut start = 0;
        for (length, document) in lengths.iter().zip(segment_documents) {
            let end = start + *length as usize;
            append(&mut text, format_args!("  document {document}, {length} tokens: {}\n", encoder.decode(&ids[start..end])));
            start = end;
        }
    }
    Ok(text)
}

/// The answer to an SQL query, as a table with a header and all rows.
pub fn query(dir: &Path, sql: &str) -> Result<String, InspectError> {
    let manifest = read_manifest(dir)?;
    let path = dir.join(DOCUMENTS_FILE);
    let documents = LazyFrame::scan_parquet(&path, ScanArgsParquet::default()).map_err(|source| InspectError::Scan { path, source })?;
    let mut context = SQLContext::new();
    context.register("shards", scan_shards(dir, &manifest)?);
    context.register("documents", documents);
    let answer = context.execute(sql).and_then(LazyFrame::collect).map_err(InspectError::Query)?;
    table(&answer).map_err(InspectError::Query)
}

fn scan_shards(dir: &Path, manifest: &Manifest) -> Result<LazyFrame, InspectError> {
    if manifest.shards.is_empty() {
        return Ok(DataFrame::empty().lazy());
    }
    let paths: Vec<PathBuf> = manifest.shards.iter().map(|shard| dir.join(&shard.file)).collect();
    LazyFrame::scan_parquet_files(paths.into(), ScanArgsParquet::default())
        .map_err(|source| InspectError::Scan { path: dir.to_owned(), source })
}

fn numbers(value: &AnyValue<'_>) -> Result<Vec<u64>, PolarsError> {
    if let AnyValue::List(list) = value { list.iter().map(|item| item.try_extract::<u64>()).collect() } else { Ok(Vec::new()) }
}

fn totals(manifest: &Manifest) -> String {
    let totals = &manifest.totals;
    let mut text = String::new();
    let mut line = |name: &str, value: String| append(&mut text, format_args!("{name:<22}{value}\n"));
    line("program", format!("{} {}", manifest.program, manifest.program_version));
    line("tokenizer", format!("{} ({} entries)", manifest.tokenizer.hash, manifest.tokenizer.vocab_size));
    line("documents", totals.read.documents.to_string());
    for (verdict, count) in &totals.verdicts {
        line(&format!("  {verdict}"), count.to_string());
    }
    line("raw text bytes", totals.read.bytes.to_string());
    line("clean text bytes", totals.clean.bytes.to_string());
    line("shards", format!("{} ({} bytes)", totals.write.shards, totals.write.bytes));
    line("rows", format!("{} of at most {} tokens", totals.pack.rows, manifest.max_seq_len));
    line("segments", totals.pack.segments.to_string());
    line("tokens", totals.pack.tokens.to_string());
    line("  unknown", totals.pack.unknown_tokens.to_string());
    line("packing efficiency", format!("{:.4}", totals.pack.efficiency));
    text
}

/// Columns padded to their widest cell.
fn table(frame: &DataFrame) -> Result<String, PolarsError> {
    let mut cells = vec![frame.get_column_names().iter().map(ToString::to_string).collect::<Vec<_>>()];
    for row in 0..frame.height() {
        cells.push(frame.get_columns().iter().map(|column| column.get(row).map(cell)).collect::<Result<_, _>>()?);
    }
    let widths: Vec<usize> =
        (0..frame.width()).map(|column| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in cells {
        let padded: Vec<_> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        append(&mut text, format_args!("{}\n", padded.join("  ").trim_end()));
    }
    Ok(text)
}

/// Strings without quotes, bytes (the documents' hashes) as hexadecimal digits, everything else as Polars shows it.
fn cell(value: AnyValue<'_>) -> String {
    if let Some(text) = value.get_str() {
        text.to_owned()
    } else if let AnyValue::Binary(bytes) = value {
        let mut digits = String::new();
        for byte in bytes {
            append(&mut digits, format_args!("{byte:02x}"));
        }
        digits
    } else if let AnyValue::List(list) = value {
        format!("[{}]", list.iter().map(cell).collect::<Vec<_>>().join(", "))
    } else {
        value.to_string()
    }
}

fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes any text");
}
