//! Attention within segments that lie end to end. On CUDA in bf16 or fp16: libtorch's `FlashAttention`, and cuDNN's, which is faster on Hopper and later
//! and was left out of programs that were built without its headers. Ours is the fastest on Hopper in bf16, and is emulated on the CPU.

use std::ffi::{c_char, c_double};

use tch::{Device, Kind, Tensor};

use super::{
    CppTensor,
    kernels::{self, compute_capability},
    made, pointer,
};
use crate::error::Result;

unsafe extern "C" {
    fn drbert_attention(
        queries: *const CppTensor,
        others: *const CppTensor,
        query_boundaries: *const CppTensor,
        boundaries: *const CppTensor,
        longest_queries: i64,
        longest: i64,
        dropout: c_double,
        attended: *mut *mut CppTensor,
    ) -> *const c_char;
    fn drbert_has_cudnn() -> bool;
    fn drbert_cudnn_segments(
        query_boundaries: *const CppTensor,
        boundaries: *const CppTensor,
        are_together: bool,
        heads: i64,
        head_size: i64,
        segments: *mut *mut CppTensor,
    ) -> *const c_char;
    fn drbert_cudnn_attention(
        queries: *const CppTensor,
        others: *const CppTensor,
        segments: *const CppTensor,
        longest_queries: i64,
        longest: i64,
        attended: *mut *mut CppTensor,
    ) -> *const c_char;
    fn drbert_attention_items(
        query_boundaries: *const CppTensor,
        boundaries: *const CppTensor,
        queries: i64,
        tokens: i64,
        items: *mut *mut CppTensor,
    ) -> *const c_char;
    fn drbert_tiled_attention(
        queries: *const CppTensor,
        others: *const CppTensor,
        items: *const CppTensor,
        attended: *mut *mut CppTensor,
    ) -> *const c_char;
}

/// Query, key and value, whose heads are [heads, head size].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heads<'a> {
    /// Of every token: [tokens, 3, heads, head size].
    Together(&'a Tensor),
    /// The queries of some tokens, [queries, heads, head size], and keys and values of all, [tokens, 2, heads, head size].
    Apart { queries: &'a Tensor, others: &'a Tensor },
}

impl Heads<'_> {
    fn pointers(self) -> [*const CppTensor; 2] {
        match self {
            Self::Together(qkv) => [pointer(qkv), std::ptr::null()],
            Self::Apart { queries, others } => [queries, others].map(pointer),
        }
    }
}

/// Where the queries and the tokens of segments lie.
#[derive(Debug)]
pub(crate) struct Spans {
    /// int32 [segments + 1] on the device: where the queries of each segment begin, and where those of the last end.
    pub query_boundaries: Tensor,
    /// The same of all tokens.
    pub boundaries: Tensor,
    /// No segment has more queries.
    pub longest_queries: i64,
    /// No segment has more tokens.
    pub longest: i64,
}

impl Spans {
    fn pointers(&self) -> [*const CppTensor; 2] {
        [&self.query_boundaries, &self.boundaries].map(pointer)
    }

    /// Another handle of the same.
    pub(crate) fn shallow_clone(&self) -> Self {
        let [query_boundaries, boundaries] = [&self.query_boundaries, &self.boundaries].map(Tensor::shallow_clone);
        Self { query_boundaries, boundaries, ..*self }
    }
}

/// Times ten: Hopper.
const CUDNN_LEAST_COMPUTE_CAPABILITY: i32 = 90;
const CUDNN_LARGEST_HEAD: i64 = 128;
const CUDNN_HEAD_MULTIPLE: i64 = 8;

/// `FlashAttention` within segments: [queries, heads, head size].
pub(crate) fn flash(heads: Heads<'_>, spans: &Spans, dropout: f64) -> Result<Tensor> {
    let [queries, others] = heads.pointers();
    let [query_boundaries, boundaries] = spans.pointers();
    made(|attended| {
        // SAFETY: the tensors and the place for the result live until the call returns.
        unsafe { drbert_attention(queries, others, query_boundaries, boundaries, spans.longest_queries, spans.longest, dropout, attended) }
    })
}

