//! A shard directory, opened: its manifest and the row groups of its shards, each decoded on request.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{
    array::{ArrowPrimitiveType, AsArray, ListArray},
    datatypes::{DataType, UInt16Type, UInt32Type, UInt64Type},
    error::ArrowError,
};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    },
    errors::ParquetError,
    file::metadata::RowGroupMetaData,
};
use schemas::{
    MANIFEST_FILE, TOKENIZER_DIR, TOKENIZER_FILES,
    hash::ContentHash,
    manifest::Manifest,
    shard::{self, TokenWidth},
};

use super::lists::{Lists, Value, read_lists};
use crate::error::{AtPath, Error, Result, file_of};

const REBUILD: &str = "build the shards again, or run `nachos verify` on them";

/// A shard directory whose manifest and Parquet footers agree.
pub struct ShardDirectory {
    path: PathBuf,
    manifest: Manifest,
    shards: Vec<Shard>,
    row_groups: Vec<RowGroupLocation>,
    num_rows: u64,
}

struct Shard {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
}

/// Where a row group lies, and which rows it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowGroupLocation {
    shard: usize,
    index_in_shard: usize,
    /// Number of its first row, counted over the shards in the manifest's order.
    pub(crate) first_row: u64,
    pub(crate) num_rows: u64,
}

impl ShardDirectory {
    /// Reads the manifest, the tokenizer and the footers; no row is decoded.
    pub fn open(path: &Path) -> Result<Self> {
        let manifest_path = file_of(path, MANIFEST_FILE, "a shard directory", "name a folder that nachos build has finished")?;
        let manifest = Manifest::from_json(&fs::read(&manifest_path).at_path(&manifest_path)?).at_path(&manifest_path)?;
        let mut directory = Self { path: path.to_owned(), manifest, shards: Vec::new(), row_groups: Vec::new(), num_rows: 0 };
        directory.check_tokenizer()?;
        for index in 0..directory.manifest.shards.len() {
            directory.add_shard(index)?;
        }
        if directory.num_rows == 0 {
            return Err(Error::BadFile { path: manifest_path, expected: "at least one row".into(), found: "none".into(), remedy: REBUILD });
        }
        Ok(directory)
    }

    fn check_tokenizer(&self) -> Result<()> {
        let path = self.tokenizer_dir().join(TOKENIZER_FILES[0]);
        let (expected, found) = (self.manifest.tokenizer.hash, ContentHash::of(&fs::read(&path).at_path(&path)?));
        if expected == found {
            return Ok(());
        }
        Err(Error::BadFile { path, expected: format!("hash {expected}"), found: found.to_string(), remedy: REBUILD })
    }

    fn add_shard(&mut self, shard: usize) -> Result<()> {
        let info = &self.manifest.shards[shard];
        let path = self.path.join(&info.file);
        let file = File::open(&path).at_path(&path)?;
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).at_path(&path)?;
        let bad = |expected: String, found: String| Error::BadFile { path: path.clone(), expected, found, remedy: REBUILD };
        for expected in &shard::schema(TokenWidth::of_vocabulary(self.manifest.tokenizer.vocab_size)).fields {
            let found = metadata.schema().field_with_name(expected.name()).map_or(&DataType::Null, |field| field.data_type());
            if item_type(found) != item_type(expected.data_type()) {
                return Err(bad(format!("column {} of {}", expected.name(), expected.data_type()), found.to_string()));
            }
        }
        let first_row = self.num_rows;
        for (index_in_shard, group) in metadata.metadata().row_groups().iter().enumerate() {
            let num_rows = group.num_rows() as u64;
            self.row_groups.push(RowGroupLocation { shard, index_in_shard, first_row: self.num_rows, num_rows });
            self.num_rows += num_rows;
        }
        if self.num_rows - first_row != info.rows {
            return Err(bad(format!("{} rows, as the manifest says", info.rows), (self.num_rows - first_row).to_string()));
        }
        self.shards.push(Shard { path, metadata });
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub fn tokenizer_dir(&self) -> PathBuf {
        self.path.join(TOKENIZER_DIR)
    }

