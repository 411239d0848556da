//! CUDA graphs: work of the device that is recorded once and then given to it in one call.

use std::{
    ffi::c_char,
    ptr::{self, NonNull},
};

use super::{check, ended, object};
use crate::error::Result;

#[repr(C)]
struct CppGraph {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn drbert_graph_begin(beside: *const CppGraph, begun: *mut *mut CppGraph) -> *const c_char;
    fn drbert_graph_end(graph: *mut CppGraph) -> *const c_char;
    fn drbert_graph_replay(graph: *mut CppGraph) -> *const c_char;
    fn drbert_graph_delete(graph: *mut CppGraph) -> *const c_char;
}

/// Recorded work, which reads and writes the memory that it did then.
#[derive(Debug)]
pub(crate) struct Graph(NonNull<CppGraph>);

impl Graph {
    /// Records what `work` gives the current stream, which [`super::stream::leave_default`] chose, without doing any of it. `work` must have been done before, so
    /// that libraries are loaded, must not wait for the device, and must leave no tensor behind. The memory between is that of `beside` too.
    pub(crate) fn record(beside: Option<&Self>, work: impl FnOnce() -> Result<()>) -> Result<Self> {
        let beside = beside.map_or(ptr::null(), |graph| graph.0.as_ptr().cast_const());
        // SAFETY: the pointer is null or of a live object, and the place for the result lives until the call returns.
        let graph = object("graph", |begun| unsafe { drbert_graph_begin(beside, begun) }).map(Self)?;
        let worked = work();
        // SAFETY: the object lives as long as `graph`.
        let ended = check(unsafe { drbert_graph_end(graph.0.as_ptr()) });
        // An error of the work makes the end fail as well, and says more.
        worked.and(ended).map(|()| graph)
    }

    pub(crate) fn replay(&self) -> Result<()> {
        // SAFETY: the object lives as long as this handle, which one thread has.
        check(unsafe { drbert_graph_replay(self.0.as_ptr()) })
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: the object was made by drbert_graph_begin and is deleted here only.
        ended("deleting a graph", unsafe { drbert_graph_delete(self.0.as_ptr()) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_cuda_device_nothing_is_recorded_and_the_work_is_not_begun() {
        if tch::Cuda::is_available() {
            return;
        }
        let error = Graph::record(None, || panic!("the work was begun")).expect_err("there is no device");
        assert!(error.to_string().starts_with("libtorch: "), "{error}");
    }
}
