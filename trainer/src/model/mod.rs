//! RoBERTa for masked language modelling: its configuration, its parameters and their names in files, and its forward pass.

pub mod config;
pub mod parameters;
pub mod roberta;
pub mod weights;
