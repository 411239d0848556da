//! TensorBoard event files: `TFRecord` frames around hand-encoded `Event` messages.
//!
//! A frame is the length (u64), the masked CRC-32C of those 8 bytes, the message, and the masked CRC-32C of the message, all
//! little-endian. The messages are those of `tensorflow/core/util/event.proto` and `framework/summary.proto`.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::error::{AtPath, Result};

/// Writes scalars to one event file.
pub(crate) struct EventWriter {
    path: PathBuf,
    file: File,
}

impl EventWriter {
    /// Starts a file in `directory`. TensorBoard drops what earlier files of the folder say about steps after `step`.
    pub(crate) fn create(directory: &Path, step: u64) -> Result<Self> {
        fs::create_dir_all(directory).at_path(directory)?;
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("events.out.tfevents.{:010}.{:09}.{}", since_epoch.as_secs(), since_epoch.subsec_nanos(), std::process::id());
        let path = directory.join(name);
        let mut writer = Self { file: File::create_new(&path).at_path(&path)?, path };
        writer.write(&event(0, |message| message.bytes(FILE_VERSION, b"brain.Event:2")))?;
        writer.write(&event(step + 1, |message| {
            message.message(SESSION_LOG, |log| log.varint(SESSION_STATUS, SESSION_START));
        }))?;
        Ok(writer)
    }

    pub(crate) fn write_scalars(&mut self, step: u64, scalars: &[(&str, f64)]) -> Result<()> {
        self.write(&event(step, |message| {
            message.message(SUMMARY, |summary| {
                for (tag, value) in scalars {
                    summary.message(SUMMARY_VALUE, |entry| {
                        entry.bytes(VALUE_TAG, tag.as_bytes());
                        entry.fixed32(VALUE_SIMPLE_VALUE, (*value as f32).to_bits());
                    });
                }
            });
        }))
    }

    fn write(&mut self, message: &[u8]) -> Result<()> {
        self.file.write_all(&frame(message)).at_path(&self.path)
    }
}

const EVENT_WALL_TIME: u32 = 1;
const EVENT_STEP: u32 = 2;
const FILE_VERSION: u32 = 3;
const SUMMARY: u32 = 5;
const SESSION_LOG: u32 = 7;
const SESSION_STATUS: u32 = 1;
const SESSION_START: u64 = 1;
const SUMMARY_VALUE: u32 = 1;
const VALUE_TAG: u32 = 1;
const VALUE_SIMPLE_VALUE: u32 = 2;

fn event(step: u64, fill: impl FnOnce(&mut Message)) -> Vec<u8> {
    let wall_time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let mut message = Message(Vec::new());
    message.fixed64(EVENT_WALL_TIME, wall_time.to_bits());
    message.varint(EVENT_STEP, step);
    fill(&mut message);
    message.0
}

/// A Protocol Buffers message under construction.
struct Message(Vec<u8>);

impl Message {
    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u32, wire_type: u32) {
        self.raw_varint(u64::from(field << 3 | wire_type));
    }

    fn varint(&mut self, field: u32, value: u64) {
        self.key(field, 0);
        self.raw_varint(value);
    }

    fn fixed64(&mut self, field: u32, bits: u64) {
        self.key(field, 1);
        self.0.extend(bits.to_le_bytes());
    }

    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.key(field, 2);
        self.raw_varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn message(&mut self, field: u32, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self(Vec::new());
        fill(&mut inner);
        self.bytes(field, &inner.0);
    }

    fn fixed32(&mut self, field: u32, bits: u32) {
        self.key(field, 5);
        self.0.extend(bits.to_le_bytes());
    }
}

fn frame(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    let mut frame = Vec::with_capacity(message.len() + 16);
    frame.extend(length);
    frame.extend(masked_crc(&length).to_le_bytes());
    frame.extend(message);
    frame.extend(masked_crc(message).to_le_bytes());
    frame
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_of_a_file_is_the_known_one() {
        // As written by TensorFlow and torch: wall time 0, "brain.Event:2", with step 0 left out as proto3 does.
        let mut message = Message(Vec::new());
        message.fixed64(EVENT_WALL_TIME, 0);
        message.bytes(FILE_VERSION, b"brain.Event:2");
        let bytes = frame(&message.0);
        assert_eq!(bytes[..8], 24_u64.to_le_bytes());
        assert_eq!(bytes[8..12], [0xa3, 0x7f, 0x4b, 0x22]);
        assert_eq!(bytes[12..21], [9, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[21..23], [0x1a, 13]);
        assert_eq!(bytes.len(), 24 + 16);
    }

    #[test]
    fn varints_follow_the_protocol_buffers_example() {
        let mut message = Message(Vec::new());
        message.varint(1, 150);
        assert_eq!(message.0, [0x08, 0x96, 0x01]);
    }
}
