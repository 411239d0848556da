//! `documents.parquet`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::array::{ArrayRef, FixedSizeBinaryBuilder, RecordBatch, StringArray, UInt64Array};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};
use schemas::{DOCUMENTS_FILE, documents, manifest::FileInfo};

use super::{DocumentRow, WriteError, output::OutputFile};
use crate::config::WriteConfig;

const ROW_GROUP_ROWS: usize = 65_536;

/// Where the rows' files come from.
#[derive(Clone, Debug, Default)]
pub struct FileNames {
    /// The name of each file.
    pub files: Vec<Arc<str>>,
    /// The name of each file's source.
    pub sources: Vec<Arc<str>>,
}

/// Writes the rows in the order of their ids, which it counts from 0.
pub struct DocumentsWriter {
    writer: ArrowWriter<OutputFile>,
    names: FileNames,
    next_id: u64,
    gathered: Vec<DocumentRow>,
    path: PathBuf,
}

impl DocumentsWriter {
    pub fn create(folder: &Path, names: FileNames, config: &WriteConfig) -> Result<Self, WriteError> {
        let path = folder.join(DOCUMENTS_FILE);
        let file = OutputFile::create(folder, DOCUMENTS_FILE).map_err(|source| WriteError::Io { path: path.clone(), source })?;
        let writer = ZstdLevel::try_new(config.zstd_level)
            .map(|level| WriterProperties::builder().set_compression(Compression::ZSTD(level)).build())
            .and_then(|properties| ArrowWriter::try_new(file, documents::schema(), Some(properties)))
            .map_err(|source| WriteError::Parquet { path: path.clone(), source })?;
        Ok(Self { writer, names, next_id: 0, gathered: Vec::new(), path })
    }

    pub fn push(&mut self, row: DocumentRow) -> Result<(), WriteError> {
        self.gathered.push(row);
        if self.gathered.len() == ROW_GROUP_ROWS { self.write_row_group() } else { Ok(()) }
    }

    pub fn finish(mut self) -> Result<FileInfo, WriteError> {
        if !self.gathered.is_empty() {
            self.write_row_group()?;
        }
        let Self { writer, path, .. } = self;
        let file = writer.into_inner().map_err(|source| WriteError::Parquet { path: path.clone(), source })?;
        let (bytes, xxh3) = file.publish().map_err(|source| WriteError::Io { path, source })?;
        Ok(FileInfo { file: DOCUMENTS_FILE.to_owned(), bytes, xxh3 })
    }

    fn write_row_group(&mut self) -> Result<(), WriteError> {
        let result = self.record_batch().map_err(ParquetError::from).and_then(|batch| {
            self.writer.write(&batch)?;
            self.writer.flush()
        });
        self.next_id += self.gathered.len() as u64;
        self.gathered.clear();
        result.map_err(|source| WriteError::Parquet { path: self.path.clone(), source })
    }

    fn record_batch(&self) -> Result<RecordBatch, arrow::error::ArrowError> {
        let rows = &self.gathered;
        let numbers = |of: fn(&DocumentRow) -> u64| -> ArrayRef { Arc::new(UInt64Array::from_iter_values(rows.iter().map(of))) };
        let mut hashes = FixedSizeBinaryBuilder::with_capacity(rows.len(), 16);
        for row in rows {
            hashes.append_value(row.hash.to_bytes())?;
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(self.next_id..self.next_id + rows.len() as u64)),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &*self.names.files[row.file as usize]))),
            numbers(|row| row.offset),
            numbers(|row| row.length),
            Arc::new(hashes.finish()),
            numbers(|row| row.tokens),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.verdict.name()))),
            Arc::new(rows.iter().map(|row| row.duplicate_of).collect::<UInt64Array>()),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &*self.names.sources[row.file as usize]))),
        ];
        RecordBatch::try_new(documents::schema(), columns)
    }
}
