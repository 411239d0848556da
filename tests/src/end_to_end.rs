//! Raw text → shards → a trained model, through the command lines alone.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
};

use tempfile::TempDir;

use crate::programs::{command, run, run_ok};

const DISEASES: [&str; 8] = ["pneumopathie", "fracture", "migraine", "bronchite", "gastrite", "anémie", "cystite", "phlébite"];
const SIGNS: [&str; 8] =
    ["une toux", "une douleur", "des céphalées", "une fièvre", "des brûlures", "une pâleur", "une dysurie", "un œdème"];

/// A folder with a little text, a tokenizer and the shards made of them.
struct Corpus {
    folder: TempDir,
}

impl Corpus {
    fn build() -> Self {
        let corpus = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        fs::write(corpus.folder.path().join("notes.txt"), notes(400)).expect("written");
        let text = corpus.path("notes.txt");
        run_ok("nachos", &["train-tokenizer", "--input", &text, "--output", &corpus.path("tokenizer"), "--vocab-size", "200"]);
        corpus.build_shards("shards", &[]);
        corpus
    }

    fn build_shards(&self, name: &str, more: &[&str]) {
        let (text, tokenizer, output) = (self.path("notes.txt"), self.path("tokenizer"), self.path(name));
        let arguments = ["build", "--input", &text, "--tokenizer", &tokenizer, "--output", &output, "--set", "pack.max_seq_len=64"];
        run_ok("nachos", &[&arguments, more].concat());
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

fn notes(count: usize) -> String {
    let note = |number: usize| {
        let disease = number * 5 % 8;
        format!(
            "Note {number}.\nLa patiente est atteinte d'une {}. Elle présente {} depuis {} jours.\n\n",
            DISEASES[disease],
            SIGNS[disease],
            number % 9 + 2
        )
    };
    (0..count).map(note).collect()
}

/// Every file below `folder` with its content, by its name in it.
pub(crate) fn contents_by_name(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let name = |path: &Path| path.strip_prefix(folder).expect("below").display().to_string();
    contents(folder).into_iter().map(|(path, bytes)| (name(&path), bytes)).collect()
}

/// Every file below `folder` with its content, by its path.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in folder.read_dir().expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.push((path.clone(), fs::read(&path).expect("readable")));
        }
    }
    found.sort();
    found
}

#[test]
fn the_main_job_ends_with_a_model_that_fills_the_mask() {
    let corpus = Corpus::build();
    run_ok("nachos", &["verify", &corpus.path("shards")]);
    let config = corpus.path("train.toml");
    let settings = format!(
        "[data]\nshards = {:?}\nmicro_batch_size = 8\nglobal_batch_size = 8\n\
         [model]\nhidden_size = 32\nnum_hidden_layers = 1\nnum_attention_heads = 2\nintermediate_size = 64\n\
         hidden_dropout_prob = 0.0\nattention_probs_dropout_prob = 0.0\n\
         [optimizer]\npeak_learning_rate = 0.01\n[schedule]\nwarmup_steps = 10\n\
         [train]\nsteps = 120\noutput = {:?}\ndevice = \"cpu\"\n[eval]\nrows = 8\n",
        corpus.path("shards"),
        corpus.path("run"),
    );
    fs::write(&config, settings).expect("written");
    run_ok("drbert", &["train", "--config", &config]);

    let losses = losses(&corpus.path("run/metrics.jsonl"));
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let tenth = losses.len() / 10;
    let (first, last) = (mean(&losses[..tenth]), mean(&losses[losses.len() - tenth..]));
    assert!(last < first / 2.0, "the loss went from {first} to {last}");

    let model = corpus.path("model");
    run_ok("drbert", &["export", &corpus.path("run/checkpoints/step-00000120"), "--output", &model]);
    let evaluation = run_ok("drbert", &["evaluate", "--model", &model, "--shards", &corpus.path("shards"), "--json"]);
    let evaluation: serde_json::Value = serde_json::from_str(&evaluation).expect("JSON");
    let ways = ways_of_decoding(&corpus);
    assert!(!ways.is_empty() && ways.iter().all(|line| line.ends_with("from its pages")), "{ways:?}");
    assert!(evaluation["loss"].as_f64().is_some_and(|loss| loss < first / 2.0), "{evaluation}");
    let answer = run_ok("drbert", &["fill-mask", "--model", &model, "La patiente est <mask> d'une migraine."]);
    assert!(answer.contains("atteinte") || answer.contains("at"), "{answer}");
}

