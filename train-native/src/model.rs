//! The `--model` argument.

use std::path::Path;

use anyhow::Result;
use dalnet_assets::{Checkpoints, Model};

/// Opens a shipped model, a checkpoint, or the newest checkpoint of a run's folder.
pub(crate) fn open_model(path: &Path) -> Result<Model> {
    let newest = Checkpoints::of_run(path).latest()?;
    Ok(Model::open(newest.as_deref().unwrap_or(path))?)
}
