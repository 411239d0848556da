//! Every type of model, and runs that begin from a model directory.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use safetensors::{SafeTensors, tensor::TensorView};
use serde_json::Value;
use tempfile::TempDir;
use trainer::{
    checkpoint::{self, State},
    data::micro_batch::AttentionScope,
    device::DeviceChoice,
    error::Error,
    evaluate::{self, EvaluateOptions, Report},
    export::{self, Weights},
    model::{config::ModelType, parameters::parameter_specs, pretrained::load_model},
    train,
};

use crate::{
    shards::{VOCAB_SIZE, numbered_row, numbered_shards},
    training::{tiny_config, torch_generator},
};

const TYPES: [(&str, &str); 4] = [
    ("roberta", "RobertaForMaskedLM"),
    ("camembert", "CamembertForMaskedLM"),
    ("xlm-roberta", "XLMRobertaForMaskedLM"),
    ("bert", "BertForMaskedLM"),
];

/// Name, shape, and the bytes of fp32 numbers.
type NamedTensor = (String, Vec<usize>, Vec<u8>);

/// Shards, and a folder for runs and models.
struct Bench {
    shards: TempDir,
    work: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { shards: numbered_shards(&[24], 8), work: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// Trains a tiny model and exports it: the model directory, and what the checkpoint says.
    fn train(&self, name: &str, overrides: &[&str]) -> Result<(PathBuf, State), Error> {
        let config = tiny_config(self.shards.path(), &self.path(name), overrides);
        let outcome = train::run(&config, false, &AtomicBool::new(false))?;
        let model = self.path(&format!("{name}-model"));
        export::run(&outcome.last_checkpoint, &model, Weights::Last)?;
        Ok((model, checkpoint::open(&outcome.last_checkpoint)?.state))
    }

    /// The same, from a model directory and without a step.
    fn from(&self, model: &Path, overrides: &[&str]) -> Result<(PathBuf, State), Error> {
        let name = format!("run-{}", fs::read_dir(self.work.path()).expect("the folder").count());
        let init_from = format!("train.init_from={:?}", model.display().to_string());
        self.train(&name, &[&["train.steps=0", init_from.as_str()], overrides].concat())
    }

    /// A copy of a model directory with other tensors: `change` gets each name, shape and bytes, and returns what is written, if anything.
    fn altered(&self, model: &Path, name: &str, change: impl Fn(&str, &[usize], &[u8]) -> Option<NamedTensor>) -> PathBuf {
        let copy = self.path(name);
        copy_folder(model, &copy);
        let bytes = fs::read(model.join("model.safetensors")).expect("weights");
        let tensors: Vec<_> = SafeTensors::deserialize(&bytes)
            .expect("weights")
            .tensors()
            .into_iter()
            .filter_map(|(name, view)| change(&name, view.shape(), view.data()))
            .collect();
        let views: HashMap<&str, TensorView> = tensors
            .iter()
            .map(|(name, shape, bytes)| {
                (name.as_str(), TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).expect("a sound tensor"))
            })
            .collect();
        safetensors::serialize_to_file(views, None, &copy.join("model.safetensors")).expect("written");
        copy
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a new folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
}

fn weights(model: &Path) -> Vec<u8> {
    fs::read(model.join("model.safetensors")).expect("weights")
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("a text");
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).expect("written");
}

#[test]
fn every_type_trains_and_is_exported_under_its_own_names() {
    let _generator = torch_generator();
    let bench = Bench::new();
    for (model_type, architecture) in TYPES {
        let (model, state) = bench.train(model_type, &["train.steps=2", &format!("model.model_type={model_type}")]).expect("a run");
        let config = fs::read_to_string(model.join("config.json")).expect("a config");
        assert!(
            config.contains(&format!("\"{architecture}\"")) && config.contains(&format!("\"model_type\": \"{model_type}\"")),
            "{config}"
        );
        let is_bert = model_type == "bert";
        assert_eq!(state.model.model_type == ModelType::Bert, is_bert);
        assert_eq!((state.model.type_vocab_size, state.model.first_position_id()), if is_bert { (2, 0) } else { (1, 2) });
        let specs = parameter_specs(&state.model);
        let (encoder, head) = if is_bert { ("bert.", "cls.predictions.") } else { ("roberta.", "lm_head.") };
        assert!(specs.iter().all(|spec| spec.name.starts_with(encoder) || spec.name.starts_with(head)));
        let card = fs::read_to_string(model.join("README.md")).expect("a card");
        assert!(card.contains(architecture) && card.contains("| Begun from | random weights |"), "{card}");
        load_model(&model, tch::Device::Cpu).expect("our own model");
    }
}

