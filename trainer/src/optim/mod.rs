//! Flat parameter memory, the optimizers over it, and what changes in the course of a run.

pub mod ema;
pub mod flat;
pub mod loss_scale;
pub mod optimizer;
pub mod schedule;
pub mod verdict;
