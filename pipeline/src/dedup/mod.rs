//! Which documents are copies of earlier ones.

use std::{
    collections::hash_map::Entry,
    fs,
    io::{self, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use rustc_hash::FxHashMap;
use schemas::hash::ContentHash;
use serde::{Deserialize, Serialize};

use crate::config::DedupConfig;

#[derive(Debug, thiserror::Error)]
pub enum DedupError {
    #[error("{path}: cannot be used")]
    Io { path: PathBuf, source: io::Error },
    #[error("{0}: is shorter than the checkpoint states, or damaged")]
    Damaged(PathBuf),
}

/// What deduplication must know of a document.
#[derive(Clone, Debug)]
pub struct Features {
    key: ContentHash,
}

pub struct FeatureExtractor {}

impl FeatureExtractor {
    pub fn new(_config: &DedupConfig) -> Self {
        Self {}
    }

    pub fn extract(&mut self, text: &str) -> Features {
        Features { key: ContentHash::of(text.as_bytes()) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    Keep { dropped_paragraphs: Vec<Range<usize>> },
    Duplicate(u64),
    NearDuplicate(u64),
    RepeatedParagraphs,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    bytes: u64,
}

impl Mark {
    pub fn synchronize(&self, scratch: &Path) -> Result<(), DedupError> {
        let path = scratch.join("keys.log");
        fs::File::open(&path).and_then(|file| file.sync_data()).map_err(|source| DedupError::Io { path, source })
    }
}

pub struct Deduplicator {
    enabled: bool,
    first_with: FxHashMap<ContentHash, u64>,
    log: fs::File,
    path: PathBuf,
    bytes: u64,
    pending: Vec<u8>,
}

impl Deduplicator {
    pub fn create(config: &DedupConfig, scratch: &Path) -> Result<Self, DedupError> {
        Self::resume(config, scratch, &Mark::default())
    }

    pub fn resume(config: &DedupConfig, scratch: &Path, mark: &Mark) -> Result<Self, DedupError> {
        let path = scratch.join("keys.log");
        let io_error = |source| DedupError::Io { path: path.clone(), source };
        fs::create_dir_all(scratch).map_err(io_error)?;
        let log = fs::OpenOptions::new().create(true).append(true).open(&path).map_err(io_error)?;
        let bytes = fs::read(&path).map_err(io_error)?;
        let known = bytes.get(..mark.bytes as usize).ok_or_else(|| DedupError::Damaged(path.clone()))?;
        let first_with = known
            .as_chunks::<24>()
            .0
            .iter()
            .map(|entry| {
                let (key, id) = entry.split_at(16);
                (
                    ContentHash(u128::from_le_bytes(key.try_into().unwrap_or_default())),
                    u64::from_le_bytes(id.try_into().unwrap_or_default()),
                )
            })
            .collect();
        log.set_len(mark.bytes).map_err(io_error)?;
        Ok(Self { enabled: config.exact.enabled, first_with, log, path, bytes: mark.bytes, pending: Vec::new() })
    }

    pub fn judge(&mut self, id: u64, features: &Features) -> Result<Judgement, DedupError> {
        if self.enabled {
            match self.first_with.entry(features.key) {
                Entry::Occupied(entry) => return Ok(Judgement::Duplicate(*entry.get())),
                Entry::Vacant(entry) => {
                    entry.insert(id);
                    self.pending.extend(features.key.0.to_le_bytes());
                    self.pending.extend(id.to_le_bytes());
                }
            }
        }
        Ok(Judgement::Keep { dropped_paragraphs: Vec::new() })
    }

    pub fn mark(&mut self) -> Result<Mark, DedupError> {
        self.log.write_all(&self.pending).map_err(|source| DedupError::Io { path: self.path.clone(), source })?;
        self.bytes += self.pending.len() as u64;
        self.pending.clear();
        Ok(Mark { bytes: self.bytes })
    }
}