/// Whether cuDNN's attention is there for heads of this size on a device.
pub(crate) fn cudnn_suits(head_size: i64, device: Device) -> bool {
    let Device::Cuda(index) = device else { return false };
    // SAFETY: the function takes nothing and touches nothing.
    let is_built = unsafe { drbert_has_cudnn() };
    let fits = head_size <= CUDNN_LARGEST_HEAD && head_size % CUDNN_HEAD_MULTIPLE == 0;
    is_built && fits && compute_capability(index).is_ok_and(|capability| capability >= CUDNN_LEAST_COMPUTE_CAPABILITY)
}

/// The segments as [`cudnn`] takes them.
#[derive(Debug)]
pub(crate) struct CudnnSegments {
    table: Tensor,
    longest_queries: i64,
    longest: i64,
}

impl CudnnSegments {
    /// For queries that lie together with keys and values, or apart from them.
    pub(crate) fn new(spans: &Spans, are_together: bool, heads: i64, head_size: i64) -> Result<Self> {
        let [query_boundaries, boundaries] = spans.pointers();
        // SAFETY: the tensors and the place for the result live until the call returns.
        let table = made(|table| unsafe { drbert_cudnn_segments(query_boundaries, boundaries, are_together, heads, head_size, table) })?;
        Ok(Self { table, longest_queries: spans.longest_queries, longest: spans.longest })
    }

    /// Another handle of the same.
    pub(crate) fn shallow_clone(&self) -> Self {
        Self { table: self.table.shallow_clone(), ..*self }
    }
}

/// As [`flash`] without dropout, by cuDNN.
pub(crate) fn cudnn(heads: Heads<'_>, segments: &CudnnSegments) -> Result<Tensor> {
    let [queries, others] = heads.pointers();
    let CudnnSegments { table, longest_queries, longest } = segments;
    // SAFETY: the tensors and the place for the result live until the call returns.
    made(|attended| unsafe { drbert_cudnn_attention(queries, others, pointer(table), *longest_queries, *longest, attended) })
}

const TILED_COMPUTE_CAPABILITY: i32 = 90;
const TILED_HEAD: i64 = 64;

/// Whether [`tiled`] is there for heads of this size on a GPU.
pub(crate) fn tiled_suits(head_size: i64, kind: Kind, device: Device) -> bool {
    let Device::Cuda(index) = device else { return false };
    let fits = head_size == TILED_HEAD && kind == Kind::BFloat16;
    fits && kernels::exist_for(device) && compute_capability(index).is_ok_and(|capability| capability == TILED_COMPUTE_CAPABILITY)
}

/// The segments as [`tiled`] takes them.
#[derive(Debug)]
pub(crate) struct AttentionItems(Tensor);

impl AttentionItems {
    /// For so many queries and tokens, which are those of the segments.
    pub(crate) fn new(spans: &Spans, queries: i64, tokens: i64) -> Result<Self> {
        let [query_boundaries, boundaries] = spans.pointers();
        // SAFETY: the tensors and the place for the result live until the call returns.
        made(|items| unsafe { drbert_attention_items(query_boundaries, boundaries, queries, tokens, items) }).map(Self)
    }

    /// Another handle of the same.
    pub(crate) fn shallow_clone(&self) -> Self {
        Self(self.0.shallow_clone())
    }
}

