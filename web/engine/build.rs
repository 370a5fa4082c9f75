//! Tells the browser tests where the shipped weights are: their name changes with their content.

use std::fs;
use std::path::Path;

fn main() {
    let folder = Path::new("../public/model");
    println!("cargo::rerun-if-changed={}", folder.display());
    let weights = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    // Without a shipped model only the tests do not build, and say which variable is missing.
    if let Some(weights) = { weights }.find(|path| path.extension().is_some_and(|end| end == "safetensors")) {
        // From the folder of the tests, in which `include_bytes!` looks: no path of one checkout, since several may share a build.
        println!("cargo::rustc-env=DALNET_SHIPPED_WEIGHTS=../{}", weights.display());
    }
}
