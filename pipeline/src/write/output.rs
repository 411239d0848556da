//! Files that appear whole or not at all, hashed as they are written.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use schemas::{
    MANIFEST_FILE,
    hash::{ContentHash, StreamingHash},
};
use tempfile::TempPath;

use super::WriteError;

/// Checks that the folder holds nothing, `except` aside.
pub fn check_output_folder(folder: &Path, except: &str) -> Result<(), WriteError> {
    entries(folder, except, |_| false).map(drop)
}

/// Removes what an interrupted run left in the folder, `except` aside, which must hold nothing else.
pub fn empty_output_folder(folder: &Path, except: &str) -> Result<(), WriteError> {
    let io_error = |source| WriteError::Io { path: folder.to_owned(), source };
    for entry in entries(folder, except, is_own_file)? {
        if entry.file_type().map_err(io_error)?.is_dir() { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) }
            .map_err(io_error)?;
    }
    Ok(())
}

/// What is in the folder, `except` aside, of which every name must be allowed.
fn entries(folder: &Path, except: &str, is_allowed: fn(&str) -> bool) -> Result<Vec<fs::DirEntry>, WriteError> {
    let io_error = |source| WriteError::Io { path: folder.to_owned(), source };
    let mut found: Vec<_> = folder.read_dir().map_err(io_error)?.collect::<Result<_, _>>().map_err(io_error)?;
    found.retain(|entry| entry.file_name() != except);
    match found.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).find(|name| !is_allowed(name)) {
        Some(found) => Err(WriteError::NotEmpty { path: folder.to_owned(), found }),
        None => Ok(found),
    }
}

/// Whether an interrupted build may have left a file of this name.
fn is_own_file(name: &str) -> bool {
    let name = name.strip_suffix(PARTIAL_SUFFIX).unwrap_or(name);
    let is_numbered = |prefix| {
        name.strip_prefix(prefix).and_then(|rest: &str| rest.strip_suffix(".parquet")).is_some_and(|number| number.parse::<u32>().is_ok())
    };
    is_numbered("shard-") || is_numbered("cleaned-") || [MANIFEST_FILE, schemas::DOCUMENTS_FILE, schemas::TOKENIZER_DIR].contains(&name)
}

const PARTIAL_SUFFIX: &str = ".partial";
/// After so many bytes the system is to begin bringing them to the disk, so that a file's end waits for the last few alone.
const BYTES_BEHIND: u64 = 4 << 20;

/// Writes a small file in one go, below `folder`.
pub fn write_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<(u64, ContentHash), WriteError> {
    let path = folder.join(name);
    let io_error = |source| WriteError::Io { path: path.clone(), source };
    let mut file = OutputFile::create(folder, name).map_err(io_error)?;
    file.write_all(bytes).map_err(io_error)?;
    file.publish().map_err(io_error)
}

/// A file under its temporary name; [`OutputFile::publish`] gives it its own, else it is removed.
pub(super) struct OutputFile {
    file: BufWriter<File>,
    temporary: TempPath,
    path: PathBuf,
    hash: StreamingHash,
    bytes: u64,
}

impl OutputFile {
    pub(super) fn create(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join(name);
        let temporary = folder.join(format!("{name}{PARTIAL_SUFFIX}"));
        let file = BufWriter::with_capacity(1 << 20, File::create(&temporary)?);
        let temporary = TempPath::try_from_path(temporary)?;
        Ok(Self { file, temporary, path, hash: StreamingHash::default(), bytes: 0 })
    }

    /// Synchronises and renames the file; returns its size and hash.
    pub(super) fn publish(self) -> io::Result<(u64, ContentHash)> {
        let file = self.file.into_inner()?;
        file.sync_all()?;
        leave_page_cache(&file);
        self.temporary.persist(&self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok((self.bytes, self.hash.finish()))
    }
}

/// Gives back the memory in which the system keeps what is on the disk, and begins to bring there what is not: nobody here reads it again, and what is written
/// next takes its place. Memory that was long unused costs a virtual machine much more than the copy into it does.
fn leave_page_cache(file: &File) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed) {
        log::debug!("what was written stays in memory: {error}");
    }
}

impl Write for OutputFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.file.write(buffer)?;
        self.hash.update(&buffer[..count]);
        let end = self.bytes + count as u64;
        if end / BYTES_BEHIND > self.bytes / BYTES_BEHIND {
            leave_page_cache(self.file.get_ref());
        }
        self.bytes = end;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
