//! `nachos verify`: is this directory whole, and is it what the specification promises?

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use arrow::{
    array::{Array, ArrowPrimitiveType, AsArray, RecordBatch},
    datatypes::{SchemaRef, UInt16Type, UInt32Type, UInt64Type},
};
use parquet::{arrow::arrow_reader::ParquetRecordBatchReaderBuilder, errors::ParquetError};
use schemas::{
    DOCUMENTS_FILE, MANIFEST_FILE,
    documents::{self, Verdict},
    hash::{ContentHash, StreamingHash},
    manifest::{FileInfo, Manifest, ManifestError, ShardInfo},
    part::{PART_FILE, PartManifest},
    shard::{self, TokenWidth},
};

#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("{0}: no {MANIFEST_FILE}: not a shard directory, or its build was interrupted")]
    NoManifest(PathBuf),
    #[error("{0}: no {PART_FILE}: not a part of a build, or it was interrupted")]
    NoPart(PathBuf),
    #[error("{path}: cannot be read")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: not a valid manifest")]
    Manifest { path: PathBuf, source: ManifestError },
    #[error("{path}: cannot be read as Parquet")]
    Parquet { path: PathBuf, source: ParquetError },
    #[error("{path}: {what}: expected {expected}, found {found}")]
    Differs { path: PathBuf, what: String, expected: String, found: String },
    #[error("{0}: does not belong to this shard directory: the manifest does not list it")]
    Stray(PathBuf),
}

/// Checks every file of the directory; the first fault found is the error.
pub fn verify(dir: &Path) -> Result<Manifest, VerifyError> {
    let manifest = read_manifest(dir)?;
    let files = listed_files(&manifest);
    for file in &files {
        check_file(dir, file)?;
    }
    check_nothing_else(dir, dir, &files)?;
    let documents = check_documents(&dir.join(DOCUMENTS_FILE), &manifest)?;
    check_shards(dir, &manifest, documents)?;
    Ok(manifest)
}

/// The directory's manifest, read and checked for itself.
pub fn read_manifest(dir: &Path) -> Result<Manifest, VerifyError> {
    read_json(dir, MANIFEST_FILE, VerifyError::NoManifest, Manifest::from_json)
}

/// The manifest of a part of a build, read and checked for itself.
pub fn read_part(dir: &Path) -> Result<PartManifest, VerifyError> {
    read_json(dir, PART_FILE, VerifyError::NoPart, PartManifest::from_json)
}

