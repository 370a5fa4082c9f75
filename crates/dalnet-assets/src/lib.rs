//! Weights: import, checkpoints, and the files that are shipped.
//!
//! The only crate that knows file formats of weights. On disk every tensor has PyTorch's orientation and timm's name
//! (`encoder.blocks.0.attn.qkv.weight`), whatever layout it was imported from.

pub mod checkpoint;
pub mod error;
pub mod files;
pub mod layout;
pub mod manifest;
pub mod model;
mod quantise;
pub mod shards;
pub mod strict;
pub mod text;
pub mod weights;

pub use checkpoint::{Checkpoint, Checkpoints};
pub use error::{Mismatch, ModelError, WeightsError};
pub use files::FileEntry;
pub use layout::{Layout, import_encoder, import_text_encoder};
pub use manifest::{Input, Licence, Manifest, Map, ModelSpec, Normalisation, Quality};
pub use model::{Model, write_model};
pub use strict::{load_strict, tensors_of};
pub use text::{TextEmbeddings, TextEmbeddingsError};
pub use weights::{
    Metadata, Precision, Tensors, read_safetensors, read_safetensors_file, write_safetensors, write_safetensors_file,
};
