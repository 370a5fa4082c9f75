//! wasm-bindgen's command line and wasm-pack, compiled once into the tools root.

use anyhow::{Result, ensure};

use super::Outcome;
use crate::process::{Log, Tool};
use crate::workspace::Workspace;

/// No lock file names wasm-pack: it is pinned here.
const WASM_PACK: &str = "0.15.1";

pub(super) const REMEDY: &str = "read the log named above; it needs the crate registry and a C compiler (Debian: `apt-get install build-essential`). \
     Removing the tools-build folder of the cache starts the build afresh";

pub(super) fn ensure_wasm_bindgen(workspace: &Workspace, log: &Log) -> Result<Outcome> {
    let version = workspace.locked_version("wasm-bindgen")?;
    ensure_tool(workspace, log, "wasm-bindgen-cli", "wasm-bindgen", &version)
}

pub(super) fn ensure_wasm_pack(workspace: &Workspace, log: &Log) -> Result<Outcome> {
    ensure_tool(workspace, log, "wasm-pack", "wasm-pack", WASM_PACK)
}

fn ensure_tool(workspace: &Workspace, log: &Log, package: &str, program: &str, version: &str) -> Result<Outcome> {
    let said = format!("{program} {version}");
    let path = workspace.tool(program);
    if path.is_file() && Tool::new(&path).arg("--version").output().is_ok_and(|line| line == said) {
        return Ok(Outcome::Present(said));
    }
    let install = |locked: &[&str]| {
        Tool::new("cargo")
            .args(["install", "--force", "--root"])
            .arg(workspace.tools())
            .args(locked)
            .arg(format!("{package}@{version}"))
            .current_dir(&workspace.root)
            .env("CARGO_TARGET_DIR", workspace.cache.join("tools-build"))
            // The tools run for seconds and compile for minutes.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            .quiet(log)
    };
    // A registry mirror can lack a version that the tool's own lock file names.
    install(&["--locked"]).or_else(|_| install(&[]))?;
    let line = Tool::new(&path).arg("--version").output()?;
    ensure!(line == said, "{} says {line:?} instead of {said:?}", path.display());
    Ok(Outcome::Installed(said))
}
