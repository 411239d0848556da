//! The kernels, emulated on the CPU, against libtorch's operators in fp64.

use tch::{Kind, Reduction};

use super::*;
use crate::model::operators::IGNORED_LABEL;

/// The result for one of both readers.
fn summed_norm(first: &Tensor, second: Option<&Tensor>, bias: Option<&Tensor>, norm: NormParameters<'_>) -> Result<Tensor> {
    super::summed_norm(first, second, bias, norm).map(|[output, _]| output)
}

fn embedding_norm(words: [&Tensor; 2], positions: [&Tensor; 2], token_type: &Tensor, norm: NormParameters<'_>) -> Result<Tensor> {
    super::embedding_norm(words, positions, token_type, norm).map(|[output, _]| output)
}

/// Without a bias.
fn cross_entropy(logits: &Tensor, labels: &Tensor, num_valid: i64) -> Result<Tensor> {
    super::cross_entropy(logits, None, labels, num_valid)
}

const KINDS: [Kind; 3] = [Kind::Float, Kind::Half, Kind::BFloat16];

/// Numbers that depend on the seed alone, without libtorch's generator, which all tests share: uniform in ±√3, so that their variance is 1.
fn numbers(seed: u64, size: &[i64], kind: Kind) -> Tensor {
    let mut random = crate::random::CounterRng::new(crate::random::Purpose::Masking, seed, 0, 0);
    let uniform = |bits: u64| (bits >> 40) as f32 / (1_u64 << 24) as f32;
    let values: Vec<f32> = (0..size.iter().product()).map(|_| (uniform(random.next_u64()) * 2.0 - 1.0) * 3_f32.sqrt()).collect();
    Tensor::from_slice(&values).view(size).to_kind(kind)
}

fn leaf(tensor: &Tensor) -> Tensor {
    tensor.detach().set_requires_grad(true)
}

/// A leaf with the same numbers in fp64.
fn exact(tensor: &Tensor) -> Tensor {
    tensor.detach().to_kind(Kind::Double).set_requires_grad(true)
}

fn is_zero(tensor: &Tensor) -> bool {
    !tensor.any().double_value(&[]).is_normal()
}

/// `found` is `exact` rounded to its kind: half a unit in the last place, and for what fp32 arithmetic loses on the way a few millionths of
/// the largest number that went into it.
fn check_rounded(what: &str, found: &Tensor, exact: &Tensor) {
    assert_eq!(found.size(), exact.size(), "{what}");
    let [significand_bits, exponent_of_smallest] = if found.kind() == Kind::BFloat16 {
        [8, -134]
    } else if found.kind() == Kind::Half {
        [11, -25]
    } else {
        [24, -150]
    };
    let smallest = 2_f64.powi(exponent_of_smallest);
    let exact = exact.to_kind(Kind::Double);
    let allowed = exact.abs() * 2_f64.powi(-significand_bits) + exact.abs().max() * 4e-6 + smallest;
    let excess = (found.to_kind(Kind::Double) - exact).abs() - allowed;
    assert!(excess.max().double_value(&[]) <= 0.0, "{what} is off by {:.3e} more than rounding", excess.max().double_value(&[]));
}

/// The gradients of leaves for this gradient of `output`.
fn gradients(output: &Tensor, output_gradient: &Tensor, leaves: &[&Tensor]) -> Vec<Tensor> {
    let weighted = output.to_kind(Kind::Double) * output_gradient.to_kind(Kind::Double);
    Tensor::run_backward(&[weighted.sum(Kind::Double)], leaves, false, false)
}

/// Checks a kernel's result and gradients, and that a second run gives the same bits.
fn check(what: &str, inputs: &[Tensor], kernel: impl Fn(&[Tensor]) -> Tensor, reference: impl Fn(&[Tensor]) -> Tensor) {
    let run = |leaves: &[Tensor], function: &dyn Fn(&[Tensor]) -> Tensor| {
        let output = function(leaves);
        let output_gradient = numbers(99, &output.size(), inputs[0].kind());
        let gradients = gradients(&output, &output_gradient, &leaves.iter().collect::<Vec<_>>());
        std::iter::once(output).chain(gradients).collect::<Vec<_>>()
    };
    let leaves = || inputs.iter().map(leaf).collect::<Vec<_>>();
    let found = run(&leaves(), &kernel);
    let exact = run(&inputs.iter().map(exact).collect::<Vec<_>>(), &reference);
    for (index, (found, exact)) in found.iter().zip(&exact).enumerate() {
        let part = if index == 0 { "result".to_owned() } else { format!("gradient {index}") };
        check_rounded(&format!("{what}: {part}"), found, exact);
    }
    let again = run(&leaves(), &kernel);
    assert!(found.iter().zip(&again).all(|(first, second)| first.equal(second)), "{what}: another run gives other bits");
}

fn layer_norm(sum: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
    sum.layer_norm(weight.size(), Some(weight), Some(bias), 1e-5, false)
}

fn norm<'a>(weight: &'a Tensor, bias: &'a Tensor) -> NormParameters<'a> {
    NormParameters { weight, bias, epsilon: 1e-5 }
}

