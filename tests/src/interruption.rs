//! A build that is interrupted, wherever that happens, ends as if it had not been.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    end_to_end::contents_by_name,
    programs::{Ended, command, run, run_ok},
};

const KILLS: usize = 50;
/// Small shards and windows, so that there is much to be interrupted; the words are of no language.
const SETTINGS: [&str; 8] = [
    "--set",
    "write.shard_size_mib=1",
    "--set",
    "pack.window_tokens=65536",
    "--set",
    "clean.language=any",
    "--set",
    "clean.quality.enabled=false",
];

/// A generator of numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Documents of invented words, with copies, near copies and a repeated paragraph among them, and with more or less white space between them.
fn write_corpus(folder: &Path) {
    let mut numbers = Numbers(7);
    let letters: Vec<char> = "abcdefghijklmnopqrstuvwxyzéèàùç".chars().collect();
    let little = ["le", "la", "de", "des", "et", "dans", "pour", "une", "est", "par", "avec", "sur"];
    let mut before: Vec<String> = Vec::new();
    for file in 0..4 {
        let mut text = String::new();
        for _ in 0..2500 {
            let kind = numbers.next(10);
            let mut document = if kind == 0 && !before.is_empty() {
                before[numbers.next(before.len() as u64) as usize].clone()
            } else {
                let words = (0..60 + numbers.next(200)).map(|place| {
                    if place % 2 == 0 {
                        little[numbers.next(12) as usize].to_owned()
                    } else {
                        (0..3 + numbers.next(6)).map(|_| letters[numbers.next(31) as usize]).collect()
                    }
                });
                words.collect::<Vec<String>>().join(" ")
            };
            if kind == 1 && !before.is_empty() {
                document = before[numbers.next(before.len() as u64) as usize].replacen(" dans ", " sous ", 1);
            }
            if kind == 2 {
                document.push_str(
                    "\nCe document est fourni à titre d'information et ne remplace pas l'avis de votre médecin ou de votre pharmacien.",
                );
            }
            before.push(document.clone());
            text.push_str(&document);
            text.push_str(&"\n".repeat(2 + document.len() % 4));
        }
        fs::write(folder.join(format!("{file}.txt")), text).expect("written");
    }
}

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        fs::create_dir(bench.folder.path().join("corpus")).expect("created");
        write_corpus(&bench.folder.path().join("corpus"));
        run_ok(
            "nachos",
            &[
                "train-tokenizer",
                "--input",
                &bench.path("corpus"),
                "--output",
                &bench.path("tokenizer"),
                "--vocab-size",
                "300",
                "--set",
                "clean.language=any",
            ],
        );
        bench
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn build(&self, output: &str, more: &[&str]) -> Command {
        let mut build = command("nachos");
        build.args(["build", "--input", &self.path("corpus"), "--tokenizer", &self.path("tokenizer"), "--output", &self.path(output)]);
        build.args(SETTINGS).args(more).stderr(Stdio::null());
        build
    }

    /// What the same build said.
    fn build_ended(&self, output: &str, more: &[&str]) -> Ended {
        let arguments = ["build", "--input", &self.path("corpus"), "--tokenizer", &self.path("tokenizer"), "--output", &self.path(output)];
        run("nachos", &[&arguments, &SETTINGS[..], more].concat())
    }

    fn build_ok(&self, output: &str, more: &[&str]) {
        assert!(self.build(output, more).status().expect("started").success(), "{output} {more:?}");
    }
}

