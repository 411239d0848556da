//! A column of lists → its chunk of a row group, as one Parquet page.
//!
//! No row and no element of our lists is null and no list is empty, so the levels are a few runs a row, and values go to the page in bulk. The bytes of
//! the values are split into streams (`BYTE_STREAM_SPLIT`): Parquet stores 16-bit integers in 32 bits, of which two streams are then zeros that vanish, and
//! the upper bytes of token ids, which say much of each other, stand together.
//!
//! Format: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

use std::io::Write;

use bytes::Bytes;
use parquet::{
    basic::{Compression, Encoding, PageType, ZstdLevel},
    column::{
        page::{CompressedPage, Page, PageWriter},
        writer::ColumnCloseResult,
    },
    errors::ParquetError,
    file::{
        metadata::{ColumnChunkMetaData, PageEncodingStats},
        writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite},
    },
    schema::types::ColumnDescPtr,
};
use zstd::zstd_safe::{
    CParameter::{LiteralCompressionMode, Strategy, TargetLength},
    ParamSwitch::Enable,
    Strategy::ZSTD_fast,
};

/// How much faster zstd's level 1 passes over what does not come again.
const STEP: u32 = 8;

/// Compresses one column after another.
pub(super) struct ColumnWriter {
    level: ZstdLevel,
    compressor: zstd::bulk::Compressor<'static>,
    page: Vec<u8>,
}

/// An integer as the bytes that Parquet stores of it.
pub(super) trait Value: Copy {
    const PARQUET_BYTES: usize;

    /// The byte of a stream, the lowest first.
    fn byte(self, stream: usize) -> u8;
}

impl Value for u16 {
    const PARQUET_BYTES: usize = size_of::<i32>();

    fn byte(self, stream: usize) -> u8 {
        (u32::from(self) >> (8 * stream)) as u8
    }
}

impl Value for u32 {
    const PARQUET_BYTES: usize = size_of::<i32>();

    fn byte(self, stream: usize) -> u8 {
        (self >> (8 * stream)) as u8
    }
}

impl Value for u64 {
    const PARQUET_BYTES: usize = size_of::<i64>();

    fn byte(self, stream: usize) -> u8 {
        (self >> (8 * stream)) as u8
    }
}

impl ColumnWriter {
    pub(super) fn new(level: ZstdLevel) -> Result<Self, ParquetError> {
        let mut compressor = zstd::bulk::Compressor::new(level.compression_level())?;
        if level.compression_level() == 1 {
            // Few sequences of bytes come again: most of them are passed over. Their entropy is coded as ever.
            for parameter in [Strategy(ZSTD_fast), TargetLength(STEP), LiteralCompressionMode(Enable)] {
                compressor.set_parameter(parameter)?;
            }
        }
        Ok(Self { level, compressor, page: Vec::new() })
    }

    /// Writes the lists, none of which is empty, as the row group's next column.
    pub(super) fn write<'v, V: Value + 'v>(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
        column: ColumnDescPtr,
        lists: &(impl Iterator<Item = &'v [V]> + Clone),
    ) -> Result<(), ParquetError> {
        let (num_rows, num_values) = lists.clone().fold((0, 0), |(rows, values), list| (rows + 1, values + list.len()));
        self.page.clear();
        append_levels(&mut self.page, |runs| {
            for list in lists.clone() {
                // A list begins with level 0, and goes on with level 1.
                append_run(runs, 1, 0);
                append_run(runs, list.len() - 1, 1);
            }
        });
        append_levels(&mut self.page, |runs| append_run(runs, num_values, 1));
        for stream in 0..V::PARQUET_BYTES {
            lists.clone().for_each(|list| self.page.extend(list.iter().map(|value| value.byte(stream))));
        }

        let page = Page::DataPage {
            buf: self.compressor.compress(&self.page)?.into(),
            num_values: num_values as u32,
            encoding: Encoding::BYTE_STREAM_SPLIT,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let mut chunk = TrackedWrite::new(Vec::new());
        let written = SerializedPageWriter::new(&mut chunk).write_page(CompressedPage::new(page, self.page.len()))?;
        let stats = PageEncodingStats { page_type: PageType::DATA_PAGE, encoding: Encoding::BYTE_STREAM_SPLIT, count: 1 };
        let metadata = ColumnChunkMetaData::builder(column)
            .set_compression(Compression::ZSTD(self.level))
            .set_encodings(vec![Encoding::RLE, Encoding::BYTE_STREAM_SPLIT])
            .set_page_encoding_stats(vec![stats])
            .set_total_compressed_size(written.compressed_size as i64)
            .set_total_uncompressed_size(written.uncompressed_size as i64)
            .set_num_values(num_values as i64)
            .set_data_page_offset(0)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: written.bytes_written,
            rows_written: num_rows,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        group.append_column(&Bytes::from(chunk.into_inner()?), close)
    }
}

/// Appends levels, with their length before them.
fn append_levels(page: &mut Vec<u8>, append_runs: impl FnOnce(&mut Vec<u8>)) {
    let start = page.len();
    page.extend([0; size_of::<u32>()]);
    append_runs(page);
    let length = (page.len() - start - size_of::<u32>()) as u32;
    page[start..start + size_of::<u32>()].copy_from_slice(&length.to_le_bytes());
}

/// Appends a run of one level: its length, shifted to say that it is no bit-packed run, as a variable-length integer, and the level in a byte.
fn append_run(runs: &mut Vec<u8>, length: usize, level: u8) {
    if length == 0 {
        return;
    }
    let mut rest = length << 1;
    while rest >= 0x80 {
        runs.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    runs.extend([rest as u8, level]);
}
