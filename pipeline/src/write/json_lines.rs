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

/// A file of JSON lines, zstd-compressed if its name ends in `.zst`; `-` is standard output. A device or a pipe is written to, never replaced.
pub struct JsonLinesWriter {
    path: PathBuf,
    stream: Stream,
}

enum Stream {
    Unnamed(io::BufWriter<Box<dyn Write + Send>>),
    Plain(OutputFile),
    Zstd(zstd::Encoder<'static, OutputFile>),
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
            if path.as_os_str() == "-" {
                return Ok(Stream::Unnamed(io::BufWriter::new(Box::new(io::stdout()))));
            }
            if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
                return Ok(Stream::Unnamed(io::BufWriter::new(Box::new(fs::OpenOptions::new().write(true).open(path)?))));
            }
            let name = path.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidFilename)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let file = OutputFile::create(folder, name)?;
            Ok(if ending == "zst" {
                Stream::Zstd(zstd::Encoder::new(file, zstd_level)?)
            } else {
                Stream::Plain(file)
            })
        };
        let stream = create().map_err(|source| WriteError::Io { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), stream })
    }

    pub fn write(&mut self, lines: &[u8]) -> Result<(), WriteError> {
        match &mut self.stream {
            Stream::Unnamed(out) => out.write_all(lines),
            Stream::Plain(file) => file.write_all(lines),
            Stream::Zstd(encoder) => encoder.write_all(lines),
        }
        .map_err(|source| WriteError::Io { path: self.path.clone(), source })
    }

    pub fn finish(self) -> Result<(), WriteError> {
        match self.stream {
            Stream::Unnamed(mut out) => out.flush(),
            Stream::Plain(file) => file.publish().map(drop),
            Stream::Zstd(encoder) => encoder.finish().and_then(OutputFile::publish).map(drop),
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
}
