//! Checkpoints of a training run: `RUN/checkpoints/NNNNNN/{model.safetensors, optimizer.bpk, state.json}`.
//!
//! A folder appears under its final name only when all of it is on the disk, and `state.json` holds size and digest of
//! the other files, so a checkpoint is whole, or absent, or refused.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::files::{FileEntry, partial_name, read, sync_folder_of, verify, write_synced};
use crate::manifest::{FORMAT_VERSION, ModelSpec, check_version};
use crate::weights::{Metadata, Precision, Tensors, read_safetensors, write_safetensors};

/// Name of the file that makes a folder a checkpoint.
pub(crate) const STATE: &str = "state.json";
const MODEL: &str = "model.safetensors";
const OPTIMIZER: &str = "optimizer.bpk";
const DAMAGED: &str = "remove this checkpoint's folder to go on from the one before";

/// Everything a run needs to go on as if it had not stopped. `S` is the training program's own state.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<S> {
    /// Finished iterations.
    pub iteration: u64,
    /// How to build and use the network.
    pub spec: ModelSpec,
    /// The network's parameters under their canonical names.
    pub tensors: Tensors,
    /// The optimiser's record, as its own library writes it.
    pub optimizer: Vec<u8>,
    /// The training program's own state.
    pub training: S,
}

#[derive(Serialize, Deserialize)]
struct State<S> {
    format_version: u32,
    iteration: u64,
    model: ModelSpec,
    files: Vec<FileEntry>,
    training: S,
}

/// The checkpoints of one run.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
}

impl Checkpoints {
    /// Those of the run in the folder `run`, which need not exist yet.
    pub fn of_run(run: &Path) -> Self {
        Self { folder: run.join("checkpoints") }
    }

    /// Writes a checkpoint and removes all but the newest `keep` and that of iteration `best`. Returns its folder.
    ///
    /// # Errors
    /// Whatever the file system answers, with the folder's name.
    pub fn save<S: Serialize>(
        &self,
        checkpoint: &Checkpoint<S>,
        keep: usize,
        best: Option<u64>,
    ) -> Result<PathBuf, ModelError> {
        let folder = self.folder_of(checkpoint.iteration);
        checkpoint.write(&folder).map_err(|error| error.within(&folder))?;
        let best = best.map(|iteration| self.folder_of(iteration));
        let all = self.list()?;
        for old in &all[..all.len().saturating_sub(keep.max(1))] {
            if *old != folder && Some(old) != best.as_ref() {
                fs::remove_dir_all(old).map_err(|error| ModelError::from(error).within(old))?;
            }
        }
        Ok(folder)
    }

