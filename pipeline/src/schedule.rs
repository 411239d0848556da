//! The threads of a run, and what each does next: this file alone knows them.
//!
//! A run is a row of stages that batches pass through. A worker takes the batch that is furthest on, of those that a stage can be done to, does that stage to
//! it, and looks again: so a batch stays in the cache of the core that works on it, no stage runs far ahead of the next, and as many cores are busy as there
//! are workers. One more thread, the one that calls, reads; it waits while there is enough under way, which bounds memory.
//!
//! Batches are numbered as they are read. Stages that depend on the order of documents get them in that order, so the result does not depend on the number of
//! workers. Only the last batch of what was read to its end ends a run well: what breaks off before is never taken for the whole.

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use crossbeam_channel::bounded;
use indicatif::MultiProgress;

use crate::{
    batch::Batch,
    progress::{Progress, Stage},
};

/// Bytes of text between reading and the end of the run, for each worker.
const BYTES_IN_FLIGHT: usize = 6 << 20;

/// What a stage does to each batch.
pub enum Work<'w, E> {
    /// To any batch at any time. Every worker has its own way to do it, made from the worker's number.
    Anywhere(&'w (dyn Fn(usize) -> Own<'w> + Sync)),
    /// To one batch after another, in the order in which they were read.
    InOrder(Ordered<'w, E>),
}

/// A worker's own way to do a stage.
pub type Own<'w> = Box<dyn FnMut(&mut Batch) + 'w>;

/// What all workers share to do a stage, one at a time.
pub type Ordered<'w, E> = Box<dyn FnMut(&mut Batch) -> Result<(), E> + Send + 'w>;

/// Takes a batch that was read, waits until there is room for another, and returns an empty one to be filled; `None` if no more are wanted.
pub type Emit<'e> = dyn FnMut(Batch) -> Option<Batch> + 'e;

/// Reads on this thread and runs the stages on `threads` others. Returns whether the last batch went through all of them.
pub fn run<E: Send>(
    threads: usize,
    stages: Vec<(Stage, Work<'_, E>)>,
    read: impl FnOnce(&mut Emit<'_>) -> Result<(), E>,
    progress: &Progress,
    (screen, total_bytes): (&MultiProgress, u64),
) -> Result<bool, E> {
    let names: Vec<Stage> = stages.iter().map(|(name, _)| *name).collect();
    let makers: Vec<_> = stages.iter().map(|(_, work)| if let Work::Anywhere(make) = work { Some(*make) } else { None }).collect();
    let lanes = stages.into_iter().map(|(_, work)| Lane::new(work)).collect();
    let state = State { lanes, read: 0, bytes_in_flight: 0, spare: Vec::new(), outcome: None };
    let shared = Shared { state: Mutex::new(state), changed: Condvar::new(), capacity: BYTES_IN_FLIGHT * threads };
    let (running, finished) = bounded(0);
    thread::scope(|scope| {
        scope.spawn(|| progress.show(screen, total_bytes, &finished));
        for number in 0..threads {
            let (shared, names, makers) = (&shared, &names, &makers);
            scope.spawn(move || {
                let _alarm = Alarm(shared);
                let own = makers.iter().map(|make| make.map(|make| make(number))).collect();
                shared.work(own, names, progress);
            });
        }
        let alarm = Alarm(&shared);
        let mut begun = Instant::now();
        let result = read(&mut |batch| {
            progress.spend(Stage::Read, begun.elapsed(), batch.bytes);
            let spare = shared.emit(batch);
            begun = Instant::now();
            spare
        });
        shared.wait_for_the_end(result);
        drop((alarm, running));
    });
    let state = shared.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.outcome.unwrap_or(Ok(false))
}

struct Shared<'w, E> {
    state: Mutex<State<'w, E>>,
    changed: Condvar,
    /// Bytes that may be in flight.
    capacity: usize,
}

struct State<'w, E> {
    lanes: Vec<Lane<'w, E>>,
    /// The number of the next batch that is read.
    read: u64,
    bytes_in_flight: usize,
    /// Batches that went through, to be filled again.
    spare: Vec<Batch>,
    /// How the run ended: well, with the last batch through or not, or with an error.
    outcome: Option<Result<bool, E>>,
}

