//! Pictures with image tags, and what training and evaluation make of them: data sets on disk and a generated one,
//! decoding, augmentation and batches. No tensors, no device.
//!
//! A picture that cannot be used is an error that names the file, the value and the remedy; nothing is skipped in
//! silence.

mod augment;
mod colour;
mod data_set;
mod decode;
mod error;
mod loader;
mod mask;
mod normalisation;
mod resize;
mod sample;
pub mod shapes;
pub mod voc;

pub use augment::{AugmentConfig, Augmenter};
pub use colour::ColourJitter;
pub use data_set::DataSet;
pub use decode::{ALPHA_BACKDROP, MAX_PIXELS, decode_bytes, decode_file};
pub use error::DataError;
pub use loader::{Batch, BatchConfig, BatchSource, Loader};
pub use mask::{IGNORE, Mask};
pub use normalisation::Normalisation;
pub use sample::{MaskSource, PictureSource, Sample};
pub use shapes::Shapes;
pub use voc::Voc;
