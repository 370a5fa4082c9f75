//! The wasm engine: compiled once, then given its JavaScript and TypeScript faces.

use anyhow::Result;

use crate::process::Tool;
use crate::workspace::{WASM_TARGET, Workspace};

/// Builds `web/engine` into `web/package/src/engine`.
///
/// # Errors
/// cargo or wasm-bindgen fails.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
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
        .run()
}
