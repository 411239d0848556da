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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
    use parquet::arrow::ArrowWriter;

    use super::*;

    /// Documents 0, 1 and 2 of two files, with the column of names or, as older directories, without.
    fn shards(with_names: bool) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = |values: [&str; 3]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
        let mut columns = vec![
            (documents::ID, Arc::new(UInt64Array::from(vec![0, 1, 2])) as ArrayRef),
            (documents::SOURCE, text(["a.txt", "b.txt", "a.txt"])),
        ];
        if with_names {
            columns.push((documents::SOURCE_NAME, text(["notes", "books", "notes"])));
        }
        let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
        let file = File::create(folder.path().join(DOCUMENTS_FILE)).expect("a new file");
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
        writer.write(&batch).expect("written");
        writer.close().expect("closed");
        folder
    }

    fn sources(shards: &Path, wanted: &[u64]) -> Result<Option<Vec<(u64, String, String)>>> {
        let mut found = Vec::new();
        let known =
            visit_sources(shards, wanted.iter().copied().collect(), |id, DocumentSource { name, file }| found.push((id, name, file)))?;
        Ok(known.then_some(found))
    }

    #[test]
    fn wanted_documents_are_visited_with_their_sources() {
        let source = |id, name: &str, file: &str| (id, name.to_owned(), file.to_owned());
        let found = sources(shards(true).path(), &[2, 1]).expect("a sound table");
        assert_eq!(found, Some(vec![source(1, "books", "b.txt"), source(2, "notes", "a.txt")]));
        let found = sources(shards(false).path(), &[0]).expect("a sound table");
        assert_eq!(found, Some(vec![source(0, "", "a.txt")]));
    }

    #[test]
    fn a_missing_table_is_told_and_a_missing_document_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(sources(folder.path(), &[0]).expect("nothing is known"), None);
        let error = sources(shards(true).path(), &[1, 7]).expect_err("there is no document 7").to_string();
        assert!(error.contains("documents.parquet: expected every document of the shards, found no document 7"), "{error}");
    }
}
