//! A model as applications load it: manifest and weights, verified.

use std::path::Path;

use burn::tensor::Device;
use dalnet::DalNet;

use crate::checkpoint::{STATE, load_network};
use crate::error::ModelError;
use crate::files::{read, verify, write_atomically};
use crate::manifest::{MANIFEST, Manifest, ModelSpec};
use crate::shards::{MAX_SHARD_BYTES, remove_others, write_shards};
use crate::strict::load_strict;
use crate::weights::{Precision, Tensors, read_safetensors};

/// A network's weights and how to use them.
#[derive(Debug, Clone)]
pub struct Model {
    /// How to build and use the network.
    pub spec: ModelSpec,
    /// The network's parameters under their canonical names.
    pub tensors: Tensors,
    /// SHA-256 of the `model.safetensors` of the checkpoint that the weights come from, as far as it is known; as in
    /// [`Manifest::checkpoint_sha256`].
    pub checkpoint_sha256: Option<String>,
}

impl Model {
    /// A model from memory: its manifest, and the content of the manifest's files in their order, whose SHA-256 the caller
    /// has compared. A browser's own code does that many times as fast as WebAssembly.
    ///
    /// # Errors
    /// Another number of files, or one that holds no weights. Whether they fit the architecture shows in
    /// [`Model::build`].
    pub fn from_verified_bytes(manifest: Manifest, files: &[&[u8]]) -> Result<Self, ModelError> {
        if files.len() != manifest.files.len() {
            return Err(ModelError::Value(format!(
                "the manifest names {} files, {} were given",
                manifest.files.len(),
                files.len()
            )));
        }
        let mut tensors = Tensors::new();
        for (entry, content) in manifest.files.iter().zip(files) {
            let (more, _) = read_safetensors(content).map_err(|error| error.within(Path::new(&entry.path)))?;
            tensors.extend(more);
        }
        Ok(Self { spec: manifest.spec, tensors, checkpoint_sha256: manifest.checkpoint_sha256 })
    }

    /// A model from disk: a `manifest.json`, the folder of one, or the folder of a checkpoint, whose optimiser's record is
    /// not read and may be missing.
    ///
    /// # Errors
    /// As [`Model::from_verified_bytes`] and [`Checkpoint::load`](crate::Checkpoint::load), with the file's name; a missing
    /// file, or one that is not the manifest's (size or SHA-256).
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        if path.join(STATE).is_file() {
            let (spec, tensors, sha256) = load_network(path)?;
            return Ok(Self { spec, tensors, checkpoint_sha256: Some(sha256) });
        }
        let path = if path.is_dir() { path.join(MANIFEST) } else { path.to_path_buf() };
        let remedy = "give a manifest.json, its folder, or the folder of a checkpoint";
        let text = String::from_utf8_lossy(&read(&path, remedy)?).into_owned();
        let manifest = Manifest::from_json(&text).map_err(|error| error.within(&path))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut files = Vec::with_capacity(manifest.files.len());
        for entry in &manifest.files {
            let content = read(&folder.join(&entry.path), "it belongs to the manifest beside it: fetch it again")?;
            verify(entry, &content, "fetch it again").map_err(|error| error.within(folder))?;
            files.push(content);
        }
        let views: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        Self::from_verified_bytes(manifest, &views).map_err(|error| error.within(folder))
    }

    /// The network on `device`.
    ///
    /// # Errors
    /// A description that contradicts itself; weights of another architecture: names and shapes are listed.
    pub fn build(self, device: &Device) -> Result<DalNet, ModelError> {
        self.spec.check()?;
        Ok(load_strict(self.spec.architecture.init(device), self.tensors)?)
    }
}

/// Writes a shipped model into `folder` (made if needed): the weights in files of at most [`MAX_SHARD_BYTES`] whose names
/// change with their content, and `manifest`, whose `precision` and `files` are filled in. The same model gives the same
/// bytes. Files of weights that an earlier call left in the folder are removed.
///
/// # Errors
/// A manifest that contradicts itself, numbers that `precision` cannot hold, whatever the file system answers.
pub fn write_model(
    folder: &Path,
    mut manifest: Manifest,
    tensors: &Tensors,
    precision: Precision,
) -> Result<Manifest, ModelError> {
    manifest.spec.check()?;
    let shards = write_shards(tensors, precision, MAX_SHARD_BYTES)?;
    manifest.precision = precision;
    manifest.files = shards.iter().map(|(entry, _)| entry.clone()).collect();
    let text = manifest.to_json()?;
    for (entry, content) in &shards {
        write_atomically(&folder.join(&entry.path), content)?;
    }
    // After the weights and before the old ones go, so that a manifest never names weights that are not there.
    write_atomically(&folder.join(MANIFEST), text.as_bytes())?;
    remove_others(folder, &manifest.files)?;
    Ok(manifest)
}
