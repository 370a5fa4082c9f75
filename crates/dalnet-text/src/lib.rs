//! CLIP's text side: from a prompt to its unit-norm embedding. Native only; training and pages read the embeddings.
//!
//! Architecture and tokenizer: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
//! Supervision". No files are read here: weights come as tensors, the tokenizer's merges are a part of the crate, and so
//! are the embeddings of the classes of VOC and COCO.

pub mod embeddings;
pub mod encoder;
pub mod error;
pub mod tokenizer;

pub use encoder::{TextEncoder, TextEncoderConfig};
pub use error::TextError;
pub use tokenizer::ClipTokenizer;
