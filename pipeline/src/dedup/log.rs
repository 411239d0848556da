//! The kept documents' records: what verifies a near duplicate, and what an interrupted run builds its tables from again.

use std::{
    borrow::Cow,
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::xxh3_64;

use super::{
    DedupError,
    features::{BANDS, Shingles},
    sketch::Sketch,
};

/// Named anew when the records are, so that a run that another version began is refused.
const LOG_FILE: &str = "kept-2.log";
const HEADER_BYTES: usize = 4 + 8;
/// Records that are kept in memory, of about 1 kB each and 4 kB at most; a prime, so that places have any remainder even where all records are of one length.
const RECENT: usize = 4093;
/// Nearly all records are no longer.
const USUAL_BYTES: usize = 2560;

/// A kept document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record<'s> {
    pub(super) id: u64,
    pub(super) key: u128,
    pub(super) near: Option<Shingles<Cow<'s, [u16]>>>,
    pub(super) paragraphs: Cow<'s, [u64]>,
}

/// Records one after another, each with its length and a checksum before it.
pub(super) struct Log {
    file: File,
    path: PathBuf,
    /// Bytes in the file.
    written: u64,
    /// Records that are not in the file yet.
    pending: Vec<u8>,
    /// What was read of the file last.
    read: Vec<u8>,
    /// Records that were asked for lately, with their places: documents made from one template ask for the same ones again and again.
    recent: Vec<(u64, Record<'static>)>,
}

impl Log {
    /// Opens the log and keeps its first `bytes`, whose records it hands to `visit` with their places.
    pub(super) fn open(
        folder: &Path,
        bytes: u64,
        visit: &mut dyn FnMut(u64, Record<'_>) -> Result<(), DedupError>,
    ) -> Result<Self, DedupError> {
        let path = folder.join(LOG_FILE);
        let io_error = |source| DedupError::Io { path: path.clone(), source };
        fs::create_dir_all(folder).map_err(io_error)?;
        let file = fs::OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(io_error)?;
        if file.metadata().map_err(io_error)?.len() < bytes {
            return Err(DedupError::Damaged(path));
        }
        file.set_len(bytes).map_err(io_error)?;
        let mut reader = BufReader::with_capacity(1 << 20, &file).take(bytes);
        let mut at = 0;
        let mut record = Vec::new();
        while at < bytes {
            read_record(&mut reader, &mut record).map_err(io_error)?;
            let parsed = parse(&record).ok_or_else(|| DedupError::Damaged(path.clone()))?;
            visit(at, parsed)?;
            at += record.len() as u64;
        }
        let nothing = Record { id: 0, key: 0, near: None, paragraphs: Cow::Borrowed(&[]) };
        Ok(Self { file, path, written: bytes, pending: Vec::new(), read: Vec::new(), recent: vec![(u64::MAX, nothing); RECENT] })
    }

    /// Appends a record and returns its place.
    pub(super) fn append(&mut self, record: &Record<'_>) -> u64 {
        let start = self.pending.len();
        self.pending.extend([0; HEADER_BYTES]);
        record.append_to(&mut self.pending);
        let body = &self.pending[start + HEADER_BYTES..];
        let header = [&(body.len() as u32).to_le_bytes()[..], &xxh3_64(body).to_le_bytes()].concat();
        self.pending[start..start + HEADER_BYTES].copy_from_slice(&header);
        self.written + start as u64
    }

    /// The record at a place that [`Log::append`] returned, without its paragraphs.
    pub(super) fn get(&mut self, at: u64) -> Result<&Record<'static>, DedupError> {
        let slot = at as usize % RECENT;
        if self.recent[slot].0 != at {
            self.recent[slot] = (at, Record { paragraphs: Cow::Borrowed(&[]), ..self.read(at)? });
        }
        Ok(&self.recent[slot].1)
    }

