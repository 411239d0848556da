//! Documents as JSON lines.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{DocumentRow, WriteError, output::OutputFile};

#[derive(Serialize)]
struct Line<'d> {
    id: u64,
    source: &'d str,
    offset: u64,
    length: u64,
    verdict: &'d str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_of: Option<u64>,
    text: &'d str,
}

/// Appends one document as a line of JSON.
pub fn append_json_line(id: u64, source: &str, row: &DocumentRow, text: &str, out: &mut Vec<u8>) {
    let verdict = row.verdict.name();
    let line = Line { id, source, offset: row.offset, length: row.length, verdict: &verdict, duplicate_of: row.duplicate_of, text };
    serde_json::to_writer(&mut *out, &line).expect("strings and numbers, into memory");
    out.push(b'\n');
}

/// A file of JSON lines, zstd-compressed if its name ends in `.zst`; `-` is standard output. A device or a pipe, and what a link leads to, is written to, never replaced.
pub struct JsonLinesWriter {
    path: PathBuf,
    stream: Stream,
}

enum Stream {
    Plain(Target),
    Zstd(zstd::Encoder<'static, Target>),
}

enum Target {
    Opened(io::BufWriter<Box<dyn Write + Send>>),
    New(OutputFile),
}

impl Target {
    fn create(path: &Path) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::Opened(io::BufWriter::new(Box::new(io::stdout()))));
        }
        if path.is_symlink() || path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Ok(Self::Opened(io::BufWriter::new(Box::new(fs::File::create(path)?))));
        }
        let name = path.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidFilename)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self::New(OutputFile::create(folder, name)?))
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Opened(mut out) => out.flush(),
            Self::New(file) => file.publish().map(drop),
        }
    }
}

impl Write for Target {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Opened(out) => out.write(buffer),
            Self::New(file) => file.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Opened(out) => out.flush(),
            Self::New(file) => file.flush(),
        }
    }
}

impl JsonLinesWriter {
    /// # Errors
    /// If the file cannot be created, or its name says that it holds something else.
    pub fn create(path: &Path, zstd_level: i32) -> Result<Self, WriteError> {
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        if ["gz", "xz", "parquet", "txt"].iter().any(|other| ending == *other) {
            return Err(WriteError::Ending(path.to_owned()));
        }
        let create = || -> io::Result<Stream> {
            let target = Target::create(path)?;
            Ok(if ending == "zst" { Stream::Zstd(zstd::Encoder::new(target, zstd_level)?) } else { Stream::Plain(target) })
        };
        let stream = create().map_err(|source| WriteError::Io { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), stream })
    }

    pub fn write(&mut self, lines: &[u8]) -> Result<(), WriteError> {
        match &mut self.stream {
            Stream::Plain(target) => target.write_all(lines),
            Stream::Zstd(encoder) => encoder.write_all(lines),
        }
        .map_err(|source| WriteError::Io { path: self.path.clone(), source })
    }

    pub fn finish(self) -> Result<(), WriteError> {
        match self.stream {
            Stream::Plain(target) => target.finish(),
            Stream::Zstd(encoder) => encoder.finish().and_then(Target::finish),
        }
        .map_err(|source| WriteError::Io { path: self.path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_written_to_and_not_replaced() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("pipe.jsonl");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        let reader = std::process::Command::new("cat").arg(&path).stdout(std::process::Stdio::piped()).spawn().expect("cat");
        let mut writer = JsonLinesWriter::create(&path, 3).expect("opened");
        writer.write(b"{}\n").expect("written");
        writer.finish().expect("finished");
        assert_eq!(reader.wait_with_output().expect("cat").stdout, b"{}\n");
        assert!(!path.metadata().expect("the pipe").is_file());
    }

    #[test]
    fn what_a_link_leads_to_is_written_and_other_endings_are_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [link, file] = ["link.jsonl.zst", "elsewhere"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        let mut writer = JsonLinesWriter::create(&link, 3).expect("opened");
        writer.write(b"{}\n").expect("written");
        writer.finish().expect("finished");
        assert!(link.is_symlink());
        assert_eq!(zstd::decode_all(&fs::read(&file).expect("a file")[..]).expect("zstd"), b"{}\n");
        for name in ["a.jsonl.gz", "a.parquet", "a.TXT"] {
            let refused = JsonLinesWriter::create(&folder.path().join(name), 3).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(refused.contains("expected a name ending in .jsonl"), "{name}: {refused}");
        }
    }
}