#[test]
fn bias_and_gelu_are_those_of_fp64_rounded_once() {
    for kind in KINDS {
        for (rows, width) in [(1, 768), (3, 3_072), (257, 1_024), (40, 8)] {
            let inputs = [numbers(1, &[rows, width], kind) * 2.0, numbers(2, &[width], kind)];
            check(
                &format!("{kind:?} {rows} x {width}"),
                &inputs,
                |leaves| bias_gelu(&leaves[0], &leaves[1]).expect("a result"),
                |leaves| (&leaves[0] + &leaves[1]).gelu("none"),
            );
        }
    }
}

#[test]
fn a_summed_norm_is_that_of_fp64_rounded_once() {
    for kind in KINDS {
        for (rows, width) in [(1, 768), (3, 1_024), (65, 256), (20, 768), (40, 8), (1, 2_048), (1, 2_040)] {
            let [first, second] = [1, 2].map(|seed| numbers(seed, &[rows, width], kind));
            let [bias, weight, norm_bias] = [3, 4, 5].map(|seed| numbers(seed, &[width], kind));
            let what = format!("{kind:?} {rows} x {width}");
            check(
                &what,
                &[first.copy(), second, bias, weight.copy(), norm_bias.copy()],
                |leaves| summed_norm(&leaves[0], Some(&leaves[1]), Some(&leaves[2]), norm(&leaves[3], &leaves[4])).expect("a result"),
                |leaves| layer_norm(&(&leaves[0] + &leaves[1] + &leaves[2]), &leaves[3], &leaves[4]),
            );
            check(
                &format!("{what}, one summand"),
                &[first, weight, norm_bias],
                |leaves| summed_norm(&leaves[0], None, None, norm(&leaves[1], &leaves[2])).expect("a result"),
                |leaves| layer_norm(&leaves[0], &leaves[1], &leaves[2]),
            );
        }
    }
}

#[test]
fn normalized_embeddings_are_those_of_fp64() {
    let width = 256;
    // The tables' gradients add up gradients of rows that were rounded before, so that halves are checked apart.
    let kind = Kind::Float;
    // Repeated, unsorted, and not all of the tables.
    let word_ids = Tensor::from_slice(&(0..257).map(|row| row * 7 % 11 + i32::from(row > 200)).collect::<Vec<i32>>());
    let position_ids = Tensor::from_slice(&(0..257).map(|row| 2 + row % 20).collect::<Vec<i32>>());
    let inputs = [
        numbers(1, &[13, width], kind),
        numbers(2, &[24, width], kind),
        numbers(3, &[width], kind),
        numbers(4, &[width], kind),
        numbers(5, &[width], kind),
    ];
    let (words, positions) = (word_ids.to_kind(Kind::Int64), position_ids.to_kind(Kind::Int64));
    check(
        &format!("{kind:?}"),
        &inputs,
        |leaves| {
            let [words, positions] = [[&leaves[0], &word_ids], [&leaves[1], &position_ids]];
            embedding_norm(words, positions, &leaves[2], norm(&leaves[3], &leaves[4])).expect("a result")
        },
        |leaves| {
            let sum = leaves[0].index_select(0, &words) + leaves[1].index_select(0, &positions) + &leaves[2];
            layer_norm(&sum, &leaves[3], &leaves[4])
        },
    );
}

/// Checks the gradients of both tables against sums in fp64 of the gradients of the rows that were gathered.
fn check_tables(what: &str, kind: Kind, width: i64, [num_words, num_positions]: [i64; 2], word_ids: &[i32], position_ids: &[i32]) {
    let [words, positions] = [(1, num_words), (2, num_positions)].map(|(seed, rows)| leaf(&numbers(seed, &[rows, width], kind)));
    let [token_type, weight, bias] = [3, 4, 5].map(|seed| numbers(seed, &[width], kind));
    let [word_ids, position_ids] = [word_ids, position_ids].map(Tensor::from_slice);
    let output_gradient = numbers(6, &[word_ids.size()[0], width], kind);
    let run = || {
        let output = embedding_norm([&words, &word_ids], [&positions, &position_ids], &token_type, norm(&weight, &bias)).expect("a result");
        gradients(&output, &output_gradient, &[&words, &positions])
    };
    let found = run();
    let [gathered_words, gathered_positions] =
        [(&words, &word_ids), (&positions, &position_ids)].map(|(table, ids)| leaf(&table.index_select(0, ids)));
    let output = summed_norm(&gathered_words, Some(&gathered_positions), Some(&token_type), norm(&weight, &bias)).expect("a result");
    let of_rows = gradients(&output, &output_gradient, &[&gathered_words]).remove(0).to_kind(Kind::Double);
    for (name, found, ids) in [("words", &found[0], &word_ids), ("positions", &found[1], &position_ids)] {
        let exact = Tensor::zeros(found.size(), (Kind::Double, Device::Cpu)).index_add(0, ids, &of_rows);
        check_rounded(&format!("{kind:?}, width {width}, {what}: {name}"), found, &exact);
    }
    assert!(found.iter().zip(&run()).all(|(first, second)| first.equal(second)), "{kind:?} {what}: another run gives other bits");
}