/// The batches that wait for a stage.
struct Lane<'w, E> {
    waiting: BTreeMap<u64, Batch>,
    order: Order<'w, E>,
}

enum Order<'w, E> {
    Any,
    /// The next batch's number, and the stage's work, unless a worker is at it.
    Strict(u64, Option<Ordered<'w, E>>),
}

/// A batch for which a stage is to be done.
struct Job<'w, E> {
    stage: usize,
    number: u64,
    batch: Batch,
    /// The work, if it is one for all workers.
    ordered: Option<Ordered<'w, E>>,
    /// Batches that wait for the same stage.
    waiting: usize,
}

impl<'w, E> Lane<'w, E> {
    fn new(work: Work<'w, E>) -> Self {
        let order = match work {
            Work::Anywhere(_) => Order::Any,
            Work::InOrder(work) => Order::Strict(0, Some(work)),
        };
        Self { waiting: BTreeMap::new(), order }
    }

    fn take(&mut self, stage: usize) -> Option<Job<'w, E>> {
        let waiting = self.waiting.len();
        let (number, batch, ordered) = match &mut self.order {
            Order::Any => {
                let (number, batch) = self.waiting.pop_first()?;
                (number, batch, None)
            }
            Order::Strict(next, work) => {
                work.as_ref()?;
                (*next, self.waiting.remove(next)?, work.take())
            }
        };
        Some(Job { stage, number, batch, ordered, waiting })
    }
}

impl<'w, E> State<'w, E> {
    fn next_job(&mut self) -> Option<Job<'w, E>> {
        self.lanes.iter_mut().enumerate().rev().find_map(|(stage, lane)| lane.take(stage))
    }

    fn finish(&mut self, job: Job<'w, E>, result: Result<(), E>) {
        let Job { stage, number, mut batch, ordered, .. } = job;
        if let Order::Strict(next, work) = &mut self.lanes[stage].order {
            *next += 1;
            *work = ordered;
        }
        match (result, self.lanes.get_mut(stage + 1)) {
            (Err(error), _) => self.end(Err(error)),
            (Ok(()), Some(lane)) => drop(lane.waiting.insert(number, batch)),
            (Ok(()), None) => {
                if batch.is_last {
                    self.end(Ok(true));
                }
                self.bytes_in_flight -= batch.bytes;
                batch.clear();
                self.spare.push(batch);
            }
        }
    }

    /// The first end is the one that counts.
    fn end(&mut self, outcome: Result<bool, E>) {
        self.outcome.get_or_insert(outcome);
    }
}

impl<'w, E> Shared<'w, E> {
    fn lock(&self) -> MutexGuard<'_, State<'w, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State<'w, E>>) -> MutexGuard<'g, State<'w, E>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, mut own: Vec<Option<Own<'_>>>, names: &[Stage], progress: &Progress) {
        let mut state = self.lock();
        while state.outcome.is_none() {
            let Some(mut job) = state.next_job() else {
                state = self.wait(state);
                continue;
            };
            drop(state);
            let begun = Instant::now();
            let result = match (&mut job.ordered, &mut own[job.stage]) {
                (Some(work), _) => work(&mut job.batch),
                (None, Some(work)) => {
                    work(&mut job.batch);
                    Ok(())
                }
                (None, None) => Ok(()),
            };
            let name = names[job.stage];
            progress.spend(name, begun.elapsed(), job.batch.bytes);
            progress.advance(name, job.batch.file_bytes, job.waiting);
            state = self.lock();
            state.finish(job, result);
            self.changed.notify_all();
        }
    }

    fn emit(&self, batch: Batch) -> Option<Batch> {
        let mut state = self.lock();
        // One that is larger than all that may be in flight has to be alone.
        while state.outcome.is_none() && state.bytes_in_flight > 0 && state.bytes_in_flight + batch.bytes > self.capacity {
            state = self.wait(state);
        }
        if state.outcome.is_some() {
            return None;
        }
        let number = state.read;
        state.read += 1;
        state.bytes_in_flight += batch.bytes;
        state.lanes[0].waiting.insert(number, batch);
        self.changed.notify_all();
        Some(state.spare.pop().unwrap_or_default())
    }

    /// Reading has ended with `result`.
    fn wait_for_the_end(&self, result: Result<(), E>) {
        let mut state = self.lock();
        if let Err(error) = result {
            state.end(Err(error));
        }
        self.changed.notify_all();
        while state.outcome.is_none() {
            state = self.wait(state);
        }
    }
}

