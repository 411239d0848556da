//! Masked segments as JSON lines, so that another program can evaluate the very same mask.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::micro_batch::{MicroBatch, Piece};
use crate::error::{AtPath, Result};

/// A file of segments, a line each: what attention reaches, so what another program gives to a model as one text.
pub(crate) struct RowDump {
    path: PathBuf,
    file: BufWriter<File>,
}

#[derive(Serialize)]
struct DumpedSegment<'a> {
    /// Number of the row in the directory.
    row: u64,
    document_ids: Vec<u64>,
    /// After masking.
    input_ids: &'a [i32],
    /// Positions in `input_ids` to predict, ascending.
    masked_positions: Vec<i32>,
    /// The original ids there.
    labels: &'a [i32],
}

impl RowDump {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), file: BufWriter::new(File::create(path).at_path(path)?) })
    }

    pub(crate) fn write(&mut self, batch: &MicroBatch) -> Result<()> {
        let (mut input_ids, mut pieces) = (batch.input_ids.as_slice(), batch.pieces.as_slice());
        let (mut masked, mut labels) = (batch.masked_positions.as_slice(), batch.labels.as_slice());
        let mut start = 0;
        for &length in &batch.segment_lengths {
            let (segment_ids, segment_pieces, segment_masked, segment_labels);
            (segment_ids, input_ids) = input_ids.split_at(length as usize);
            (segment_pieces, pieces) = pieces.split_at(num_pieces(pieces, length));
            let num_masked = masked.partition_point(|&position| i64::from(position) < start + length);
            (segment_masked, masked) = masked.split_at(num_masked);
            (segment_labels, labels) = labels.split_at(num_masked);
            let segment = DumpedSegment {
                row: segment_pieces[0].row,
                document_ids: segment_pieces.iter().map(|piece| piece.document_id).collect(),
                input_ids: segment_ids,
                masked_positions: segment_masked.iter().map(|position| position - start as i32).collect(),
                labels: segment_labels,
            };
            serde_json::to_writer(&mut self.file, &segment).at_path(&self.path)?;
            self.file.write_all(b"\n").at_path(&self.path)?;
            start += length;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<()> {
        self.file.flush().at_path(self.path)
    }
}

/// How many of these pieces make up a segment of `length` tokens.
fn num_pieces(pieces: &[Piece], length: i64) -> usize {
    let mut end = 0;
    let starts_within = |piece: &&Piece| {
        let start = end;
        end += i64::from(piece.length);
        start < length
    };
    pieces.iter().take_while(starts_within).count()
}
