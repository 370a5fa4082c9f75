//! DALNet: semantic segmentation learnt from image tags (ECCV 2024, arXiv 2409.15801).
//!
//! The network alone: no files, no clock, no choice of device. The same code trains natively and runs in a browser.
//! Each file is a thing of the paper and bears its name.
//!
//! Shapes in this crate's documentation: `B` pictures, `C` classes without background, `D` the encoder's width,
//! `h × w` the grid of patch tokens, `N = h·w`, `H × W` pixels.

pub mod activation;
pub mod affinity;
pub mod alignment;
pub mod cam;
pub mod classifier;
pub mod cosine;
pub mod crf;
pub mod encoder;
pub mod energy;
#[cfg(feature = "gpu")]
mod gpu;
pub mod head;
mod host;
pub mod label;
pub mod lattice;
pub mod model;
pub mod object_mask;
pub mod objective;
pub mod patch_contrast;
pub mod pixels;
pub mod prediction;
mod product;
pub mod pseudo_label;
pub mod refine;
pub mod resize;
pub mod segmentation;
pub mod similarity;
pub mod transformer;
mod views;

pub use encoder::{Encoder, EncoderConfig, Features, Taps};
pub use model::{DalNet, DalNetConfig, Outputs};