/// As [`flash`] without dropout, by our kernels, in bf16.
pub(crate) fn tiled(heads: Heads<'_>, items: &AttentionItems) -> Result<Tensor> {
    let [queries, others] = heads.pointers();
    // SAFETY: the tensors and the place for the result live until the call returns.
    made(|attended| unsafe { drbert_tiled_attention(queries, others, pointer(&items.0), attended) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_tells_where_segments_lie_and_empty_ones_follow() {
        // SAFETY: the function takes nothing and touches nothing.
        if !unsafe { drbert_has_cudnn() } {
            return;
        }
        let spans = Spans {
            query_boundaries: Tensor::from_slice(&[0_i32, 1, 2, 2]),
            boundaries: Tensor::from_slice(&[0_i32, 3, 5, 6]),
            longest_queries: 1,
            longest: 3,
        };
        for (are_together, query_row, key_row) in [(false, 8, 16), (true, 24, 24)] {
            let segments = CudnnSegments::new(&spans, are_together, 2, 4).expect("a table");
            let rows: Vec<Vec<i32>> = Vec::try_from(segments.table).expect("int32 rows");
            let expected = [
                [0, 1, 2, 2].map(|query| query * query_row),
                [0, 3, 5, 6].map(|token| token * key_row),
                [0, 8, 16, 16],
                [0, 2, 4, 4],
                [1, 1, 0, 0],
                [3, 2, 1, 0],
            ];
            for (row, expected) in rows.iter().zip(expected) {
                assert_eq!((row.len(), &row[..4]), (36, &expected[..]));
                assert!(row[4..].iter().all(|&number| number == expected[3]));
            }
        }
    }
    /// Of segments with so many queries and tokens.
    fn spans_of(queries: &[i64], tokens: &[i64], device: Device) -> Spans {
        let boundaries = |lengths: &[i64]| {
            let ends = lengths.iter().scan(0, |end, length| {
                *end += length;
                Some(*end)
            });
            Tensor::from_slice(&std::iter::once(0).chain(ends).collect::<Vec<i64>>()).to_kind(Kind::Int).to_device(device)
        };
        let longest = |lengths: &[i64]| lengths.iter().copied().max().unwrap_or_default();
        Spans {
            query_boundaries: boundaries(queries),
            boundaries: boundaries(tokens),
            longest_queries: longest(queries),
            longest: longest(tokens),
        }
    }

    #[test]
    fn items_are_all_rows_once_and_the_costliest_first() {
        let spans = spans_of(&[10, 0, 0, 1, 200], &[300, 0, 64, 1, 513], Device::Cpu);
        let items = AttentionItems::new(&spans, 211, 878).expect("items");
        let rows: Vec<Vec<i32>> = Vec::try_from(items.0).expect("int32 rows");
        assert_eq!(rows.len(), 1 + (211 / 128 + 5) + (878 / 128 + 5));
        // Row, its segment's end, the other rows, and the block of statistics: segments begin blocks of their own.
        let query_items = [[11, 211, 365, 878, 4], [139, 211, 365, 878, 6], [0, 10, 0, 300, 0], [10, 11, 364, 365, 3]];
        let found: Vec<&[i32]> = rows[1..5].iter().map(|row| &row[..5]).collect();
        assert_eq!((rows[0][0], found), (4, query_items.each_ref().map(<[i32; 5]>::as_slice).to_vec()));
        let key_items = &rows[1 + 211 / 128 + 5..][..10];
        // Of five items of 513 keys the last has one key, and costs less.
        let costliest: Vec<i32> = key_items[..4].iter().map(|row| row[0]).collect();
        assert_eq!((rows[0][1], costliest), (10, vec![365, 493, 621, 749]));
        assert_eq!(key_items[4][..5], [877, 878, 11, 211, 4]);
        let mut covered: Vec<i32> = key_items.iter().flat_map(|row| row[0]..row[1].min(row[0] + 128)).collect();
        covered.sort_unstable();
        assert_eq!(covered, (0..878).collect::<Vec<i32>>());
        let without_queries = key_items.iter().find(|row| row[0] == 300).expect("an item");
        assert_eq!(without_queries[..4], [300, 364, 10, 10]);
    }
    /// What every query of the segments attends to, by libtorch in fp64 and one segment at a time.
    fn attended_in_fp64(queries_mhk: &Tensor, others_t2hk: &Tensor, queries: &[i64], tokens: &[i64]) -> Tensor {
        let segments = |whole: &Tensor, lengths: &[i64]| whole.split_with_sizes(lengths, 0);
        let heads_first = |rows_nhk: &Tensor| rows_nhk.transpose(0, 1).to_kind(Kind::Double);
        let attended: Vec<Tensor> = segments(queries_mhk, queries)
            .iter()
            .zip(segments(others_t2hk, tokens))
            .map(|(query, others)| {
                let [query, key, value] = [query, &others.select(1, 0), &others.select(1, 1)].map(heads_first);
                let scores = query.matmul(&key.transpose(1, 2)) / (TILED_HEAD as f64).sqrt();
                scores.softmax(-1, Kind::Double).matmul(&value).transpose(0, 1)
            })
            .collect();
        Tensor::cat(&attended, 0)
    }

    /// On the CPU emulated, and where there is a Hopper GPU there too.
    #[test]
    fn our_attention_and_its_gradients_are_those_of_fp64() {
        let tokens = [64, 65, 1, 128, 129, 2, 570, 0, 63];
        let some = [64, 1, 0, 128, 20, 2, 77, 0, 63];
        let (kind, gpu) = (Kind::BFloat16, Device::Cuda(0));
        let has_gpu = tch::Cuda::is_available() && tiled_suits(TILED_HEAD, kind, gpu);
        let heads = 2;
        // As if at random, from -1.5 to 1.5.
        let numbers = |size: &[i64], seed: u64| {
            let number = |index: i64| {
                let hash = (index as u64 + (seed << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let mixed = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                (mixed >> 40) as f32 / (1 << 24) as f32 * 3.0 - 1.5
            };
            Tensor::from_slice(&(0..size.iter().product()).map(number).collect::<Vec<f32>>()).reshape(size).to_kind(kind)
        };
        for device in [Device::Cpu, gpu].into_iter().take(if has_gpu { 2 } else { 1 }) {
            for queries in [&tokens, &some] {
                let [num_queries, num_tokens] = [queries, &tokens].map(|lengths| lengths.iter().sum::<i64>());
                let leaf = |values: Tensor, kind| values.to_kind(kind).detach().set_requires_grad(true);
                let query_size = [num_queries, heads, TILED_HEAD];
                let [query, weights] = [1, 2].map(|seed| numbers(&query_size, seed));
                let others = numbers(&[num_tokens, 2, heads, TILED_HEAD], 3);
                let exact = [&query, &others].map(|values| leaf(values.shallow_clone(), Kind::Double));
                let exact_result = attended_in_fp64(&exact[0], &exact[1], queries, &tokens);
                (&exact_result * weights.to_kind(Kind::Double)).sum(Kind::Double).backward();

                let items = AttentionItems::new(&spans_of(queries, &tokens, device), num_queries, num_tokens).expect("items");
                let own = if num_queries == num_tokens {
                    vec![leaf(Tensor::cat(&[query.unsqueeze(1), others], 1).to_device(device), kind)]
                } else {
                    vec![leaf(query.to_device(device), kind), leaf(others.to_device(device), kind)]
                };
                let given = if own.len() == 1 { Heads::Together(&own[0]) } else { Heads::Apart { queries: &own[0], others: &own[1] } };
                let result = tiled(given, &items).expect("attention");
                (&result * weights.to_device(device)).sum(Kind::Float).backward();
                let gradients: Vec<Tensor> = match &own[..] {
                    [together] => vec![together.grad().select(1, 0), together.grad().narrow(1, 1, 2)],
                    apart => apart.iter().map(Tensor::grad).collect(),
                };
                for (what, found, expected) in [
                    ("result", &result, exact_result),
                    ("queries", &gradients[0], exact[0].grad()),
                    ("keys and values", &gradients[1], exact[1].grad()),
                ] {
                    let difference = (found.to_device(Device::Cpu).to_kind(Kind::Double) - &expected).norm() / expected.norm();
                    let difference = difference.double_value(&[]);
                    assert!(difference <= 5e-3, "{what} of {num_queries} queries on {device:?}: off by {difference:.1e}");
                }
            }
        }
    }
}
