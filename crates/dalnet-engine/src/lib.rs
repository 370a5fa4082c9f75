//! The one facade for applications, native and in the browser: load a shipped model, segment pictures.
//!
//! The network runs once for a picture ([`Segmenter::encode`]); classes and thresholds are asked of what it left
//! ([`Encoding::ask`]) as often as wanted, without a device.

mod device;
mod encoding;
mod error;
#[cfg(test)]
mod fixture;
mod maps;
mod picture;
mod segmenter;

pub use dalnet_assets::{Manifest, Model};
pub use device::Backend;
pub use encoding::{ClassShare, Encoding, Options, Segmentation};
pub use error::EngineError;
pub use maps::Maps;
pub use picture::{MAX_PIXELS, MIN_SIDE, Picture};
pub use segmenter::Segmenter;
