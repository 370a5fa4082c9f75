//! What can be wrong with weights, models and checkpoints.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use safetensors::{Dtype, SafeTensorError};
use thiserror::Error;

/// Why a model or a checkpoint could not be read or written.
#[derive(Debug, Error)]
pub enum ModelError {
    /// Another of these errors, with the file or folder it is about.
    #[error("{}: {source}", path.display())]
    In {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<ModelError>,
    },
    /// A file or folder does not exist.
    #[error("does not exist; {remedy}")]
    Missing {
        /// What to do.
        remedy: &'static str,
    },
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The text is not what it should be.
    #[error("not a valid description of a model ({0}); fetch or export it again")]
    Json(serde_json::Error),
    /// Written by another version.
    #[error(
        "is of format version {found}, this program reads version {supported}; use files and program of the same release"
    )]
    Version {
        /// The version in the file.
        found: u32,
        /// The version this program reads.
        supported: u32,
    },
    /// Values contradict one another or lie outside their range.
    #[error("{0}; export the model again")]
    Value(String),
    /// The head is to label the pixels of a model that has none.
    #[error("input.map is \"segmentation\", but the architecture has no head; export the model with another map")]
    NoHead,
    /// A file is not the one that was written.
    #[error("{name} {reason}: it is damaged or only a part; {remedy}")]
    Corrupt {
        /// The file.
        name: String,
        /// How it differs.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The weights cannot be read, or do not fit the architecture.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

impl ModelError {
    /// Says which file or folder the error is about.
    pub fn within(self, path: &Path) -> Self {
        Self::In { path: path.to_path_buf(), source: Box::new(self) }
    }
}

/// Why weights could not be read, written or used.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// The file could not be read at all.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The file system's answer.
        source: io::Error,
    },
    /// The file could not be written; the error names it.
    #[error(transparent)]
    Write(io::Error),
    /// Another of these errors, with the file it is about.
    #[error("{}: {source}", path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<WeightsError>,
    },
    /// The bytes are no safetensors file, or only a part of one.
    #[error("not a whole safetensors file ({0}); fetch or export it again")]
    Format(#[from] SafeTensorError),
    /// A tensor of integers or of an 8-bit float.
    #[error("tensor {name} is stored as {dtype}; export the weights as F32, F16 or BF16")]
    Type {
        /// The tensor.
        name: String,
        /// Its type in the file.
        dtype: Dtype,
    },
    /// A number does not fit the precision asked for.
    #[error("tensor {name} holds {value}, which f16 cannot hold; store these weights as f32")]
    Range {
        /// The tensor.
        name: String,
        /// The first such number.
        value: f32,
    },
    /// A number that no integer can stand for.
    #[error(
        "tensor {name} holds {value}, which int8 cannot hold; choose a checkpoint from before the training diverged"
    )]
    NotFinite {
        /// The tensor.
        name: String,
        /// The first such number.
        value: f32,
    },
    /// A tensor of 8-bit integers without the sizes of their steps.
    #[error("tensor {name} is stored as I8 without {scales} as F32; fetch or export the weights again")]
    NoScales {
        /// The tensor.
        name: String,
        /// The name of what is missing.
        scales: String,
    },
    /// Sizes of steps that belong to another tensor.
    #[error("the scales of tensor {name} are {found:?} instead of {expected:?}; fetch or export the weights again")]
    ScalesShape {
        /// The tensor.
        name: String,
        /// The scales' shape in the file.
        found: Vec<usize>,
        /// The shape that fits the tensor.
        expected: Vec<usize>,
    },
    /// A tensor is not the f32 data it must be in memory.
    #[error("tensor {name} is {dtype} in memory; only f32 can be written")]
    NotF32 {
        /// The tensor.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// The names belong to no layout that is known here.
    #[error("the tensors' names belong to no known layout ({known}); the first are: {first}")]
    UnknownLayout {
        /// The layouts that are known.
        known: &'static str,
        /// A few of the names.
        first: String,
    },
    /// Separate query, key and value tensors that cannot be joined.
    #[error("{name}: its query, key and value have the shapes {shapes}; they must be equal")]
    UnequalParts {
        /// The tensor to be joined.
        name: String,
        /// Shapes of the parts found.
        shapes: String,
    },
    /// Names or shapes differ from the model's.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

impl WeightsError {
    pub(crate) fn unknown_layout<'a>(known: &'static str, names: impl Iterator<Item = &'a String>) -> Self {
        let first = names.take(5).cloned().collect::<Vec<_>>().join(", ");
        Self::UnknownLayout { known, first }
    }

    /// Says which file the error is about.
    pub fn within(self, path: &Path) -> Self {
        Self::In { path: path.to_path_buf(), source: Box::new(self) }
    }
}

/// How a set of tensors differs from what a model needs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Parameters without a tensor: name and the model's shape (empty when only the name is known).
    pub missing: Vec<(String, Vec<usize>)>,
    /// Tensors without a parameter: name and shape.
    pub unexpected: Vec<(String, Vec<usize>)>,
    /// Name, the tensor's shape, the model's shape.
    pub wrong_shape: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl Mismatch {
    /// Itself as an error, unless nothing differs.
    pub(crate) fn into_result(self) -> Result<(), Self> {
        if self == Self::default() { Ok(()) } else { Err(self) }
    }
}

/// Names of each kind that a [`Mismatch`] tells in its one sentence; its fields hold all.
const SHOWN: usize = 3;

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the weights do not fit the model (")?;
        let missing = self.missing.iter().map(|(name, shape)| match shape.is_empty() {
            true => name.clone(),
            false => format!("{name} {shape:?}"),
        });
        let unexpected = self.unexpected.iter().map(|(name, shape)| format!("{name} {shape:?}"));
        let wrong_shape = self.wrong_shape.iter();
        let wrong_shape =
            wrong_shape.map(|(name, found, wanted)| format!("{name} is {found:?}, the model has {wanted:?}"));
        let kinds = [
            ("missing", missing.collect::<Vec<_>>()),
            ("unexpected", unexpected.collect()),
            ("wrong shape", wrong_shape.collect()),
        ];
        let told = kinds.iter().filter(|(_, found)| !found.is_empty()).map(|(kind, found)| {
            let rest = found.len().saturating_sub(SHOWN);
            let rest = if rest == 0 { String::new() } else { format!(" and {rest} more") };
            format!("{kind}: {}{rest}", found[..found.len().min(SHOWN)].join(", "))
        });
        f.write_str(&told.collect::<Vec<_>>().join("; "))?;
        f.write_str("); check that its configuration is the weights' own")
    }
}

impl std::error::Error for Mismatch {}