/// What the loader says of how it decodes row groups: those that `nachos` writes should take the quick way.
fn ways_of_decoding(corpus: &Corpus) -> Vec<String> {
    let arguments = ["evaluate", "--model", &corpus.path("model"), "--shards", &corpus.path("shards")];
    let output = command("drbert").args(arguments).env("RUST_LOG", "debug").output().expect("the program starts");
    let log = String::from_utf8(output.stderr).expect("UTF-8");
    log.lines().filter(|line| line.contains("is decoded")).map(str::to_owned).collect()
}

/// The training losses in a `metrics.jsonl`.
fn losses(path: &str) -> Vec<f64> {
    let metrics = fs::read_to_string(path).expect("metrics");
    metrics.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["loss"].as_f64()).collect()
}

#[test]
fn the_directory_does_not_depend_on_threads_nor_on_how_often_it_is_built() {
    let corpus = Corpus::build();
    corpus.build_shards("again", &["--threads", "7"]);
    let found = |name: &str| contents_by_name(&corpus.folder.path().join(name));
    assert!(found("shards") == found("again"));
}

#[test]
fn standard_input_is_an_input_like_any_other() {
    let corpus = Corpus::build();
    let (tokenizer, output) = (corpus.path("tokenizer"), corpus.path("piped"));
    let arguments = ["build", "--input", "-", "--tokenizer", &tokenizer, "--output", &output, "--set", "pack.max_seq_len=64"];
    let mut child = command("nachos").args(arguments).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("starts");
    child.stdin.take().expect("a pipe").write_all(notes(400).as_bytes()).expect("taken");
    assert!(child.wait().expect("ends").success());
    let shard = |name: &str| fs::read(corpus.folder.path().join(name).join("shard-00000.parquet")).expect("a shard");
    assert!(shard("shards") == shard("piped"));
}

#[test]
fn a_text_that_one_source_leaves_out_is_taken_from_another() {
    let corpus = Corpus::build();
    let (text, copy) = (corpus.path("notes.txt"), corpus.path("copy.txt"));
    fs::copy(&text, &copy).expect("copied");
    let config = format!(
        "[[sources]]\nname = \"half\"\npaths = [{text:?}]\nweight = 0.5\n\n[[sources]]\nname = \"all\"\npaths = [{copy:?}]\n\n[dedup.near]\nenabled = false\n"
    );
    fs::write(corpus.path("sources.toml"), config).expect("written");
    let (tokenizer, shards) = (corpus.path("tokenizer"), corpus.path("both"));
    run_ok("nachos", &["build", "--config", &corpus.path("sources.toml"), "--tokenizer", &tokenizer, "--output", &shards]);
    let count = |what: &str| {
        let table = run_ok("nachos", &["inspect", &shards, "--sql", &format!("select count(*) from documents where {what}")]);
        table.lines().nth(1).and_then(|count| count.trim().parse::<u64>().ok()).expect("a number")
    };
    let left_out = count("verdict = 'sampled_out' and source_name = 'half'");
    assert!((100..300).contains(&left_out), "{left_out}");
    assert_eq!((count("verdict = 'keep'"), count("verdict = 'keep' and source_name = 'all'")), (400, left_out));
    assert_eq!(count("verdict = 'duplicate'"), 400 - left_out);
}

