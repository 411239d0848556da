//! Copies between host and a CUDA device that nobody waits for.

use std::{
    ffi::{c_char, c_int},
    ptr::{self, NonNull},
};

use tch::Tensor;

use super::{CppTensor, check, ended, made, object, taken};
use crate::error::Result;

#[repr(C)]
struct CppEvent {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn drbert_use_device(device_index: c_int) -> *const c_char;
    fn drbert_leave_default_stream(device_index: c_int) -> *const c_char;
    fn drbert_upload(host: *const CppTensor, device_index: c_int, uploaded: *mut *mut CppTensor) -> *const c_char;
    fn drbert_download(tensor: *const CppTensor, downloaded: *mut *mut CppTensor, done: *mut *mut CppEvent) -> *const c_char;
    fn drbert_event_query(event: *const CppEvent, has_come: *mut bool) -> *const c_char;
    fn drbert_event_wait(event: *const CppEvent) -> *const c_char;
    fn drbert_event_delete(event: *mut CppEvent) -> *const c_char;
    fn drbert_forbid_waiting(forbidden: bool) -> *const c_char;
}

/// Makes a CUDA device the current one of this thread: what names no device, as a graph's recording does, is done there.
pub(crate) fn use_device(device_index: usize) -> Result<()> {
    // SAFETY: the function takes a number and changes what is this thread's own.
    check(unsafe { drbert_use_device(device_index as c_int) })
}

/// Lets this thread give a CUDA device its work in another order than the default one, in which nothing can be recorded for a graph. All of its later work is in that
/// order.
pub(crate) fn leave_default(device_index: usize) -> Result<()> {
    // SAFETY: the function takes a number and changes what is this thread's own.
    check(unsafe { drbert_leave_default_stream(device_index as c_int) })
}

/// Copies a tensor in host memory to a CUDA device, beside what the device computes. What it is given to compute later finds the copy done.
pub(crate) fn upload(host: &Tensor, device_index: usize) -> Result<Tensor> {
    // SAFETY: the tensor and the place for the result live until the call returns; C++ keeps a pinned copy until the device has it.
    made(|uploaded| unsafe { drbert_upload(host.as_ptr().cast(), device_index as c_int, uploaded) })
}

/// A place in the order of what a CUDA device was given to do.
#[derive(Debug)]
pub(crate) struct Event(NonNull<CppEvent>);

impl Event {
    pub(crate) fn has_come(&self) -> Result<bool> {
        let mut has_come = false;
        // SAFETY: the object lives as long as this handle, and the place for the result until the call returns.
        check(unsafe { drbert_event_query(self.0.as_ptr(), &raw mut has_come) })?;
        Ok(has_come)
    }

    pub(crate) fn wait(&self) -> Result<()> {
        // SAFETY: the object lives as long as this handle.
        check(unsafe { drbert_event_wait(self.0.as_ptr()) })
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the object was made by drbert_download and is deleted here only.
        ended("deleting an event", unsafe { drbert_event_delete(self.0.as_ptr()) });
    }
}

/// Begins to copy a CUDA tensor to host memory. The copy is whole when the event has come.
pub(crate) fn download(tensor: &Tensor) -> Result<(Tensor, Event)> {
    let mut downloaded = ptr::null_mut();
    // SAFETY: the tensor and the places for the results live until the call returns.
    let done = object("event", |done| unsafe { drbert_download(tensor.as_ptr().cast(), &raw mut downloaded, done) })?;
    Ok((taken(downloaded), Event(done)))
}

/// Makes it an error, or no longer, that an operation of libtorch lets the host wait for a CUDA device. To wait for an [`Event`] is none.
pub(crate) fn forbid_waiting(forbidden: bool) -> Result<()> {
    // SAFETY: the function takes a flag and sets another.
    check(unsafe { drbert_forbid_waiting(forbidden) })
}
