//! `cleaned-NNNNN.parquet`: the cleaned documents of a part of a build.

use std::{path::PathBuf, sync::Arc};

use arrow::{
    array::{ArrayRef, LargeStringArray, RecordBatch, StringArray, UInt32Array, UInt64Array},
    error::ArrowError,
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties},
};
use schemas::{manifest::FileInfo, part};

use super::{DocumentRow, WriteError, output::OutputFile};
use crate::config::WriteConfig;

/// The texts of a row group are about this long in all.
const ROW_GROUP_BYTES: usize = 4 << 20;

/// Writes documents into one file after another.
pub struct PartWriter {
    folder: PathBuf,
    properties: WriterProperties,
    file_bytes: usize,
    open: Option<ArrowWriter<OutputFile>>,
    finished: Vec<FileInfo>,
}

impl PartWriter {
    /// Goes on after the files that are `finished`.
    pub fn new(folder: PathBuf, config: &WriteConfig, finished: Vec<FileInfo>) -> Result<Self, WriteError> {
        let level = ZstdLevel::try_new(config.zstd_level).map_err(|source| WriteError::Parquet { path: folder.clone(), source })?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_statistics_enabled(EnabledStatistics::None)
            .set_column_dictionary_enabled(part::TEXT.into(), false)
            .build();
        Ok(Self { folder, properties, file_bytes: (config.shard_size_mib << 20) as usize, open: None, finished })
    }

    /// Appends documents; says whether that finished a file.
    pub fn push<'t>(&mut self, documents: impl Iterator<Item = (&'t DocumentRow, &'t str)> + Clone) -> Result<bool, WriteError> {
        let path = self.folder.join(part::file_name(self.finished.len()));
        let parquet_error = |source| WriteError::Parquet { path: path.clone(), source };
        let mut writer = match self.open.take() {
            Some(writer) => writer,
            None => OutputFile::create(&self.folder, &part::file_name(self.finished.len()))
                .map_err(|source| WriteError::Io { path: path.clone(), source })
                .and_then(|file| ArrowWriter::try_new(file, part::schema(), Some(self.properties.clone())).map_err(parquet_error))?,
        };
        let batch = record_batch(documents).map_err(|source| parquet_error(ParquetError::from(source)))?;
        writer.write(&batch).map_err(parquet_error)?;
        if writer.in_progress_size() >= ROW_GROUP_BYTES {
            writer.flush().map_err(parquet_error)?;
        }
        let is_full = writer.bytes_written() >= self.file_bytes;
        self.open = Some(writer);
        if is_full {
            self.close()?;
        }
        Ok(is_full)
    }

    pub fn finished(&self) -> &[FileInfo] {
        &self.finished
    }

    /// Closes the last file and lists them all.
    pub fn finish(mut self) -> Result<Vec<FileInfo>, WriteError> {
        self.close()?;
        Ok(self.finished)
    }

    fn close(&mut self) -> Result<(), WriteError> {
        let file = part::file_name(self.finished.len());
        let path = self.folder.join(&file);
        if let Some(writer) = self.open.take() {
            let output = writer.into_inner().map_err(|source| WriteError::Parquet { path: path.clone(), source })?;
            let (bytes, xxh3) = output.publish().map_err(|source| WriteError::Io { path, source })?;
            self.finished.push(FileInfo { file, bytes, xxh3 });
        }
        Ok(())
    }
}

fn record_batch<'t>(documents: impl Iterator<Item = (&'t DocumentRow, &'t str)> + Clone) -> Result<RecordBatch, ArrowError> {
    let rows = documents.clone().map(|(row, _)| row);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from_iter_values(rows.clone().map(|row| row.file))),
        Arc::new(UInt64Array::from_iter_values(rows.clone().map(|row| row.offset))),
        Arc::new(UInt64Array::from_iter_values(rows.clone().map(|row| row.length))),
        Arc::new(StringArray::from_iter_values(rows.map(|row| row.verdict.name()))),
        Arc::new(LargeStringArray::from_iter_values(documents.map(|(_, text)| text))),
    ];
    RecordBatch::try_new(part::schema(), columns)
}
