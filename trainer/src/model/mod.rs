//! RoBERTa and BERT for masked language modelling: their configuration, parameters and their names in files, and forward pass.

pub mod config;
pub mod parameters;
pub mod pretrained;
pub mod roberta;
mod torch_file;
pub mod weights;
