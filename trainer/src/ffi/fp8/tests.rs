//! Casts, emulated on the CPU, against libtorch's own, and products against fp64.

use std::collections::HashSet;

use tch::{Device, Kind};

use super::*;
use crate::ffi::kernels::tests::{is_zero, leaf, numbers};

const FORMATS: [(Format, Kind, f64); 2] = [(Format::E4m3, Kind::Float8e4m3fn, 448.0), (Format::E5m2, Kind::Float8e5m2, 57_344.0)];

fn bits(fp8: &Tensor) -> Tensor {
    fp8.view_dtype(Kind::Uint8)
}

fn cast(matrix: &Tensor, format: Format) -> Fp8Matrix {
    Fp8Matrix::new(matrix, format).expect("a cast")
}

fn inverse_scale(cast: &Fp8Matrix) -> f64 {
    cast.inverse_scale.double_value(&[0])
}

/// The power of two that the inverse scale is, if it is one.
fn inverse_power(cast: &Fp8Matrix) -> Option<i32> {
    let power = inverse_scale(cast).log2() as i32;
    (inverse_scale(cast).to_bits() == 2_f64.powi(power).to_bits()).then_some(power)
}

/// Every finite bf16 of a magnitude up to `largest`, zeros after them, in rows of 16.
fn all_up_to(largest: f64) -> Tensor {
    let patterns = Tensor::arange(1 << 16, (Kind::Int, Device::Cpu)).to_kind(Kind::Int16);
    let values = patterns.view_dtype(Kind::BFloat16);
    let chosen = values.masked_select(&values.abs().le(largest));
    let missing = -chosen.size()[0] & 15;
    Tensor::cat(&[chosen, Tensor::zeros([missing], (Kind::BFloat16, Device::Cpu))], 0).view([-1, 16])
}

#[test]
fn every_number_is_rounded_as_libtorch_rounds_it() {
    for (format, kind, largest) in FORMATS {
        for power in [0, 1, -3, 40, -100] {
            let numbers = all_up_to(largest * 2_f64.powi(power));
            let found = cast(&numbers, format);
            assert_eq!(inverse_power(&found), Some(power), "{format:?}");
            let scaled = numbers.to_kind(Kind::Double) * 2_f64.powi(-power);
            let expected = scaled.to_kind(Kind::Float).to_kind(kind);
            assert!(bits(&found.rows).equal(&bits(&expected)), "{format:?}, largest 2^{power} times the format's");
            // From zero and the smallest subnormal number to the largest there is nothing that does not occur.
            let bytes: HashSet<u8> = Vec::try_from(bits(&found.rows).view([-1])).expect("bytes").into_iter().collect();
            assert_eq!(256 - bytes.len(), if format == Format::E4m3 { 2 } else { 8 }, "{format:?}: what is not finite");
        }
    }
}

#[test]
fn the_scale_is_the_largest_power_of_two_that_cuts_nothing_off() {
    for (format, _, largest) in FORMATS {
        for value in [1e-30, 3.0 * 2_f64.powi(-130), 0.4375, 0.4395, 0.75, 1.0, 1.75, 1.757_812_5, 1.992_187_5, 447.0, 1e30, 3.38e38] {
            let matrix = Tensor::full([4, 16], -value, (Kind::BFloat16, Device::Cpu));
            let exact = matrix.double_value(&[0, 0]).abs();
            drop(matrix.get(2).fill_(0.0));
            let found = cast(&matrix, format);
            let power = inverse_power(&found).expect("a power of two");
            let scaled = exact * 2_f64.powi(-power);
            // The inverse is a normal number.
            assert!(scaled <= largest && (2.0 * scaled > largest || power == -126), "{format:?} {value}: 2^{power}");
        }
        let zeros = Tensor::zeros([3, 32], (Kind::BFloat16, Device::Cpu));
        let found = cast(&zeros, format);
        assert!(is_zero(&bits(&found.rows)) && inverse_scale(&found).is_finite());
    }
}

