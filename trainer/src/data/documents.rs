//! Where documents come from: `documents.parquet` of a shard directory, read once from front to back.

use std::{collections::HashSet, fs::File, path::Path};

use arrow::{array::AsArray, datatypes::UInt64Type};
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};
use schemas::{DOCUMENTS_FILE, documents};

use crate::error::{AtPath, Error, Result};

const REBUILD: &str = "build the shards again, or run `nachos verify` on them";

/// Where one document comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DocumentSource {
    /// Of its `[[sources]]` section; empty in directories that do not know such.
    pub(crate) name: String,
    pub(crate) file: String,
}

/// Calls `visit` with every wanted document and its source, in the order of ids. False if the directory has no `documents.parquet`.
///
/// # Errors
/// If the file cannot be read or lacks a wanted document.
pub(crate) fn visit_sources(shards: &Path, mut wanted: HashSet<u64>, mut visit: impl FnMut(u64, DocumentSource)) -> Result<bool> {
    let path = shards.join(DOCUMENTS_FILE);
    if !path.exists() {
        return Ok(false);
    }
    let bad = |expected: &str, found: String| Error::BadFile { path: path.clone(), expected: expected.to_owned(), found, remedy: REBUILD };
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).at_path(&path)?).at_path(&path)?;
    let columns = [documents::ID, documents::SOURCE, documents::SOURCE_NAME];
    let mask = ProjectionMask::columns(reader.parquet_schema(), columns);
    for batch in reader.with_projection(mask).build().at_path(&path)? {
        let batch = batch.map_err(|error| bad("readable rows", error.to_string()))?;
        let text = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let ids = batch.column_by_name(documents::ID).and_then(|column| column.as_primitive_opt::<UInt64Type>());
        let (Some(ids), Some(files)) = (ids, text(documents::SOURCE)) else {
            return Err(bad("the columns id and source", format!("{:?}", batch.schema())));
        };
        let names = text(documents::SOURCE_NAME);
        for (row, id) in ids.values().iter().enumerate() {
            if wanted.remove(id) {
                let name = names.map_or("", |names| names.value(row)).to_owned();
                visit(*id, DocumentSource { name, file: files.value(row).to_owned() });
            }
        }
    }
    match wanted.iter().min() {
        Some(missing) => Err(bad("every document of the shards", format!("no document {missing}"))),
        None => Ok(true),
    }
}