#[test]
fn a_build_that_is_killed_again_and_again_ends_byte_identical() {
    let bench = Bench::new();
    let start = Instant::now();
    bench.build_ok("whole", &[]);
    let whole_time = start.elapsed().as_micros() as u64;
    let expected = contents_by_name(&bench.folder.path().join("whole"));
    let shards = expected.iter().filter(|(name, _)| name.starts_with("shard-")).count();
    assert!(shards > 2, "{shards} shards are too few to be interrupted between");
    let (mut numbers, mut kills, mut runs) = (Numbers(1), 0, 0);
    while kills < KILLS {
        runs += 1;
        let output = format!("run-{runs}");
        loop {
            let threads = (1 + numbers.next(3)).to_string();
            let mut build = bench.build(&output, &["--resume", "--threads", &threads]).spawn().expect("started");
            sleep(Duration::from_micros(numbers.next(whole_time + whole_time / 10)));
            if let Some(status) = build.try_wait().expect("a child") {
                assert!(status.success());
                break;
            }
            if numbers.next(3) == 0 {
                let id = build.id().to_string();
                assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
            } else {
                build.kill().expect("killed");
            }
            build.wait().expect("a child");
            kills += 1;
        }
        assert!(contents_by_name(&bench.folder.path().join(&output)) == expected, "{output}, after {kills} kills");
    }
}

#[test]
fn only_the_run_that_was_interrupted_goes_on() {
    let bench = Bench::new();
    let check = |more: &[&str], expected: &str| {
        let ended = bench.build_ended("out", more);
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    };
    // Held as soon as there is a checkpoint.
    let mut build = bench.build("out", &[]).spawn().expect("started");
    let checkpoint = bench.folder.path().join("out/unfinished/checkpoint.json");
    while !checkpoint.exists() && build.try_wait().expect("a child").is_none() {
        sleep(Duration::from_millis(1));
    }
    let is_held = build.try_wait().expect("a child").is_none()
        && Command::new("kill").args(["-STOP", &build.id().to_string()]).status().expect("kill").success();
    let is_unfinished = !bench.folder.path().join("out/manifest.json").exists();
    assert!(is_held && is_unfinished, "the build ended before it could be held: it needs a larger corpus");
    check(&[], "another run is writing into this folder");
    build.kill().expect("killed");
    build.wait().expect("a child");
    check(&[], "holds an unfinished run: add --resume");
    check(&["--resume", "--set", "dedup.near.threshold=0.7"], "dedup.near.threshold was 0.8, and is 0.7");
    let file = bench.folder.path().join("corpus/3.txt");
    let text = fs::read(&file).expect("a file");
    fs::write(&file, [&text[..], b"\n\nfin\n"].concat()).expect("written");
    check(&["--resume"], "3.txt is not what it was");
}

#[test]
fn only_a_run_that_would_make_the_same_finds_its_work_done() {
    let bench = Bench::new();
    let resume = |output: &str, more: &[&str]| bench.build_ended(output, &[&["--resume"], more].concat());
    for (output, part, other) in [("whole", None, "pack.max_seq_len=64"), ("part", Some("2/2"), "dedup.near.threshold=0.7")] {
        let arguments: Vec<&str> = part.iter().flat_map(|part| ["--part", part]).collect();
        bench.build_ok(output, &arguments);
        let before = contents_by_name(&bench.folder.path().join(output));
        let same = resume(output, &arguments);
        assert!(same.code == Some(0) && same.stderr.contains("was complete already"), "{}", same.stderr);
        let changed = resume(output, &[&arguments[..], &["--set", other]].concat());
        assert!(changed.code == Some(1) && changed.stderr.contains("holds what another run made"), "{}", changed.stderr);
        assert!(contents_by_name(&bench.folder.path().join(output)) == before);
    }
    let other_part = resume("part", &["--part", "1/2"]);
    assert!(other_part.stderr.contains("the run was part 2 of 2, and is part 1 of 2"), "{}", other_part.stderr);
    let mut build = bench.build("unfinished", &["--part", "2/2"]).spawn().expect("started");
    while !bench.folder.path().join("unfinished/unfinished/run.json").exists() && build.try_wait().expect("a child").is_none() {
        sleep(Duration::from_millis(1));
    }
    build.kill().expect("killed");
    build.wait().expect("a child");
    // Where the second part begins depends on it.
    let first = bench.folder.path().join("corpus/0.txt");
    fs::write(&first, [&fs::read(&first).expect("a file")[..], b"\n\nfin\n"].concat()).expect("written");
    let grown = resume("whole", &[]);
    assert!(grown.code == Some(1) && grown.stderr.contains("0.txt was changed since"), "{}", grown.stderr);
    let shifted = resume("unfinished", &["--part", "2/2"]);
    assert!(shifted.code == Some(1) && shifted.stderr.contains("0.txt is not what it was"), "{}", shifted.stderr);
    fs::rename(&first, bench.folder.path().join("corpus/00.txt")).expect("renamed");
    for (output, part) in [("whole", None), ("part", Some("2/2"))] {
        let arguments: Vec<&str> = part.iter().flat_map(|part| ["--part", part]).collect();
        let renamed = resume(output, &arguments);
        assert!(renamed.stderr.contains("the inputs were others"), "{}", renamed.stderr);
    }
}

