//! The compiler that `rust-toolchain.toml` pins, with clippy and rustfmt.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::Outcome;
use crate::process::{Log, Tool};
use crate::workspace::{WASM_TARGET, Workspace};

pub(super) const REMEDY: &str = "install rustup (https://rustup.rs) and run `rustup toolchain install` in the checkout; \
     where rustup's server cannot be reached, install that Rust version with clippy and rustfmt another way and put it first in PATH";

pub(super) fn ensure(workspace: &Workspace, _log: &Log) -> Result<Outcome> {
    let wanted = workspace.toolchain_version()?;
    for (program, flag) in [("rustc", "-V"), ("cargo", "-V"), ("clippy-driver", "-V"), ("rustfmt", "-V")] {
        Tool::new(program).arg(flag).current_dir(&workspace.root).output()?;
    }
    let version = rustc_version(workspace)?;
    ensure!(version == wanted, "rustc is {version}, rust-toolchain.toml asks for {wanted}");
    Ok(Outcome::Present(format!("rustc {version}")))
}

/// The version number of the checkout's compiler.
fn rustc_version(workspace: &Workspace) -> Result<String> {
    let line = Tool::new("rustc").arg("-V").current_dir(&workspace.root).output()?;
    let version = line.split_whitespace().nth(1);
    version.map(str::to_owned).ok_or_else(|| anyhow::anyhow!("`rustc -V` printed {line:?}, not a version"))
}

/// The checkout's compiler, whose sysroot gets the wasm standard library.
pub(super) struct Toolchain {
    pub(super) sysroot: PathBuf,
    pub(super) version: String,
}

impl Toolchain {
    pub(super) fn of(workspace: &Workspace) -> Result<Self> {
        let sysroot = Tool::new("rustc").args(["--print", "sysroot"]).current_dir(&workspace.root).output()?;
        Ok(Self { sysroot: PathBuf::from(sysroot), version: rustc_version(workspace)? })
    }

    /// The folder of the wasm standard library's compiled crates.
    pub(super) fn library(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(WASM_TARGET).join("lib")
    }
}
