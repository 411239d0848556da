//! Pieces of a model that are computed again in the backward pass: a Rust closure that libtorch's autograd owns and calls.

use std::{
    cell::RefCell,
    ffi::{CString, c_char, c_void},
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

use tch::Tensor;

use super::{CppTensor, both_made, pointer};
use crate::error::{Error, Result};

type Forward = extern "C" fn(*mut c_void, *const CppTensor, *const CppTensor, *mut *mut CppTensor, *mut *mut CppTensor) -> *const c_char;
type Drop = extern "C" fn(*mut c_void);

unsafe extern "C" {
    fn drbert_recomputed(
        first: *const CppTensor,
        second: *const CppTensor,
        closure: *mut c_void,
        forward: Forward,
        drop: Drop,
        first_output: *mut *mut CppTensor,
        second_output: *mut *mut CppTensor,
    ) -> *const c_char;
}

/// `piece(inputs)`, of which the backward pass knows only the inputs and computes the rest again, with the same random numbers.
///
/// `inputs` must require a gradient. `piece` lives as long as the graph of the result; on CUDA the backward pass calls it from a thread of libtorch.
pub(crate) fn recomputed<Piece>(inputs: &[Tensor; 2], piece: Piece) -> Result<[Tensor; 2]>
where
    Piece: Fn(&[Tensor; 2]) -> Result<[Tensor; 2]> + Send + 'static,
{
    let closure: *mut Piece = Box::into_raw(Box::new(piece));
    let [first, second] = inputs.each_ref().map(pointer);
    // SAFETY: the inputs and the places for the results live until the call returns. C++ owns the closure from here on, and gives it to these
    // two functions, which are made for its type.
    both_made(|[first_output, second_output]| unsafe {
        drbert_recomputed(first, second, closure.cast(), forward::<Piece>, drop_closure::<Piece>, first_output, second_output)
    })
}

/// Returns null or, as C++ does, a message that stays valid until the next call on the same thread.
extern "C" fn forward<Piece>(
    closure: *mut c_void,
    first: *const CppTensor,
    second: *const CppTensor,
    first_output: *mut *mut CppTensor,
    second_output: *mut *mut CppTensor,
) -> *const c_char
where
    Piece: Fn(&[Tensor; 2]) -> Result<[Tensor; 2]>,
{
    thread_local! {
        static MESSAGE: RefCell<CString> = RefCell::new(CString::default());
    }
    // SAFETY: the closure is the one that `recomputed` made, and C++ lets no two threads call it at once; the inputs live during the call.
    let (piece, inputs) =
        unsafe { (&*closure.cast::<Piece>(), [first, second].map(|input| Tensor::clone_from_ptr(input.cast_mut().cast()))) };
    let result =
        catch_unwind(AssertUnwindSafe(|| piece(&inputs))).unwrap_or_else(|_| Err(Error::torch("a recomputed piece of the model panicked")));
    match result {
        Ok(outputs) => {
            let [first, second] = outputs.map(|output| ManuallyDrop::new(output).as_mut_ptr().cast());
            // SAFETY: these are C++'s places for the tensors, which it deletes as tch would.
            unsafe { (*first_output, *second_output) = (first, second) };
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

    fn leaves(values: &[f32]) -> [Tensor; 2] {
        [(); 2].map(|()| Tensor::from_slice(values).set_requires_grad(true))
    }

    /// Doubles and triples, but ends as `at_the_end` says when called for the second time, which is in the backward pass.
    fn piece(calls: &Arc<AtomicUsize>, at_the_end: fn() -> Result<()>) -> impl Fn(&[Tensor; 2]) -> Result<[Tensor; 2]> + Send + use<> {
        let calls = Arc::clone(calls);
        move |[first, second]| {
            if calls.fetch_add(1, Ordering::SeqCst) == 1 {
                at_the_end()?;
            }
            Ok([first * 2.0, second * 3.0])
        }
    }

    fn backward_error(at_the_end: fn() -> Result<()>) -> String {
        let calls = Arc::default();
        let [result, _] = recomputed(&leaves(&[1.0]), piece(&calls, at_the_end)).expect("results");
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
            let inputs = leaves(&[1.0, 3.0]);
            let [doubled, tripled] = recomputed(&inputs, piece(&calls, || Ok(()))).expect("results");
            let result = (doubled + tripled).sum(tch::Kind::Float);
            assert_eq!(Arc::strong_count(&calls), 2);
            if has_backward {
                result.backward();
                let gradients = inputs.map(|input| Vec::<f32>::try_from(input.grad()).expect("numbers"));
                assert_eq!(gradients, [[2.0, 2.0], [3.0, 3.0]]);
            }
            drop(result);
            assert_eq!(Arc::strong_count(&calls), 1);
        }
    }

    #[test]
    fn an_input_outside_a_graph_is_refused() {
        let calls = Arc::default();
        let error =
            recomputed(&[(); 2].map(|()| Tensor::from_slice(&[1.0_f32])), piece(&calls, || Ok(()))).expect_err("nothing to differentiate");
        assert!(error.to_string().contains("not part of a graph"), "{error}");
        assert_eq!(Arc::strong_count(&calls), 1);
    }
}