    /// Folder of the newest checkpoint, if there is one.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn latest(&self) -> Result<Option<PathBuf>, ModelError> {
        Ok(self.list()?.pop())
    }

    /// Folder of the checkpoint of this iteration, if there is one.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn find(&self, iteration: u64) -> Result<Option<PathBuf>, ModelError> {
        let folder = self.folder_of(iteration);
        Ok(self.list()?.into_iter().find(|found| *found == folder))
    }

    fn folder_of(&self, iteration: u64) -> PathBuf {
        self.folder.join(format!("{iteration:06}"))
    }

    /// Folders of the finished checkpoints, oldest first.
    fn list(&self) -> Result<Vec<PathBuf>, ModelError> {
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        let in_folder = |error: std::io::Error| ModelError::from(error).within(&self.folder);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(in_folder)? {
            let path = entry.map_err(in_folder)?.path();
            // A folder whose name is not a number is one that was never finished.
            if let Some(iteration) = path.file_name().and_then(|name| name.to_str()?.parse::<u64>().ok()) {
                found.push((iteration, path));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }
}

impl<S: Serialize> Checkpoint<S> {
    /// Writes it all to a sibling named `….partial`, then renames that.
    fn write(&self, folder: &Path) -> Result<(), ModelError> {
        let partial = partial_name(folder);
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        self.write_through(&partial, folder).inspect_err(|_| {
            // Best effort: on a full disk it gives back what it took, and the first error is the one to report.
            let _ = fs::remove_dir_all(&partial);
        })
    }

    fn write_through(&self, partial: &Path, folder: &Path) -> Result<(), ModelError> {
        fs::create_dir_all(partial)?;
        let model = write_safetensors(&self.tensors, &Metadata::new(), Precision::F32)?;
        let state = State {
            format_version: FORMAT_VERSION,
            iteration: self.iteration,
            model: self.spec.clone(),
            files: vec![FileEntry::new(MODEL, &model), FileEntry::new(OPTIMIZER, &self.optimizer)],
            training: &self.training,
        };
        write_synced(&partial.join(MODEL), &model)?;
        write_synced(&partial.join(OPTIMIZER), &self.optimizer)?;
        write_synced(&partial.join(STATE), &serde_json::to_vec_pretty(&state).map_err(ModelError::Json)?)?;
        // A run that was resumed from an earlier point comes past the same iteration again.
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::rename(partial, folder)?;
        Ok(sync_folder_of(folder)?)
    }
}

impl<S: DeserializeOwned> Checkpoint<S> {
    /// Reads a checkpoint's folder.
    ///
    /// # Errors
    /// A missing file, one that is cut off or changed, another format version; each with the folder's name.
    pub fn load(folder: &Path) -> Result<Self, ModelError> {
        let state = State::read(folder)?;
        let (tensors, _) = state.weights(folder)?;
        let (optimizer, _) = state.content(folder, OPTIMIZER)?;
        Ok(Self { iteration: state.iteration, spec: state.model, tensors, optimizer, training: state.training })
    }
}

/// What a checkpoint's folder holds beside the training program's state and the optimiser's record, which may be missing:
/// the description, the parameters, and the SHA-256 of their file.
///
/// # Errors
/// As [`Checkpoint::load`].
pub(crate) fn load_network(folder: &Path) -> Result<(ModelSpec, Tensors, String), ModelError> {
    let state = State::<IgnoredAny>::read(folder)?;
    let (tensors, sha256) = state.weights(folder)?;
    Ok((state.model, tensors, sha256))
}

impl<S: DeserializeOwned> State<S> {
    fn read(folder: &Path) -> Result<Self, ModelError> {
        let text = String::from_utf8_lossy(&read(&folder.join(STATE), DAMAGED)?).into_owned();
        let state: Self = check_version(&text)
            .and_then(|()| serde_json::from_str(&text).map_err(ModelError::Json))
            .map_err(|error| match error {
                ModelError::Json(error) => ModelError::Corrupt {
                    name: STATE.to_owned(),
                    reason: format!("is not the JSON of a checkpoint ({error})"),
                    remedy: DAMAGED,
                },
                other => other,
            })
            .map_err(|error| error.within(folder))?;
        state.model.check().map_err(|error| error.within(folder))?;
        Ok(state)
    }
}

impl<S> State<S> {
    /// The parameters, and the SHA-256 of their file.
    fn weights(&self, folder: &Path) -> Result<(Tensors, String), ModelError> {
        let (content, sha256) = self.content(folder, MODEL)?;
        let (tensors, _) = read_safetensors(&content).map_err(|error| error.within(&folder.join(MODEL)))?;
        Ok((tensors, sha256))
    }

    /// A file that is as this state says, and its SHA-256.
    fn content(&self, folder: &Path, name: &str) -> Result<(Vec<u8>, String), ModelError> {
        let content = read(&folder.join(name), DAMAGED)?;
        let entry = self
            .files
            .iter()
            .find(|entry| entry.path == name)
            .ok_or_else(|| ModelError::Value(format!("{STATE} does not list {name}")).within(folder))?;
        verify(entry, &content, DAMAGED).map_err(|error| error.within(folder))?;
        Ok((content, entry.sha256.clone()))
    }
}
