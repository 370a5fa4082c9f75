//! The wasm engine: compiled once, then given its JavaScript and TypeScript faces.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::process::Tool;
use crate::workspace::{WASM_TARGET, Workspace};

/// Builds `web/engine` into `web/package/src/engine`; with `optimise` wasm-opt shrinks the result.
///
/// # Errors
/// cargo, wasm-bindgen or wasm-opt fails, or wasm-opt is not among the page's npm packages.
pub(crate) fn build(workspace: &Workspace, optimise: bool) -> Result<()> {
    // RUSTFLAGS would replace the flags of .cargo/config.toml, wasm's SIMD among them.
    Tool::new("cargo")
        .args(["build", "--release", "--target", WASM_TARGET, "--package", "dalnet-web", "--lib"])
        .current_dir(&workspace.root)
        .env_remove("RUSTFLAGS")
        .run()?;
    let compiled = workspace.target.join(WASM_TARGET).join("release/dalnet_web.wasm");
    // Function names are a quarter of the download and serve nobody on the page.
    Tool::new(workspace.tool("wasm-bindgen"))
        .args(["--target", "web", "--remove-name-section", "--out-dir"])
        .arg(workspace.web.join("package/src/engine"))
        .arg(&compiled)
        .run()?;
    if optimise {
        shrink(workspace)?;
    }
    Ok(())
}

fn shrink(workspace: &Workspace) -> Result<()> {
    let wasm_opt = workspace.web.join("node_modules/.bin/wasm-opt");
    ensure!(
        wasm_opt.exists(),
        "{} is missing: the npm package binaryen belongs to the devDependencies of web/package.json",
        wasm_opt.display()
    );
    let engine = workspace.web.join("package/src/engine/dalnet_web_bg.wasm");
    let shrunk = engine.with_extension("wasm.shrunk");
    Tool::new(wasm_opt).arg("-O2").arg(&engine).arg("-o").arg(&shrunk).run()?;
    fs::rename(&shrunk, &engine).with_context(|| format!("replacing {}", engine.display()))
}