#[test]
fn the_transposed_copy_holds_the_same_bytes_and_zeros_after_them() {
    for (format, ..) in FORMATS {
        for [rows, width] in [[1, 16], [16, 16], [5, 48], [128, 128], [130, 144], [257, 272], [300, 16], [3, 1_040]] {
            let found = cast(&numbers(1, &[rows, width], Kind::BFloat16), format);
            let (by_rows, by_columns) = (bits(&found.rows), bits(&found.columns));
            assert_eq!((by_rows.size(), by_columns.size()), (vec![rows, width], vec![width, (rows + 15) / 16 * 16]));
            assert!(by_columns.narrow(1, 0, rows).equal(&by_rows.tr()) && !is_zero(&by_rows), "{format:?} {rows} x {width}");
            assert!(is_zero(&by_columns.slice(1, rows, None, 1)), "{format:?} {rows} x {width}");
        }
    }
}

#[test]
fn the_largest_number_is_found_wherever_it_is() {
    // Several parts, of which the last is not whole.
    let [rows, width] = [700, 112];
    for place in [0, 255, 8_192, 40_001, 65_535, rows * width - 1] {
        let matrix = numbers(2, &[rows, width], Kind::BFloat16);
        drop(matrix.view([-1]).get(place).fill_(-448.0));
        assert_eq!(inverse_power(&cast(&matrix, Format::E4m3)), Some(0), "{place}");
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            drop(matrix.view([-1]).get(place).fill_(bad));
            assert!(inverse_scale(&cast(&matrix, Format::E4m3)).is_nan(), "{bad} at {place}");
        }
    }
}

/// What a cast stands for, in fp64.
fn meant(cast: &Fp8Matrix) -> Tensor {
    cast.rows.to_kind(Kind::Double) * inverse_scale(cast)
}

fn norm(tensor: &Tensor) -> f64 {
    tensor.to_kind(Kind::Double).norm().double_value(&[])
}

/// The difference as a share of what is expected.
fn difference(found: &Tensor, expected: &Tensor) -> f64 {
    norm(&(found.to_kind(Kind::Double) - expected.to_kind(Kind::Double))) / norm(expected)
}

struct Layer {
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    output_gradient: Tensor,
}

impl Layer {
    fn new(rows: i64, inputs: i64, outputs: i64) -> Self {
        let numbers = |seed, size: &[i64]| numbers(seed, size, Kind::BFloat16);
        let weight = numbers(2, &[outputs, inputs]) * 0.02;
        // Gradients are small.
        let output_gradient = numbers(4, &[rows, outputs]) * 1e-6;
        Self { input: numbers(1, &[rows, inputs]), weight, bias: numbers(3, &[outputs]), output_gradient }
    }

    /// The result, and the gradients of input, weight and bias.
    fn run(&self, multiply: impl Fn(&Tensor, &Tensor, &Tensor) -> Tensor) -> [Tensor; 4] {
        let leaves = [&self.input, &self.weight, &self.bias].map(leaf);
        let output = multiply(&leaves[0], &leaves[1], &leaves[2]);
        let gradients =
            Tensor::run_backward(&[(&output * &self.output_gradient).sum(Kind::Float)], &leaves.iter().collect::<Vec<_>>(), false, false);
        let [input, weight, bias] = <[Tensor; 3]>::try_from(gradients).expect("three gradients");
        [output.detach(), input, weight, bias]
    }

    fn run_in_fp8(&self) -> [Tensor; 4] {
        let cast = cast(&self.weight, Format::E4m3);
        self.run(|input, weight, bias| linear(input, weight, &cast, Some(bias)).expect("a result"))
    }
}

const SHAPES: [[i64; 3]; 5] = [[1, 16, 16], [33, 64, 192], [48, 256, 64], [130, 144, 32], [64, 768, 768]];

#[test]
fn all_three_products_are_those_of_the_cast_matrices() {
    for [rows, inputs, outputs] in SHAPES {
        let layer = Layer::new(rows, inputs, outputs);
        let [input, weight] = [&layer.input, &layer.weight].map(|matrix| meant(&cast(matrix, Format::E4m3)));
        let gradient = meant(&cast(&layer.output_gradient, Format::E5m2));
        let bias = layer.bias.to_kind(Kind::Double);
        let expected = [input.matmul(&weight.tr()) + bias, gradient.matmul(&weight), gradient.tr().matmul(&input)];
        // bf16 rounds to eight bits, and more than once where a library adds the bias afterwards.
        for (index, (found, expected)) in layer.run_in_fp8().iter().zip(&expected).enumerate() {
            assert!(found.kind() == Kind::BFloat16 && difference(found, expected) < 4e-3, "{rows} x {inputs} x {outputs}: product {index}");
        }
    }
}

