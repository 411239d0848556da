//! Pieces of a model that are computed again in the backward pass: a Rust closure that libtorch's autograd owns and calls.

use std::{
    cell::RefCell,
    ffi::{CString, c_char, c_void},
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

use tch::Tensor;

use super::{CppTensor, made};
use crate::error::{Error, Result};

type Forward = extern "C" fn(*mut c_void, *const CppTensor, *mut *mut CppTensor) -> *const c_char;
type Drop = extern "C" fn(*mut c_void);

unsafe extern "C" {
    fn drbert_recomputed(
        input: *const CppTensor,
        closure: *mut c_void,
        forward: Forward,
        drop: Drop,
        output: *mut *mut CppTensor,
    ) -> *const c_char;
}

/// `piece(input)`, of which the backward pass knows only the input and computes the rest again, with the same random numbers.
///
/// `input` must require a gradient. `piece` lives as long as the graph of the result; on CUDA the backward pass calls it from a thread of libtorch.
pub(crate) fn recomputed<Piece>(input: &Tensor, piece: Piece) -> Result<Tensor>
where
    Piece: Fn(&Tensor) -> Result<Tensor> + Send + 'static,
{
    let closure: *mut Piece = Box::into_raw(Box::new(piece));
    // SAFETY: `input` and the place for the result live until the call returns. C++ owns the closure from here on, and gives it to these
    // two functions, which are made for its type.
    made(|output| unsafe { drbert_recomputed(input.as_ptr().cast(), closure.cast(), forward::<Piece>, drop_closure::<Piece>, output) })
}

/// Returns null or, as C++ does, a message that stays valid until the next call on the same thread.
extern "C" fn forward<Piece>(closure: *mut c_void, input: *const CppTensor, output: *mut *mut CppTensor) -> *const c_char
where
    Piece: Fn(&Tensor) -> Result<Tensor>,
{
    thread_local! {
        static MESSAGE: RefCell<CString> = RefCell::new(CString::default());
    }
    // SAFETY: the closure is the one that `recomputed` made, and C++ lets no two threads call it at once; the input lives during the call.
    let (piece, input) = unsafe { (&*closure.cast::<Piece>(), Tensor::clone_from_ptr(input.cast_mut().cast())) };
    let result =
        catch_unwind(AssertUnwindSafe(|| piece(&input))).unwrap_or_else(|_| Err(Error::torch("a recomputed piece of the model panicked")));
    match result {
        Ok(tensor) => {
            // SAFETY: `output` is C++'s place for the tensor, which it deletes as tch would.
            unsafe { *output = ManuallyDrop::new(tensor).as_mut_ptr().cast() };
            ptr::null()
        }
        Err(error) => MESSAGE.with_borrow_mut(|message| {
            // What libtorch says comes back as an error of libtorch's once more.
            let text = if let Error::Torch { message } = error { message } else { error.to_string() };
            *message = super::c_string(&text);
            message.as_ptr()
        }),
    }
}

extern "C" fn drop_closure<Piece>(closure: *mut c_void) {
    // SAFETY: the closure was boxed by `recomputed`, and C++ gives it up with this call.
    let closure = unsafe { Box::from_raw(closure.cast::<Piece>()) };
    // Dropping handles of tensors does not panic; should it, the process ends here instead of unwinding into C++.
    drop(closure);
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    fn leaf(values: &[f32]) -> Tensor {
        Tensor::from_slice(values).set_requires_grad(true)
    }

    /// Doubles, but ends as `at_the_end` says when called for the second time, which is in the backward pass.
    fn piece(calls: &Arc<AtomicUsize>, at_the_end: fn() -> Result<()>) -> impl Fn(&Tensor) -> Result<Tensor> + Send + use<> {
        let calls = Arc::clone(calls);
        move |input| {
            if calls.fetch_add(1, Ordering::SeqCst) == 1 {
                at_the_end()?;
            }
            Ok(input * 2.0)
        }
    }

    fn backward_error(at_the_end: fn() -> Result<()>) -> String {
        let calls = Arc::default();
        let result = recomputed(&leaf(&[1.0]), piece(&calls, at_the_end)).expect("a result");
        let error = result.f_backward().map_err(Error::from).expect_err("an error in the backward pass").to_string();
        assert_eq!(calls.load(Ordering::SeqCst), 2);
        error
    }

    #[test]
    fn errors_and_panics_of_the_backward_pass_come_out_of_it() {
        assert_eq!(backward_error(|| Err(Error::torch("no more paper"))), "libtorch: no more paper");
        assert_eq!(backward_error(|| panic!("on purpose")), "libtorch: a recomputed piece of the model panicked");
    }

    #[test]
    fn a_piece_is_dropped_with_the_graph_whether_a_backward_pass_came_or_not() {
        for has_backward in [false, true] {
            let calls = Arc::default();
            let input = leaf(&[1.0, 3.0]);
            let result = recomputed(&input, piece(&calls, || Ok(()))).expect("a result").sum(tch::Kind::Float);
            assert_eq!(Arc::strong_count(&calls), 2);
            if has_backward {
                result.backward();
                assert_eq!(Vec::<f32>::try_from(input.grad()).expect("numbers"), [2.0, 2.0]);
            }
            drop(result);
            assert_eq!(Arc::strong_count(&calls), 1);
        }
    }

    #[test]
    fn an_input_outside_a_graph_is_refused() {
        let calls = Arc::default();
        let error = recomputed(&Tensor::from_slice(&[1.0_f32]), piece(&calls, || Ok(()))).expect_err("nothing to differentiate");
        assert!(error.to_string().contains("not part of a graph"), "{error}");
        assert_eq!(Arc::strong_count(&calls), 1);
    }
}