#[test]
fn a_model_comes_out_as_it_went_in() {
    let _generator = torch_generator();
    let bench = Bench::new();
    for (model_type, _) in TYPES {
        let (model, _) = bench.train(model_type, &["train.steps=1", &format!("model.model_type={model_type}")]).expect("a run");
        let (again, state) = bench.from(&model, &[]).expect("a run from a model");
        assert!(weights(&model) == weights(&again), "{model_type}: the weights differ");
        assert_eq!(fs::read(model.join("config.json")).expect("a config"), fs::read(again.join("config.json")).expect("a config"));
        let origin = state.origin.expect("the checkpoint says where the run began");
        assert_eq!((origin.directory, origin.notes), (model.clone(), Vec::new()));
        let card = fs::read_to_string(again.join("README.md")).expect("a card");
        assert!(card.contains(&origin.files[0].xxh3.to_string()) && !card.contains(&model.display().to_string()), "{card}");
    }
}

#[test]
fn a_run_from_a_model_resumes_without_it() {
    let _generator = torch_generator();
    let bench = Bench::new();
    let (model, _) = bench.train("start", &["train.steps=1", "model.model_type=bert"]).expect("a run");
    let init_from = format!("train.init_from={:?}", model.display().to_string());
    let config = |steps: &str| tiny_config(bench.shards.path(), &bench.path("continued"), &[&init_from, steps]);
    train::run(&config("train.steps=1"), false, &AtomicBool::new(false)).expect("a run from a model");
    fs::remove_dir_all(&model).expect("removed");
    let outcome = train::run(&config("train.steps=2"), true, &AtomicBool::new(false)).expect("a resumed run");
    let state = checkpoint::open(&outcome.last_checkpoint).expect("a checkpoint").state;
    assert_eq!((state.step, state.model.model_type), (2, ModelType::Bert));
    assert_eq!(state.origin.map(|origin| origin.directory), Some(model));
}

#[test]
fn files_of_older_and_other_classes_are_understood() {
    let _generator = torch_generator();
    let bench = Bench::new();
    let (model, _) = bench.train("start", &["train.steps=1"]).expect("a run");
    let same = |shape: &[usize], bytes: &[u8], name: String| Some((name, shape.to_vec(), bytes.to_vec()));

    let old_names = bench.altered(&model, "old", |name, shape, bytes| {
        let name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
        same(shape, bytes, name.trim_start_matches("roberta.").to_owned())
    });
    let (again, _) = bench.from(&old_names, &[]).expect("a run from old names");
    assert!(weights(&model) == weights(&again));

    let headless = bench.altered(&model, "headless", |name, shape, bytes| {
        same(shape, bytes, if name == "lm_head.bias" { "pooler.dense.bias".into() } else { name.to_owned() })
            .filter(|_| name == "lm_head.bias" || !name.starts_with("lm_head."))
    });
    let (_, state) = bench.from(&headless, &[]).expect("a run from an encoder");
    let notes = state.origin.expect("an origin").notes;
    assert!(notes.iter().any(|note| note == "left out, as they are no part of the model: pooler.dense.bias"), "{notes:?}");
    assert!(notes.iter().any(|note| note.starts_with("the head for masked language modelling is new")), "{notes:?}");
    let error = load_model(&headless, tch::Device::Cpu).expect_err("no head").to_string();
    assert!(error.contains("tensor lm_head.dense.weight is missing"), "{error}");

    let untied = bench.altered(&model, "untied", |name, shape, bytes| match name {
        "lm_head.bias" => Some(("lm_head.decoder.bias".into(), shape.to_vec(), bytes.to_vec())),
        _ => same(shape, bytes, name.to_owned()),
    });
    let (again, _) = bench.from(&untied, &[]).expect("the bias under its other name");
    assert!(weights(&model) == weights(&again));
}

