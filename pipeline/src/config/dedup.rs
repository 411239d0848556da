//! `[dedup]`: what counts as a copy.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DedupConfig {
    /// Above this size the tables go on on the disk, in the output folder.
    pub memory_mib: usize,
    pub exact: ExactDedupConfig,
    pub near: NearDedupConfig,
    pub paragraphs: ParagraphDedupConfig,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExactDedupConfig {
    pub enabled: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NearDedupConfig {
    pub enabled: bool,
    /// Documents are copies from this Jaccard similarity of their 5-word shingles on.
    pub threshold: f64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ParagraphDedupConfig {
    pub enabled: bool,
    /// Copies of a paragraph that are kept, over all documents.
    pub max_copies: u32,
    /// A paragraph is a line of at least so many bytes: what is shorter is a heading or a dose.
    pub min_bytes: usize,
}

impl Default for DedupConfig {
    fn default() -> Self {
        let (exact, near, paragraphs) = (ExactDedupConfig::default(), NearDedupConfig::default(), ParagraphDedupConfig::default());
        Self { memory_mib: 2048, exact, near, paragraphs }
    }
}

impl Default for ExactDedupConfig {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Default for NearDedupConfig {
    fn default() -> Self {
        Self { enabled: true, threshold: 0.8 }
    }
}

impl Default for ParagraphDedupConfig {
    fn default() -> Self {
        Self { enabled: true, max_copies: 10, min_bytes: 100 }
    }
}
