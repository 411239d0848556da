//! From a shard directory to batches: what lies on disk, in which order it is trained on, what is masked, and the threads that prepare it.

pub mod batch;
pub mod dataset;
pub mod loader;
mod masking;
pub mod micro_batch;
mod order;
pub mod samples;
mod window;
