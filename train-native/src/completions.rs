//! `train-native completions`: what a shell needs to complete command lines of this program.

use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};
use clap::{Args, Command};
use clap_complete::{Shell, generate};

/// Options of `train-native completions`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The shell
    shell: Shell,
}

/// Prints the completions of `program`.
pub(crate) fn run(options: &Options, program: &mut Command) -> Result<()> {
    // Made in memory: clap_complete panics when its reader goes away.
    let mut script = Vec::new();
    generate(options.shell, program, "train-native", &mut script);
    match io::stdout().write_all(&script) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("the completions cannot be written"),
        _ => Ok(()),
    }
}
