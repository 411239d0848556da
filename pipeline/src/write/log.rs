//! What is known of the documents so far, in a log that an interrupted run goes on with.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use schemas::{
    documents::{Language, Verdict},
    hash::ContentHash,
};

use super::WriteError;

/// What is known of a document in the end. Its id is its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRow {
    /// The number of its file.
    pub file: u32,
    pub offset: u64,
    pub length: u64,
    pub hash: ContentHash,
    pub tokens: u64,
    pub verdict: Verdict,
    pub duplicate_of: Option<u64>,
}

/// Bytes of a row in the log.
const ROW_BYTES: usize = 4 + 8 + 8 + 16 + 8 + 3 + 8;
const NO_DUPLICATE: u64 = u64::MAX;
/// Stands where a verdict's number in [`Verdict::PLAIN`] would: the two letters of a language follow.
const LANGUAGE: u8 = u8::MAX;

/// `documents.log`: rows of a fixed size, appended.
pub struct DocumentsLog {
    file: BufWriter<File>,
    path: PathBuf,
    bytes: u64,
}

impl DocumentsLog {
    /// Opens the log and keeps its first `bytes`, whose rows it hands to `visit`.
    pub fn open(folder: &Path, bytes: u64, visit: &mut dyn FnMut(DocumentRow) -> Result<(), WriteError>) -> Result<Self, WriteError> {
        let path = folder.join("documents.log");
        let io_error = |source| WriteError::Io { path: path.clone(), source };
        let file = fs::OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(io_error)?;
        if file.metadata().map_err(io_error)?.len() < bytes {
            return Err(io_error(io::Error::other(format!("it is shorter than the {bytes} bytes that the checkpoint states"))));
        }
        file.set_len(bytes).map_err(io_error)?;
        let mut kept = BufReader::with_capacity(1 << 20, &file);
        let mut row = [0; ROW_BYTES];
        for _ in 0..bytes / ROW_BYTES as u64 {
            kept.read_exact(&mut row).map_err(io_error)?;
            visit(DocumentRow::from_bytes(&row).ok_or_else(|| io_error(io::ErrorKind::InvalidData.into()))?)?;
        }
        Ok(Self { file: BufWriter::with_capacity(1 << 16, file), path, bytes })
    }

    pub fn push(&mut self, row: &DocumentRow) -> Result<(), WriteError> {
        self.bytes += ROW_BYTES as u64;
        self.file.write_all(&row.to_bytes()).map_err(|source| WriteError::Io { path: self.path.clone(), source })
    }

    /// Brings everything to the disk and says how much that is.
    pub fn synchronize(&mut self) -> Result<u64, WriteError> {
        let io_error = |source| WriteError::Io { path: self.path.clone(), source };
        self.file.flush().map_err(io_error)?;
        self.file.get_ref().sync_data().map_err(io_error)?;
        Ok(self.bytes)
    }
}

impl DocumentRow {
    fn to_bytes(&self) -> [u8; ROW_BYTES] {
        let mut bytes = [0; ROW_BYTES];
        let mut rest = &mut bytes[..];
        let mut put = |part: &[u8]| {
            let (front, back) = std::mem::take(&mut rest).split_at_mut(part.len());
            front.copy_from_slice(part);
            rest = back;
        };
        put(&self.file.to_le_bytes());
        put(&self.offset.to_le_bytes());
        put(&self.length.to_le_bytes());
        put(&self.hash.to_bytes());
        put(&self.tokens.to_le_bytes());
        put(&verdict_bytes(self.verdict));
        put(&self.duplicate_of.unwrap_or(NO_DUPLICATE).to_le_bytes());
        bytes
    }

    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
            let (front, back) = bytes.split_first_chunk::<N>()?;
            *bytes = back;
            Some(*front)
        }
        let bytes = &mut bytes;
        Some(Self {
            file: u32::from_le_bytes(take(bytes)?),
            offset: u64::from_le_bytes(take(bytes)?),
            length: u64::from_le_bytes(take(bytes)?),
            hash: ContentHash(u128::from_be_bytes(take(bytes)?)),
            tokens: u64::from_le_bytes(take(bytes)?),
            verdict: verdict_from_bytes(take(bytes)?)?,
            duplicate_of: Some(u64::from_le_bytes(take(bytes)?)).filter(|&id| id != NO_DUPLICATE),
        })
    }
}

fn verdict_bytes(verdict: Verdict) -> [u8; 3] {
    if let Verdict::Language(language) = verdict {
        let code = language.code().as_bytes();
        return [LANGUAGE, code[0], code[1]];
    }
    let number = Verdict::PLAIN.iter().position(|plain| *plain == verdict).unwrap_or_default();
    [number as u8, 0, 0]
}

fn verdict_from_bytes([number, code @ ..]: [u8; 3]) -> Option<Verdict> {
    if number == LANGUAGE {
        return std::str::from_utf8(&code).ok().and_then(Language::from_code).map(Verdict::Language);
    }
    Verdict::PLAIN.get(usize::from(number)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_and_what_stands_beyond_is_cut_off() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let english = Language::from_code("en").map(Verdict::Language).expect("two letters");
        let rows: Vec<_> = Verdict::PLAIN
            .into_iter()
            .chain([english])
            .zip(0..)
            .map(|(verdict, number)| DocumentRow {
                file: number as u32,
                offset: number << 40,
                length: number,
                hash: ContentHash::of(&number.to_le_bytes()),
                tokens: number * 3,
                verdict,
                duplicate_of: (number % 2 == 1).then_some(number),
            })
            .collect();
        let open = |bytes| {
            let mut found = Vec::new();
            let log = DocumentsLog::open(folder.path(), bytes, &mut |row| {
                found.push(row);
                Ok(())
            });
            log.map(|log| (log, found))
        };
        let (mut log, found) = open(0).expect("opened");
        assert_eq!(found, []);
        rows.iter().try_for_each(|row| log.push(row)).expect("written");
        let bytes = log.synchronize().expect("synchronised");
        log.push(&rows[0]).expect("written");
        drop(log);
        let (mut log, found) = open(bytes).expect("opened");
        assert_eq!(found, rows);
        log.push(&rows[1]).expect("written");
        let bytes = log.synchronize().expect("synchronised");
        assert_eq!(open(bytes).expect("opened").1.last(), Some(&rows[1]));
        assert!(open(bytes + 1).is_err());
    }
}