    pub fn num_rows(&self) -> u64 {
        self.num_rows
    }

    pub fn num_tokens(&self) -> u64 {
        self.manifest.shards.iter().map(|shard| shard.tokens).sum()
    }

    pub(crate) fn row_groups(&self) -> &[RowGroupLocation] {
        &self.row_groups
    }

    /// Decodes one row group and checks what the rest relies on: lengths that add up, and ids of the vocabulary.
    pub(crate) fn read_row_group(&self, group: usize) -> Result<RowGroup> {
        let location = self.row_groups[group];
        let Shard { path, metadata } = &self.shards[location.shard];
        let bad = |expected: &str, found: String| Error::BadFile {
            path: path.clone(),
            expected: format!("{expected} in row group {}", location.index_in_shard),
            found,
            remedy: REBUILD,
        };
        let open = || File::open(path).at_path(path);
        let width = TokenWidth::of_vocabulary(self.manifest.tokenizer.vocab_size);
        let pages = RowGroup::from_pages(&Arc::new(open()?), metadata.metadata().row_group(location.index_in_shard), width);
        let said = |how: &str| log::debug!("{}: row group {} is decoded {how}", path.display(), location.index_in_shard);
        let rows = if let Ok(Some(rows)) = pages {
            said("from its pages");
            Ok(rows)
        } else {
            // Laid out in another way, or damaged, which Arrow's reader can tell.
            said("by Arrow's reader");
            RowGroup::from_arrow(open()?, metadata, &location, width)
        };
        let rows = rows.map_err(|error| bad("readable rows", error.to_string()))?;
        rows.check(self.manifest.tokenizer.vocab_size, self.manifest.max_seq_len).map_err(|(expected, found)| bad(expected, found))?;
        Ok(rows)
    }
}

/// The type of a list's elements, whatever their field is called.
fn item_type(list: &DataType) -> Option<&DataType> {
    if let DataType::List(field) = list { Some(field.data_type()) } else { None }
}

/// A decoded row group.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RowGroup {
    tokens: Tokens,
    segment_lengths: Lists<u16>,
    document_ids: Lists<u64>,
}

#[derive(Debug, PartialEq, Eq)]
enum Tokens {
    U16(Lists<u16>),
    U32(Lists<u32>),
}

impl RowGroup {
    /// Decodes the pages as `nachos` lays them out; nothing if they are laid out otherwise.
    fn from_pages(file: &Arc<File>, group: &RowGroupMetaData, width: TokenWidth) -> Result<Option<Self>, ParquetError> {
        fn read<V: Value>(file: &Arc<File>, group: &RowGroupMetaData, name: &str) -> Result<Option<Lists<V>>, ParquetError> {
            let column = group.columns().iter().find(|column| column.column_path().parts().first().is_some_and(|part| part == name));
            column.map_or(Ok(None), |column| read_lists(file, column, group.num_rows() as usize))
        }
        let tokens = match width {
            TokenWidth::U16 => read(file, group, shard::INPUT_IDS)?.map(Tokens::U16),
            TokenWidth::U32 => read(file, group, shard::INPUT_IDS)?.map(Tokens::U32),
        };
        let (segment_lengths, document_ids) = (read(file, group, shard::SEGMENT_LENGTHS)?, read(file, group, shard::DOCUMENT_IDS)?);
        Ok(tokens.zip(segment_lengths).zip(document_ids).map(|((tokens, segment_lengths), document_ids)| Self {
            tokens,
            segment_lengths,
            document_ids,
        }))
    }