#[test]
fn what_the_tokenizer_does_not_know_is_counted_and_shown() {
    let corpus = Corpus::build();
    fs::write(corpus.path("notes.txt"), notes(40).replace("La patiente", "La patiente Ω")).expect("written");
    let (tokenizer, text, output) = (corpus.path("tokenizer"), corpus.path("notes.txt"), corpus.path("unknown"));
    let ended = run("nachos", &["build", "--input", &text, "--tokenizer", &tokenizer, "--output", &output]);
    assert!(ended.stderr.contains("% of the tokens are unknown to it") && ended.stderr.contains("of them unknown)"), "{}", ended.stderr);
    assert!(run_ok("nachos", &["inspect", &output, "--rows", "1"]).contains("La patiente <unk> est"));
    let manifest = fs::read(Path::new(&output).join("manifest.json")).expect("the manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    let kept = manifest["totals"]["verdicts"]["keep"].as_u64();
    assert_eq!(manifest["totals"]["pack"]["unknown_tokens"].as_u64(), kept);
    assert_eq!(manifest["totals"]["read"]["bytes"], manifest["totals"]["sources"][0]["bytes"]);
}

#[test]
fn verify_names_the_file_that_a_single_flipped_bit_is_in() {
    let corpus = Corpus::build();
    let shards = corpus.path("shards");
    for (path, original) in contents(Path::new(&shards)) {
        let mut altered = original.clone();
        let middle = altered.len() / 2;
        altered[middle] ^= 1;
        fs::write(&path, altered).expect("written");
        let ended = run("nachos", &["verify", &shards]);
        let name = path.file_name().expect("a name").to_string_lossy();
        assert!(ended.code == Some(1) && ended.stderr.starts_with("error: ") && ended.stderr.contains(&*name), "{name}: {}", ended.stderr);
        fs::write(&path, original).expect("written");
    }
    fs::write(Path::new(&shards).join("shard-00099.parquet"), "stray").expect("written");
    assert!(run("nachos", &["verify", &shards]).stderr.contains("shard-00099.parquet"));
}

#[test]
fn the_report_is_one_page_that_says_what_the_manifest_says_and_nothing_of_the_text() {
    let corpus = Corpus::build();
    let (shards, page) = (corpus.path("shards"), corpus.path("report.html"));
    run_ok("nachos", &["report", &shards, "--output", &page]);
    let page = fs::read_to_string(page).expect("the report");
    assert_eq!(page, run_ok("nachos", &["report", &shards]));
    let manifest = fs::read(Path::new(&shards).join("manifest.json")).expect("the manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    assert!(page.contains(manifest["manifest_hash"].as_str().expect("a hash")) && page.contains("pack.max_seq_len"));
    assert!(!DISEASES.iter().any(|disease| page.contains(disease)));
    assert_eq!(run("nachos", &["report", &corpus.path("tokenizer")]).code, Some(1));
}

#[test]
fn what_is_wrong_is_one_line_and_says_what_to_do() {
    let corpus = Corpus::build();
    let (tokenizer, shards, text) = (corpus.path("tokenizer"), corpus.path("shards"), corpus.path("notes.txt"));
    let check = |arguments: &[&str], code: i32, expected: &str| {
        let ended = run("nachos", arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains(expected), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "");
    };
    let build = |input: &str, output: &str, set: &str, code: i32, expected: &str| {
        let output = corpus.path(output);
        check(&["build", "--input", input, "--tokenizer", &tokenizer, "--output", &output, "--set", set], code, expected);
    };
    build(&text, "new", "pack.max_seqlen=3", 2, "did you mean \"pack.max_seq_len\"?");
    build(&text, "new", "pack.max_seq_len=3", 2, "pack.max_seq_len = 3: expected 8 to 65535");
    build(&corpus.path("none.txt"), "new", "pack.max_seq_len=64", 1, "none.txt: no such file or folder");
    build(&text, "shards", "pack.max_seq_len=64", 1, "already holds a data set");
    build(&text, "tokenizer", "pack.max_seq_len=64", 1, "is not empty");
    let clean = |output: &str, more: &[&str], expected: &str| {
        check(&[&["clean", "--input", &text, "--output", &corpus.path(output)], more].concat(), 1, expected);
    };
    clean("notes.txt", &[], "notes.txt: is an input too");
    clean("kept.jsonl.gz", &[], "expected a name ending in .jsonl or .jsonl.zst");
    clean("kept.jsonl", &["--dropped", &corpus.path("kept.jsonl")], "kept and dropped documents need a file each");
    std::os::unix::fs::symlink(corpus.path("kept.jsonl"), corpus.path("link.jsonl")).expect("a link");
    fs::write(corpus.path("kept.jsonl"), "").expect("written");
    clean("kept.jsonl", &["--dropped", &corpus.path("link.jsonl")], "kept and dropped documents need a file each");
    assert_eq!(fs::read_to_string(&text).expect("the input"), notes(400));
    check(&["build", "--threads", "99999"], 2, "99999 is not in 1..=1024");
    check(&["verify", &tokenizer], 1, "no manifest.json");
    check(&["inspect", &shards, "--sql", "select nothing from shards"], 1, "the tables are shards (input_ids");
    check(&["build"], 2, "--tokenizer");
    check(&["build", "--tokenizer", &tokenizer, "--output", &corpus.path("new")], 2, "no input: give --input PATH..., or [[sources]]");
}