#[test]
fn new_vocabulary_entries_get_rows_near_the_mean() {
    let _generator = torch_generator();
    let bench = Bench::new();
    let (model, _) = bench.train("start", &["train.steps=1"]).expect("a run");
    let old_rows = VOCAB_SIZE - 10;
    let smaller = bench.altered(&model, "smaller", |name, shape, bytes| {
        let (mut shape, mut bytes) = (shape.to_vec(), bytes.to_vec());
        if shape[0] == VOCAB_SIZE {
            bytes.truncate(bytes.len() / VOCAB_SIZE * old_rows);
            shape[0] = old_rows;
        }
        Some((name.to_owned(), shape, bytes))
    });
    edit(&smaller.join("config.json"), "\"vocab_size\": 400", "\"vocab_size\": 390");
    fs::remove_file(smaller.join("tokenizer.json")).expect("removed");
    let (grown, state) = bench.from(&smaller, &[]).expect("a run from a smaller vocabulary");
    let notes = state.origin.expect("an origin").notes;
    assert!(notes[0].contains("has no tokenizer.json") && notes[1].starts_with("vocabulary entries 390 to 399 are new"), "{notes:?}");

    let table = |model: &Path, name: &str| {
        let bytes = weights(model);
        let file = SafeTensors::deserialize(&bytes).expect("weights");
        let view = file.tensor(name).expect("a tensor");
        view.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four bytes"))).collect::<Vec<f32>>()
    };
    let [old, new] = [&smaller, &grown].map(|model| table(model, "roberta.embeddings.word_embeddings.weight"));
    assert_eq!(old[..], new[..old.len()], "the old rows stay");
    let hidden = old.len() / old_rows;
    for row in new[old.len()..].chunks(hidden) {
        for (column, value) in row.iter().enumerate() {
            let values: Vec<f32> = old.iter().skip(column).step_by(hidden).copied().collect();
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            let spread = (values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt();
            assert!((value - mean).abs() < 0.6 * spread, "column {column}: {value}, mean {mean}, standard deviation {spread}");
        }
    }
    let (again, _) = bench.from(&smaller, &[]).expect("the same again");
    assert!(weights(&grown) == weights(&again), "the seed decides the noise");
    let (other, _) = bench.from(&smaller, &["train.seed=2"]).expect("another seed");
    assert!(weights(&grown) != weights(&other));
}

#[test]
fn a_model_that_does_not_fit_is_refused_in_one_line() {
    let _generator = torch_generator();
    let bench = Bench::new();
    let (model, _) = bench.train("start", &["train.steps=1"]).expect("a run");
    let check = |model: &Path, overrides: &[&str], expected: &str| {
        let error = bench.from(model, overrides).expect_err("a model that does not fit").to_string();
        assert!(error.contains(expected), "{error}");
    };
    let config = format!("as in {}", model.join("config.json").display());
    check(&model, &["model.hidden_size=64"], &format!("model.hidden_size = 64: expected 32, {config}"));
    check(&model, &["model.model_type=bert"], &format!("model.model_type = bert: expected roberta, {config}"));
    check(&model, &["model.vocab_size=7"], "model.vocab_size = 7: expected 400, as in the shards' manifest");
    check(Path::new("no/such/model"), &[], "no/such/model: expected a model directory, found no config.json");

    let change = |name: &str, file: &str, from: &str, to: &str| {
        let copy = bench.path(name);
        copy_folder(&model, &copy);
        edit(&copy.join(file), from, to);
        copy
    };
    let padding = change("padding", "config.json", "\"pad_token_id\": 1", "\"pad_token_id\": 0");
    check(&padding, &[], "config.json: expected pad_token_id 1, as in the shards' manifest, found 0");
    let pieces = change("pieces", "tokenizer.json", "▁p10\"", "▁q10\"");
    check(&pieces, &[], "expected piece \"▁q10\" at id 10");
    check(&pieces, &[], "found no such piece (1 of 400 pieces differ); build the shards with the model's tokenizer");
    let torn = bench.altered(&model, "torn", |name, shape, bytes| {
        (!name.contains("layer.1.output.dense.weight")).then(|| (name.to_owned(), shape.to_vec(), bytes.to_vec()))
    });
    check(&torn, &[], "found tensor roberta.encoder.layer.1.output.dense.weight is missing");
    let untied = bench.altered(&model, "untied", |name, shape, bytes| match name {
        "roberta.embeddings.position_embeddings.weight" => Some(("lm_head.decoder.weight".into(), shape.to_vec(), bytes.to_vec())),
        _ => Some((name.to_owned(), shape.to_vec(), bytes.to_vec())),
    });
    check(&untied, &[], "expected lm_head.decoder.weight equal to roberta.embeddings.word_embeddings.weight");
    fs::remove_file(untied.join("model.safetensors")).expect("removed");
    check(&untied, &[], "expected model.safetensors, model.safetensors.index.json, pytorch_model.bin or pytorch_model.bin.index.json");
    fs::write(untied.join("model.safetensors.index.json"), r#"{"weight_map": {"a": "../a.safetensors"}}"#).expect("written");
    check(&untied, &[], "expected files of the same folder, found ../a.safetensors");
}

#[test]
fn an_evaluation_writes_down_what_it_evaluated() {
    let _generator = torch_generator();
    let bench = Bench::new();
    let (model, _) = bench.train("start", &["train.steps=1", "model.model_type=bert"]).expect("a run");
    for attention in [AttentionScope::Document, AttentionScope::Sequence] {
        let dump = bench.path("rows.jsonl");
        let options = EvaluateOptions {
            model: model.clone(),
            shards: bench.shards.path().to_owned(),
            rows: Some(9),
            micro_batch_size: 4,
            attention,
            device: DeviceChoice::Cpu,
            dump_rows: Some(dump.clone()),
        };
        let Report { whole, parts } = evaluate::run(&options).expect("an evaluation");
        let segments: Vec<Value> =
            fs::read_to_string(dump).expect("rows").lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect();
        let list = |segment: &Value, field: &str| segment[field].as_array().expect("a list").clone();
        let total = |field: &str| segments.iter().map(|segment| list(segment, field).len() as u64).sum::<u64>();
        assert_eq!(
            (total("input_ids"), total("masked_positions"), total("labels")),
            (whole.tokens, whole.masked_tokens, whole.masked_tokens)
        );
        let mut row_before = None;
        for segment in &segments {
            // The tests' rows tell what stood where before it was masked. A second line of a row is its second segment.
            let row = segment["row"].as_u64();
            let pieces = numbered_row(row.expect("a number"));
            let original = match attention {
                AttentionScope::Document => pieces[usize::from(row == row_before)].clone(),
                AttentionScope::Sequence => pieces.concat(),
            };
            row_before = row;
            assert_eq!(list(segment, "input_ids").len(), original.len());
            assert_eq!(list(segment, "document_ids").len(), if attention == AttentionScope::Sequence { pieces.len() } else { 1 });
            for (position, label) in list(segment, "masked_positions").iter().zip(list(segment, "labels")) {
                assert_eq!(Value::from(original[position.as_u64().expect("a position") as usize]), label, "{segment}");
            }
        }
        let sums = parts.segment_lengths.iter().fold((0, 0), |sums, part| (sums.0 + part.tokens, sums.1 + part.masked_tokens));
        assert_eq!(sums, (whole.tokens, whole.masked_tokens));
        assert_eq!(parts.sources, None, "the tests' shards have no documents.parquet");
    }
}
