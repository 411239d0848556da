//! The threads that prepare micro-batches, and the channels to and from them: the only ones of the data path.
//!
//! The consumer hands out tickets, which are micro-batch numbers, and takes results in the order of the numbers. At most
//! `prefetch` tickets are out, so neither channel nor memory grows, and the number of threads cannot change a batch.

use std::{
    collections::BTreeMap,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::JoinHandle,
};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{micro_batch::MicroBatch, samples::Samples};
use crate::error::{Error, Result};

/// Micro-batches in order, prepared ahead by threads. Dropping it ends them.
pub struct Loader {
    tickets: Option<Sender<u64>>,
    results: Option<Receiver<(u64, Result<MicroBatch>)>>,
    early: BTreeMap<u64, Result<MicroBatch>>,
    next_ticket: u64,
    next_result: u64,
    end: u64,
    threads: Vec<JoinHandle<()>>,
}

impl Loader {
    /// Prepares the micro-batches `numbers`, at most `prefetch` of them ahead.
    pub fn start<S: Samples + 'static>(samples: &Arc<S>, numbers: Range<u64>, num_threads: usize, prefetch: usize) -> Self {
        let (tickets, ticket_queue) = bounded(prefetch);
        let (result_queue, results) = bounded(prefetch);
        let threads = (0..num_threads)
            .map(|_| {
                let (samples, tickets, results) = (Arc::clone(samples), ticket_queue.clone(), result_queue.clone());
                std::thread::spawn(move || work(&*samples, &tickets, &results))
            })
            .collect();
        let mut loader = Self {
            tickets: Some(tickets),
            results: Some(results),
            early: BTreeMap::new(),
            next_ticket: numbers.start,
            next_result: numbers.start,
            end: numbers.end,
            threads,
        };
        (0..prefetch).for_each(|_| loader.hand_out_ticket());
        loader
    }

    fn hand_out_ticket(&mut self) {
        if let Some(tickets) = self.tickets.as_ref().filter(|_| self.next_ticket < self.end)
            && tickets.send(self.next_ticket).is_ok()
        {
            self.next_ticket += 1;
        }
    }
}

impl Iterator for Loader {
    type Item = Result<MicroBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next_result == self.end {
            return None;
        }
        while !self.early.contains_key(&self.next_result) {
            let (number, result) = self.results.as_ref()?.recv().ok()?;
            self.early.insert(number, result);
        }
        let result = self.early.remove(&self.next_result);
        self.next_result += 1;
        self.hand_out_ticket();
        result
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.tickets = None;
        self.results = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a loader thread panicked");
            }
        }
    }
}

fn work(samples: &dyn Samples, tickets: &Receiver<u64>, results: &Sender<(u64, Result<MicroBatch>)>) {
    for batch in tickets {
        let result = catch_unwind(AssertUnwindSafe(|| samples.micro_batch(batch)));
        if results.send((batch, result.unwrap_or(Err(Error::LoaderPanicked { batch })))).is_err() {
            return;
        }
        // An error here will come again, and be reported, when the rows themselves are asked for.
        if let Err(error) = samples.read_ahead(batch) {
            log::debug!("reading ahead after batch {batch}: {error}");
        }
    }
}
