//! Training on several processes: who takes part, how they talk, and how their gradients become one.

pub mod agreement;
pub mod data_parallel;
pub mod launch;
pub mod process_group;
pub mod world;
