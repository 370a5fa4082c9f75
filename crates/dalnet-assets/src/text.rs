//! Text embeddings: the class texts that alignment pulls patches towards, made once and shipped beside the encoder.
//!
//! The file is safetensors: the tensor `embeddings`, and one entry of metadata with the rest as JSON.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::error::WeightsError;
use crate::files::{FileEntry, write_atomically};
use crate::manifest::MAX_CLASSES;
use crate::weights::{Metadata, Precision, Tensors, read_safetensors, write_safetensors};

/// Version of the file that this crate writes and reads.
const FORMAT_VERSION: u32 = 1;
const TENSOR: &str = "embeddings";
const METADATA: &str = "text_embeddings";
/// How far a norm may be from 1.
const NORM_TOLERANCE: f64 = 1e-3;

/// Unit-norm embeddings of class texts and of the background.
#[derive(Debug, Clone, PartialEq)]
pub struct TextEmbeddings {
    /// Class names without background, `C` of them, in the order of the classifier.
    pub classes: Vec<String>,
    /// The text that was encoded for each class.
    pub prompts: Vec<String>,
    /// How the background's vector was made: its prompt, or what stands in for one.
    pub background: String,
    /// How the vectors came to be, with the licences of what they were made from.
    pub provenance: String,
    /// The files they were made from.
    pub sources: Vec<FileEntry>,
    /// The vectors `[C + 1, d_t]`, of norm 1: the classes in order, the background last.
    pub vectors: TensorData,
}

/// Why text embeddings could not be read or written.
#[derive(Debug, Error)]
pub enum TextEmbeddingsError {
    /// Another of these errors, with the file it is about.
    #[error("{}: {source}", path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<TextEmbeddingsError>,
    },
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Read(io::Error),
    /// The file could not be written; the error names it.
    #[error(transparent)]
    Write(io::Error),
    /// The bytes are no whole safetensors file.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A file of another kind, or a description that is none.
    #[error("holds no text embeddings ({0}); make them with train-native embed")]
    Kind(String),
    /// Written by another version.
    #[error("is of format version {0}, this program reads version {FORMAT_VERSION}; make it with train-native embed")]
    Version(u32),
    /// Values contradict one another or lie outside their range.
    #[error("{0}; make the embeddings anew with train-native embed")]
    Value(String),
}

impl TextEmbeddingsError {
    fn within(self, path: &Path) -> Self {
        Self::In { path: path.to_path_buf(), source: Box::new(self) }
    }
}

#[derive(Serialize, Deserialize)]
struct Description {
    format_version: u32,
    classes: Vec<String>,
    prompts: Vec<String>,
    background: String,
    provenance: String,
    sources: Vec<FileEntry>,
}

impl TextEmbeddings {
    /// Width of an embedding, `d_t`.
    pub fn dim(&self) -> usize {
        self.vectors.shape().last().copied().unwrap_or(0)
    }