#[test]
fn the_gradients_of_tables_are_sums_of_their_rows_gradients_rounded_once() {
    let ids = |rows: i32, id: fn(i32) -> i32| (0..rows).map(id).collect::<Vec<i32>>();
    // Three chunks, of 512.
    check_tables("repeated", Kind::BFloat16, 64, [80, 24], &ids(1_030, |row| row * row % 79), &ids(1_030, |row| row % 20));
    for kind in KINDS {
        // Runs of all lengths, that begin and end anywhere in the slices, of 32.
        check_tables("frequent", kind, 8, [9, 3], &ids(333, |row| if row % 12 == 3 { row % 7 } else { 8 }), &ids(333, |row| row / 150));
        check_tables("one", kind, 264, [6, 1], &ids(70, |_| 4), &ids(70, |_| 0));
        check_tables("different", kind, 520, [70, 70], &ids(40, |row| 69 - row), &ids(40, |row| row));
        check_tables("whole slices", kind, 32, [4, 2], &ids(128, |row| row / 32), &ids(128, |row| row / 64));
        check_tables("one row", kind, 768, [3, 3], &[2], &[0]);
        check_tables("no rows", kind, 32, [3, 3], &[], &[]);
    }
}

/// A leaf whose gradient is there already, as those of a training run.
fn leaf_with_gradient(values: &Tensor, gradient: &Tensor) -> Tensor {
    let mut leaf = leaf(values);
    crate::ffi::set_gradient(&mut leaf, gradient).expect("a gradient");
    leaf
}

#[test]
fn a_tied_table_gets_the_gradient_of_its_rows_in_place_and_then_the_decoders() {
    let (rows, width) = (45, 64);
    let ids = Tensor::from_slice(&(0..rows).map(|row| row * row % 11).collect::<Vec<i32>>());
    let zeros = Tensor::zeros([i64::from(rows)], (Kind::Int, Device::Cpu));
    for kind in KINDS {
        let [table, before] = [1, 2].map(|seed| numbers(seed, &[13, width], kind));
        let [positions, token_type] = [3, 4].map(|seed| numbers(seed, &[1, width], kind));
        let (ones, none) = (Tensor::ones([width], (kind, Device::Cpu)), Tensor::zeros([width], (kind, Device::Cpu)));
        let loss_of = |table: &Tensor, embeds: bool, decodes: bool| {
            let hidden = embedding_norm([table, &ids], [&positions, &zeros], &token_type.get(0), norm(&ones, &none)).expect("a result");
            let hidden = if embeds { hidden } else { hidden.detach() };
            let decoder = if decodes { table.shallow_clone() } else { table.detach() };
            hidden.matmul(&decoder.tr()).square().sum(Kind::Float)
        };
        let gradient_after = |before: &Tensor, embeds: bool, decodes: bool| {
            let gradient = before.copy();
            let table = leaf_with_gradient(&table, &gradient);
            loss_of(&table, embeds, decodes).backward();
            assert_eq!(table.grad().data_ptr(), gradient.data_ptr(), "{kind:?}");
            gradient
        };
        let both = gradient_after(&before, true, true);
        assert!(both.equal(&gradient_after(&gradient_after(&before, true, false), false, true)), "{kind:?}");

        // Without a gradient to add to, or when gradients are asked for, libtorch adds them up.
        let lone = leaf(&table);
        loss_of(&lone, true, true).backward();
        let unchanged = leaf_with_gradient(&table, &before.copy());
        let handed_out = Tensor::run_backward(&[&loss_of(&unchanged, true, true)], &[&unchanged], false, false).remove(0);
        assert!(unchanged.grad().equal(&before) && handed_out.equal(&lone.grad()), "{kind:?}");
        if kind == Kind::Float {
            check_rounded("added in place", &both, &(&before + &handed_out));
        }
    }
}

#[test]
fn a_norm_adds_up_the_gradients_of_its_two_readers() {
    for kind in KINDS {
        for (rows, width) in [(1, 8), (7, 768), (33, 264)] {
            let [first, second] = [1, 2].map(|seed| numbers(seed, &[rows, width], kind));
            let [bias, weight, norm_bias] = [3, 4, 5].map(|seed| numbers(seed, &[width], kind));
            let [to_output, to_residual] = [6, 7].map(|seed| numbers(seed, &[rows, width], kind).to_kind(Kind::Double));
            let inputs = [&first, &second, &bias, &weight, &norm_bias];
            let gradients_of = |leaves: &[Tensor], output: &Tensor, residual: &Tensor| {
                let weighted = output.to_kind(Kind::Double) * &to_output + residual.to_kind(Kind::Double) * &to_residual;
                Tensor::run_backward(&[weighted.sum(Kind::Double)], &leaves.iter().collect::<Vec<_>>(), false, false)
            };
            let leaves = inputs.map(leaf);
            let [output, residual] =
                super::summed_norm(&leaves[0], Some(&leaves[1]), Some(&leaves[2]), norm(&leaves[3], &leaves[4])).expect("results");
            assert!(output.equal(&residual));
            let found = gradients_of(&leaves, &output, &residual);
            let leaves = inputs.map(exact);
            let output = layer_norm(&(&leaves[0] + &leaves[1] + &leaves[2]), &leaves[3], &leaves[4]);
            for (index, (found, exact)) in found.iter().zip(gradients_of(&leaves, &output, &output)).enumerate() {
                check_rounded(&format!("{kind:?} {rows} x {width}: gradient {index}"), found, &exact);
            }
        }
    }
}