#[test]
fn nothing_that_a_run_did_not_write_is_removed() {
    let bench = Bench::new();
    let folder = bench.folder.path();
    fs::create_dir(folder.join("mine")).expect("created");
    fs::rename(folder.join("tokenizer"), folder.join("mine/tokenizer")).expect("moved");
    fs::write(folder.join("mine/documents.parquet"), "mine").expect("written");
    let before = contents_by_name(&folder.join("mine"));
    for more in [&[][..], &["--resume"]] {
        let arguments =
            ["build", "--input", &bench.path("corpus"), "--tokenizer", &bench.path("mine/tokenizer"), "--output", &bench.path("mine")];
        let ended = run("nachos", &[&arguments[..], more].concat());
        assert!(ended.code == Some(1) && ended.stderr.contains("is not empty"), "{}", ended.stderr);
    }
    assert!(contents_by_name(&folder.join("mine")) == before);
}

#[test]
fn the_output_may_lie_in_the_folder_that_is_read() {
    let bench = Bench::new();
    bench.build_ok("corpus/shards", &[]);
    let again = bench.build_ended("corpus/shards", &["--resume"]);
    assert!(again.code == Some(0) && again.stderr.contains("was complete already"), "{}", again.stderr);
}

#[test]
fn the_parts_of_a_build_make_the_whole() {
    let bench = Bench::new();
    bench.build_ok("whole", &[]);
    for part in ["3/3", "1/3", "2/3"] {
        bench.build_ok(&format!("part-{}", &part[..1]), &["--part", part]);
    }
    let parts: Vec<String> = ["part-2", "part-1", "part-3"].iter().map(|part| bench.path(part)).collect();
    run_ok("nachos", &["merge", &parts[0], &parts[1], &parts[2], "--output", &bench.path("merged")]);
    let folder = bench.folder.path();
    assert!(contents_by_name(&folder.join("merged")) == contents_by_name(&folder.join("whole")));
    let whole = bench.path("whole");
    let kept = "select id, tokens from documents where verdict = 'keep' order by id desc limit 1";
    let last = run_ok("nachos", &["inspect", &whole, "--sql", kept]);
    let (id, tokens) = last.lines().nth(1).and_then(|row| row.trim().split_once(' ')).expect("a row");
    let traced = run_ok("nachos", &["inspect", &whole, "--document", id]);
    assert!(traced.contains("3.txt") && traced.contains("verdict       keep"), "{traced}");
    let held: u64 = traced
        .lines()
        .filter_map(|line| line.split_once("(tokens ")?.1.strip_suffix(')')?.split_once(" to "))
        .map(|(start, end)| end.parse::<u64>().expect("a place") - start.parse::<u64>().expect("a place"))
        .sum();
    assert_eq!(held.to_string(), tokens.trim(), "{traced}");
    let ended = run("nachos", &["merge", &parts[0], &parts[1], "--output", &bench.path("lacking")]);
    assert!(
        ended.code == Some(1) && ended.stderr.contains("part 3 is missing; expected each of the parts 1 to 3 once"),
        "{}",
        ended.stderr
    );
}
