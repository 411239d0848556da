//! `nachos`: prepares corpora for masked-language-model training.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    if lacks_avx2() {
        pipeline::progress::say(
            "error: this program is built for processors with AVX2: expected avx2 in /proc/cpuinfo, found none; build it without the rustflags of .cargo/config.toml",
        );
        return ExitCode::FAILURE;
    }
    cli::Cli::parse().run()
}

/// Without it the program would end with a signal and no word.
fn lacks_avx2() -> bool {
    let is_without = |info: String| info.contains("flags") && !info.contains(" avx2");
    cfg!(target_feature = "avx2") && std::fs::read_to_string("/proc/cpuinfo").is_ok_and(is_without)
}
