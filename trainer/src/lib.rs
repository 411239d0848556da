//! Trains a masked language model on the shards that `nachos build` writes. Modules in the order in which a run meets them.

pub mod config;
pub mod device;
pub mod error;
mod ffi;
mod random;
mod read_back;

pub mod data;
mod tokenizer;

pub mod model;
pub mod optim;

pub mod distributed;
mod graphs;
pub mod trainer;

pub mod checkpoint;
pub mod checkpoint_writer;
pub mod init_from;
pub mod metrics;
pub mod progress;
pub mod recovery;
pub mod spikes;
mod tensorboard;
pub mod throughput;
pub mod train;

pub mod bench;
pub mod breakdown;
pub mod evaluate;
pub mod export;
pub mod fill_mask;
