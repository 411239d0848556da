//! Layering and naming, checked on the sources.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace folder")
}

/// Every Rust source below `folder` of the workspace, with its content.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in folder.read_dir().expect("a source folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let content = fs::read_to_string(&path).expect("UTF-8");
                found.push((path, content));
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

/// No source below `folder` may hold one of `words`, except the files named.
fn check_absent(folder: &str, words: &[&str], except: &[&str]) {
    for (path, content) in sources(folder) {
        if except.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        for word in words {
            assert!(!names(&content, word), "{} names {word:?}", path.display());
        }
    }
}

/// Whether `word` begins somewhere that no longer word ends with it.
fn names(content: &str, word: &str) -> bool {
    let begins_there = |at: usize| !content[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
    content.match_indices(word).any(|(at, _)| begins_there(at))
}

#[test]
fn the_programs_meet_in_the_schemas_alone() {
    let manifest = |package: &str| fs::read_to_string(root().join(package).join("Cargo.toml")).expect("Cargo.toml");
    assert!(!manifest("trainer").contains("pipeline") && !manifest("pipeline").contains("trainer"));
    for package in ["schemas", "pipeline"] {
        assert!(!manifest(package).lines().any(|line| line.starts_with("tch")), "{package} must build without libtorch");
    }
    check_absent("schemas/src", &["std::thread", "std::net"], &[]);
}

#[test]
fn stages_know_neither_threads_nor_the_stages_beside_them() {
    let threads = ["std::thread", "thread::", "crossbeam", "rayon"];
    for (stage, others) in [
        ("read", ["clean", "dedup", "tokenize", "pack", "write"]),
        ("clean", ["read", "dedup", "tokenize", "pack", "write"]),
        ("dedup", ["read", "clean", "tokenize", "pack", "write"]),
        ("tokenize", ["read", "clean", "dedup", "pack", "write"]),
        ("pack", ["read", "clean", "dedup", "tokenize", "write"]),
    ] {
        let folder = format!("pipeline/src/{stage}");
        // The library's trainer uses the threads it finds: training holds it to one, and a test runs it on several.
        check_absent(&folder, &threads, &["tokenize/train.rs", "tokenize/tests.rs"]);
        let neighbours = others.map(|other| format!("crate::{other}"));
        check_absent(&folder, &neighbours.each_ref().map(String::as_str), &[]);
    }
    check_absent("pipeline/src/write", &threads, &[]);
    // The rows that it writes are the one thing that writing knows of packing.
    check_absent("pipeline/src/write", &["crate::read", "crate::clean", "crate::dedup", "crate::tokenize", "crate::pack::Packer"], &[]);
}

#[test]
fn tensors_and_unsafe_code_stay_where_they_belong() {
    check_absent("trainer/src/data", &["tch::"], &["data/batch.rs"]);
    check_absent("trainer/src/model", &["crate::data", "crate::distributed"], &[]);
    let opts_out = |content: &str| content.contains("unsafe_code");
    for package in ["schemas/src", "pipeline/src", "trainer/src"] {
        for (path, content) in sources(package) {
            assert!(!opts_out(&content) || path.ends_with("trainer/src/ffi.rs"), "{} opts out of the ban on unsafe code", path.display());
        }
    }
}

#[test]
fn files_are_named_after_what_they_hold() {
    for package in ["schemas", "pipeline", "trainer", "tests"] {
        for (path, _) in sources(&format!("{package}/src")) {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            assert!(!["utils", "util", "helpers", "common", "misc", "manager", "types"].contains(&stem), "{}", path.display());
        }
    }
}
