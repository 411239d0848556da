//! One thread's speed in each stage, in bytes of the text that the stage is given.
//!
//! Reads every `.txt.zst` in the folder `DRBERT_CORPUS/medical` (default: `shared/corpus` beside the repository); without it, a text of its own making, on
//! which the caches do better than on real text.

use std::{
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pipeline::{
    clean::{CleanCounts, Cleaner},
    config::{Config, DocumentUnit, PrivacyLevel},
    dedup::{Deduplicator, FeatureExtractor, Features, Lists},
    letters::shingles,
    pack::{Frame, Packer},
    read::{Resolved, read_chunks},
    tokenize::{Algorithm, Encoder, TrainedTokenizer, WordCounts},
    write::ShardWriter,
};
use schemas::{documents::Verdict, hash::ContentHash};
use tempfile::TempDir;

const VOCAB_SIZE: usize = 32_000;

fn corpus() -> Option<String> {
    let root =
        std::env::var_os("DRBERT_CORPUS").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), PathBuf::from);
    let mut files: Vec<PathBuf> = fs::read_dir(root.join("medical")).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let text = files.into_iter().filter_map(|path| zstd::decode_all(fs::File::open(path).ok()?).ok()).collect::<Vec<_>>().concat();
    Some(String::from_utf8_lossy(&text).into_owned()).filter(|text| !text.is_empty())
}

fn made_up() -> String {
    let line = |number: u32| {
        let (weeks, dose) = (number % 97, number * 7919 % 1013);
        format!(
            "Patient n° {number} : toux grasse depuis {weeks} semaines, fièvre à 38,5 °C, traité par amoxicilline {dose} mg/j et surveillé à domicile.\n"
        )
    };
    (0..100_000).map(line).collect()
}

fn config() -> Config {
    let mut config = Config::default();
    config.input.document = DocumentUnit::Line;
    config
}

fn clean(cleaner: &mut Cleaner, text: &str, out: &mut String) -> Vec<std::ops::Range<usize>> {
    out.clear();
    let mut counts = CleanCounts::default();
    let mut kept = Vec::new();
    for line in text.lines() {
        let start = out.len();
        if cleaner.clean_into(line, out, &mut counts) == Verdict::Keep {
            kept.push(start..out.len());
        }
    }
    kept
}

fn stages(criterion: &mut Criterion) {
    let text = corpus().unwrap_or_else(made_up);
    let folder = TempDir::new().expect("a scratch folder");
    let config = config();
    let mut group = criterion.benchmark_group("stage");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4));
    group.throughput(Throughput::Bytes(text.len() as u64));

    let file = folder.path().join("text.txt");
    fs::write(&file, &text).expect("writes");
    let inputs = Resolved::of(&[file.to_string_lossy().into_owned()], None).expect("is there").inputs;
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let mut records = 0;
            let mut count = |chunk: pipeline::read::Chunk| {
                chunk.for_each_record(&mut |record| records += usize::from(black_box(record).text.is_ok()));
                Some(Vec::new())
            };
            read_chunks(&inputs[0], 0, &config.input, &Arc::default(), &mut count).expect("reads");
            records
        });
    });

    let (mut out, mut settings) = (String::new(), config.clean.clone());
    group.bench_function("clean", |bencher| {
        let mut cleaner = Cleaner::new(&config.clean);
        bencher.iter(|| clean(&mut cleaner, &text, &mut out).len());
    });
    settings.privacy.level = PrivacyLevel::Off;
    group.bench_function("clean, privacy off", |bencher| {
        let mut cleaner = Cleaner::new(&settings);
        bencher.iter(|| clean(&mut cleaner, &text, &mut out).len());
    });
    (settings.quality.enabled, settings.language) = (false, "any".into());
    group.bench_function("clean, mending alone", |bencher| {
        let mut cleaner = Cleaner::new(&settings);
        bencher.iter(|| clean(&mut cleaner, &text, &mut out).len());
    });

    let kept = clean(&mut Cleaner::new(&config.clean), &text, &mut out);
    let documents: Vec<&str> = kept.into_iter().map(|range| &out[range]).collect();
    group.throughput(Throughput::Bytes(documents.iter().map(|document| document.len() as u64).sum()));
    let mut extractor = FeatureExtractor::new(&config.dedup);
    let mut lists = Lists::default();
    group.bench_function("features for deduplication", |bencher| {
        bencher.iter(|| {
            lists.clear();
            for document in &documents {
                black_box(extract(&mut extractor, document, &mut lists));
            }
        });
    });
    group.bench_function("deduplication", |bencher| {
        lists.clear();
        let features: Vec<_> = documents.iter().map(|document| extract(&mut extractor, document, &mut lists)).collect();
        bencher.iter_batched(
            || (features.clone(), Deduplicator::create(&config.dedup, &folder.path().join("dedup")).expect("creates")),
            |(features, mut deduplicator)| {
                for (features, id) in features.into_iter().zip(0..) {
                    black_box(deduplicator.judge(id, features, &lists).expect("judges"));
                }
                deduplicator
            },
            BatchSize::PerIteration,
        );
    });

    tokens(&mut group, &documents, &folder);
    group.finish();
}

