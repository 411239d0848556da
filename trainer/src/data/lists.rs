//! A column of lists of a row group, decoded straight from the Parquet page that `nachos` writes: whole streams of bytes at a time, and a few runs of
//! levels a row, where Arrow's reader treats every level by itself.
//!
//! Format: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

use std::{fs::File, iter::zip, sync::Arc};

use parquet::{
    basic::Encoding,
    column::page::{Page, PageReader},
    errors::Result,
    file::{metadata::ColumnChunkMetaData, serialized_reader::SerializedPageReader},
};

/// Lists of integers, one a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lists<V> {
    values: Vec<V>,
    /// `[rows + 1]`: list r has the values from offset r to offset r + 1.
    offsets: Vec<u32>,
}

impl<V> Lists<V> {
    /// # Panics
    /// If the offsets are none, descend or lead beyond the values.
    pub(super) fn new(values: Vec<V>, offsets: Vec<u32>) -> Self {
        assert!(offsets.is_sorted() && offsets.last().is_some_and(|&end| end as usize <= values.len()), "offsets");
        Self { values, offsets }
    }

    pub(super) fn num_rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The list of row `row`.
    pub(super) fn row(&self, row: usize) -> &[V] {
        &self.values[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// The values of all rows.
    pub(super) fn values(&self) -> &[V] {
        &self.values
    }

    pub(super) fn have_lengths_of<W>(&self, other: &Lists<W>) -> bool {
        self.offsets == other.offsets
    }
}

/// An integer as `BYTE_STREAM_SPLIT` stores it: stream n has the n-th byte of every value, the lowest first.
pub(super) trait Value: Sized {
    const PARQUET_BYTES: usize;

    /// Joins `PARQUET_BYTES` streams of one length, one after the other; nothing if a value is too large for the type.
    fn join(streams: &[u8]) -> Option<Vec<Self>>;
}

impl Value for u16 {
    /// Parquet knows no 16 bits.
    const PARQUET_BYTES: usize = size_of::<u32>();

    fn join(streams: &[u8]) -> Option<Vec<Self>> {
        let (values, zeros) = streams.split_at(streams.len() / 2);
        let (low, high) = values.split_at(values.len() / 2);
        let is_zero = zeros.iter().fold(0, |bits, byte| bits | byte) == 0;
        is_zero.then(|| zip(low, high).map(|(&low, &high)| Self::from_le_bytes([low, high])).collect())
    }
}

impl Value for u32 {
    const PARQUET_BYTES: usize = size_of::<Self>();

    fn join(streams: &[u8]) -> Option<Vec<Self>> {
        Some(join_streams(streams))
    }
}

impl Value for u64 {
    const PARQUET_BYTES: usize = size_of::<Self>();

    fn join(streams: &[u8]) -> Option<Vec<Self>> {
        Some(join_streams(streams))
    }
}

fn join_streams<V: Copy + Default + From<u8> + std::ops::Shl<usize, Output = V> + std::ops::BitOrAssign>(streams: &[u8]) -> Vec<V> {
    let num_values = streams.len() / size_of::<V>();
    let mut values = vec![V::default(); num_values];
    for (number, stream) in streams.chunks_exact(num_values.max(1)).enumerate() {
        zip(&mut values, stream).for_each(|(value, &byte)| *value |= V::from(byte) << (8 * number));
    }
    values
}

/// Reads a column chunk of `num_rows` lists, none of which is null or empty, laid out in one page as `nachos` does it; nothing if it is laid out otherwise.
pub(super) fn read_lists<V: Value>(file: &Arc<File>, column: &ColumnChunkMetaData, num_rows: usize) -> Result<Option<Lists<V>>> {
    let descriptor = column.column_descr();
    if (descriptor.max_rep_level(), descriptor.max_def_level()) != (1, 1) {
        return Ok(None);
    }
    let mut pages = SerializedPageReader::new(Arc::clone(file), column, num_rows, None)?;
    let lists = match pages.get_next_page()? {
        Some(Page::DataPage {
            buf,
            num_values,
            encoding: Encoding::BYTE_STREAM_SPLIT,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            ..
        }) => decode(&buf, num_values as usize, num_rows),
        _ => None,
    };
    Ok(lists.filter(|_| matches!(pages.get_next_page(), Ok(None))))
}

fn decode<V: Value>(page: &[u8], num_values: usize, num_rows: usize) -> Option<Lists<V>> {
    let (repetition_levels, rest) = split_levels(page)?;
    let (definition_levels, streams) = split_levels(rest)?;
    let mut offsets = Vec::with_capacity(num_rows + 1);
    let mut position = 0;
    // A list begins with level 0, and goes on with level 1.
    for_each_run(repetition_levels, num_values, |level, length| {
        if level == 0 {
            offsets.extend((position..position + length).map(|start| start as u32));
        }
        position += length;
    })?;
    offsets.push(num_values as u32);
    let mut is_complete = offsets[0] == 0 && offsets.len() == num_rows + 1 && streams.len() == num_values * V::PARQUET_BYTES;
    for_each_run(definition_levels, num_values, |level, _| is_complete &= level == 1)?;
    if is_complete { Some(Lists::new(V::join(streams)?, offsets)) } else { None }
}

/// The levels that `bytes` begin with, and what follows them.
fn split_levels(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// Visits levels of 0 and 1 as runs (level, length), in order; nothing if they are not `num_levels`.
fn for_each_run(mut bytes: &[u8], num_levels: usize, mut visit: impl FnMut(u8, usize)) -> Option<()> {
    let mut rest = num_levels;
    while rest > 0 {
        let (header, after) = split_varint(bytes)?;
        let count = header >> 1;
        if header & 1 == 0 {
            let (&level, after) = after.split_first()?;
            rest = rest.checked_sub(count)?;
            visit(level, count);
            bytes = after;
        } else {
            // Groups of eight levels, a bit each; the last group may hold more than there are.
            let (packed, after) = after.split_at_checked(count)?;
            let length = rest.min(8 * count);
            (0..length).for_each(|index| visit(packed[index / 8] >> (index % 8) & 1, 1));
            rest -= length;
            bytes = after;
        }
    }
    Some(())
}

/// A variable-length integer, seven bits a byte, the lowest first, and what follows it.
fn split_varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let length = 1 + bytes.iter().take(5).position(|byte| byte & 0x80 == 0)?;
    let (varint, rest) = bytes.split_at(length);
    Some((varint.iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7F)), rest))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{ArrowPrimitiveType, ListArray, PrimitiveArray, RecordBatch},
        buffer::OffsetBuffer,
        datatypes::{UInt16Type, UInt32Type, UInt64Type},
    };
    use parquet::{
        arrow::ArrowWriter,
        basic::{Compression, ZstdLevel},
        file::{metadata::ParquetMetaDataReader, properties::WriterProperties},
    };
    use proptest::{collection::vec, num, prelude::*};
    use schemas::shard::item_field;

    use super::*;

    /// Written by Arrow's writer, whose levels are runs and bit-packed groups as it sees fit.
    fn written<T: ArrowPrimitiveType>(lists: &[Vec<T::Native>], properties: WriterProperties) -> Option<Lists<T::Native>>
    where
        T::Native: Value,
    {
        let values = PrimitiveArray::<T>::from_iter_values(lists.iter().flatten().copied());
        let offsets = OffsetBuffer::from_lengths(lists.iter().map(Vec::len));
        let column = ListArray::new(item_field(T::DATA_TYPE), offsets, Arc::new(values), None);
        let batch = RecordBatch::try_from_iter([("column", Arc::new(column) as _)]).expect("a batch");
        let file = tempfile::tempfile().expect("a file");
        let mut writer = ArrowWriter::try_new(file.try_clone().expect("a handle"), batch.schema(), Some(properties)).expect("a writer");
        writer.write(&batch).expect("written");
        writer.close().expect("closed");
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).expect("metadata");
        read_lists(&Arc::new(file), metadata.row_group(0).column(0), lists.len()).expect("readable")
    }

    fn split_streams() -> WriterProperties {
        let zstd = Compression::ZSTD(ZstdLevel::default());
        WriterProperties::builder().set_dictionary_enabled(false).set_encoding(Encoding::BYTE_STREAM_SPLIT).set_compression(zstd).build()
    }

    fn check<T: ArrowPrimitiveType>(lists: &[Vec<T::Native>])
    where
        T::Native: Value + PartialEq,
    {
        let found = written::<T>(lists, split_streams()).expect("its layout is known");
        assert_eq!(found.num_rows(), lists.len());
        assert!((0..lists.len()).all(|row| found.row(row) == lists[row]));
    }

    proptest! {
        #[test]
        fn lists_are_read_as_arrow_wrote_them(
            narrow in vec(vec(num::u16::ANY, 1..30), 1..60), wide in vec(vec(num::u32::ANY, 1..30), 1..60), long in vec(vec(num::u64::ANY, 1..5), 1..60),
        ) {
            check::<UInt16Type>(&narrow);
            check::<UInt32Type>(&wide);
            check::<UInt64Type>(&long);
        }

        #[test]
        fn no_page_makes_it_panic(page in vec(0_u8..5, 0..60), num_values in 0..20_usize, num_rows in 0..20_usize) {
            decode::<u16>(&page, num_values, num_rows);
            decode::<u64>(&page, num_values, num_rows);
        }
    }

    #[test]
    fn a_long_row_is_read() {
        check::<UInt16Type>(&[(0..40_000).collect(), vec![7], (0..300).collect()]);
    }

    #[test]
    fn other_layouts_are_left_to_others() {
        let lists = [vec![1, 2], vec![3]];
        assert_eq!(written::<UInt16Type>(&lists, WriterProperties::default()), None);
        assert_eq!(written::<UInt16Type>(&[vec![1], vec![]], split_streams()), None);
        let two_pages = WriterProperties::builder().set_data_page_row_count_limit(1).set_write_batch_size(1).set_dictionary_enabled(false);
        assert_eq!(written::<UInt16Type>(&lists, two_pages.set_encoding(Encoding::BYTE_STREAM_SPLIT).build()), None);
        // A page of one list of the value 65,536, and the same of 1.
        let page = |streams: [u8; 4]| [&[2, 0, 0, 0, 2, 0, 2, 0, 0, 0, 2, 1], &streams[..]].concat();
        assert_eq!(decode::<u16>(&page([0, 0, 1, 0]), 1, 1), None);
        assert_eq!(decode::<u16>(&page([1, 0, 0, 0]), 1, 1), Some(Lists::new(vec![1], vec![0, 1])));
    }
}
