//! What `--input` names: files, folders, patterns, standard input.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    ops::Range,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use encoding_rs::Encoding;

use super::{
    Counted, ReadError, ReadProgress,
    encoding::{HEAD_BYTES, to_utf8, utf16},
};

/// The largest window that zstd has: `zstd --long=31`.
const MAX_WINDOW_LOG: u32 = 31;

/// One file to read, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// `-` is standard input.
    pub path: PathBuf,
    pub format: Format,
    pub compression: Compression,
    /// Size of the file as it lies on the disk; 0 where that is not known.
    pub file_bytes: u64,
    /// The bytes of it to read; only of a text file that is not compressed can this be less than all.
    pub range: Range<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    JsonLines,
    Parquet,
    /// The cleaned documents of a part, see [`schemas::part`].
    Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
    Xz,
}

impl Input {
    fn standard_input() -> Self {
        Self { path: PathBuf::from("-"), format: Format::Text, compression: Compression::None, file_bytes: 0, range: 0..u64::MAX }
    }

    /// The input at `path`, or `None` if its name says nothing that we can read.
    fn from_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        let (stem, compression) = [(".gz", Compression::Gzip), (".zst", Compression::Zstd), (".xz", Compression::Xz)]
            .into_iter()
            .find_map(|(suffix, compression)| Some((name.strip_suffix(suffix)?, compression)))
            .unwrap_or((&name, Compression::None));
        let format = [(".txt", Format::Text), (".jsonl", Format::JsonLines), (".parquet", Format::Parquet)]
            .into_iter()
            .find_map(|(suffix, format)| stem.ends_with(suffix).then_some(format))?;
        if format == Format::Parquet && compression != Compression::None {
            return None;
        }
        let file_bytes = path.metadata().map_or(0, |metadata| metadata.len());
        Some(Self { path: path.to_owned(), format, compression, file_bytes, range: 0..u64::MAX })
    }

    /// The name in `documents.parquet`.
    pub fn source(&self) -> Arc<str> {
        self.path.to_string_lossy().into()
    }

    /// How much of the file on the disk there is to read.
    pub fn bytes_to_read(&self) -> u64 {
        self.range.end.min(self.file_bytes).saturating_sub(self.range.start)
    }

    /// Whether it can be read only once: standard input, or a pipe with a name.
    pub fn is_stream(&self) -> bool {
        self.path.as_os_str() == "-" || self.path.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo())
    }

    /// The encoding, if it is UTF-16. Nothing is known of what can be read only once.
    pub(super) fn utf16(&self) -> Result<Option<&'static Encoding>, ReadError> {
        if self.is_stream() {
            return Ok(None);
        }
        let mut head = Vec::new();
        let stream = self.open_bytes(0, &Arc::default())?;
        stream.take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(|source| self.damaged(source))?;
        Ok(utf16(&head))
    }

    /// The decompressed bytes from byte `from` on; a UTF-16 text in UTF-8.
    pub(super) fn open(&self, from: u64, progress: &Arc<ReadProgress>) -> Result<Box<dyn Read>, ReadError> {
        if self.is_stream() {
            let (mut head, mut stream) = (Vec::new(), self.open_bytes(0, progress)?);
            stream.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(|source| self.damaged(source))?;
            let encoding = utf16(&head);
            let stream = io::Cursor::new(head).chain(stream);
            return Ok(if let Some(encoding) = encoding { to_utf8(stream, encoding) } else { Box::new(stream) });
        }
        let Some(encoding) = self.utf16()? else { return self.open_bytes(from, progress) };
        let mut text = to_utf8(self.open_bytes(0, progress)?, encoding);
        io::copy(&mut text.by_ref().take(from), &mut io::sink()).map_err(|source| self.damaged(source))?;
        Ok(text)
    }

    fn damaged(&self, source: io::Error) -> ReadError {
        ReadError::Damaged { path: self.path.clone(), offset: 0, source }
    }

    fn open_bytes(&self, from: u64, progress: &Arc<ReadProgress>) -> Result<Box<dyn Read>, ReadError> {
        let cannot_open = |source| ReadError::Open(self.path.clone(), source);
        if self.path.as_os_str() == "-" {
            return Ok(Box::new(Counted { inner: io::stdin(), progress: progress.clone() }));
        }
        let mut file = File::open(&self.path).map_err(cannot_open)?;
        if self.compression == Compression::None {
            if from > 0 {
                file.seek(SeekFrom::Start(from)).map_err(cannot_open)?;
                progress.file_bytes.fetch_add(from - self.range.start, Ordering::Relaxed);
            }
            return Ok(Box::new(Counted { inner: file, progress: progress.clone() }.take(self.range.end - from)));
        }
        let file = BufReader::with_capacity(1 << 18, Counted { inner: file, progress: progress.clone() });
        let mut stream: Box<dyn Read> = match self.compression {
            Compression::None | Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(file).map_err(cannot_open)?;
                decoder.window_log_max(MAX_WINDOW_LOG).map_err(cannot_open)?;
                Box::new(decoder)
            }
            Compression::Xz => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(file)),
        };
        io::copy(&mut stream.by_ref().take(from), &mut io::sink()).map_err(|source| self.damaged(source))?;
        Ok(stream)
    }
}

/// The files that the command line's paths name.
#[derive(Debug, Default)]
pub struct Resolved {
    /// In the order given; folders and patterns are expanded in the order of their files' names.
    pub inputs: Vec<Input>,
    /// A folder that is not looked into, by its canonical path.
    except: Option<PathBuf>,
    /// Files in folders whose names say nothing that we can read.
    others: Vec<PathBuf>,
}

