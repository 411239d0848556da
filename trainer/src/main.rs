//! `drbert`: parse, run, print the error, exit.

mod cli;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let lines: Vec<String> = error.chain().map(ToString::to_string).collect();
            let text = format!("error: {}\n", lines.join("\n  because: "));
            // With standard error closed there is no one left to tell.
            drop(io::stderr().write_all(text.as_bytes()));
            ExitCode::from(error.downcast_ref::<trainer::error::Error>().map_or(1, trainer::error::Error::exit_code))
        }
    }
}
