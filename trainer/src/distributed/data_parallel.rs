//! Gradients of all ranks become one: the same on each, the sum over them.
//!
//! While the backward pass of a step's last micro-batch runs, each range of the flat gradients that it has completed is on its way to the other
//! ranks: a bucket. They start in one order on all ranks, that of the buffer.

use std::rc::Rc;

use tch::Tensor;

use super::process_group::ProcessGroup;
use crate::{
    config::{DistributedConfig, GradientCompression},
    error::Result,
    ffi::exchange::Exchange,
    optim::flat::FlatParameters,
};

/// The first bucket is small, so that the network has something to do soon.
const FIRST_BUCKET_MIB: f64 = 1.0;
const ELEMENTS_PER_MIB: f64 = ((1 << 20) / size_of::<f32>()) as f64;

/// Training on all ranks of a group.
#[derive(Debug)]
pub struct DataParallel {
    // Before the group that it uses: fields are dropped in order.
    exchange: Option<Exchange>,
    num_buckets: usize,
    group: Rc<ProcessGroup>,
}

impl DataParallel {
    pub fn new(group: Rc<ProcessGroup>, parameters: &FlatParameters, config: &DistributedConfig) -> Result<Self> {
        let elements = |mib: f64| (mib * ELEMENTS_PER_MIB) as i64;
        let ends = parameters.layout().bucket_ends(elements(config.bucket_mib.min(FIRST_BUCKET_MIB)), elements(config.bucket_mib));
        let compresses = config.gradient_compression == GradientCompression::Bf16;
        let (gradients, weight_gradients) = (parameters.gradients(), parameters.weight_gradients());
        let exchange = |peers| Exchange::new(peers, parameters.parameters(), gradients, weight_gradients, &ends, compresses);
        Ok(Self { exchange: group.peers().map(exchange).transpose()?, num_buckets: ends.len(), group })
    }

    pub fn group(&self) -> &ProcessGroup {
        &self.group
    }

    /// Whether gradients are exchanged while the last pass of a step still runs.
    pub fn overlaps(&self) -> bool {
        self.exchange.is_some()
    }

    /// Comes before the backward pass of a step's last micro-batch. `loss` is this rank's share of the step's.
    pub fn begin_last_pass(&self, loss: &Tensor, parameters: &mut FlatParameters) -> Result<()> {
        self.exchange.as_ref().map_or(Ok(()), |exchange| exchange.begin(loss, parameters.take_first()))
    }

    /// Comes after that pass: every rank has the sums of the ranks' gradients and of their shares of the loss then. After a pass that failed it
    /// does not come, and there is no other pass: the ranks no longer agree on what they exchange.
    ///
    /// # Errors
    /// If a rank is lost, or comes too late.
    pub fn end_last_pass(&self, parameters: &mut FlatParameters) -> Result<()> {
        let Some(exchange) = &self.exchange else { return parameters.finish_gradients() };
        let num_overlapped = exchange.end()?;
        log::debug!("{num_overlapped} of {} buckets of gradients were under way when the backward pass ended", self.num_buckets);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::TcpListener,
        ops::Range,
        sync::atomic::{AtomicBool, Ordering},
        thread,
        time::{Duration, Instant},
    };

    use tch::{Device, Kind};

    use super::*;
    use crate::{
        distributed::world::{Listener, MeetingPoint, World},
        error::Error,
        ffi::recompute::recomputed,
        optim::flat::{FlatLayout, ParameterShape},
    };

    const LIMIT: Duration = Duration::from_mins(1);
    const SHAPES: [&[i64]; 5] = [&[8, 16], &[16], &[8, 16], &[4, 16], &[4]];
    /// Parameter 3, then 2, then 0 with the vectors.
    const NUM_BUCKETS: usize = 3;

    /// What each rank returns, in a thread of its own.
    fn on_ranks<T: Send>(world_size: usize, run: impl Fn(usize, Rc<ProcessGroup>) -> T + Sync) -> Vec<T> {
        let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port();
        let as_rank = |rank| {
            let meeting_point = Some(MeetingPoint { host: "127.0.0.1".into(), port, listener: Listener::FirstRank, attempt: 0 });
            let world = World { rank, world_size, local_rank: rank, local_world_size: world_size, meeting_point };
            run(rank, Rc::new(ProcessGroup::join(world, LIMIT, Device::Cpu).expect("all ranks")))
        };
        thread::scope(|scope| {
            let ranks: Vec<_> = (0..world_size).map(|rank| scope.spawn(move || as_rank(rank))).collect();
            ranks.into_iter().map(|rank| rank.join().expect("no panic")).collect()
        })
    }