impl Resolved {
    /// What lies in the folder `except` is left out where a folder around it is named.
    pub fn of(paths: &[impl AsRef<Path>], except: Option<&Path>) -> Result<Self, ReadError> {
        let mut found = Self { except: except.and_then(|folder| folder.canonicalize().ok()), ..Self::default() };
        for path in paths {
            found.resolve(path.as_ref())?;
        }
        Ok(found)
    }

    fn resolve(&mut self, path: &Path) -> Result<(), ReadError> {
        if path.as_os_str() == "-" {
            self.inputs.push(Input::standard_input());
            return Ok(());
        }
        if path.try_exists().map_err(|source| ReadError::Open(path.to_owned(), source))? {
            return self.enter(path);
        }
        let Some(given) = path.to_str().filter(|given| given.contains(['*', '?', '['])) else {
            return Err(ReadError::NotFound(path.to_owned()));
        };
        let as_a_shell = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
        let matches = glob::glob_with(given, as_a_shell).map_err(|source| ReadError::Pattern(given.to_owned(), source))?;
        let mut matches: Vec<PathBuf> =
            matches.collect::<Result<_, _>>().map_err(|error: glob::GlobError| ReadError::Open(error.path().to_owned(), error.into()))?;
        matches.sort();
        if matches.is_empty() {
            return Err(ReadError::NoMatch(given.to_owned()));
        }
        matches.iter().try_for_each(|path| self.enter(path))
    }

    /// Takes a file or a folder that was named.
    fn enter(&mut self, path: &Path) -> Result<(), ReadError> {
        if !path.is_dir() {
            self.inputs.push(Input::from_name(path).ok_or_else(|| ReadError::UnknownFormat(path.to_owned()))?);
            return Ok(());
        }
        let before = self.inputs.len();
        self.others.clear();
        self.walk(path, &mut BTreeSet::new())?;
        if self.inputs.len() == before {
            return Err(ReadError::EmptyFolder(path.to_owned()));
        }
        if let Some(first) = self.others.first() {
            log::warn!("{}: {} files with other endings are left out, the first is {}", path.display(), self.others.len(), first.display());
        }
        Ok(())
    }

    /// Takes every file below a folder that its name says can be read, in the order of names, hidden ones aside; a link that leads nowhere is a file too, and an error once it
    /// is opened. Links to folders are followed, but no folder is entered twice.
    fn walk(&mut self, folder: &Path, entered: &mut BTreeSet<PathBuf>) -> Result<(), ReadError> {
        let cannot_open = |source| ReadError::Open(folder.to_owned(), source);
        let canonical = folder.canonicalize().map_err(cannot_open)?;
        if self.except.as_ref() == Some(&canonical) || !entered.insert(canonical) {
            return Ok(());
        }
        let mut entries: Vec<_> = folder.read_dir().map_err(cannot_open)?.collect::<Result<_, _>>().map_err(cannot_open)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for path in entries.iter().filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b".")).map(std::fs::DirEntry::path) {
            if path.is_dir() {
                self.walk(&path, entered)?;
            } else if path.is_file() || !path.exists() {
                match Input::from_name(&path) {
                    Some(input) => self.inputs.push(input),
                    None => self.others.push(path),
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    fn check(name: &str, expected: Option<(Format, Compression)>) {
        assert_eq!(Input::from_name(Path::new(name)).map(|input| (input.format, input.compression)), expected, "{name}");
    }

    #[test]
    fn names_say_format_and_compression() {
        check("a.txt", Some((Format::Text, Compression::None)));
        check("dir/a.b.TXT.GZ", Some((Format::Text, Compression::Gzip)));
        check("a.jsonl.zst", Some((Format::JsonLines, Compression::Zstd)));
        check("a.jsonl.xz", Some((Format::JsonLines, Compression::Xz)));
        check("a.parquet", Some((Format::Parquet, Compression::None)));
        check("a.parquet.gz", None);
        check("a.md", None);
        check(".gz", None);
    }

    #[test]
    fn folders_are_walked_in_the_order_of_names_and_patterns_need_a_match() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["b.txt", "a.jsonl", "sub/c.txt", "notes.md", ".hidden.txt", ".hidden/d.txt", "output/e.txt"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("below the folder")).expect("created");
            std::fs::write(path, "x").expect("written");
        }
        let given = folder.path().display().to_string();
        let names = |paths: &[String]| -> Result<Vec<String>, String> {
            let inputs = Resolved::of(paths, Some(&folder.path().join("output"))).map_err(|error| error.to_string().replace(&given, ""))?;
            Ok(inputs.inputs.iter().map(|input| input.source().replace(&given, "")).collect())
        };
        assert_eq!(names(std::slice::from_ref(&given)), Ok(vec!["/a.jsonl".into(), "/b.txt".into(), "/sub/c.txt".into()]));
        assert_eq!(names(&[format!("{given}/*.txt"), "-".into()]), Ok(vec!["/b.txt".into(), "-".into()]));
        assert_eq!(names(&[format!("{given}/*.csv")]), Err("/*.csv: no file matches this pattern".into()));
        assert_eq!(names(&[format!("{given}/s*")]), Ok(vec!["/sub/c.txt".into()]));
        for (to, link) in [("", "sub/up"), ("sub", "link")] {
            std::os::unix::fs::symlink(folder.path().join(to), folder.path().join(link)).expect("a link");
        }
        assert_eq!(names(std::slice::from_ref(&given)), Ok(vec!["/a.jsonl".into(), "/b.txt".into(), "/link/c.txt".into()]));
        let latin = folder.path().join(OsStr::from_bytes(b"r\xe9sum\xe9.txt"));
        std::fs::write(&latin, "x").expect("written");
        assert_eq!(Resolved::of(&[latin], None).map(|found| found.inputs.len()).ok(), Some(1));
        assert_eq!(names(&[format!("{given}/none")]), Err("/none: no such file or folder".into()));
    }
}