    /// Decodes any layout.
    fn from_arrow(file: File, metadata: &ArrowReaderMetadata, location: &RowGroupLocation, width: TokenWidth) -> Result<Self, ArrowError> {
        let columns = [shard::INPUT_IDS, shard::SEGMENT_LENGTHS, shard::DOCUMENT_IDS];
        let mask = ProjectionMask::columns(metadata.metadata().file_metadata().schema_descr(), columns);
        let mut batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
            .with_row_groups(vec![location.index_in_shard])
            .with_projection(mask)
            .with_batch_size(location.num_rows as usize)
            .build()?;
        let batch = batches.next().ok_or_else(|| ArrowError::SchemaError("no rows".into()))??;
        let lists = columns.map(|name| batch.column_by_name(name).and_then(|column| column.as_list_opt::<i32>()));
        let [Some(ids), Some(lengths), Some(documents)] = lists else {
            return Err(ArrowError::SchemaError(format!("columns {:?}", batch.schema())));
        };
        let tokens = match width {
            TokenWidth::U16 => Tokens::U16(to_lists::<UInt16Type>(ids)),
            TokenWidth::U32 => Tokens::U32(to_lists::<UInt32Type>(ids)),
        };
        Ok(Self { tokens, segment_lengths: to_lists::<UInt16Type>(lengths), document_ids: to_lists::<UInt64Type>(documents) })
    }

    fn num_rows(&self) -> usize {
        self.segment_lengths.num_rows()
    }

    /// Tokens of all rows.
    pub(crate) fn num_tokens(&self) -> usize {
        match &self.tokens {
            Tokens::U16(ids) => ids.values().len(),
            Tokens::U32(ids) => ids.values().len(),
        }
    }

    fn row_length(&self, row: usize) -> usize {
        match &self.tokens {
            Tokens::U16(ids) => ids.row(row).len(),
            Tokens::U32(ids) => ids.row(row).len(),
        }
    }

    /// The lengths of the segments of row `row`; their sum is the row's length.
    pub(crate) fn segment_lengths(&self, row: usize) -> &[u16] {
        self.segment_lengths.row(row)
    }

    /// The documents of the segments of row `row`.
    pub(crate) fn document_ids(&self, row: usize) -> &[u64] {
        self.document_ids.row(row)
    }

    /// Appends the ids of row `row`.
    pub(crate) fn append_tokens(&self, row: usize, input_ids: &mut Vec<i32>) {
        match &self.tokens {
            Tokens::U16(ids) => input_ids.extend(ids.row(row).iter().map(|&id| i32::from(id))),
            Tokens::U32(ids) => input_ids.extend(ids.row(row).iter().map(|&id| id as i32)),
        }
    }

    fn check(&self, vocab_size: usize, max_seq_len: usize) -> Result<(), (&'static str, String)> {
        let (num_rows, largest) = match &self.tokens {
            Tokens::U16(ids) => (ids.num_rows(), usize::from(largest(ids.values()))),
            Tokens::U32(ids) => (ids.num_rows(), largest(ids.values()) as usize),
        };
        if num_rows != self.num_rows() || !self.segment_lengths.have_lengths_of(&self.document_ids) {
            return Err(("a document for each segment", "another number".into()));
        }
        if largest >= vocab_size {
            return Err(("ids below the vocabulary's size", largest.to_string()));
        }
        for row in 0..num_rows {
            let (length, segments) = (self.row_length(row), self.segment_lengths(row));
            let sum: usize = segments.iter().map(|&length| usize::from(length)).sum();
            if length == 0 || length > max_seq_len || sum != length || segments.contains(&0) {
                return Err((
                    "rows of 1 to max_seq_len ids whose segments add up",
                    format!("row {row} of {length} ids in segments of {segments:?}"),
                ));
            }
        }
        Ok(())
    }
}

/// As a plain maximum, which becomes vector instructions.
fn largest<V: Copy + Default + Ord>(ids: &[V]) -> V {
    ids.iter().fold(V::default(), |largest, &id| largest.max(id))
}

fn to_lists<T: ArrowPrimitiveType>(lists: &ListArray) -> Lists<T::Native> {
    let offsets = lists.offsets().iter().map(|&offset| offset as u32).collect();
    Lists::new(lists.values().as_primitive::<T>().values().to_vec(), offsets)
}
