//! Shard directories whose rows say which row they are, so that the right answer to every batch is known.

use std::{fs, fs::File, path::Path, sync::Arc};

use arrow::{
    array::{ArrayRef, ListArray, RecordBatch, UInt16Array, UInt64Array},
    buffer::OffsetBuffer,
};
use parquet::{arrow::ArrowWriter, file::properties::WriterProperties};
use schemas::{
    MANIFEST_FILE, TOKENIZER_DIR,
    hash::ContentHash,
    manifest::{FileInfo, Manifest, SCHEMA_MAJOR, SCHEMA_MINOR, SchemaVersion, ShardInfo, SpecialTokens, TokenizerInfo, Totals},
    shard, shard_file_name,
};
use tempfile::TempDir;
use trainer::data::micro_batch::MicroBatch;

pub(crate) const VOCAB_SIZE: usize = 400;
pub(crate) const MAX_SEQ_LEN: usize = 24;
const BOS: u16 = 0;
pub(crate) const PAD: u16 = 1;
const EOS: u16 = 2;
const UNK: u16 = 3;
pub(crate) const MASK: u16 = VOCAB_SIZE as u16 - 1;
const FIRST_PIECE: u16 = 4;
const NUM_PIECES: u64 = VOCAB_SIZE as u64 - 5;

/// A row: the ids of its segments.
pub(crate) type Row = Vec<Vec<u16>>;

/// Row number `row`: one or two segments; the first two pieces of the first one are digits of the number.
pub(crate) fn numbered_row(row: u64) -> Row {
    let segment = |length: u64, pieces: &dyn Fn(u64) -> u64| {
        let middle = (0..length).map(|index| FIRST_PIECE + (pieces(index) % NUM_PIECES) as u16);
        [BOS].into_iter().chain(middle).chain([EOS]).collect::<Vec<u16>>()
    };
    let first = segment(4 + row % 7, &|index| match index {
        0 => row % NUM_PIECES,
        1 => row / NUM_PIECES,
        _ => row * 31 + index * 7,
    });
    let second = segment(3 + row % 5, &|index| row * 17 + index * 3);
    if row.is_multiple_of(3) { vec![first] } else { vec![first, second] }
}

/// The number that a row's ids state.
fn row_number(ids: &[i32]) -> u64 {
    let digit = |index: usize| (ids[index] - i32::from(FIRST_PIECE)) as u64;
    digit(1) + digit(2) * NUM_PIECES
}

/// The row numbers of a micro-batch made with attention = "sequence"; checks that each row is whole, apart from its mask.
pub(crate) fn rows_of(batch: &MicroBatch) -> Vec<u64> {
    let mut original = batch.input_ids.clone();
    for (&position, &label) in batch.masked_positions.iter().zip(&batch.labels) {
        original[position as usize] = label;
    }
    let mut start = 0;
    let mut rows = Vec::new();
    for &length in &batch.segment_lengths {
        let ids = &original[start..start + length as usize];
        let row = row_number(ids);
        assert_eq!(ids, numbered_row(row).concat().iter().map(|&id| i32::from(id)).collect::<Vec<_>>(), "row {row}");
        rows.push(row);
        start += length as usize;
    }
    assert_eq!(start, original.len());
    rows
}

/// A directory of numbered rows in shards of these numbers of rows, with row groups of `rows_per_group`.
pub(crate) fn numbered_shards(shards: &[u64], rows_per_group: usize) -> TempDir {
    let mut first = 0;
    let rows = |&num_rows: &u64| {
        first += num_rows;
        (first - num_rows..first).map(numbered_row).collect()
    };
    write_shards(&shards.iter().map(rows).collect::<Vec<Vec<Row>>>(), rows_per_group)
}

