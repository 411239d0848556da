//! The C++ shim of `csrc/`: what libtorch has and tch lacks. The only unsafe code of this crate.
#![expect(unsafe_code, reason = "calls into C++ cannot be checked by the compiler; this module keeps them in one place")]

pub(crate) mod attention;
pub(crate) mod exchange;
pub(crate) mod graph;
pub(crate) mod kernels;
pub(crate) mod recompute;
pub(crate) mod stream;

use std::{
    ffi::{CStr, CString, c_char, c_double, c_int, c_void},
    ptr::{self, NonNull},
    slice,
    time::Duration,
};

use tch::Tensor;

use crate::{
    distributed::world::{Listener, MeetingPoint, World},
    error::{Error, Result},
};

/// An `at::Tensor` on the C++ side.
#[repr(C)]
struct CppTensor {
    _opaque: [u8; 0],
}

#[repr(C)]
struct CppGroup {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn drbert_set_gradient(parameter: *mut CppTensor, gradient: *const CppTensor) -> *const c_char;
    fn drbert_fused_adamw(
        parameters: *mut CppTensor,
        gradients: *const CppTensor,
        exp_avg: *mut CppTensor,
        exp_avg_sq: *mut CppTensor,
        step: *const CppTensor,
        is_skipped: *const CppTensor,
        learning_rate: c_double,
        beta1: c_double,
        beta2: c_double,
        weight_decay: c_double,
        epsilon: c_double,
    ) -> *const c_char;
    fn drbert_set_up(deterministic: bool) -> *const c_char;
    fn drbert_group_check(with_cuda: bool) -> *const c_char;
    fn drbert_group_join(
        host: *const c_char,
        port: u16,
        listens: bool,
        attempt: *const c_char,
        address: *const c_char,
        rank: c_int,
        world_size: c_int,
        timeout_ms: i64,
        with_cuda: bool,
        joined: *mut *mut CppGroup,
    ) -> *const c_char;
    fn drbert_group_leave(group: *mut CppGroup) -> *const c_char;
    fn drbert_group_sum(group: *const CppGroup, tensor: *const CppTensor) -> *const c_char;
    fn drbert_group_tell(group: *const CppGroup, key: *const c_char, note: *const c_char) -> *const c_char;
    fn drbert_group_ask(
        group: *const CppGroup,
        key: *const c_char,
        limit_ms: i64,
        receive: extern "C" fn(*mut c_void, *const c_char, usize),
        receiver: *mut c_void,
    ) -> *const c_char;
}

/// Makes `gradient` the tensor that backward passes add `parameter`'s gradient to.
pub(crate) fn set_gradient(parameter: &mut Tensor, gradient: &Tensor) -> Result<()> {
    // SAFETY: both pointers come from live tch tensors, which are at::Tensor objects; C++ copies the handle of `gradient`.
    check(unsafe { drbert_set_gradient(parameter.as_mut_ptr().cast(), gradient.as_ptr().cast()) })
}

/// The numbers of one `AdamW` step.
#[derive(Clone, Copy)]
pub(crate) struct AdamWStep {
    pub(crate) learning_rate: f64,
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) epsilon: f64,
    pub(crate) weight_decay: f64,
}

/// Runs libtorch's fused `AdamW` on one tensor in place. `step` is a float tensor with the number of this step, from 1 on, and `is_skipped` one
/// with 1 if nothing is to happen, and 0 if it is.
pub(crate) fn fused_adamw(
    parameters: &mut Tensor,
    gradients: &Tensor,
    exp_avg: &mut Tensor,
    exp_avg_sq: &mut Tensor,
    step: &Tensor,
    is_skipped: &Tensor,
    numbers: AdamWStep,
) -> Result<()> {
    // SAFETY: all pointers come from live tch tensors, borrowed for the whole call; C++ checks shapes, kinds and devices.
    check(unsafe {
        drbert_fused_adamw(
            parameters.as_mut_ptr().cast(),
            gradients.as_ptr().cast(),
            exp_avg.as_mut_ptr().cast(),
            exp_avg_sq.as_mut_ptr().cast(),
            step.as_ptr().cast(),
            is_skipped.as_ptr().cast(),
            numbers.learning_rate,
            numbers.beta1,
            numbers.beta2,
            numbers.weight_decay,
            numbers.epsilon,
        )
    })
}

/// Makes libtorch's choices of kernels ours, and if so asked restricts it to those that give the same bits every time. Must come before the first CUDA operation.
pub(crate) fn set_up(deterministic: bool) -> Result<()> {
    // SAFETY: the function takes a number; it sets a variable of the environment before any thread of ours was started.
    check(unsafe { drbert_set_up(deterministic) })
}

/// The ranks of a run, connected. Every rank must call the same exchanges in the same order.
#[derive(Debug)]
pub(crate) struct Group(NonNull<CppGroup>);

// SAFETY: the C++ object is owned by this handle alone, and none of its parts is bound to the thread that made it.
unsafe impl Send for Group {}

