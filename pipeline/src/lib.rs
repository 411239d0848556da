//! `nachos`: raw text → packed token shards.
//!
//! The stages, in data order: [`read`] → [`clean`] → [`dedup`] → [`tokenize`] → [`pack`] → [`mod@write`]. A stage knows its input, its output
//! and its settings; only [`run`] knows their order, the threads and the channels.

pub mod config;
pub mod read;

pub mod clean;
pub mod dedup;
pub mod tokenize;

pub mod pack;
pub mod write;

pub mod progress;
pub mod run;

pub mod inspect;
pub mod verify;