    /// Parameters that are all ones, and the exchange of their gradients in buckets as small as they can be.
    fn parallel(group: Rc<ProcessGroup>, kind: Kind, gradient_compression: GradientCompression) -> (FlatParameters, DataParallel) {
        let described = SHAPES.map(|shape| ParameterShape { shape, rows_in_memory: shape[0], decays: shape.len() > 1 });
        let values = SHAPES.map(|shape| Tensor::ones(shape, (Kind::Float, Device::Cpu)));
        let flat = FlatParameters::new(FlatLayout::new(&described), &values, Device::Cpu, kind).expect("flat parameters");
        let config = DistributedConfig { bucket_mib: 1e-9, gradient_compression, ..DistributedConfig::default() };
        let parallel = DataParallel::new(group, &flat, &config).expect("an exchange");
        assert_eq!(parallel.num_buckets, NUM_BUCKETS);
        (flat, parallel)
    }

    /// A loss that gives each of these parameters its number, from 1 on, times `factor` as gradient.
    fn loss(flat: &FlatParameters, used: Range<usize>, factor: f64) -> Tensor {
        used.map(|index| (&flat.parameters()[index] * (factor * (index + 1) as f64)).sum(Kind::Float)).sum()
    }

    /// The last pass of a step. Returns the loss of all ranks, and how many buckets were under way when the pass ended.
    fn last_pass(flat: &mut FlatParameters, parallel: &DataParallel, loss: &Tensor) -> Result<(f64, usize)> {
        let exchange = parallel.exchange.as_ref().expect("several ranks");
        let sum = loss.detach_copy();
        parallel.begin_last_pass(&sum, flat)?;
        loss.f_backward()?;
        let num_overlapped = exchange.end()?;
        Ok((sum.double_value(&[]), num_overlapped))
    }

    /// The gradient of each parameter, which is the same everywhere in it.
    fn gradients(flat: &FlatParameters) -> Vec<f64> {
        assert_eq!(flat.weight_gradients().any().int64_value(&[]) != 0, flat.weight_gradients().kind() == Kind::Float);
        let all = flat.layout().views(flat.gradients()).expect("views");
        assert!(all.iter().all(|gradient| gradient.max().equal(&gradient.min())));
        all.iter().map(|gradient| gradient.max().double_value(&[])).collect()
    }

    fn numbers_times(factor: f64) -> Vec<f64> {
        (1..=SHAPES.len()).map(|number| number as f64 * factor).collect()
    }

    /// Runs a piece when the backward pass comes to parameter 0, after it has given the gradient of parameter 3 and with it the first bucket.
    fn loss_with_piece<Piece>(flat: &FlatParameters, piece: Piece) -> Tensor
    where
        Piece: Fn(&Tensor) -> Result<Tensor> + Send + 'static,
    {
        let is_forward = AtomicBool::new(true);
        let parameter = &flat.parameters()[0];
        let [early, _] = recomputed(&[parameter.shallow_clone(), parameter.shallow_clone()], move |[input, _]| {
            let output = if is_forward.swap(false, Ordering::SeqCst) { Ok(input * 1.0) } else { piece(input) }?;
            Ok([output.shallow_clone(), output])
        })
        .expect("results");
        (early.narrow(0, 0, SHAPES[3][0]) * &flat.parameters()[3]).sum(Kind::Float)
    }

    #[test]
    fn every_rank_has_the_sums_over_ranks_and_micro_batches() {
        use GradientCompression::{Bf16, None};
        for (kind, compression) in
            [(Kind::Float, None), (Kind::BFloat16, None), (Kind::Half, None), (Kind::Float, Bf16), (Kind::BFloat16, Bf16)]
        {
            for world_size in [2, 3] {
                let ranks = on_ranks(world_size, |rank, group| {
                    let (mut flat, parallel) = parallel(group, kind, compression);
                    let mut steps = Vec::new();
                    // The second step has but one pass, to whose gradients nothing of the first may be added.
                    for (step, before) in [(1.0, &[1.0, 2.0][..]), (2.0, &[])] {
                        flat.await_first_gradients().expect("nothing to do");
                        let share = |flat: &FlatParameters, number: f64| loss(flat, 0..SHAPES.len(), step * (rank + 1) as f64 * number);
                        for &number in before {
                            share(&flat, number).backward();
                            flat.accumulate_gradients().expect("sums");
                        }
                        let last = share(&flat, 3.0);
                        let (loss, num_overlapped) = last_pass(&mut flat, &parallel, &last).expect("an exchange");
                        steps.push((loss, num_overlapped, gradients(&flat)));
                    }
                    steps
                });
                // Elements times numbers of all parameters are 820.
                let sum_of_ranks = (1..=world_size).sum::<usize>() as f64;
                let expected = [(1.0, 6.0), (2.0, 3.0)]
                    .map(|(step, numbers)| (step * sum_of_ranks * 3.0 * 820.0, NUM_BUCKETS, numbers_times(step * sum_of_ranks * numbers)));
                for steps in ranks {
                    assert_eq!(steps[..], expected, "{world_size} ranks, {kind:?}, {compression:?}");
                }
            }
        }
    }