#[test]
fn a_linear_layer_is_libtorchs_and_adds_gradients_to_where_they_are_kept() {
    for kind in [Kind::Float, Kind::BFloat16] {
        for (rows, inputs, outputs) in [(1, 8, 16), (40, 64, 24), (700, 16, 8)] {
            let what = format!("{kind:?} {rows} x {inputs} to {outputs}");
            let input = numbers(1, &[rows, inputs], kind);
            let [weight, bias] = [(2, &[outputs, inputs][..]), (3, &[outputs])].map(|(seed, size)| numbers(seed, size, kind));
            check(
                &what,
                &[input.copy(), weight.copy(), bias.copy()],
                |leaves| linear(&leaves[0], &leaves[1], Some(&leaves[2]), 0..0).expect("a result"),
                |leaves| leaves[0].linear(&leaves[1], Some(&leaves[2])),
            );
            let output_gradient = numbers(4, &[rows, outputs], kind);
            for has_bias in [false, true] {
                let backward = |input: &Tensor, weight: &Tensor, bias: &Tensor| {
                    let output = linear(input, weight, has_bias.then_some(bias), 0..0).expect("a result");
                    (output.to_kind(Kind::Double) * output_gradient.to_kind(Kind::Double)).sum(Kind::Double).backward();
                };
                let lone = [&input, &weight, &bias].map(leaf);
                backward(&lone[0], &lone[1], &lone[2]);
                let before = [&weight, &bias].map(|values| numbers(5, &values.size(), kind));
                let kept = before.each_ref().map(Tensor::copy);
                let [weight, bias] = [leaf_with_gradient(&weight, &kept[0]), leaf_with_gradient(&bias, &kept[1])];
                let input = leaf(&input);
                backward(&input, &weight, &bias);
                assert!(input.grad().equal(&lone[0].grad()), "{what}");
                let places = [&weight, &bias].map(|leaf| leaf.grad().data_ptr());
                assert_eq!(places, kept.each_ref().map(Tensor::data_ptr), "{what}");
                if kind == Kind::Float {
                    check_rounded(&what, &kept[0], &(&before[0] + lone[1].grad()));
                    let bias_gradient = if has_bias { lone[2].grad() } else { bias.zeros_like() };
                    check_rounded(&what, &kept[1], &(&before[1] + bias_gradient));
                }
            }
        }
    }
}

#[test]
fn the_outputs_of_a_split_layer_are_those_of_two_and_so_are_their_gradients() {
    let (split, idle) = (16, 16..24);
    for kind in [Kind::Float, Kind::BFloat16] {
        for (rows, other_rows) in [(5, 40), (0, 3), (700, 1)] {
            let what = format!("{kind:?} {rows} and {other_rows}");
            let inputs = [(1, rows), (2, other_rows)].map(|(seed, rows)| numbers(seed, &[rows, 8], kind));
            let (weight, bias) = (numbers(3, &[40, 8], kind), numbers(4, &[40], kind));
            let to_outputs = [(5, rows, split), (6, other_rows, 40 - split)].map(|(seed, rows, width)| numbers(seed, &[rows, width], kind));
            let backward = |outputs: [Tensor; 2]| {
                let weighted = outputs.iter().zip(&to_outputs).map(|(output, gradient)| (output * gradient).to_kind(Kind::Double));
                weighted.map(|weighted| weighted.sum(Kind::Double)).sum::<Tensor>().backward();
            };
            let run = |inputs: &[Tensor; 2], weight: &Tensor, bias: &Tensor| {
                let outputs = split_linear([&inputs[0], &inputs[1]], weight, bias, split, idle.clone()).expect("results");
                let kept = outputs.each_ref().map(Tensor::copy);
                backward(outputs);
                kept
            };
            let lone = [inputs.each_ref().map(leaf), [leaf(&weight), leaf(&bias)]];
            let found = run(&lone[0], &lone[1][0], &lone[1][1]);

            // Each by itself, of the same numbers and so to the same bits.
            let apart = [inputs.each_ref().map(leaf), [leaf(&weight), leaf(&bias)]];
            let part = |index: usize, start: i64, end: i64| {
                let [weight, bias] = apart[1].each_ref().map(|whole| whole.narrow(0, start, end - start));
                let idle = idle.start.clamp(start, end) - start..idle.end.clamp(start, end) - start;
                linear(&apart[0][index], &weight, Some(&bias), idle).expect("a result")
            };
            let outputs = [part(0, 0, split), part(1, split, 40)];
            assert!(found.iter().zip(&outputs).all(|(found, output)| found.equal(output)), "{what}");
            backward(outputs);
            let gradients = |leaves: &[[Tensor; 2]; 2]| leaves.iter().flatten().map(Tensor::grad).collect::<Vec<_>>();
            assert!(gradients(&lone).iter().zip(gradients(&apart)).all(|(found, expected)| found.equal(&expected)), "{what}");

            let before = [&weight, &bias].map(|values| numbers(7, &values.size(), kind));
            let kept = before.each_ref().map(Tensor::copy);
            let [weight, bias] = [leaf_with_gradient(&weight, &kept[0]), leaf_with_gradient(&bias, &kept[1])];
            let _outputs = run(&inputs.each_ref().map(leaf), &weight, &bias);
            assert_eq!([&weight, &bias].map(|leaf| leaf.grad().data_ptr()), kept.each_ref().map(Tensor::data_ptr), "{what}");
            if kind == Kind::Float {
                for (index, kept) in kept.iter().enumerate() {
                    check_rounded(&what, kept, &(&before[index] + lone[1][index].grad()));
                }
            }
        }
    }
}

