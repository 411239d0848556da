//! Rows as bytes, to be kept while a run is interrupted.

use super::PackedSequence;

/// What a packer holds between two documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackerState {
    /// Rows that are not full.
    pub open: Vec<PackedSequence>,
    /// Pieces that have no row yet, each as a row of its own.
    pub gathered: Vec<PackedSequence>,
}

/// Appends `rows` to `bytes`: little-endian, each list with its length before it.
pub fn rows_to_bytes(rows: &[PackedSequence], bytes: &mut Vec<u8>) {
    put_length(rows.len(), bytes);
    for row in rows {
        put_length(row.input_ids.len(), bytes);
        bytes.extend(row.input_ids.iter().flat_map(|id| id.to_le_bytes()));
        put_length(row.segment_lengths.len(), bytes);
        bytes.extend(row.segment_lengths.iter().flat_map(|length| length.to_le_bytes()));
        bytes.extend(row.document_ids.iter().flat_map(|id| id.to_le_bytes()));
    }
}

/// Takes the rows off the front of `bytes`; `None` if they are not all there.
pub fn rows_from_bytes(bytes: &mut &[u8]) -> Option<Vec<PackedSequence>> {
    let count = take_length(bytes)?;
    (0..count)
        .map(|_| {
            let num_ids = take_length(bytes)?;
            let input_ids = take_numbers(bytes, num_ids, u32::from_le_bytes)?;
            let num_segments = take_length(bytes)?;
            let segment_lengths = take_numbers(bytes, num_segments, u16::from_le_bytes)?;
            let document_ids = take_numbers(bytes, num_segments, u64::from_le_bytes)?;
            Some(PackedSequence { input_ids, segment_lengths, document_ids })
        })
        .collect()
}

fn put_length(length: usize, bytes: &mut Vec<u8>) {
    bytes.extend((length as u32).to_le_bytes());
}

fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    Some(*take_numbers(bytes, 1, u32::from_le_bytes)?.first()? as usize)
}

fn take_numbers<const N: usize, T>(bytes: &mut &[u8], count: usize, of: fn([u8; N]) -> T) -> Option<Vec<T>> {
    let (numbers, rest) = bytes.split_at_checked(count.checked_mul(N)?)?;
    *bytes = rest;
    Some(numbers.as_chunks::<N>().0.iter().map(|number| of(*number)).collect())
}