    /// Reads a file's content.
    ///
    /// # Errors
    /// Bytes that are no such file, another version, values that [`Self::to_bytes`] refuses.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TextEmbeddingsError> {
        let (mut tensors, metadata) = read_safetensors(bytes)?;
        let text = metadata
            .get(METADATA)
            .ok_or_else(|| TextEmbeddingsError::Kind(format!("its metadata has no {METADATA}")))?;
        let json: serde_json::Value = from_json(text)?;
        let version = json["format_version"].as_u64().and_then(|version| u32::try_from(version).ok());
        match version {
            Some(FORMAT_VERSION) => (),
            Some(other) => return Err(TextEmbeddingsError::Version(other)),
            None => return Err(TextEmbeddingsError::Kind(format!("its {METADATA} has no format_version"))),
        }
        let description: Description = from_json(text)?;
        let vectors =
            tensors.remove(TENSOR).ok_or_else(|| TextEmbeddingsError::Kind(format!("it has no tensor {TENSOR}")))?;
        if let Some(name) = tensors.keys().next() {
            return Err(TextEmbeddingsError::Kind(format!("it has the tensor {name} besides {TENSOR}")));
        }
        let embeddings = Self {
            classes: description.classes,
            prompts: description.prompts,
            background: description.background,
            provenance: description.provenance,
            sources: description.sources,
            vectors,
        };
        embeddings.check()?;
        Ok(embeddings)
    }

    /// [`Self::from_bytes`] from a file.
    ///
    /// # Errors
    /// As there, and a file that cannot be read; with the file's name.
    pub fn open(path: &Path) -> Result<Self, TextEmbeddingsError> {
        let bytes = fs::read(path).map_err(|error| TextEmbeddingsError::Read(error).within(path))?;
        Self::from_bytes(&bytes).map_err(|error| error.within(path))
    }

    /// The content of the file; the same embeddings give the same bytes.
    ///
    /// # Errors
    /// [`TextEmbeddingsError::Value`]: names that are empty, repeated or too many; another number of prompts or vectors;
    /// vectors that are not finite or not of norm 1.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TextEmbeddingsError> {
        self.check()?;
        let description = Description {
            format_version: FORMAT_VERSION,
            classes: self.classes.clone(),
            prompts: self.prompts.clone(),
            background: self.background.clone(),
            provenance: self.provenance.clone(),
            sources: self.sources.clone(),
        };
        let text =
            serde_json::to_string(&description).map_err(|error| TextEmbeddingsError::Value(error.to_string()))?;
        let tensors = Tensors::from([(TENSOR.to_owned(), self.vectors.clone())]);
        Ok(write_safetensors(&tensors, &Metadata::from([(METADATA.to_owned(), text)]), Precision::F32)?)
    }

    /// [`Self::to_bytes`] into a file that is whole or absent.
    ///
    /// # Errors
    /// As there, and a file that cannot be written; with the file's name.
    pub fn write(&self, path: &Path) -> Result<(), TextEmbeddingsError> {
        let bytes = self.to_bytes().map_err(|error| error.within(path))?;
        write_atomically(path, &bytes).map_err(TextEmbeddingsError::Write)
    }

    fn check(&self) -> Result<(), TextEmbeddingsError> {
        let fail = |reason: String| Err(TextEmbeddingsError::Value(reason));
        let count = self.classes.len();
        if !(1..=MAX_CLASSES).contains(&count) {
            return fail(format!("{count} classes: a model has 1 to {MAX_CLASSES}"));
        }
        let mut seen = BTreeSet::new();
        for name in &self.classes {
            if name.trim().is_empty() {
                return fail("a class has an empty name".to_owned());
            }
            if !seen.insert(name) {
                return fail(format!("the class {name:?} stands there twice"));
            }
        }
        if self.prompts.len() != count {
            return fail(format!("{} prompts for {count} classes", self.prompts.len()));
        }
        let shape = self.vectors.shape().to_vec();
        let &[rows, dim] = shape.as_slice() else {
            return fail(format!("{TENSOR} has the shape {shape:?}: it must be [classes + 1, width]"));
        };
        if rows != count + 1 || dim == 0 {
            return fail(format!(
                "{TENSOR} has the shape {shape:?}: {count} classes and the background are {}",
                count + 1
            ));
        }
        let values: Vec<f32> = self.vectors.iter().collect();
        for (row, vector) in values.chunks_exact(dim).enumerate() {
            let norm = vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            if !norm.is_finite() || (norm - 1.0).abs() > NORM_TOLERANCE {
                let name = self.classes.get(row).map_or("background", String::as_str);
                return fail(format!("the vector of {name:?} has the norm {norm} instead of 1"));
            }
        }
        Ok(())
    }
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, TextEmbeddingsError> {
    serde_json::from_str(text)
        .map_err(|error| TextEmbeddingsError::Kind(format!("its {METADATA} is not right: {error}")))
}
