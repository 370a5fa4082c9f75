//! Pictures with image tags, and what training and evaluation make of them: data sets on disk and a generated one,
//! decoding, augmentation and batches. No tensors, no device.
//!
//! What cannot be used is an error that names the file, the value and the remedy; what is left out stands in a
//! [`Report`]. Nothing is skipped in silence.

mod archives;
mod augment;
mod class_list;
pub mod coco;
mod colour;
mod data_set;
mod decode;
mod error;
mod folder;
mod loader;
mod mask;
mod member;
mod normalisation;
mod objects;
mod report;
mod resize;
mod sample;
mod scene;
pub mod shapes;
mod tagged;
pub mod voc;

pub use archives::open_archives;
pub use augment::{AugmentConfig, Augmenter};
pub use class_list::read_class_list;
pub use coco::Coco;
pub use colour::ColourJitter;
pub use data_set::DataSet;
pub use decode::{ALPHA_BACKDROP, MAX_PIXELS, decode_bytes, decode_file};
pub use error::DataError;
pub use folder::open_folder;
pub use loader::{Batch, BatchConfig, BatchSource, Loader};
pub use mask::{IGNORE, Mask};
pub use member::Member;
pub use normalisation::Normalisation;
pub use report::{Finding, Report};
pub use sample::{MaskSource, PictureSource, Sample};
pub use shapes::Shapes;
pub use tagged::Tagged;
pub use voc::Voc;
