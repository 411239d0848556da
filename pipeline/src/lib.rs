//! `nachos`: raw text → packed token shards.
//!
//! The stages, in data order: [`read`] → [`clean`] → [`dedup`] → [`tokenize`] → [`pack`] → [`mod@write`]. A stage knows its input, its output
//! and its settings. What passes between them is a [`batch`]; only [`run`] knows their order, [`schedule`] the threads, and [`resume`] what makes an
//! interrupted run go on.

pub mod config;
pub mod read;

mod displaced;
pub mod letters;

pub mod clean;
pub mod dedup;
pub mod tokenize;

pub mod pack;
pub mod write;

pub mod batch;
pub mod corpus;
pub mod progress;
pub mod resume;
pub mod run;
pub mod schedule;

pub mod inspect;
pub mod report;
pub mod trace;
pub mod verify;
