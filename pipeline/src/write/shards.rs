//! `shard-NNNNN.parquet`.

use std::{path::PathBuf, sync::Arc};

use arrow::{
    array::{ArrayRef, ListArray, RecordBatch, UInt16Array, UInt32Array, UInt64Array},
    buffer::{OffsetBuffer, ScalarBuffer},
    datatypes::{DataType, SchemaRef},
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::ColumnPath,
};
use schemas::{
    manifest::ShardInfo,
    shard::{self, TokenWidth},
    shard_file_name,
};

use super::{WriteError, output::OutputFile};
use crate::{config::WriteConfig, pack::PackedSequence};

/// Rows of a row group: what a reader must decode to get at one row, and what the trainer's loader shuffles in.
const ROW_GROUP_ROWS: usize = 1024;

/// Writes rows into one shard after another.
pub struct ShardWriter {
    folder: PathBuf,
    width: TokenWidth,
    schema: SchemaRef,
    properties: WriterProperties,
    shard_bytes: usize,
    gathered: Vec<PackedSequence>,
    open: Option<OpenShard>,
    finished: Vec<ShardInfo>,
}

struct OpenShard {
    writer: ArrowWriter<OutputFile>,
    rows: u64,
    tokens: u64,
}

impl ShardWriter {
    /// Goes on after the shards that are `finished`.
    pub fn new(folder: PathBuf, vocab_size: usize, config: &WriteConfig, finished: Vec<ShardInfo>) -> Result<Self, WriteError> {
        let width = TokenWidth::of_vocabulary(vocab_size);
        let schema = shard::schema(width);
        let properties = properties(config).map_err(|source| WriteError::Parquet { path: folder.clone(), source })?;
        let shard_bytes = (config.shard_size_mib << 20) as usize;
        Ok(Self { folder, width, schema, properties, shard_bytes, gathered: Vec::new(), open: None, finished })
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
            let writer = ArrowWriter::try_new(file, self.schema.clone(), Some(self.properties.clone())).map_err(parquet_error)?;
            OpenShard { writer, rows: 0, tokens: 0 }
        };
        let batch = self.record_batch().map_err(|source| parquet_error(ParquetError::from(source)))?;
        open.writer.write(&batch).map_err(parquet_error)?;
        open.writer.flush().map_err(parquet_error)?;
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

    fn record_batch(&self) -> Result<RecordBatch, arrow::error::ArrowError> {
        let rows = &self.gathered;
        let ids = rows.iter().flat_map(|row| row.input_ids.iter().copied());
        let ids: ArrayRef = match self.width {
            TokenWidth::U16 => Arc::new(UInt16Array::from_iter_values(ids.map(|id| id as u16))),
            TokenWidth::U32 => Arc::new(UInt32Array::from_iter_values(ids)),
        };
        let lengths = UInt16Array::from_iter_values(rows.iter().flat_map(|row| row.segment_lengths.iter().copied()));
        let documents = UInt64Array::from_iter_values(rows.iter().flat_map(|row| row.document_ids.iter().copied()));
        let columns = vec![
            list(rows.iter().map(|row| row.input_ids.len()), ids)?,
            list(rows.iter().map(|row| row.segment_lengths.len()), Arc::new(lengths))?,
            list(rows.iter().map(|row| row.document_ids.len()), Arc::new(documents))?,
        ];
        RecordBatch::try_new(self.schema.clone(), columns)
    }
}

fn list(lengths: impl Iterator<Item = usize>, items: ArrayRef) -> Result<ArrayRef, arrow::error::ArrowError> {
    let offsets: Vec<i32> = std::iter::once(0)
        .chain(lengths.scan(0_i32, |end, length| {
            *end += length as i32;
            Some(*end)
        }))
        .collect();
    let item_type: DataType = items.data_type().clone();
    Ok(Arc::new(ListArray::try_new(shard::item_field(item_type), OffsetBuffer::new(ScalarBuffer::from(offsets)), items, None)?))
}

fn properties(config: &WriteConfig) -> Result<WriterProperties, ParquetError> {
    // Parquet stores 16-bit integers in 32: splitting the bytes into streams makes the two empty ones vanish.
    let ids = ColumnPath::from(vec![shard::INPUT_IDS.to_owned(), "list".to_owned(), "element".to_owned()]);
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(config.zstd_level)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_dictionary_enabled(ids.clone(), false)
        .set_column_encoding(ids, Encoding::BYTE_STREAM_SPLIT)
        .build())
}