fn extract(extractor: &mut FeatureExtractor, document: &str, lists: &mut Lists) -> Features {
    extractor.extract(document, ContentHash::of(document.as_bytes()), &shingles(document), lists)
}

/// The stages from clean documents on.
fn tokens(group: &mut BenchmarkGroup<'_, WallTime>, documents: &[&str], folder: &TempDir) {
    let config = config();
    let mut counts = WordCounts::default();
    for document in documents {
        counts.add(document);
    }
    let tokenizer = folder.path().join("tokenizer");
    TrainedTokenizer::train(Algorithm::Bpe, VOCAB_SIZE, counts).expect("trains").save(&tokenizer).expect("saves");
    let encoder = Encoder::from_dir(&tokenizer).expect("loads");
    let encode = |encoder: &mut Encoder, ids: &mut Vec<u32>| {
        ids.clear();
        for document in documents {
            encoder.encode_into(document, ids);
        }
    };
    let mut ids = Vec::new();
    group.bench_function("tokenize, cold", |bencher| {
        bencher.iter_batched(|| encoder.clone(), |mut encoder| encode(&mut encoder, &mut ids), BatchSize::PerIteration);
    });
    group.bench_function("tokenize, warm", |bencher| {
        let mut encoder = encoder.clone();
        bencher.iter(|| encode(&mut encoder, &mut ids));
    });

    let mut encoder = encoder.clone();
    let encoded: Vec<Vec<u32>> = documents
        .iter()
        .map(|document| {
            let mut ids = Vec::new();
            encoder.encode_into(document, &mut ids);
            ids
        })
        .collect();
    group.throughput(Throughput::Elements(encoded.iter().map(|ids| ids.len() as u64).sum()));
    let special = encoder.special_tokens();
    let pack = || {
        let mut packer = Packer::new(&config.pack, Frame { bos: special.bos, eos: special.eos });
        let mut rows = Vec::new();
        for (ids, id) in encoded.iter().zip(0..) {
            packer.push(id, ids, &mut rows);
        }
        packer.finish(&mut rows);
        rows
    };
    group.bench_function("pack", |bencher| bencher.iter(|| pack().len()));
    let rows = pack();
    group.bench_function("write", |bencher| {
        bencher.iter_batched(
            || (rows.clone(), TempDir::new().expect("a scratch folder")),
            |(rows, folder)| {
                let mut writer = ShardWriter::new(folder.path().into(), encoder.vocab_size(), &config.write, Vec::new()).expect("creates");
                rows.into_iter().try_for_each(|row| writer.push(row)).expect("writes");
                (writer.finish().expect("writes"), folder)
            },
            BatchSize::PerIteration,
        );
    });

    let shards = folder.path().join("shards");
    fs::create_dir(&shards).expect("creates");
    let mut writer = ShardWriter::new(shards.clone(), encoder.vocab_size(), &config.write, Vec::new()).expect("creates");
    rows.into_iter().try_for_each(|row| writer.push(row)).expect("writes");
    let written = writer.finish().expect("writes");
    group.bench_function("read shards, with arrow-rs", |bencher| {
        bencher.iter(|| {
            let mut values = 0;
            for shard in &written {
                let file = fs::File::open(shards.join(&shard.file)).expect("opens");
                let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("reads").with_batch_size(1024).build().expect("reads");
                values += reader.map(|batch| black_box(batch.expect("reads")).num_rows()).sum::<usize>();
            }
            values
        });
    });
}

criterion_group!(benches, stages);
criterion_main!(benches);
