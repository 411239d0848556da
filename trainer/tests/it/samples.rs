//! Which rows come when, and what a micro-batch holds.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use trainer::{
    data::{
        dataset::ShardDirectory,
        loader::Loader,
        masking::MaskingShares,
        micro_batch::{AttentionScope, MicroBatch},
        samples::{EvaluationSamples, LateMasking, LengthWarmup, Samples, TrainingOptions, TrainingSamples},
    },
    error::Error,
};

use crate::shards::{MASK, numbered_shards, rows_of};

fn options() -> TrainingOptions {
    TrainingOptions {
        seed: 7,
        held_out_rows: 13,
        micro_batch_size: 5,
        skipped_rows: 0,
        masking: MaskingShares::of_bert(0.15),
        late_masking: None,
        length_warmup: None,
        starts_word: None,
        scope: AttentionScope::Sequence,
    }
}

fn open(path: &Path) -> Arc<ShardDirectory> {
    Arc::new(ShardDirectory::open(path).expect("a sound directory"))
}

fn load(samples: &Arc<TrainingSamples>, numbers: std::ops::Range<u64>, threads: usize, prefetch: usize) -> Vec<MicroBatch> {
    Loader::start(samples, numbers, threads, prefetch).collect::<Result<_, _>>().expect("sound shards")
}

#[test]
fn rows_that_are_passed_over_shift_the_stream_and_not_what_is_done_with_a_sample() {
    let directory = numbered_shards(&[150, 33, 217], 4);
    let late_masking = Some(LateMasking { first_sample: 400, probability: 0.9 });
    let shifted = TrainingOptions { skipped_rows: 15, late_masking, ..options() };
    let [plain, shifted] = [options(), shifted].map(|options| Arc::new(TrainingSamples::new(open(directory.path()), options)));
    assert!((shifted.epochs_before(372) - 1.0).abs() < 1e-12);
    for (expected, found) in load(&plain, 3..103, 2, 4).into_iter().zip(load(&shifted, 0..100, 2, 4)) {
        if found.first_sample < 400 {
            assert_eq!(MicroBatch { first_sample: found.first_sample, ..expected }, found);
        } else {
            assert_eq!(rows_of(&expected), rows_of(&found));
            assert!(found.num_masked() > 2 * expected.num_masked());
        }
    }
}

#[test]
fn every_training_row_comes_once_an_epoch_and_held_out_rows_never() {
    // Row groups of 4, so windows of 64 rows; epochs of 387 rows end within batches of 5.
    let directory = numbered_shards(&[150, 33, 217], 4);
    let samples = Arc::new(TrainingSamples::new(open(directory.path()), options()));
    assert_eq!(samples.rows_per_epoch(), 387);
    let rows: Vec<u64> = load(&samples, 0..387, 2, 4).iter().flat_map(rows_of).collect();
    let held_out = EvaluationSamples::new(open(directory.path()), 13, 5, AttentionScope::Sequence);
    let held_out: Vec<u64> = (0..3).flat_map(|number| rows_of(&held_out.micro_batch(number).expect("sound shards"))).collect();
    assert_eq!(held_out.len(), 13);
    for epoch in rows.chunks(387) {
        let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
        for &row in epoch {
            *counts.entry(row).or_default() += 1;
        }
        assert_eq!(counts.len(), 387);
        assert!(counts.iter().all(|(row, &count)| count == 1 && !held_out.contains(row)));
    }
    assert_ne!(rows[..387], rows[387..2 * 387], "epochs have different orders");
}

#[test]
fn threads_prefetching_and_resuming_do_not_change_a_batch() {
    let directory = numbered_shards(&[100, 70], 6);
    let samples = || Arc::new(TrainingSamples::new(open(directory.path()), options()));
    let expected = load(&samples(), 0..80, 1, 1);
    for (threads, prefetch) in [(1, 7), (3, 2), (4, 16)] {
        assert_eq!(load(&samples(), 0..80, threads, prefetch), expected, "{threads} threads, {prefetch} ahead");
    }
    for start in [1, 30, 31, 32, 79] {
        assert_eq!(load(&samples(), start..80, 2, 4), expected[start as usize..], "from {start}");
    }
}