#[test]
fn results_and_gradients_are_within_fp8_s_error_of_those_in_bf16() {
    for [rows, inputs, outputs] in SHAPES {
        let layer = Layer::new(rows, inputs, outputs);
        let found = layer.run_in_fp8();
        let expected = layer.run(|input, weight, bias| input.linear(weight, Some(bias)));
        let [output, input, weight, bias] = [0, 1, 2, 3].map(|index| difference(&found[index], &expected[index]));
        // Half a unit in the last of three or two fraction bits is 1/16 or 1/8 at most; of random numbers the root of the mean square is 0.03 or 0.06.
        assert!(
            output < 0.06 && input < 0.1 && weight < 0.1 && bias == 0.0,
            "{rows} x {inputs} x {outputs}: {output} {input} {weight} {bias}"
        );
        assert!(output > 0.002 && weight > 0.002, "{rows} x {inputs} x {outputs}: not in FP8");
    }
}

#[test]
fn another_run_gives_the_same_bits_and_so_does_one_that_is_not_recorded() {
    let layer = Layer::new(37, 96, 80);
    let [found, again] = [(); 2].map(|()| layer.run_in_fp8());
    assert!(found.iter().zip(&again).all(|(found, again)| found.equal(again)));
    let weight = cast(&layer.weight, Format::E4m3);
    let unrecorded = tch::no_grad(|| linear(&layer.input, &leaf(&layer.weight), &weight, Some(&layer.bias)).expect("a result"));
    assert!(unrecorded.equal(&found[0]) && !unrecorded.requires_grad());
}

#[test]
fn a_weight_is_cast_again_into_the_same_memory() {
    let [old, new] = [1, 2].map(|seed| numbers(seed, &[32, 48], Kind::BFloat16));
    let mut weight = cast(&old, Format::E4m3);
    let place = weight.rows.data_ptr();
    weight.cast(&new).expect("a cast");
    assert!(weight.rows.data_ptr() == place && bits(&weight.rows).equal(&bits(&cast(&new, Format::E4m3).rows)));
    let error = weight.cast(&new.tr()).expect_err("another shape").to_string();
    assert!(error.contains("a matrix of [48, 32] instead of [32, 48]"), "{error}");
}

#[test]
fn what_is_not_finite_makes_everything_nan() {
    let is_nan = |tensor: &Tensor| tensor.isnan().all().int64_value(&[]) == 1;
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let layer = Layer::new(20, 32, 48);
        drop(layer.input.get(3).get(7).fill_(bad));
        assert!(is_nan(&layer.run_in_fp8()[0]), "{bad}");
        let layer = Layer::new(20, 32, 48);
        drop(layer.output_gradient.get(3).get(7).fill_(bad));
        let found = layer.run_in_fp8();
        assert!(is_nan(&found[1]) && is_nan(&found[2]) && !is_nan(&found[0]), "{bad}");
    }
}

#[test]
fn no_rows_give_no_rows_and_a_gradient_of_zero() {
    let [output, input, weight, bias] = Layer::new(0, 32, 48).run_in_fp8();
    assert_eq!((output.size(), input.size()), (vec![0, 48], vec![0, 32]));
    assert!(is_zero(&weight) && is_zero(&bias));
}

#[test]
fn matrices_that_cannot_be_cast_are_refused() {
    let refused = |matrix: &Tensor, part: &str| {
        let error = Fp8Matrix::new(matrix, Format::E4m3).expect_err("an error").to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(&numbers(1, &[4, 32], Kind::Float), "only bf16 is cast to FP8");
    refused(&numbers(1, &[4, 24], Kind::BFloat16), "rows of 24 numbers, which is no multiple of 16");
    refused(&numbers(1, &[32], Kind::BFloat16), "expected a matrix");
}