#[test]
fn chosen_rows_get_their_gradients_and_the_others_zeros() {
    for kind in KINDS {
        for (rows, width, chosen) in [
            (1, 8, vec![0]),
            (40, 264, vec![0, 7, 8, 9, 31, 39]),
            (16, 32, (0..16).collect()),
            (9, 768, vec![]),
            (700, 16, (0..700).filter(|row| row % 7 == 3).collect::<Vec<i32>>()),
        ] {
            let (matrix, indices) = (leaf(&numbers(1, &[rows, width], kind)), Tensor::from_slice(&chosen));
            let output = chosen_rows(&matrix, &indices).expect("rows");
            assert!(output.equal(&matrix.index_select(0, &indices)), "{kind:?} {rows}");
            let to_output = numbers(2, &output.size(), kind);
            let found = gradients(&output, &to_output, &[&matrix]).remove(0);
            assert!(found.equal(&matrix.detach().zeros_like().index_add(0, &indices, &to_output)), "{kind:?} {rows}");
        }
    }
}

#[test]
fn a_bias_that_changes_nothing_gets_zeros() {
    let (input, weight, bias) = (numbers(1, &[40, 16], Kind::Float), numbers(2, &[24, 16], Kind::Float), numbers(3, &[24], Kind::Float));
    let gradient = |idle: Range<i64>| {
        let leaf = leaf(&bias);
        let output = linear(&input, &weight, Some(&leaf), idle).expect("a result");
        Tensor::run_backward(&[output.square().sum(Kind::Float)], &[&leaf], false, false).remove(0)
    };
    let (all, some) = (gradient(0..0), gradient(8..16));
    assert!(is_zero(&some.narrow(0, 8, 8)) && !is_zero(&all.narrow(0, 8, 8)));
    assert!([0, 16].iter().all(|&start| some.narrow(0, start, 8).equal(&all.narrow(0, start, 8))));
}

#[test]
fn gradients_of_vectors_are_added_to_where_they_are_kept() {
    let (rows, width) = (40, 64);
    let [input, output_gradient] = [1, 2].map(|seed| numbers(seed, &[rows, width], Kind::Float));
    let vectors = [3, 4, 5].map(|seed| numbers(seed, &[width], Kind::Float));
    let run = |leaves: &[Tensor; 3]| {
        let activated = bias_gelu(&leaf(&input), &leaves[0]).expect("a result");
        let normalized = summed_norm(&activated, None, None, norm(&leaves[1], &leaves[2])).expect("a result");
        (normalized * &output_gradient).sum(Kind::Float).backward();
    };
    let lone = vectors.each_ref().map(leaf);
    run(&lone);
    let before = [6, 7, 8].map(|seed| numbers(seed, &[width], Kind::Float));
    let kept = before.each_ref().map(Tensor::copy);
    let leaves = [0, 1, 2].map(|index| leaf_with_gradient(&vectors[index], &kept[index]));
    run(&leaves);
    for index in 0..3 {
        assert_eq!(leaves[index].grad().data_ptr(), kept[index].data_ptr());
        check_rounded(&format!("vector {index}"), &kept[index], &(&before[index] + lone[index].grad()));
    }
}

#[test]
fn any_number_of_vectors_of_any_kind_and_use_gets_its_gradient_by_the_end_of_a_pass() {
    // More than are summed at once, of two kinds in turns, and one of them twice.
    let num_vectors = 120;
    let kind_of = |index: i64| if index % 10 < 7 { Kind::Float } else { Kind::BFloat16 };
    let width = |index: i64| 8 * (1 + index % 5);
    let inputs: Vec<Tensor> = (0..num_vectors).map(|index| numbers(1, &[20, width(index)], kind_of(index))).collect();
    let vectors: Vec<Tensor> = (0..num_vectors).map(|index| numbers(2, &[width(index)], kind_of(index))).collect();
    let run = |leaves: &[Tensor]| {
        let repeated = bias_gelu(&inputs[0], &leaves[0]).expect("a result");
        let activated = inputs.iter().zip(leaves).map(|(input, leaf)| bias_gelu(input, leaf).expect("a result"));
        let sums = activated.chain([repeated]).map(|output| output.square().sum(Kind::Float));
        sums.sum::<Tensor>().backward();
    };
    let lone: Vec<Tensor> = vectors.iter().map(leaf).collect();
    run(&lone);
    let places: Vec<Tensor> = vectors.iter().map(Tensor::zeros_like).collect();
    let leaves: Vec<Tensor> = vectors.iter().zip(&places).map(|(vector, place)| leaf_with_gradient(vector, place)).collect();
    run(&leaves);
    assert!(lone.iter().zip(&places).all(|(lone, place)| lone.grad().equal(place)));
}

