//! Runs `nachos` and `drbert` as a user does.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

/// What a program that ended left behind.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn command(program: &str) -> Command {
    let test_binary = std::env::current_exe().expect("the path of this test");
    let folder = test_binary.ancestors().nth(2).expect("the folder above deps");
    let path: PathBuf = folder.join(program);
    assert!(path.exists(), "{}: build the programs first: cargo build --release", path.display());
    Command::new(path)
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> Ended {
    let Output { status, stdout, stderr } = command(program).args(arguments).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// Runs a program that must succeed, and returns what it wrote to standard output.
pub(crate) fn run_ok(program: &str, arguments: &[&str]) -> String {
    let ended = run(program, arguments);
    assert_eq!(ended.code, Some(0), "{program} {arguments:?}\n{}", ended.stderr);
    ended.stdout
}
