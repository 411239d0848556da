//! From a shard directory to batches: what lies on disk, in which order it is trained on, what is masked, and the threads that prepare it.

pub mod batch;
pub mod dataset;
pub(crate) mod documents;
mod lists;
pub mod loader;
pub mod masking;
pub mod micro_batch;
mod order;
pub mod padding;
pub(crate) mod row_dump;
pub mod samples;
mod window;
