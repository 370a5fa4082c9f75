//! A model as applications load it: manifest and weights, verified.

use std::path::Path;

use burn::tensor::Device;
use dalnet::DalNet;

use crate::checkpoint::{Checkpoint, STATE};
use crate::error::ModelError;
use crate::files::{FileEntry, read, sha256, verify, write_atomically};
use crate::manifest::{MANIFEST, Manifest, ModelSpec};
use crate::strict::load_strict;
use crate::weights::{Metadata, Precision, Tensors, read_safetensors, write_safetensors};

/// A network's weights and how to use them.
#[derive(Debug, Clone)]
pub struct Model {
    /// How to build and use the network.
    pub spec: ModelSpec,
    /// The network's parameters under their canonical names.
    pub tensors: Tensors,
}

impl Model {
    /// A model from memory: its manifest, and the content of the manifest's files in their order.
    ///
    /// # Errors
    /// Another number of files, a file that is not the manifest's (size or SHA-256), or that holds no weights. Whether
    /// they fit the architecture shows in [`Model::build`].
    pub fn from_bytes(manifest: Manifest, files: &[&[u8]]) -> Result<Self, ModelError> {
        if files.len() != manifest.files.len() {
            return Err(ModelError::Value(format!(
                "the manifest names {} files, {} were given",
                manifest.files.len(),
                files.len()
            )));
        }
        let mut tensors = Tensors::new();
        for (entry, content) in manifest.files.iter().zip(files) {
            verify(entry, content, "fetch it again")?;
            let (more, _) = read_safetensors(content).map_err(|error| error.within(Path::new(&entry.path)))?;
            tensors.extend(more);
        }
        Ok(Self { spec: manifest.spec, tensors })
    }

    /// A model from disk: a `manifest.json`, the folder of one, or the folder of a checkpoint.
    ///
    /// # Errors
    /// As [`Model::from_bytes`] and [`Checkpoint::load`], with the file's name; a missing file.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        if path.join(STATE).is_file() {
            let checkpoint = Checkpoint::<serde_json::Value>::load(path)?;
            return Ok(Self { spec: checkpoint.spec, tensors: checkpoint.tensors });
        }
        let path = if path.is_dir() { path.join(MANIFEST) } else { path.to_path_buf() };
        let remedy = "give a manifest.json, its folder, or the folder of a checkpoint";
        let text = String::from_utf8_lossy(&read(&path, remedy)?).into_owned();
        let manifest = Manifest::from_json(&text).map_err(|error| error.within(&path))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let files = manifest
            .files
            .iter()
            .map(|entry| read(&folder.join(&entry.path), "it belongs to the manifest beside it: fetch it again"))
            .collect::<Result<Vec<_>, _>>()?;
        let views: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        Self::from_bytes(manifest, &views).map_err(|error| error.within(folder))
    }

    /// The network on `device`.
    ///
    /// # Errors
    /// Weights of another architecture: names and shapes are listed.
    pub fn build(self, device: &Device) -> Result<DalNet, ModelError> {
        Ok(load_strict(self.spec.architecture.init(device), self.tensors)?)
    }
}

/// Writes a shipped model into `folder` (made if needed): the weights under a name that changes with their content, so
/// that no cache can mix two releases, and `manifest`, whose `files` are filled in.
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
    let content = write_safetensors(tensors, &Metadata::new(), precision)?;
    let name = format!("weights-{}.safetensors", &sha256(&content)[..8]);
    manifest.files = vec![FileEntry::new(name.as_str(), &content)];
    let text = manifest.to_json()?;
    write_atomically(&folder.join(name), &content)?;
    // Last, so that a manifest never names weights that are not there.
    write_atomically(&folder.join(MANIFEST), text.as_bytes())?;
    Ok(manifest)
}
