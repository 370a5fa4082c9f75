//! What can go wrong between a picture and its segmentation.

use dalnet_assets::ModelError;
use thiserror::Error;

use crate::limits::{MAX_PIXELS, MIN_SIDE};

/// Errors of the engine; each says what is wrong and what to do.
#[derive(Debug, Error)]
pub enum EngineError {
    /// Assets that are damaged or do not belong together.
    #[error("the model cannot be used: {0}")]
    Model(#[from] ModelError),
    /// No GPU, or one that burn cannot use.
    #[error("no usable GPU ({0}); choose the CPU")]
    NoGpu(String),
    /// A device that is none.
    #[error("{0:?} is no device; there are \"webgpu\" and \"cpu\"")]
    UnknownDevice(String),
    /// The device failed in the middle of the work.
    #[error("the device failed ({0}); load the model again, on the CPU if it happens twice")]
    Device(String),
    /// Bytes that are not the picture they are said to be.
    #[error("{bytes} bytes are no picture of {width} x {height} pixels with 4 bytes each")]
    PictureBytes {
        /// In pixels.
        width: usize,
        /// In pixels.
        height: usize,
        /// Bytes that were given.
        bytes: usize,
    },
    /// A picture in which nothing can be recognised.
    #[error("the picture has {width} x {height} pixels; choose one of at least {MIN_SIDE} x {MIN_SIDE}")]
    PictureTooSmall {
        /// In pixels.
        width: usize,
        /// In pixels.
        height: usize,
    },
    /// A picture that does not fit a browser's memory.
    #[error("the picture has {width} x {height} pixels, over {MAX_PIXELS}; scale it down first")]
    PictureTooLarge {
        /// In pixels.
        width: usize,
        /// In pixels.
        height: usize,
    },
    /// A question about a class that the model does not have.
    #[error("there is no class {class}; this model has the classes 1 to {last}")]
    UnknownClass {
        /// As it was asked for, 0 being the background.
        class: usize,
        /// Index of the last class.
        last: usize,
    },
    /// A map that the model does not have.
    #[error("this model has no map {map}; it has {known}")]
    NoMap {
        /// Its name.
        map: &'static str,
        /// The names of those that there are.
        known: String,
    },
    /// A threshold outside its range.
    #[error("the background threshold {0} is not within 0 to 1")]
    Threshold(f32),
}