#[test]
fn the_micro_batch_size_does_not_change_the_stream() {
    let directory = numbered_shards(&[64], 8);
    let ids = |micro_batch_size: u64| -> Vec<i32> {
        let samples = Arc::new(TrainingSamples::new(open(directory.path()), TrainingOptions { micro_batch_size, ..options() }));
        load(&samples, 0..120 / micro_batch_size, 1, 2).iter().flat_map(|batch| batch.input_ids.clone()).collect()
    };
    assert_eq!(ids(1), ids(8));
    assert_eq!(ids(8), ids(60));
}

#[test]
fn a_row_is_masked_anew_in_every_epoch() {
    let directory = numbered_shards(&[1], 1);
    let samples = TrainingSamples::new(open(directory.path()), TrainingOptions { held_out_rows: 0, micro_batch_size: 1, ..options() });
    let batches: Vec<MicroBatch> = (0..20).map(|epoch| samples.micro_batch(epoch).expect("sound shards")).collect();
    let mut masked: Vec<_> = batches.iter().map(|batch| &batch.masked_positions).collect();
    masked.sort();
    masked.dedup();
    assert!(masked.len() > 2, "20 epochs gave {} masks", masked.len());
}

#[test]
fn the_mask_changes_at_one_sample_and_the_rows_do_not() {
    let directory = numbered_shards(&[64], 8);
    let late_masking = Some(LateMasking { first_sample: 33, probability: 0.5 });
    let [usual, changed] = [None, late_masking].map(|late_masking| {
        let samples = TrainingSamples::new(open(directory.path()), TrainingOptions { micro_batch_size: 1, late_masking, ..options() });
        (0..50).map(|number| samples.micro_batch(number).expect("sound shards")).collect::<Vec<_>>()
    });
    assert_eq!(usual[..33], changed[..33]);
    for (usual, changed) in usual[33..].iter().zip(&changed[33..]) {
        assert_eq!(rows_of(usual), rows_of(changed));
        let num_special = 2 * if rows_of(usual)[0].is_multiple_of(3) { 1 } else { 2 };
        assert_eq!(changed.num_masked(), (0.5 * (changed.num_tokens() - num_special) as f64).round() as usize);
    }
}

#[test]
fn in_the_warm_up_of_lengths_segments_are_cut_and_nothing_else_changes() {
    let directory = numbered_shards(&[64], 8);
    for scope in [AttentionScope::Document, AttentionScope::Sequence] {
        let [whole, cut] = [None, Some(LengthWarmup { first_length: 2, end_sample: 40 })].map(|length_warmup| {
            let options = TrainingOptions { micro_batch_size: 1, length_warmup, scope, ..options() };
            let samples = TrainingSamples::new(open(directory.path()), options);
            (0..50).map(|number| samples.micro_batch(number).expect("sound shards")).collect::<Vec<_>>()
        });
        assert_eq!(whole[40..], cut[40..]);
        let max_seq_len = ShardDirectory::open(directory.path()).expect("a sound directory").manifest().max_seq_len as i64;
        for (sample, (whole, cut)) in whole.iter().zip(&cut).enumerate() {
            let limit = 2 + (max_seq_len - 2) * sample.min(40) as i64 / 40;
            let expected: Vec<i64> = whole
                .segment_lengths
                .iter()
                .flat_map(|&length| (0..length).step_by(limit as usize).map(move |start| limit.min(length - start)))
                .collect();
            assert_eq!(cut.segment_lengths, expected);
            assert_eq!(cut.positions, expected.iter().flat_map(|&length| 0..length as i32).collect::<Vec<_>>());
            let positions = whole.positions.clone();
            assert_eq!(MicroBatch { segment_lengths: whole.segment_lengths.clone(), positions, ..cut.clone() }, *whole);
        }
        assert!(cut[0].segment_lengths.len() > whole[0].segment_lengths.len());
    }
}

#[test]
fn positions_and_segments_follow_the_scope_of_attention() {
    let directory = numbered_shards(&[40], 8);
    for scope in [AttentionScope::Document, AttentionScope::Sequence] {
        let samples = TrainingSamples::new(open(directory.path()), TrainingOptions { scope, ..options() });
        let batch = samples.micro_batch(2).expect("sound shards");
        let expected: Vec<i32> = batch.segment_lengths.iter().flat_map(|&length| 0..length as i32).collect();
        assert_eq!(batch.positions, expected);
        assert_eq!(batch.positions.len(), batch.input_ids.len());
        match scope {
            AttentionScope::Sequence => assert_eq!(batch.segment_lengths.len(), 5),
            AttentionScope::Document => assert!(batch.segment_lengths.len() > 5),
        }
    }
}