    fn read(&mut self, at: u64) -> Result<Record<'static>, DedupError> {
        let io_error = |source| DedupError::Io { path: self.path.clone(), source };
        let found = if let Some(start) = at.checked_sub(self.written) {
            parse(&self.pending[start as usize..])
        } else {
            self.read.resize(USUAL_BYTES, 0);
            let count = self.file.read_at(&mut self.read, at).map_err(io_error)?;
            let length = self.read[..count].first_chunk().map_or(count, |header| HEADER_BYTES + body_length(header));
            self.read.resize(length.max(count), 0);
            if length > count {
                self.file.read_exact_at(&mut self.read[count..], at + count as u64).map_err(io_error)?;
            }
            parse(&self.read)
        };
        found.ok_or_else(|| DedupError::Damaged(self.path.clone()))
    }

    /// Brings every record to the file; returns its length.
    pub(super) fn flush(&mut self) -> Result<u64, DedupError> {
        self.file.write_all(&self.pending).map_err(|source| DedupError::Io { path: self.path.clone(), source })?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(self.written)
    }
}

/// Brings the log in `folder` to the disk.
pub(super) fn synchronize(folder: &Path) -> Result<(), DedupError> {
    let path = folder.join(LOG_FILE);
    File::open(&path).and_then(|file| file.sync_data()).map_err(|source| DedupError::Io { path, source })
}

fn body_length(header: &[u8; HEADER_BYTES]) -> usize {
    let [a, b, c, d, ..] = *header;
    u32::from_le_bytes([a, b, c, d]) as usize
}

/// Reads one record with its header; one that is not all there is left as it is, and will not parse.
fn read_record(reader: &mut impl Read, record: &mut Vec<u8>) -> io::Result<()> {
    record.clear();
    reader.by_ref().take(HEADER_BYTES as u64).read_to_end(record)?;
    if let Some(header) = record.first_chunk::<HEADER_BYTES>() {
        let length = body_length(header);
        reader.by_ref().take(length as u64).read_to_end(record)?;
    }
    Ok(())
}

/// The record that `bytes` begin with.
fn parse(bytes: &[u8]) -> Option<Record<'static>> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let body = rest.get(..body_length(header))?;
    let checksum = u64::from_le_bytes(*header.last_chunk()?);
    if checksum == xxh3_64(body) { Record::from_bytes(body) } else { None }
}

impl Record<'static> {
    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
            let (front, rest) = bytes.split_first_chunk::<N>()?;
            *bytes = rest;
            Some(*front)
        }
        let bytes = &mut bytes;
        let (id, key) = (u64::from_le_bytes(take(bytes)?), u128::from_le_bytes(take(bytes)?));
        let num_paragraphs = u32::from_le_bytes(take(bytes)?);
        let paragraphs = (0..num_paragraphs).map(|_| take(bytes).map(u64::from_le_bytes)).collect::<Option<_>>()?;
        let near = match bytes.split_first() {
            None => None,
            Some((&level, mut rest)) => {
                let mut bands = [0; BANDS];
                for band in &mut bands {
                    *band = u32::from_le_bytes(take(&mut rest)?);
                }
                let values = rest.as_chunks().0.iter().map(|value| u16::from_le_bytes(*value)).collect();
                Some(Shingles { bands, sketch: Sketch { values, level } })
            }
        };
        Some(Self { id, key, near, paragraphs })
    }
}

impl Record<'_> {
    fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.id.to_le_bytes());
        bytes.extend(self.key.to_le_bytes());
        bytes.extend((self.paragraphs.len() as u32).to_le_bytes());
        for hash in &*self.paragraphs {
            bytes.extend_from_slice(&hash.to_le_bytes());
        }
        if let Some(Shingles { bands, sketch: Sketch { values, level } }) = &self.near {
            bytes.push(*level);
            bytes.extend(bands.iter().flat_map(|band| band.to_le_bytes()));
            let start = bytes.len();
            bytes.resize(start + size_of_val(&values[..]), 0);
            let places = bytes[start..].as_chunks_mut().0;
            places.iter_mut().zip(values.iter()).for_each(|(place, value)| *place = value.to_le_bytes());
        }
    }
}
