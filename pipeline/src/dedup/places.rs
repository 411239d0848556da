//! Where the log holds each kept document.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{DedupError, create_file};

const PLACE_BYTES: usize = 8;
/// Places in one piece of memory, so that growing copies nothing.
const PIECE: usize = 1 << 16;

/// Numbers of documents → places; the first of them in a file once memory is short.
pub(super) struct Places {
    file: Option<File>,
    path: PathBuf,
    in_file: usize,
    pieces: Vec<Vec<u64>>,
}

impl Places {
    pub(super) fn new(folder: &Path) -> Self {
        Self { file: None, path: folder.join("places"), in_file: 0, pieces: Vec::new() }
    }

    /// Adds the next document and returns its number.
    pub(super) fn push(&mut self, place: u64) -> u32 {
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            self.pieces.push(Vec::with_capacity(PIECE));
        }
        let full_pieces = self.pieces.len() - 1;
        let last = &mut self.pieces[full_pieces];
        last.push(place);
        (self.in_file + full_pieces * PIECE + last.len() - 1) as u32
    }

    pub(super) fn get(&self, document: u32) -> Result<u64, DedupError> {
        let document = document as usize;
        if let Some(later) = document.checked_sub(self.in_file) {
            return Ok(self.pieces[later / PIECE][later % PIECE]);
        }
        let mut place = [0; PLACE_BYTES];
        if let Some(file) = &self.file {
            file.read_exact_at(&mut place, (document * PLACE_BYTES) as u64).map_err(|source| self.io_error(source))?;
        }
        Ok(u64::from_le_bytes(place))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.pieces.len() * PIECE * PLACE_BYTES
    }

    pub(super) fn spill(&mut self) -> Result<(), DedupError> {
        let mut file = self.file.take().map_or_else(|| create_file(&self.path), Ok)?;
        for piece in std::mem::take(&mut self.pieces) {
            let bytes: Vec<u8> = piece.iter().flat_map(|place| place.to_le_bytes()).collect();
            file.write_all(&bytes).map_err(|source| self.io_error(source))?;
            self.in_file += piece.len();
        }
        self.file = Some(file);
        Ok(())
    }

    fn io_error(&self, source: std::io::Error) -> DedupError {
        DedupError::Io { path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_has_its_place_in_memory_and_in_the_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut places = Places::new(folder.path());
        for number in 0..200_000_u32 {
            assert_eq!(places.push(u64::from(number) * 3), number);
            if number % 70_000 == 69_999 {
                places.spill().expect("written");
            }
        }
        assert!((0..200_000).step_by(777).all(|number| places.get(number).expect("readable") == u64::from(number) * 3));
    }
}
