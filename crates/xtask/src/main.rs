//! The task runner: set-up, engine, site, demo and tests. `cargo xtask --help` teaches the rest.

mod check;
mod engine;
mod process;
mod serve;
mod setup;
mod site;
mod sizes;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::check::Check;
use crate::setup::Purpose;
use crate::workspace::Workspace;

/// Builds, serves and tests DALNet.
///
/// Every verb first sets up what it needs and is missing: the wasm standard library, wasm-bindgen and wasm-pack
/// of the versions that the lock file pins, Chromium, npm packages. Tools and logs live in ~/.cache/dalnet
/// (XDG_CACHE_HOME is respected), build results where cargo puts them (CARGO_TARGET_DIR is respected).
#[derive(Parser)]
#[command(
    bin_name = "cargo xtask",
    after_help = "Start with `cargo xtask demo`: it ends with an address to open in a browser."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Set up everything that the other verbs need; safe to repeat
    ///
    /// On Debian as root it installs what is missing; elsewhere it says what to install.
    /// DALNET_CHROME and DALNET_CHROMEDRIVER name a browser and its driver outside PATH;
    /// WASM_STD_FROM_SOURCE=1 builds the wasm standard library from Debian's source package instead of asking rustup.
    Setup,
    /// Build the wasm engine with its JavaScript and TypeScript faces into web/package/src/engine
    Engine,
    /// Build the site into web/dist: any static host serves it, from any path
    Site,
    /// Build the site, serve it on this machine and print the address
    Demo {
        /// First port to try; the next free one is taken
        #[arg(long, default_value_t = 8080)]
        port: u16,
    },
    /// Run every test: Rust, the engine in a browser, the page
    Test {
        /// Run only these checks
        #[arg(long, value_enum, value_delimiter = ',', value_name = "CHECK")]
        only: Vec<Check>,
    },
}

fn main() -> ExitCode {
    match run(&Cli::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: &Verb) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let purpose = match verb {
        Verb::Setup | Verb::Test { .. } => Purpose::Tests,
        Verb::Engine | Verb::Site | Verb::Demo { .. } => Purpose::Site,
    };
    setup::set_up(&workspace, purpose)?;
    match verb {
        Verb::Setup => {}
        Verb::Engine => engine::build(&workspace)?,
        Verb::Site => {
            engine::build(&workspace)?;
            site::build(&workspace)?;
        }
        Verb::Demo { port } => {
            engine::build(&workspace)?;
            site::build(&workspace)?;
            serve::serve(&workspace.dist(), *port)?;
        }
        Verb::Test { only } => return Ok(check::run(&workspace, only)),
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