    #[test]
    fn gradients_lose_digits_only_if_compressed() {
        let fine = 1.0 + 1.0 / 4096.0;
        for (compression, expected) in [(GradientCompression::None, 2.0 * fine), (GradientCompression::Bf16, 2.0)] {
            let ranks = on_ranks(2, |_, group| {
                let (mut flat, parallel) = parallel(group, Kind::Float, compression);
                let loss = loss(&flat, 0..SHAPES.len(), fine);
                last_pass(&mut flat, &parallel, &loss).expect("an exchange");
                gradients(&flat)[0]
            });
            assert_eq!(ranks, [expected; 2]);
        }
    }

    #[test]
    fn the_first_bucket_is_summed_while_the_pass_still_runs() {
        let ranks = on_ranks(2, |rank, group| {
            let (mut flat, parallel) = parallel(group, Kind::Float, GradientCompression::None);
            let first = flat.gradients().shallow_clone();
            let loss = loss_with_piece(&flat, move |input| {
                // Of each rank: the early parameter, which is one, times the rank's number from 1 on.
                let begun = Instant::now();
                while first.double_value(&[0]) < 3.0 {
                    if begun.elapsed() > LIMIT {
                        return Err(Error::torch("the first bucket never came"));
                    }
                    thread::sleep(Duration::from_millis(1));
                }
                Ok(input * 1.0)
            });
            last_pass(&mut flat, &parallel, &(loss * (rank + 1) as f64)).expect("an exchange").1
        });
        // The second bucket waits for a parameter that this pass does not use.
        assert_eq!(ranks, [1, 1]);
    }

    #[test]
    fn a_parameter_without_a_gradient_on_one_rank_only_delays_the_exchange() {
        let ranks = on_ranks(2, |rank, group| {
            let (mut flat, parallel) = parallel(group, Kind::BFloat16, GradientCompression::None);
            loss(&flat, 0..SHAPES.len(), 1.0).backward();
            flat.accumulate_gradients().expect("sums");
            // Rank 1 leaves out what the first bucket needs.
            let loss = loss(&flat, 0..SHAPES.len() - 2 * rank, 1.0);
            let (_, num_overlapped) = last_pass(&mut flat, &parallel, &loss).expect("an exchange");
            (num_overlapped, gradients(&flat))
        });
        let expected = vec![4.0, 8.0, 12.0, 12.0, 15.0];
        assert_eq!(ranks, [(NUM_BUCKETS, expected.clone()), (0, expected)]);
    }

    #[test]
    fn after_a_pass_that_failed_there_is_no_other() {
        on_ranks(2, |_, group| {
            let (mut flat, parallel) = parallel(group, Kind::Float, GradientCompression::None);
            let losses = [loss_with_piece(&flat, |_| Err(Error::torch("no more paper"))), loss(&flat, 0..SHAPES.len(), 1.0)];
            for (loss, expected) in losses.iter().zip(["no more paper", "the backward pass before failed"]) {
                let error = last_pass(&mut flat, &parallel, loss).expect_err("a failure").to_string();
                assert!(error.contains(expected), "{error}");
            }
        });
    }

    #[test]
    fn a_second_gradient_of_a_parameter_in_one_pass_is_an_error() {
        on_ranks(2, |_, group| {
            let (mut flat, parallel) = parallel(group, Kind::Float, GradientCompression::None);
            let again = flat.parameters()[3].shallow_clone();
            let loss = loss_with_piece(&flat, move |input| Ok(input * again.sum(Kind::Float)));
            let error = last_pass(&mut flat, &parallel, &loss).expect_err("a failure").to_string();
            assert!(error.contains("two gradients of one parameter"), "{error}");
        });
    }

    #[test]
    fn a_new_exchange_takes_the_place_of_one_of_the_same_parameters() {
        let ranks = on_ranks(2, |_, group| {
            let (mut flat, first) = parallel(Rc::clone(&group), Kind::Float, GradientCompression::None);
            let second = DataParallel::new(group, &flat, &DistributedConfig::default()).expect("an exchange");
            drop(first);
            let loss = loss(&flat, 0..SHAPES.len(), 1.0);
            (last_pass(&mut flat, &second, &loss).expect("an exchange").1, gradients(&flat))
        });
        assert_eq!(ranks, [(1, numbers_times(2.0)), (1, numbers_times(2.0))]);
    }
}
