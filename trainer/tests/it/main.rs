//! The trainer from outside: shards in, batches, losses, checkpoints and error messages out.

mod checkpoints;
mod command_line;
mod distributed;
mod graphs;
mod kernels;
mod pretrained;
mod recomputation;
mod resumption;
mod returns;
mod robustness;
mod samples;
mod settings;
mod shards;
mod training;
