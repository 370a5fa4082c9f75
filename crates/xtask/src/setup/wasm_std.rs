//! The standard library for wasm32-unknown-unknown in the toolchain's sysroot.

use std::env;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::rust::Toolchain;
use super::{Outcome, wasm_std_source};
use crate::process::{Log, Tool};
use crate::workspace::{WASM_TARGET, Workspace};

pub(super) const REMEDY: &str = "with rustup: `rustup target add wasm32-unknown-unknown` and read what it says. \
     With a distribution's own Rust: install its wasm package (Debian: libstd-rust-dev-wasm32, Fedora: rust-std-static-wasm32-unknown-unknown). \
     Without a network for rustup, on Debian: make the package rust-src of exactly the compiler's version reachable for apt-get";

/// Longer than any download that is still alive.
const RUSTUP_LIMIT: Duration = Duration::from_secs(300);

pub(super) fn ensure(workspace: &Workspace, log: &Log) -> Result<Outcome> {
    let toolchain = Toolchain::of(workspace)?;
    let from_source = env::var("WASM_STD_FROM_SOURCE").is_ok_and(|value| value == "1");
    let outcome = if compiles(workspace)? {
        Outcome::Present(format!("for rustc {}", toolchain.version))
    } else if !from_source && rustup_adds(workspace, log) && compiles(workspace)? {
        Outcome::Installed("by rustup".to_owned())
    } else {
        wasm_std_source::install(workspace, &toolchain, log)?;
        ensure!(compiles(workspace)?, "rustc does not accept what was built into {}", toolchain.library().display());
        Outcome::Installed("from Debian's rust-src".to_owned())
    };
    forget_other_library(workspace, &toolchain, matches!(outcome, Outcome::Present(_)))?;
    Ok(outcome)
}

/// Whether a crate that uses std really compiles for wasm.
fn compiles(workspace: &Workspace) -> Result<bool> {
    let folder = workspace.cache.join("wasm-std");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let probe = folder.join("probe.rs");
    fs::write(&probe, "pub fn probe() -> Vec<u8> { Vec::new() }\n")
        .with_context(|| format!("writing {}", probe.display()))?;
    Ok(Tool::new("rustc")
        .args(["--target", WASM_TARGET, "--crate-type", "lib", "--emit", "metadata"])
        .arg("--out-dir")
        .arg(&folder)
        .arg(&probe)
        .current_dir(&workspace.root)
        .succeeds())
}

fn rustup_adds(workspace: &Workspace, log: &Log) -> bool {
    Tool::new("rustup")
        .args(["target", "add", WASM_TARGET])
        .current_dir(&workspace.root)
        .limit(RUSTUP_LIMIT)
        .quiet(log)
        .is_ok()
}

/// Clears wasm build results that were compiled against another standard library: cargo does not notice
/// the change, and the compiler then finds no matching crate `std` (E0463).
///
/// Results of unknown origin are kept where the library was present before this program ran.
fn forget_other_library(workspace: &Workspace, toolchain: &Toolchain, was_present: bool) -> Result<()> {
    let built = workspace.target.join(WASM_TARGET);
    let note = built.join(".standard-library");
    let library = listing(&toolchain.library())?;
    let known = fs::read_to_string(&note).ok();
    if known.as_ref() == Some(&library) {
        return Ok(());
    }
    let keep = known.is_none() && was_present;
    if built.exists() && !keep {
        fs::remove_dir_all(&built).with_context(|| format!("clearing {}", built.display()))?;
    }
    fs::create_dir_all(&built).with_context(|| format!("making {}", built.display()))?;
    fs::write(&note, library).with_context(|| format!("writing {}", note.display()))
}

/// Names and sizes of the library's crates; rustc's hashes in the names make this an identity.
fn listing(library: &Path) -> Result<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(library).with_context(|| format!("reading {}", library.display()))? {
        let entry = entry?;
        lines.push(format!("{} {}\n", entry.file_name().to_string_lossy(), entry.metadata()?.len()));
    }
    lines.sort();
    Ok(lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_library_clears_the_wasm_build_and_an_equal_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            root: folder.path().to_path_buf(),
            web: folder.path().join("web"),
            cache: folder.path().join("cache"),
            target: folder.path().join("target"),
        };
        let toolchain = Toolchain { sysroot: folder.path().join("sysroot"), version: "1.0.0".to_owned() };
        fs::create_dir_all(toolchain.library()).unwrap();
        fs::write(toolchain.library().join("libstd-1.rlib"), "one").unwrap();
        let built = workspace.target.join(WASM_TARGET).join("release");
        fs::create_dir_all(&built).unwrap();
        for _first_and_again in 0..2 {
            forget_other_library(&workspace, &toolchain, true).unwrap();
            assert!(built.exists());
        }
        fs::write(toolchain.library().join("libstd-1.rlib"), "another").unwrap();
        forget_other_library(&workspace, &toolchain, true).unwrap();
        assert!(!built.exists());
    }
}
