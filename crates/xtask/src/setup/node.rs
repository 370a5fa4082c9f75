//! Node and the page's npm packages.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Outcome;
use crate::process::{Log, Tool};
use crate::workspace::Workspace;

/// The oldest Node that the site's build tools run on.
const OLDEST_NODE: (u32, u32) = (20, 19);

pub(super) const NODE_REMEDY: &str =
    "install Node 20.19 or newer with npm from https://nodejs.org or your system's packages";

pub(super) const PACKAGES_REMEDY: &str = "run `npm ci` in web/ and read what it says; most often the npm registry cannot be reached (proxy settings: `npm config`)";

pub(super) fn ensure_node(_workspace: &Workspace, _log: &Log) -> Result<Outcome> {
    let version = Tool::new("node").arg("--version").output()?;
    let (major, minor) = OLDEST_NODE;
    let found = parse_version(&version).with_context(|| format!("`node --version` printed {version:?}"))?;
    ensure!(found >= OLDEST_NODE, "Node is {version}, the site needs {major}.{minor} or newer");
    Tool::new("npm").arg("--version").output()?;
    Ok(Outcome::Present(format!("node {version}")))
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix('v')?.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

pub(super) fn ensure_packages(workspace: &Workspace, log: &Log) -> Result<Outcome> {
    let locked = read_json(&workspace.web.join("package-lock.json"))?;
    let installed = workspace.web.join("node_modules/.package-lock.json");
    let total = |lock: &Value| format!("{} packages", packages(lock).count());
    if installed.is_file() && in_step(&locked, &read_json(&installed)?) {
        return Ok(Outcome::Present(total(&locked)));
    }
    Tool::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(&workspace.web)
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
        .quiet(log)?;
    Ok(Outcome::Installed(total(&locked)))
}

fn read_json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// The packages of a lock file without the project itself (the empty path).
fn packages(lock: &Value) -> impl Iterator<Item = (&String, &Value)> {
    lock["packages"].as_object().into_iter().flatten().filter(|(path, _)| !path.is_empty())
}

/// Whether npm's record of what it installed fits the lock file: nothing of another version, nothing extra,
/// and nothing missing but optional packages (those of other operating systems).
fn in_step(locked: &Value, installed: &Value) -> bool {
    let version = |lock: &Value, path: &str| lock["packages"][path]["version"].clone();
    let nothing_missing = packages(locked)
        .all(|(path, package)| package["optional"] == true || version(installed, path) == package["version"]);
    let nothing_else = packages(installed).all(|(path, package)| version(locked, path) == package["version"]);
    nothing_missing && nothing_else
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lock(packages: Value) -> Value {
        json!({ "packages": packages })
    }

    #[test]
    fn only_optional_packages_may_be_missing() {
        let locked = lock(json!({
            "": { "version": "0.1.0" },
            "node_modules/a": { "version": "1.0.0" },
            "node_modules/b": { "version": "2.0.0", "optional": true },
        }));
        assert!(in_step(&locked, &lock(json!({ "node_modules/a": { "version": "1.0.0" } }))));
        assert!(!in_step(&locked, &lock(json!({ "node_modules/b": { "version": "2.0.0" } }))));
        assert!(!in_step(&locked, &lock(json!({ "node_modules/a": { "version": "1.0.1" } }))));
        let extra = json!({ "node_modules/a": { "version": "1.0.0" }, "node_modules/c": { "version": "3.0.0" } });
        assert!(!in_step(&locked, &lock(extra)));
    }

    #[test]
    fn node_versions_compare_as_numbers() {
        assert!(parse_version("v20.20.2").unwrap() >= OLDEST_NODE);
        assert!(parse_version("v20.9.0").unwrap() < OLDEST_NODE);
        assert_eq!(parse_version("20"), None);
    }
}
