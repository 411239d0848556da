//! The workspace's own tests: both programs run end to end, and the structure that the documents promise.
//!
//! The programs are taken from the folder that the test binary lies in: `cargo build --release` first.

#[cfg(test)]
mod end_to_end;
#[cfg(test)]
mod interruption;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod structure;
