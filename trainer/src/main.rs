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
            let causes: String = error.chain().skip(1).map(|cause| format!("  because: {cause}\n")).collect();
            let text = format!("error: {error}\n{causes}");
            // With standard error closed there is no one left to tell.
            drop(io::stderr().write_all(text.as_bytes()));
            ExitCode::from(error.downcast_ref::<trainer::error::Error>().map_or(1, trainer::error::Error::exit_code))
        }
    }
}
