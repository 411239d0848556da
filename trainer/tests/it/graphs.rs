//! Recorded passes, which on the CPU are done again on the memory of the first one: padding changes no result, and the way there is that of CUDA.

use std::{path::Path, sync::Arc};

use tch::{Device, Tensor};
use trainer::{
    config::Config,
    data::{
        batch::Batch,
        dataset::ShardDirectory,
        micro_batch::{MicroBatch, num_masked},
        padding::Padding,
    },
    model::{
        masked_lm::{MaskedLm, Mode},
        operators::{Kernels, Operators},
        parameters::initial_parameters,
    },
    trainer::Trainer,
};

use crate::{
    shards::numbered_shards,
    training::{micro_batches, take_step, tiny_config, torch_generator},
};

const MAX_SEQ_LEN: usize = 24;

struct Bench {
    config: Config,
    directory: Arc<ShardDirectory>,
    trainer: Trainer,
}

impl Bench {
    fn new(shards: &Path, overrides: &[&str]) -> Self {
        let config = tiny_config(shards, shards, &[&["model.initializer_range=0.2"], overrides].concat());
        let directory = Arc::new(ShardDirectory::open(shards).expect("a sound directory"));
        let model = config.fresh_model(directory.manifest()).expect("a model for these shards");
        let trainer = Trainer::new(&config, &model, Device::Cpu).expect("a trainer");
        Self { config, directory, trainer }
    }

    fn with_graphs(mut self) -> Self {
        let micro_batch = self.micro_batches().swap_remove(0);
        let padding = Padding::new(self.config.data.micro_batch_size as usize, self.directory.manifest().max_seq_len);
        self.trainer.try_graphs(padding, &micro_batch).expect("replays that are right");
        assert!(self.trainer.has_graphs());
        self
    }

    fn micro_batches(&self) -> Vec<MicroBatch> {
        micro_batches(&self.config, &self.directory, self.trainer.step())
    }

    /// The bits of loss and gradient norm of some steps, and the parameters after them.
    fn train(&mut self, steps: u64) -> (Vec<[u64; 2]>, Tensor) {
        let numbers = (0..steps)
            .map(|_| {
                let micro_batches = self.micro_batches();
                let result = take_step(&mut self.trainer, &micro_batches).expect("a step");
                [result.loss, result.gradient_norm].map(f64::to_bits)
            })
            .collect();
        (numbers, self.trainer.masters().copy())
    }
}
