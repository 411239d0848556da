//! The text column of a Parquet file → chunks.

use std::{
    fs::File,
    sync::{Arc, atomic::Ordering},
};

use arrow::{
    array::{ArrayAccessor, cast::AsArray},
    datatypes::DataType,
};
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
};

use super::{
    Chunk, Emit, Framing, Input, ReadError, ReadProgress,
    guard::{self, guarded},
    share::proportion,
};
use crate::config::InputConfig;

/// Rows decoded at a time, at most, and about how many bytes of text.
const BATCH_ROWS: usize = 1024;
const BATCH_BYTES: usize = 1 << 20;

pub(super) fn read(
    input: &Input,
    from: u64,
    config: &InputConfig,
    progress: &Arc<ReadProgress>,
    emit: &mut Emit<'_>,
) -> Result<(), ReadError> {
    let damaged = |source| ReadError::Parquet { path: input.path.clone(), source };
    let file = File::open(&input.path).map_err(|source| ReadError::Open(input.path.clone(), source))?;
    // Without the writer's own Arrow schema every text column is plain text, dictionaries included.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = guard::open(file, options).map_err(damaged)?;
    let column = config.text_column.as_str();
    let Some(index) = text_column_index(&builder, column) else {
        let names: Vec<_> = builder.schema().fields().iter().map(|field| format!("{} ({})", field.name(), field.data_type())).collect();
        return Err(ReadError::NoTextColumn { path: input.path.clone(), column: column.to_owned(), found: names.join(", ") });
    };
    let total_rows = builder.metadata().file_metadata().num_rows().max(1) as u64;
    let mask = ProjectionMask::roots(builder.parquet_schema(), [index]);
    let columns = builder.parquet_schema();
    let leaf = (0..columns.num_columns()).find(|&leaf| columns.get_column_root_idx(leaf) == index).unwrap_or(index);
    let text_bytes: i64 = builder.metadata().row_groups().iter().map(|group| group.column(leaf).uncompressed_size()).sum();
    let batch_rows = (BATCH_BYTES as u64 * total_rows / text_bytes.max(1) as u64).clamp(1, BATCH_ROWS as u64) as usize;
    let reader = guarded(|| builder.with_projection(mask).with_batch_size(batch_rows).with_offset(from as usize).build());
    let mut reader = reader.map_err(damaged)?;
    let text_column: Arc<str> = column.into();
    let (mut row, mut buffer) = (from, Vec::new());
    progress.file_bytes.fetch_add(proportion(input.file_bytes, from, total_rows), Ordering::Relaxed);
    while let Some(batch) = guarded(|| Ok(reader.next().transpose()?)).map_err(damaged)? {
        let texts = batch.column(0).as_ref();
        let (lengths, bytes) = if let Some(texts) = texts.as_string_opt::<i64>() {
            concatenate(texts, buffer)
        } else if let Some(texts) = texts.as_string_view_opt() {
            concatenate(texts, buffer)
        } else {
            concatenate(texts.as_string::<i32>(), buffer)
        };
        let rows = lengths.len() as u64;
        let chunk = Chunk {
            framing: Framing::Rows(lengths),
            text_column: text_column.clone(),
            max_record: config.max_document_mib << 20,
            offset: row,
            end: row + rows,
            bytes,
        };
        let bytes_up_to = |row| proportion(input.file_bytes, row, total_rows);
        progress.file_bytes.fetch_add(bytes_up_to(row + rows) - bytes_up_to(row), Ordering::Relaxed);
        row += rows;
        let Some(spare) = emit(chunk) else { return Ok(()) };
        buffer = spare;
    }
    Ok(())
}

fn text_column_index(builder: &ParquetRecordBatchReaderBuilder<File>, column: &str) -> Option<usize> {
    let (index, field) = builder.schema().fields().find(column)?;
    matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View).then_some(index)
}

/// The lengths of the texts, and the texts one after another in `bytes`, which holds nothing yet.
fn concatenate<'a>(texts: impl ArrayAccessor<Item = &'a str> + Copy, mut bytes: Vec<u8>) -> (Vec<Option<usize>>, Vec<u8>) {
    let lengths = (0..texts.len())
        .map(|row| {
            texts.is_valid(row).then(|| {
                bytes.extend_from_slice(texts.value(row).as_bytes());
                texts.value(row).len()
            })
        })
        .collect();
    (lengths, bytes)
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use schemas::part;

    use super::*;
    use crate::read::{Compression, Format, read_chunks};

    #[test]
    fn no_damage_ends_the_program() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("La toux."), None, Some("La fin.")]));
        let batch = RecordBatch::try_from_iter([("text", texts)]).expect("a table");
        let part = RecordBatch::new_empty(part::schema());
        for (format, batch) in [(Format::Parquet, batch), (Format::Part, part)] {
            let mut whole = Vec::new();
            let mut writer = ArrowWriter::try_new(&mut whole, batch.schema(), None).expect("a writer");
            writer.write(&batch).and_then(|()| writer.close()).expect("written");
            let path = folder.path().join("damaged.parquet");
            for (at, damage) in (0..whole.len()).flat_map(|at| [0x01, 0x10, 0x7F, 0xFF].map(|damage| (at, damage))) {
                let mut damaged = whole.clone();
                damaged[at] ^= damage;
                std::fs::write(&path, &damaged).expect("written");
                let file_bytes = damaged.len() as u64;
                let input = Input { path: path.clone(), format, compression: Compression::None, file_bytes, range: 0..u64::MAX };
                let mut count_records = |chunk: Chunk| {
                    chunk.for_each_record(&mut |record| assert!(record.offset < 4));
                    Some(Vec::new())
                };
                drop(read_chunks(&input, 0, &InputConfig::default(), &Arc::default(), &mut count_records));
            }
        }
    }
}
