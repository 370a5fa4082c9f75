//! The `--model` argument.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dalnet_assets::{Checkpoints, Model};
use serde_json::Value;

/// File in a run's folder that names its best checkpoint.
pub(crate) const BEST: &str = "best.json";

/// Opens a shipped model, a checkpoint, the newest checkpoint of a run's folder, or the best one by its `best.json`.
pub(crate) fn open_model(path: &Path) -> Result<Model> {
    Ok(Model::open(&find_model(path)?)?)
}

/// What [`open_model`] opens: of a run's folder its newest checkpoint, of its `best.json` the one named there, else
/// `path` itself.
pub(crate) fn find_model(path: &Path) -> Result<PathBuf> {
    if path.file_name().is_some_and(|name| name == BEST) {
        return best(path).with_context(|| format!("{}: names no checkpoint; give the run's folder", path.display()));
    }
    Ok(Checkpoints::of_run(path).latest()?.unwrap_or_else(|| path.to_owned()))
}

fn best(path: &Path) -> Result<PathBuf> {
    let best = serde_json::from_str::<Value>(&fs::read_to_string(path)?)?;
    let iteration = best["iteration"].as_u64().context("no iteration")?;
    let run = path.parent().unwrap_or(Path::new(""));
    Checkpoints::of_run(run).find(iteration)?.with_context(|| format!("checkpoint {iteration} is gone"))
}
