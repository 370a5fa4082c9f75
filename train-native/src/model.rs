//! The `--model` argument.

use std::path::{Path, PathBuf};

use anyhow::Result;
use dalnet_assets::{Checkpoints, Model};

/// Opens a shipped model, a checkpoint, or the newest checkpoint of a run's folder.
pub(crate) fn open_model(path: &Path) -> Result<Model> {
    Ok(Model::open(&find_model(path)?)?)
}

/// What [`open_model`] opens: of a run's folder its newest checkpoint, else `path` itself.
pub(crate) fn find_model(path: &Path) -> Result<PathBuf> {
    Ok(Checkpoints::of_run(path).latest()?.unwrap_or_else(|| path.to_owned()))
}
