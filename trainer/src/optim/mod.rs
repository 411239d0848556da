//! Flat parameter memory, `AdamW` over it, and the learning rate.

pub mod adamw;
pub mod flat;
pub mod schedule;