impl Group {
    /// Fails if this program was built without what its ranks would talk over.
    pub(crate) fn check(with_cuda: bool) -> Result<()> {
        // SAFETY: the function takes a number and touches nothing.
        check(unsafe { drbert_group_check(with_cuda) })
    }

    /// Meets the other ranks; `address` is where they reach this one.
    pub(crate) fn join(point: &MeetingPoint, address: &str, world: &World, timeout: Duration, with_cuda: bool) -> Result<Self> {
        let (host, attempt, address) = (c_string(&point.host), c_string(&format!("attempt {}", point.attempt)), c_string(address));
        let listens = world.is_main() && point.listener == Listener::FirstRank;
        let (rank, world_size) = (world.rank as c_int, world.world_size as c_int);
        // SAFETY: the strings and the place for the result live until the call returns.
        let joined = object("process group", |joined| unsafe {
            drbert_group_join(
                host.as_ptr(),
                point.port,
                listens,
                attempt.as_ptr(),
                address.as_ptr(),
                rank,
                world_size,
                timeout.as_millis() as i64,
                with_cuda,
                joined,
            )
        });
        joined.map(Self)
    }

    /// Sums a tensor over the ranks, in place.
    pub(crate) fn sum(&self, tensor: &Tensor) -> Result<()> {
        // SAFETY: both pointers are of live objects; the call returns when the tensor is no longer written to, or is in its CUDA stream's order.
        check(unsafe { drbert_group_sum(self.0.as_ptr(), tensor.as_ptr().cast()) })
    }

    /// Leaves a note for the other ranks.
    pub(crate) fn tell(&self, key: &str, note: &str) -> Result<()> {
        let (key, note) = (c_string(key), c_string(note));
        // SAFETY: the pointers are of objects that live until the call returns.
        check(unsafe { drbert_group_tell(self.0.as_ptr(), key.as_ptr(), note.as_ptr()) })
    }

    /// The note that a rank left under `key`, if any has. Fails if that is not known within `limit`.
    pub(crate) fn ask(&self, key: &str, limit: Duration) -> Result<Option<String>> {
        extern "C" fn receive(receiver: *mut c_void, note: *const c_char, length: usize) {
            // SAFETY: the note is `length` bytes that live during this call; `receiver` is the pointer given below.
            let (note, receiver) = unsafe { (slice::from_raw_parts(note.cast::<u8>(), length), &mut *receiver.cast::<Option<String>>()) };
            *receiver = Some(String::from_utf8_lossy(note).into_owned());
        }
        let key = c_string(key);
        let mut note: Option<String> = None;
        // SAFETY: `note` outlives the call, and C++ gives its pointer to `receive` alone.
        check(unsafe { drbert_group_ask(self.0.as_ptr(), key.as_ptr(), limit.as_millis() as i64, receive, (&raw mut note).cast()) })?;
        Ok(note)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: the object was made by drbert_group_join and is deleted here only.
        ended("leaving the group", unsafe { drbert_group_leave(self.0.as_ptr()) });
    }
}

/// The tensor that a call puts into the place that it is given.
fn made(call: impl FnOnce(*mut *mut CppTensor) -> *const c_char) -> Result<Tensor> {
    object("tensor", call).map(|made| taken(made.as_ptr()))
}

/// The two tensors that a call puts into the places that it is given.
fn both_made(call: impl FnOnce([*mut *mut CppTensor; 2]) -> *const c_char) -> Result<[Tensor; 2]> {
    let mut first = ptr::null_mut();
    let second = made(|second| call([&raw mut first, second]))?;
    Ok([taken(first), second])
}

/// The C++ object that a call puts into the place that it is given.
fn object<T>(what: &str, call: impl FnOnce(*mut *mut T) -> *const c_char) -> Result<NonNull<T>> {
    let mut made = ptr::null_mut();
    check(call(&raw mut made))?;
    NonNull::new(made).ok_or_else(|| Error::torch(&format!("no {what} was made")))
}

/// Notes the message, if there is one, of what ends a C++ object: nobody can be given the error.
fn ended(what: &str, message: *const c_char) {
    if let Err(error) = check(message) {
        log::debug!("{what}: {error}");
    }
}

/// Owns a tensor that C++ has made.
fn taken(made: *mut CppTensor) -> Tensor {
    // SAFETY: where the shim has no message, the place for a result holds a tensor on the heap that nobody else owns.
    unsafe { Tensor::from_ptr(made.cast()) }
}

fn pointer(tensor: &Tensor) -> *const CppTensor {
    tensor.as_ptr().cast()
}

/// The text up to its first zero byte, if it has one.
fn c_string(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}

fn check(message: *const c_char) -> Result<()> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: a message is a string that ends with a zero byte and stays valid until the next call on this thread.
    let message = unsafe { CStr::from_ptr(message) };
    Err(Error::torch(&message.to_string_lossy()))
}