/// Ends the run if its thread panics, so that no other waits for what will never come. The panic goes on when the threads are joined.
struct Alarm<'s, 'w, E>(&'s Shared<'w, E>);

impl<E> Drop for Alarm<'_, '_, E> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().end(Ok(false));
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCHES: u64 = 60;

    /// Runs numbered batches through a stage for all workers and one in order, which fails at a number; what the latter saw, and how the run ended.
    fn check(threads: usize, is_whole: bool, fails_at: Option<u64>) -> (Vec<u64>, Result<bool, u64>) {
        let mut seen = Vec::new();
        let anywhere = |_| -> Own<'_> {
            Box::new(|batch| {
                // The first of every seven takes longer than those after it.
                if batch.file_bytes % 7 == 0 {
                    thread::sleep(std::time::Duration::from_millis(2));
                }
                batch.first_id = batch.file_bytes * 10;
            })
        };
        let in_order = |batch: &mut Batch| {
            assert_eq!(batch.first_id, batch.file_bytes * 10);
            seen.push(batch.file_bytes);
            if fails_at == Some(batch.file_bytes) { Err(batch.file_bytes) } else { Ok(()) }
        };
        let stages = vec![(Stage::Clean, Work::Anywhere(&anywhere)), (Stage::Write, Work::InOrder(Box::new(in_order)))];
        let read = |emit: &mut Emit<'_>| {
            let mut batch = Some(Batch::default());
            for number in 0..BATCHES {
                let Some(mut filled) = batch.take() else { return Ok(()) };
                assert_eq!((filled.first_id, filled.bytes, filled.is_last), (0, 0, false), "a batch comes back empty");
                (filled.file_bytes, filled.bytes) = (number, 1 << 20);
                filled.is_last = is_whole && number == BATCHES - 1;
                batch = emit(filled);
            }
            if is_whole { Ok(()) } else { Err(1000) }
        };
        let progress = Progress::of([Stage::Clean, Stage::Write].into_iter(), threads);
        let ended = run(threads, stages, read, &progress, (&MultiProgress::new(), 0));
        (seen, ended)
    }

    #[test]
    fn batches_pass_in_order_whatever_the_number_of_workers() {
        for threads in [1, 2, 5] {
            assert_eq!(check(threads, true, None), ((0..BATCHES).collect(), Ok(true)));
        }
    }

    #[test]
    fn the_first_error_ends_the_run() {
        let (seen, ended) = check(3, true, Some(20));
        assert_eq!((seen, ended), ((0..=20).collect(), Err(20)));
        assert_eq!(check(3, false, None).1, Err(1000));
    }

    #[test]
    fn a_panic_ends_the_run_and_goes_on() {
        let panics = |_| -> Own<'_> { Box::new(|batch| assert!(batch.file_bytes != 5, "batch five")) };
        let read = |emit: &mut Emit<'_>| {
            let mut batch = Some(Batch::default());
            for number in 0..BATCHES {
                let Some(mut filled) = batch.take() else { break };
                filled.file_bytes = number;
                batch = emit(filled);
            }
            Ok::<(), ()>(())
        };
        let progress = Progress::of([Stage::Clean].into_iter(), 2);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run(2, vec![(Stage::Clean, Work::Anywhere(&panics))], read, &progress, (&MultiProgress::new(), 0))
        }));
        drop(outcome.expect_err("the panic of a stage"));
    }
}
