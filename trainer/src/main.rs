//! `drbert`: parse, run, print the error, exit.

mod cli;

use std::{
    env,
    io::{self, Write},
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

use clap::Parser;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn"))
        .format(|out, record| {
            let is_warning = record.level() == log::Level::Warn;
            let source = if is_warning { "warning".to_owned() } else { format!("[{} {}]", record.level(), record.target()) };
            writeln!(out, "{source}: {}", record.args())
        })
        .init();
    let_threads_wait_asleep();
    match cli::Cli::parse().run() {
        Ok(status) => status,
        Err(error) => {
            let lines: Vec<String> = error.chain().map(ToString::to_string).collect();
            let text = format!("error: {}\n", lines.join("\n  because: "));
            // With standard error closed there is no one left to tell.
            drop(io::stderr().write_all(text.as_bytes()));
            ExitCode::from(error.downcast_ref::<trainer::error::Error>().map_or(1, trainer::error::Error::exit_code))
        }
    }
}

/// Starts the program anew with `OMP_WAIT_POLICY=passive`, unless the user chose a policy. libtorch's threads wait for each other at the end of every
/// operation, and by default they spin: where another program wants the same cores, that halves the speed and worse. OpenMP reads its settings
/// when its library is loaded, before this program can say anything.
fn let_threads_wait_asleep() {
    const POLICY: &str = "OMP_WAIT_POLICY";
    if env::var_os(POLICY).is_none()
        && let Ok(program) = env::current_exe()
    {
        let error = Command::new(program).args(env::args_os().skip(1)).env(POLICY, "passive").exec();
        log::warn!("cannot set {POLICY}: {error}");
    }
}