#[test]
fn gradients_are_added_in_fp32_and_zeroed() {
    for kind in KINDS {
        let (first, second) = (numbers(1, &[4_096], kind), numbers(2, &[4_096], kind));
        let sums = Tensor::full([4_096], f64::NAN, (Kind::Float, Device::Cpu));
        let mut expected = first.zeros_like().to_kind(Kind::Float);
        for (gradients, is_first) in [(&first, true), (&second, false)] {
            let given = gradients.copy();
            gradient_sum(&given, &sums, is_first).expect("sums");
            expected += gradients.to_kind(Kind::Float);
            assert!(sums.equal(&expected) && is_zero(&given), "{kind:?}");
        }
    }
}

#[test]
fn adamw_is_libtorchs() {
    let (count, num_decaying) = (4_096, 1_024);
    let one = |number: f32| Tensor::from_slice(&[number]);
    for kind in KINDS {
        for (factor, is_skipped) in [(None, false), (Some(0.25), false), (Some(0.25), true)] {
            let skipped = f32::from(u8::from(is_skipped));
            let start = [1, 2, 3].map(|seed| numbers(seed, &[count], Kind::Float) * 0.1);
            let [mut ours, mut theirs] = [(); 2].map(|()| [start[0].copy(), start[1].copy(), start[2].abs()]);
            let weights = Tensor::zeros([count], (kind, Device::Cpu));
            for step in 1..=3 {
                let gradients = numbers(10 + step, &[count], Kind::Float);
                let numbers = AdamWStep { learning_rate: 1e-2, beta1: 0.9, beta2: 0.98, epsilon: 1e-6, weight_decay: 0.1 };
                let [masters, exp_avg, exp_avg_sq] = &ours;
                let buffers = AdamWBuffers { masters, exp_avg, exp_avg_sq, weights: Some(&weights), num_decaying };
                let given = factor.map(|factor: f32| one(factor));
                adamw(&buffers, &gradients, given.as_ref(), &one(step as f32), &one(skipped), numbers).expect("a step");
                let clipped = &gradients * f64::from(factor.unwrap_or(1.0));
                for (start, length, weight_decay) in [(0, num_decaying, 0.1), (num_decaying, count - num_decaying, 0.0)] {
                    let [masters, exp_avg, exp_avg_sq] = &mut theirs;
                    let [mut masters, mut exp_avg, mut exp_avg_sq] = [masters, exp_avg, exp_avg_sq].map(|all| all.narrow(0, start, length));
                    let (gradients, numbers) = (clipped.narrow(0, start, length), AdamWStep { weight_decay, ..numbers });
                    let (step, skipped) = (one(step as f32), one(skipped));
                    crate::ffi::fused_adamw(&mut masters, &gradients, &mut exp_avg, &mut exp_avg_sq, &step, &skipped, numbers)
                        .expect("a step");
                }
            }
            for (ours, theirs) in ours.iter_mut().zip(&theirs) {
                let difference = (&*ours - theirs).abs().max().double_value(&[]);
                assert!(difference < 1e-6, "{kind:?}, {factor:?}, {skipped}: {difference}");
            }
            let given = if is_skipped { weights.zeros_like() } else { ours[0].to_kind(kind) };
            assert!(weights.equal(&given), "{kind:?}, {factor:?}, {skipped}");
            assert_eq!(ours[0].equal(&start[0]), is_skipped);
        }
    }
}

/// Logits of which some are −∞, and labels of which none is.
fn logits_and_labels(rows: i64, width: i64, num_valid: i64, kind: Kind) -> (Tensor, Tensor) {
    let logits = numbers(1, &[rows, width], kind) * 5.0;
    let labels = Tensor::from_slice(&(0..rows).map(|row| (row * 37 % num_valid) as i32).collect::<Vec<i32>>());
    let is_impossible = numbers(2, &[rows, width], Kind::Float).lt(-1.5).logical_and(&labels.to_kind(Kind::Int64).one_hot(width).eq(0));
    // What stands beyond the valid columns does not count, not even NaN.
    let logits = logits.masked_fill(&is_impossible, f64::NEG_INFINITY);
    if width > num_valid {
        drop(logits.narrow(1, num_valid, width - num_valid).fill_(f64::NAN));
    }
    (logits, labels)
}