fn read_json<T>(
    dir: &Path,
    name: &str,
    absent: fn(PathBuf) -> VerifyError,
    read: fn(&[u8]) -> Result<T, ManifestError>,
) -> Result<T, VerifyError> {
    let path = dir.join(name);
    match fs::read(&path) {
        Ok(json) => read(&json).map_err(|source| VerifyError::Manifest { path, source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(absent(dir.to_owned())),
        Err(source) => Err(VerifyError::Io { path, source }),
    }
}

fn listed_files(manifest: &Manifest) -> Vec<FileInfo> {
    let shard = |shard: &ShardInfo| FileInfo { file: shard.file.clone(), bytes: shard.bytes, xxh3: shard.xxh3 };
    let others = manifest.tokenizer.files.iter().chain([&manifest.documents]).cloned();
    manifest.shards.iter().map(shard).chain(others).collect()
}

pub(crate) fn check_file(dir: &Path, expected: &FileInfo) -> Result<(), VerifyError> {
    let path = dir.join(&expected.file);
    let (bytes, hash) = hash_file(&path).map_err(|source| VerifyError::Io { path: path.clone(), source })?;
    ensure_equal(&path, "size in bytes", expected.bytes, bytes)?;
    ensure_equal(&path, "hash", expected.xxh3, hash)
}

fn hash_file(path: &Path) -> io::Result<(u64, ContentHash)> {
    let mut hash = StreamingHash::default();
    let bytes = io::copy(&mut File::open(path)?, &mut hash)?;
    Ok((bytes, hash.finish()))
}

/// A reader that opens `shard-*.parquet` must not find a shard that is not one of ours.
fn check_nothing_else(root: &Path, folder: &Path, files: &[FileInfo]) -> Result<(), VerifyError> {
    let io_error = |source| VerifyError::Io { path: folder.to_owned(), source };
    for entry in folder.read_dir().map_err(io_error)? {
        let path = entry.map_err(io_error)?.path();
        let is_listed = |path: &Path| path.strip_prefix(root).is_ok_and(|name| files.iter().any(|file| Path::new(&file.file) == name));
        if path.is_dir() {
            check_nothing_else(root, &path, files)?;
        } else if path != root.join(MANIFEST_FILE) && !is_listed(&path) {
            return Err(VerifyError::Stray(path));
        }
    }
    Ok(())
}

/// Checks the documents table and returns how many tokens each document says it has.
fn check_documents(path: &Path, manifest: &Manifest) -> Result<Vec<u64>, VerifyError> {
    let mut tokens = Vec::new();
    let mut verdicts: BTreeMap<String, u64> = BTreeMap::new();
    for_each_batch(path, &documents::schema(), &mut |batch| {
        let (ids, own_tokens) = (column::<UInt64Type>(batch, documents::ID), column::<UInt64Type>(batch, documents::TOKENS));
        let duplicate_of = named(batch, documents::DUPLICATE_OF).as_primitive::<UInt64Type>();
        let words = named(batch, documents::VERDICT).as_string::<i32>();
        for row in 0..batch.num_rows() {
            let id = tokens.len() as u64;
            ensure_equal(path, "document id", id, ids[row])?;
            let verdict = words.value(row);
            let is_kept = verdict == Verdict::Keep.name();
            ensure(
                path,
                || format!("document {id} with verdict {verdict:?}: tokens"),
                is_kept == (own_tokens[row] > 0),
                "more than 0 only if kept",
                &own_tokens[row],
            )?;
            if duplicate_of.is_valid(row) {
                let original = duplicate_of.value(row);
                let is_copy = original < id && [Verdict::Duplicate.name(), Verdict::NearDuplicate.name()].contains(&verdict.into());
                ensure(path, || format!("document {id}: duplicate_of"), is_copy, "an earlier document", &original)?;
            }
            *verdicts.entry(verdict.to_owned()).or_default() += 1;
            tokens.push(own_tokens[row]);
        }
        Ok(())
    })?;
    ensure_equal(path, "documents", manifest.totals.read.documents, tokens.len() as u64)?;
    ensure(
        path,
        || "verdicts".into(),
        verdicts == manifest.totals.verdicts,
        &format!("{:?}", manifest.totals.verdicts),
        &format!("{verdicts:?}"),
    )?;
    Ok(tokens)
}

/// Checks every row of every shard, and that the documents' tokens are all there.
fn check_shards(dir: &Path, manifest: &Manifest, mut missing: Vec<u64>) -> Result<(), VerifyError> {
    let schema = shard::schema(TokenWidth::of_vocabulary(manifest.tokenizer.vocab_size));
    for info in &manifest.shards {
        let path = dir.join(&info.file);
        let (mut rows, mut tokens) = (0, 0);
        for_each_batch(&path, &schema, &mut |batch| {
            check_rows(&path, manifest, batch, rows, &mut missing)?;
            rows += batch.num_rows() as u64;
            tokens += named(batch, shard::INPUT_IDS).as_list::<i32>().values().len() as u64;
            Ok(())
        })?;
        ensure_equal(&path, "rows", info.rows, rows)?;
        ensure_equal(&path, "tokens", info.tokens, tokens)?;
    }
    let path = dir.join(DOCUMENTS_FILE);
    let short = missing.iter().position(|&tokens| tokens != 0);
    let left = short.map_or(0, |id| missing[id]);
    ensure(&path, || format!("document {}: tokens missing from the shards", short.unwrap_or(0)), short.is_none(), "0", &left)?;
    let path = dir.join(MANIFEST_FILE);
    let sum = |of: fn(&ShardInfo) -> u64| manifest.shards.iter().map(of).sum::<u64>();
    ensure_equal(&path, "totals.pack.rows", sum(|shard| shard.rows), manifest.totals.pack.rows)?;
    ensure_equal(&path, "totals.pack.tokens", sum(|shard| shard.tokens), manifest.totals.pack.tokens)
}

fn check_rows(path: &Path, manifest: &Manifest, batch: &RecordBatch, first_row: u64, missing: &mut [u64]) -> Result<(), VerifyError> {
    let ids = named(batch, shard::INPUT_IDS).as_list::<i32>();
    let lengths = named(batch, shard::SEGMENT_LENGTHS).as_list::<i32>();
    let segment_documents = named(batch, shard::DOCUMENT_IDS).as_list::<i32>();
    let largest = if let Some(ids) = ids.values().as_primitive_opt::<UInt16Type>() {
        ids.values().iter().max().map(|&id| u32::from(id))
    } else {
        ids.values().as_primitive::<UInt32Type>().values().iter().max().copied()
    };
    let vocab_size = manifest.tokenizer.vocab_size;
    let is_known = largest.is_none_or(|largest| (largest as usize) < vocab_size);
    ensure(path, || "largest token id".into(), is_known, &format!("below {vocab_size}"), &largest.unwrap_or(0))?;
    for row in 0..batch.num_rows() {
        let number = first_row + row as u64;
        let (length, lengths, documents) = (ids.value_length(row), lengths.value(row), segment_documents.value(row));
        let is_in_bounds = (1..=manifest.max_seq_len as i32).contains(&length);
        ensure(path, || format!("length of row {number}"), is_in_bounds, &format!("1 to {}", manifest.max_seq_len), &length)?;
        let (lengths, documents) = (lengths.as_primitive::<UInt16Type>().values(), documents.as_primitive::<UInt64Type>().values());
        ensure_equal(
            path,
            &format!("sum of the segment lengths of row {number}"),
            length,
            lengths.iter().map(|&length| i32::from(length)).sum(),
        )?;
        ensure_equal(path, &format!("document ids of row {number}"), lengths.len(), documents.len())?;
        for (&length, &document) in lengths.iter().zip(documents) {
            let rest = missing.get(document as usize).and_then(|tokens| tokens.checked_sub(u64::from(length)));
            let expected = "no more tokens in all than documents.parquet states";
            ensure(path, || format!("row {number}, document {document}"), rest.is_some() && length > 0, expected, &length)?;
            missing[document as usize] = rest.unwrap_or(0);
        }
    }
    Ok(())
}

fn for_each_batch(
    path: &Path,
    expected: &SchemaRef,
    visit: &mut dyn FnMut(&RecordBatch) -> Result<(), VerifyError>,
) -> Result<(), VerifyError> {
    let parquet_error = |source| VerifyError::Parquet { path: path.to_owned(), source };
    let file = File::open(path).map_err(|source| VerifyError::Io { path: path.to_owned(), source })?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(parquet_error)?;
    let found = builder.schema();
    ensure(path, || "columns".into(), found.fields() == expected.fields(), &expected.to_string(), &found)?;
    for batch in builder.with_batch_size(8192).build().map_err(parquet_error)? {
        visit(&batch.map_err(|source| parquet_error(ParquetError::from(source)))?)?;
    }
    Ok(())
}

/// A column that the schema check has found.
fn named<'b>(batch: &'b RecordBatch, name: &str) -> &'b dyn Array {
    batch.column_by_name(name).expect("the schema was checked")
}

fn column<'b, T: ArrowPrimitiveType>(batch: &'b RecordBatch, name: &str) -> &'b [T::Native] {
    named(batch, name).as_primitive::<T>().values()
}

fn ensure_equal<T: PartialEq + ToString + Copy>(path: &Path, what: &str, expected: T, found: T) -> Result<(), VerifyError> {
    ensure(path, || what.to_owned(), expected == found, &expected.to_string(), &found)
}

fn ensure(path: &Path, what: impl FnOnce() -> String, holds: bool, expected: &str, found: &dyn ToString) -> Result<(), VerifyError> {
    if holds {
        return Ok(());
    }
    Err(VerifyError::Differs { path: path.to_owned(), what: what(), expected: expected.to_owned(), found: found.to_string() })
}
