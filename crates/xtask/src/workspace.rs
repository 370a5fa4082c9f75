//! Where things are: the checkout, the caches, and the versions that the lock file pins.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::Tool;

/// The target triple of the engine in the browser.
pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The folders that every task works with. All paths are absolute.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Root of the checkout.
    pub(crate) root: PathBuf,
    /// The page's npm project, `web/`.
    pub(crate) web: PathBuf,
    /// What outlives a checkout: tools, logs, the wasm standard library.
    pub(crate) cache: PathBuf,
    /// cargo's target directory for this checkout.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Finds the checkout that cargo started this program in, and asks cargo where it builds.
    pub(crate) fn find() -> Result<Self> {
        // Not when it was compiled: several checkouts may share a build.
        let package = env::var_os("CARGO_MANIFEST_DIR").context("cargo did not start this; run cargo xtask")?;
        let root =
            Path::new(&package).ancestors().nth(2).context("crates/xtask has no grandparent folder")?.to_path_buf();
        let metadata =
            Tool::new("cargo").args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(&root).output()?;
        let metadata: serde_json::Value =
            serde_json::from_str(&metadata).context("cargo metadata did not print JSON")?;
        let target = metadata["target_directory"].as_str().context("cargo metadata names no target directory")?;
        Ok(Self { web: root.join("web"), cache: cache_home()?.join("dalnet"), target: PathBuf::from(target), root })
    }

    /// The install root of wasm-bindgen and wasm-pack.
    pub(crate) fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    /// The program `name` in the tools root.
    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        self.tools().join("bin").join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// The site that `cargo xtask site` writes.
    pub(crate) fn dist(&self) -> PathBuf {
        self.web.join("dist")
    }

    /// The version of a crate in `Cargo.lock`.
    pub(crate) fn locked_version(&self, package: &str) -> Result<String> {
        let path = self.root.join("Cargo.lock");
        let lock = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        locked_version(&lock, package)
            .map(str::to_owned)
            .with_context(|| format!("{} has no package {package}", path.display()))
    }

    /// The toolchain version that `rust-toolchain.toml` pins.
    pub(crate) fn toolchain_version(&self) -> Result<String> {
        let path = self.root.join("rust-toolchain.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        text.lines()
            .find_map(|line| quoted(line, "channel"))
            .map(str::to_owned)
            .with_context(|| format!("{} names no channel", path.display()))
    }
}

/// The user's cache folder: `XDG_CACHE_HOME`, else `~/.cache`.
fn cache_home() -> Result<PathBuf> {
    let named = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    if let Some(folder) = named.filter(|folder| folder.is_absolute()) {
        return Ok(folder);
    }
    env::home_dir()
        .map(|home| home.join(".cache"))
        .context("no home folder for the cache: set XDG_CACHE_HOME to an absolute path")
}

/// The version of `package` in the text of a `Cargo.lock`; the first where several are locked.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    lock.split("[[package]]").find_map(|entry| {
        let mut lines = entry.lines();
        lines.find(|line| quoted(line, "name") == Some(package))?;
        lines.find_map(|line| quoted(line, "version"))
    })
}

/// The string value of a TOML line `key = "value"`.
fn quoted<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.trim().strip_prefix(key)?.trim_start().strip_prefix('=')?.trim().strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4

[[package]]
name = "wasm-bindgen-futures"
version = "0.4.80"

[[package]]
name = "wasm-bindgen"
version = "0.2.130"
dependencies = [
 "cfg-if",
]
"#;

    #[test]
    fn locked_version_matches_the_whole_name() {
        assert_eq!(locked_version(LOCK, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked_version(LOCK, "wasm"), None);
    }

    #[test]
    fn quoted_needs_the_key_and_both_quotes() {
        assert_eq!(quoted("channel = \"1.95.0\"", "channel"), Some("1.95.0"));
        assert_eq!(quoted("channels = \"1.95.0\"", "channel"), None);
        assert_eq!(quoted("channel = 1", "channel"), None);
    }

    #[test]
    fn this_checkout_pins_wasm_bindgen_and_a_toolchain() {
        let workspace = Workspace::find().unwrap();
        assert!(workspace.locked_version("wasm-bindgen").is_ok());
        assert!(workspace.toolchain_version().unwrap().starts_with("1."));
    }
}
