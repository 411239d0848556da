//! RoBERTa and BERT for masked language modelling: their configuration, parameters and their names in files, and forward pass.

pub mod attention;
pub mod config;
pub mod masked_lm;
pub mod operators;
pub mod parameters;
pub mod pretrained;
mod torch_file;
pub mod weights;