/// A shard directory in a temporary folder.
pub(crate) fn write_shards(shards: &[Vec<Row>], rows_per_group: usize) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary folder");
    let tokenizer = write_tokenizer(&directory.path().join(TOKENIZER_DIR));
    let shards = shards.iter().enumerate().map(|(index, rows)| write_shard(directory.path(), index, rows, rows_per_group)).collect();
    let special_tokens = SpecialTokens {
        bos: u32::from(BOS),
        eos: u32::from(EOS),
        pad: u32::from(PAD),
        unk: u32::from(UNK),
        mask: u32::from(MASK),
        all: [BOS, PAD, EOS, UNK, MASK].map(u32::from).to_vec(),
    };
    let manifest = Manifest {
        schema_version: SchemaVersion { major: SCHEMA_MAJOR, minor: SCHEMA_MINOR },
        program: "trainer tests".into(),
        program_version: "0".into(),
        manifest_hash: ContentHash(0),
        config: serde_json::Value::Null,
        max_seq_len: MAX_SEQ_LEN,
        tokenizer,
        special_tokens,
        shards,
        documents: FileInfo { file: schemas::DOCUMENTS_FILE.into(), bytes: 0, xxh3: ContentHash::of(b"") },
        totals: Totals::default(),
    };
    fs::write(directory.path().join(MANIFEST_FILE), manifest.to_json().expect("a manifest is JSON")).expect("the folder can be written");
    directory
}

fn write_shard(directory: &Path, index: usize, rows: &[Row], rows_per_group: usize) -> ShardInfo {
    let file = shard_file_name(index);
    let path = directory.join(&file);
    let schema = shard::schema(shard::TokenWidth::of_vocabulary(VOCAB_SIZE));
    let list = |lengths: Vec<usize>, values: ArrayRef| -> ArrayRef {
        let field = shard::item_field(values.data_type().clone());
        Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), values, None))
    };
    let ids: Vec<Vec<u16>> = rows.iter().map(|row| row.concat()).collect();
    let segments: Vec<Vec<u16>> = rows.iter().map(|row| row.iter().map(|segment| segment.len() as u16).collect()).collect();
    let columns = vec![
        list(ids.iter().map(Vec::len).collect(), Arc::new(UInt16Array::from(ids.concat()))),
        list(segments.iter().map(Vec::len).collect(), Arc::new(UInt16Array::from(segments.concat()))),
        list(segments.iter().map(Vec::len).collect(), Arc::new(UInt64Array::from(vec![0; segments.concat().len()]))),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).expect("columns of the schema");
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows_per_group)).build();
    let mut writer = ArrowWriter::try_new(File::create(&path).expect("a new file"), schema, Some(properties)).expect("a writer");
    writer.write(&batch).expect("rows can be written");
    writer.close().expect("the file can be closed");
    let bytes = fs::read(&path).expect("the file was just written");
    let tokens = ids.iter().map(|row| row.len() as u64).sum();
    ShardInfo { file, rows: rows.len() as u64, tokens, bytes: bytes.len() as u64, xxh3: ContentHash::of(&bytes) }
}

/// A tokenizer of whole pieces: even ids start a word, odd ids go on with one.
fn write_tokenizer(directory: &Path) -> TokenizerInfo {
    let piece = |id: usize| match id as u16 {
        BOS => "<s>".to_owned(),
        PAD => "<pad>".to_owned(),
        EOS => "</s>".to_owned(),
        UNK => "<unk>".to_owned(),
        MASK => "<mask>".to_owned(),
        id if id % 2 == 0 => format!("▁p{id}"),
        id => format!("p{id}"),
    };
    let vocab: serde_json::Map<_, _> = (0..VOCAB_SIZE).map(|id| (piece(id), id.into())).collect();
    let special = |id: u16| {
        serde_json::json!({
            "id": id, "content": piece(id.into()), "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true
        })
    };
    let added_tokens = [BOS, PAD, EOS, UNK, MASK].map(special);
    let tokenizer = serde_json::json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens,
        "normalizer": null,
        "pre_tokenizer": { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true },
        "post_processor": null,
        "decoder": { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true },
        "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "<unk>" },
    });
    fs::create_dir_all(directory).expect("a new folder");
    let json = tokenizer.to_string();
    let [tokenizer_file, others @ ..] = schemas::TOKENIZER_FILES;
    fs::write(directory.join(tokenizer_file), &json).expect("the folder can be written");
    for name in others {
        fs::write(directory.join(name), r#"{"mask_token": "<mask>"}"#).expect("the folder can be written");
    }
    TokenizerInfo { hash: ContentHash::of(json.as_bytes()), vocab_size: VOCAB_SIZE, files: Vec::new() }
}
