//! `shard-NNNNN.parquet`.

use std::path::PathBuf;

use arrow::datatypes::SchemaRef;
use parquet::{
    arrow::ArrowWriter,
    basic::ZstdLevel,
    errors::ParquetError,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
};
use schemas::{
    manifest::ShardInfo,
    shard::{self, TokenWidth},
    shard_file_name,
};

use super::{WriteError, column::ColumnWriter, output::OutputFile};
use crate::{config::WriteConfig, pack::PackedSequence};

/// Rows of a row group: what a reader must decode to get at one row, and what the trainer's loader shuffles in.
const ROW_GROUP_ROWS: usize = 1024;

/// Writes rows into one shard after another.
pub struct ShardWriter {
    folder: PathBuf,
    schema: SchemaRef,
    columns: ColumnWriter,
    shard_bytes: usize,
    gathered: Vec<PackedSequence>,
    open: Option<OpenShard>,
    finished: Vec<ShardInfo>,
}

struct OpenShard {
    writer: SerializedFileWriter<OutputFile>,
    rows: u64,
    tokens: u64,
}

impl ShardWriter {
    /// Goes on after the shards that are `finished`.
    pub fn new(folder: PathBuf, vocab_size: usize, config: &WriteConfig, finished: Vec<ShardInfo>) -> Result<Self, WriteError> {
        let schema = shard::schema(TokenWidth::of_vocabulary(vocab_size));
        let columns = ZstdLevel::try_new(config.zstd_level).and_then(ColumnWriter::new);
        let columns = columns.map_err(|source| WriteError::Parquet { path: folder.clone(), source })?;
        let shard_bytes = (config.shard_size_mib << 20) as usize;
        Ok(Self { folder, schema, columns, shard_bytes, gathered: Vec::new(), open: None, finished })
    }

    pub fn push(&mut self, row: PackedSequence) -> Result<(), WriteError> {
        self.gathered.push(row);
        if self.gathered.len() == ROW_GROUP_ROWS { self.write_row_group() } else { Ok(()) }
    }

    pub fn finished(&self) -> &[ShardInfo] {
        &self.finished
    }

    /// Closes the last shard and lists them all.
    pub fn finish(mut self) -> Result<Vec<ShardInfo>, WriteError> {
        if !self.gathered.is_empty() {
            self.write_row_group()?;
        }
        self.close_shard()?;
        Ok(self.finished)
    }

    fn current_path(&self) -> PathBuf {
        self.folder.join(shard_file_name(self.finished.len()))
    }

    fn write_row_group(&mut self) -> Result<(), WriteError> {
        let path = self.current_path();
        let parquet_error = |source| WriteError::Parquet { path: path.clone(), source };
        let mut open = if let Some(open) = self.open.take() {
            open
        } else {
            let file = OutputFile::create(&self.folder, &shard_file_name(self.finished.len()))
                .map_err(|source| WriteError::Io { path: path.clone(), source })?;
            // It writes the Arrow schema to the file's metadata too.
            let writer = ArrowWriter::try_new(file, self.schema.clone(), Some(WriterProperties::default()));
            let (writer, _) = writer.and_then(ArrowWriter::into_serialized_writer).map_err(parquet_error)?;
            OpenShard { writer, rows: 0, tokens: 0 }
        };
        self.write_columns(&mut open.writer).map_err(parquet_error)?;
        open.rows += self.gathered.len() as u64;
        open.tokens += self.gathered.iter().map(|row| row.input_ids.len() as u64).sum::<u64>();
        self.gathered.clear();
        let is_full = open.writer.bytes_written() >= self.shard_bytes;
        self.open = Some(open);
        if is_full { self.close_shard() } else { Ok(()) }
    }

    fn close_shard(&mut self) -> Result<(), WriteError> {
        let path = self.current_path();
        let Some(OpenShard { writer, rows, tokens }) = self.open.take() else {
            return Ok(());
        };
        let file = writer.into_inner().map_err(|source| WriteError::Parquet { path: path.clone(), source })?;
        let (bytes, xxh3) = file.publish().map_err(|source| WriteError::Io { path, source })?;
        self.finished.push(ShardInfo { file: shard_file_name(self.finished.len()), rows, tokens, bytes, xxh3 });
        Ok(())
    }

    fn write_columns(&mut self, file: &mut SerializedFileWriter<OutputFile>) -> Result<(), ParquetError> {
        let column = |number| file.schema_descr().column(number);
        let (ids, lengths, documents) = (column(0), column(1), column(2));
        let mut group = file.next_row_group()?;
        let rows = self.gathered.iter();
        // Parquet stores 16 bits and 32 alike.
        self.columns.write(&mut group, ids, &rows.clone().map(|row| &row.input_ids[..]))?;
        self.columns.write(&mut group, lengths, &rows.clone().map(|row| &row.segment_lengths[..]))?;
        self.columns.write(&mut group, documents, &rows.map(|row| &row.document_ids[..]))?;
        group.close()?;
        Ok(())
    }
}