#[test]
fn whole_words_use_the_same_exact_count() {
    let directory = numbered_shards(&[40], 8);
    // As in the tests' tokenizer: even ids start a word.
    let starts_word = (0..crate::shards::VOCAB_SIZE).map(|id| id % 2 == 0).collect();
    let pieces = TrainingSamples::new(open(directory.path()), options());
    let words = TrainingSamples::new(open(directory.path()), TrainingOptions { starts_word: Some(starts_word), ..options() });
    for number in 0..8 {
        let [pieces, words] = [&pieces, &words].map(|samples| samples.micro_batch(number).expect("sound shards"));
        assert_eq!(pieces.num_masked(), words.num_masked());
        assert_eq!(rows_of(&pieces), rows_of(&words));
    }
}

#[test]
fn an_evaluation_is_the_same_every_time_and_covers_every_row() {
    let directory = numbered_shards(&[30, 31], 7);
    let batches = |micro_batch_size| -> Vec<MicroBatch> {
        let samples = Arc::new(EvaluationSamples::new(open(directory.path()), 61, micro_batch_size, AttentionScope::Sequence));
        Loader::start(&samples, 0..samples.num_micro_batches(), 2, 3).collect::<Result<_, _>>().expect("sound shards")
    };
    assert_eq!(batches(8).iter().flat_map(rows_of).collect::<Vec<_>>(), (0..61).collect::<Vec<_>>());
    let ids = |batches: Vec<MicroBatch>| batches.into_iter().flat_map(|batch| batch.input_ids).collect::<Vec<_>>();
    assert!(ids(batches(8)).contains(&i32::from(MASK)));
    assert_eq!(ids(batches(8)), ids(batches(3)));
}

#[test]
fn a_damaged_shard_is_an_error_at_the_consumer_and_ends_the_threads() {
    let directory = numbered_shards(&[60], 6);
    let samples = Arc::new(TrainingSamples::new(open(directory.path()), options()));
    let shard = directory.path().join("shard-00000.parquet");
    fs::write(&shard, &fs::read(&shard).expect("a shard")[..100]).expect("the folder can be written");
    let mut loader = Loader::start(&samples, 0..100, 3, 8);
    let error = loader.next().expect("a result").expect_err("the shard is torn");
    assert!(error.to_string().contains("shard-00000.parquet"), "{error}");
    drop(loader);
}

#[test]
fn a_directory_that_contradicts_its_manifest_is_refused() {
    let check = |damage: &dyn Fn(&Path), expected: &str| {
        let directory = numbered_shards(&[10, 12], 6);
        damage(directory.path());
        let error = ShardDirectory::open(directory.path()).err().expect("a damaged directory");
        let chain = format!("{error} {}", std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default());
        assert!(chain.contains(expected), "{chain}");
        assert_eq!(error.exit_code(), 1);
    };
    check(&|path| fs::remove_file(path.join("manifest.json")).expect("removed"), "manifest.json");
    check(&|path| fs::remove_file(path.join("shard-00001.parquet")).expect("removed"), "shard-00001.parquet");
    check(
        &|path| {
            fs::copy(path.join("shard-00000.parquet"), path.join("shard-00001.parquet")).expect("copied");
        },
        "expected 12 rows, as the manifest says, found 10",
    );
    check(&|path| fs::write(path.join("tokenizer/tokenizer.json"), "{}").expect("written"), "tokenizer.json: expected hash");
    let altered = |path: &Path| {
        let manifest = path.join("manifest.json");
        let text = fs::read_to_string(&manifest).expect("a manifest");
        fs::write(manifest, text.replace("\"rows\": 10", "\"rows\": 11")).expect("written");
    };
    check(&altered, "it was altered: its own hash is");
}

#[test]
fn a_missing_directory_is_named() {
    let error = ShardDirectory::open(Path::new("no/such/shards")).err().expect("there is none");
    assert!(matches!(error, Error::BadFile { .. }) && error.to_string().contains("no/such/shards"), "{error}");
}