#[test]
fn cross_entropy_and_its_gradient_are_those_of_fp64_rounded_once() {
    for kind in KINDS {
        for (rows, width, num_valid) in [(1, 8, 8), (3, 320, 315), (17, 4_160, 4_101), (2, 32_064, 32_005)] {
            let what = format!("{kind:?} {rows} x {num_valid} of {width}");
            let (logits, labels) = logits_and_labels(rows, width, num_valid, kind);
            let bias = numbers(3, &[width], kind);
            let run = || {
                let leaves = [leaf(&logits.copy()), leaf(&bias)];
                let loss = super::cross_entropy(&leaves[0], Some(&leaves[1]), &labels, num_valid).expect("a loss");
                let gradients = Tensor::run_backward(&[&loss * 0.125], &[&leaves[0], &leaves[1]], false, false);
                (loss, gradients)
            };
            let (loss, gradients) = run();
            let [reference, exact_bias] = [exact(&logits), exact(&bias)];
            let valid = (&reference + &exact_bias).narrow(1, 0, num_valid);
            let exact_loss = valid.cross_entropy_loss::<&Tensor>(&labels.to_kind(Kind::Int64), None, Reduction::Sum, -100, 0.0);
            let exact_gradients = Tensor::run_backward(&[&exact_loss * 0.125], &[&reference, &exact_bias], false, false);
            assert_eq!(loss.kind(), Kind::Float, "{what}");
            check_rounded(&format!("{what}: loss"), &loss, &exact_loss);
            for (part, (gradient, exact)) in ["logits", "bias"].iter().zip(gradients.iter().zip(&exact_gradients)) {
                check_rounded(&format!("{what}: gradient of the {part}"), gradient, exact);
                if width > num_valid {
                    assert!(is_zero(&gradient.narrow(-1, num_valid, width - num_valid)), "{what}");
                }
            }
            let (loss_again, gradients_again) = run();
            assert!(loss.equal(&loss_again) && gradients == gradients_again, "{what}: another run gives other bits");
        }
    }
}

#[test]
fn an_ignored_label_has_no_loss_and_no_gradient() {
    for kind in KINDS {
        let (logits, labels) = logits_and_labels(3, 64, 60, kind);
        let run = |logits: &Tensor, labels: &Tensor| {
            let leaf = leaf(&logits.copy());
            let loss = cross_entropy(&leaf, labels, 60).expect("a loss");
            (loss.detach(), Tensor::run_backward(&[&loss], &[&leaf], false, false).remove(0))
        };
        let (loss, gradient) = run(&logits.narrow(0, 0, 2), &labels.narrow(0, 0, 2));
        drop(labels.get(2).fill_(i64::from(IGNORED_LABEL)));
        let (padded_loss, padded_gradient) = run(&logits, &labels);
        assert!(padded_loss.equal(&loss) && padded_gradient.narrow(0, 0, 2).equal(&gradient), "{kind:?}");
        assert!(is_zero(&padded_gradient.get(2)) && !is_zero(&gradient), "{kind:?}");
    }
}

#[test]
fn the_gradient_of_a_cross_entropy_takes_the_memory_of_the_logits_and_there_is_but_one() {
    let (logits, labels) = logits_and_labels(3, 64, 64, Kind::Float);
    let leaf = leaf(&logits);
    let loss = cross_entropy(&leaf, &labels, 64).expect("a loss");
    let gradient = Tensor::run_backward(&[&loss], &[&leaf], true, false).remove(0);
    assert_eq!(gradient.data_ptr(), leaf.data_ptr());
    let error = Tensor::f_run_backward(&[&loss], &[&leaf], false, false).expect_err("no second gradient").to_string();
    assert!(error.contains("modified by an inplace operation"), "{error}");
}

