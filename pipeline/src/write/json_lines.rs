//! Documents as JSON lines.

use std::{
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

/// A file of JSON lines, zstd-compressed if its name ends in `.zst`; `-` is standard output.
pub struct JsonLinesWriter {
    path: PathBuf,
    stream: Stream,
}

enum Stream {
    StandardOutput(io::BufWriter<io::Stdout>),
    Plain(OutputFile),
    Zstd(zstd::Encoder<'static, OutputFile>),
}

impl JsonLinesWriter {
    pub fn create(path: &Path, zstd_level: i32) -> Result<Self, WriteError> {
        let create = || -> io::Result<Stream> {
            if path.as_os_str() == "-" {
                return Ok(Stream::StandardOutput(io::BufWriter::new(io::stdout())));
            }
            let name = path.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidFilename)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let file = OutputFile::create(folder, name)?;
            Ok(if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zst")) {
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
            Stream::StandardOutput(out) => out.write_all(lines),
            Stream::Plain(file) => file.write_all(lines),
            Stream::Zstd(encoder) => encoder.write_all(lines),
        }
        .map_err(|source| WriteError::Io { path: self.path.clone(), source })
    }

    pub fn finish(self) -> Result<(), WriteError> {
        match self.stream {
            Stream::StandardOutput(mut out) => out.flush(),
            Stream::Plain(file) => file.publish().map(drop),
            Stream::Zstd(encoder) => encoder.finish().and_then(OutputFile::publish).map(drop),
        }
        .map_err(|source| WriteError::Io { path: self.path, source })
    }
}