#[test]
fn what_is_not_finite_stays_in_its_row() {
    let (rows, width) = (5, 64);
    let is_finite = |tensor: &Tensor| -> Vec<bool> {
        Vec::try_from(tensor.isfinite().view([rows, -1]).all_dim(1, false)).expect("a flag for each row")
    };
    for (kind, bad) in KINDS.into_iter().flat_map(|kind| [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(|bad| (kind, bad))) {
        let [input, residual] = [1, 2].map(|seed| numbers(seed, &[rows, width], kind));
        let [weight, bias] = [3, 4].map(|seed| numbers(seed, &[width], kind));
        drop(input.get(2).get(7).fill_(bad));
        let normalized = summed_norm(&input, Some(&residual), Some(&bias), norm(&weight, &bias)).expect("a result");
        assert_eq!(is_finite(&normalized), [true, true, false, true, true], "{kind:?} {bad}: norm");
        let activated = bias_gelu(&input, &bias).expect("a result");
        assert_eq!(is_finite(&activated), [true, true, false, true, true], "{kind:?} {bad}: GELU");

        let labels = Tensor::from_slice(&[0, 1, 2, 3, 4]);
        let logits = leaf(&input);
        let loss = cross_entropy(&logits, &labels, width).expect("a loss");
        let gradient = Tensor::run_backward(&[&loss], &[&logits], false, false).remove(0);
        let is_possible = bad == f64::NEG_INFINITY;
        assert_eq!(loss.isfinite().int64_value(&[]) == 1, is_possible, "{kind:?} {bad}: loss");
        assert_eq!(is_finite(&gradient), [true, true, is_possible, true, true], "{kind:?} {bad}: gradient");
    }
}

#[test]
fn labels_and_ids_that_are_none_give_nan_instead_of_foreign_memory() {
    let logits = numbers(1, &[2, 64], Kind::Float);
    for label in [-1, 60, 64, i32::MAX] {
        let loss = cross_entropy(&logits, &Tensor::from_slice(&[3, label]), 60).expect("a loss");
        assert!(loss.double_value(&[]).is_nan(), "label {label}");
    }
    let [table, vector] = [&[5, 64][..], &[64]].map(|size| numbers(2, size, Kind::Float));
    let zeros = Tensor::from_slice(&[0, 0, 0]);
    let ids = Tensor::from_slice(&[4, 5, -1]);
    let rows = embedding_norm([&table, &ids], [&table, &zeros], &vector, norm(&vector, &vector)).expect("a result");
    let is_nan: Vec<bool> = Vec::try_from(rows.isnan().all_dim(1, false)).expect("a flag for each row");
    assert_eq!(is_nan, [false, true, true]);
    let table = leaf(&table);
    let rows = embedding_norm([&table, &ids], [&table.detach(), &zeros], &vector, norm(&vector, &vector)).expect("a result");
    let gradient = gradients(&rows, &numbers(3, &[3, 64], Kind::Float), &[&table]).remove(0);
    assert!(is_zero(&gradient.narrow(0, 0, 4)) && gradient.isfinite().all().int64_value(&[]) == 1 && !is_zero(&gradient));
}

#[test]
fn no_rows_give_no_rows_and_gradients_of_zero() {
    for kind in KINDS {
        let empty = leaf(&numbers(1, &[0, 64], kind));
        let vector = leaf(&numbers(2, &[64], kind));
        let normalized = summed_norm(&bias_gelu(&empty, &vector).expect("a result"), None, None, norm(&vector, &vector)).expect("a result");
        assert_eq!(normalized.size(), [0, 64]);
        let loss = cross_entropy(&normalized, &Tensor::zeros([0], (Kind::Int, Device::Cpu)), 64).expect("a loss");
        assert!(is_zero(&loss));
        loss.backward();
        assert!(is_zero(&vector.grad()));
    }
}

#[test]
fn rows_with_gaps_are_understood() {
    let wide = numbers(1, &[3, 128], Kind::Float);
    let (rows, bias) = (wide.narrow(1, 32, 64), numbers(2, &[64], Kind::Float));
    let whole = bias_gelu(&rows.contiguous(), &bias).expect("a result");
    assert!(bias_gelu(&rows, &bias).expect("a result").equal(&whole));
    // A gradient that is one number for all.
    let [expanded, copied] = [false, true].map(|copies| {
        let leaf = leaf(&rows.contiguous());
        let gradient = Tensor::ones([], (Kind::Float, Device::Cpu)).expand([3, 64], false);
        let gradient = if copies { gradient.contiguous() } else { gradient };
        let weighted = bias_gelu(&leaf, &bias).expect("a result") * gradient;
        Tensor::run_backward(&[weighted.sum(Kind::Float)], &[&leaf], false, false).remove(0)
    });
    assert!(expanded.equal(&copied));
}

#[test]
fn tensors_that_do_not_fit_together_are_refused() {
    let refused = |result: Result<Tensor>, part: &str| {
        let error = result.expect_err("an error").to_string();
        assert!(error.contains(part), "{error}");
    };
    let [matrix, narrow, odd] = [[3, 64], [3, 32], [3, 6]].map(|size| numbers(1, &size, Kind::Float));
    let [vector, short] = [64, 32].map(|size| numbers(2, &[size], Kind::Float));
    let half = vector.to_kind(Kind::Half);
    refused(bias_gelu(&matrix, &short), "expected 64 numbers");
    refused(bias_gelu(&matrix, &half), "different types");
    refused(bias_gelu(&odd, &numbers(3, &[6], Kind::Float)), "not whole vectors");
    refused(bias_gelu(&vector, &vector), "expected a matrix");
    refused(bias_gelu(&matrix.to_kind(Kind::Double), &vector.to_kind(Kind::Double)), "no code for");
    refused(summed_norm(&matrix, Some(&narrow), None, norm(&vector, &vector)), "rows of 32 and of 64");
    refused(summed_norm(&matrix, Some(&matrix.narrow(0, 0, 2)), None, norm(&vector, &vector)), "different numbers of rows");
    refused(summed_norm(&numbers(1, &[1, 2_052], Kind::Float), None, None, norm(&vector, &vector)), "too long");
    let [one, two] = [1, 2].map(|length| Tensor::zeros([length], (Kind::Int64, Device::Cpu)));
    refused(embedding_norm([&matrix, &one], [&matrix, &one], &vector, norm(&vector, &vector)), "int32");
    refused(cross_entropy(&matrix, &two, 64), "int32");
    refused(cross_entropy(&matrix, &Tensor::from_slice(&[0, 0]), 64), "2 labels for 3 rows");
    refused(cross_entropy(&matrix, &Tensor::from_slice(&[0, 0, 0]), 65), "65 valid columns of 64");
}
