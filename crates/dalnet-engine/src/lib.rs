//! The one facade for applications, native and in the browser: load a shipped model, segment pictures.
//!
//! The network runs once for a picture ([`Segmenter::encode`]); classes, thresholds and every kind of map are asked of
//! what it left ([`Encoding`]) as often as wanted, without a device.

mod answer;
mod device;
mod encoding;
mod error;
#[cfg(test)]
mod fixture;
mod limits;
mod map_values;
mod maps;
mod picture;
mod sampling;
mod segmenter;

pub use answer::{ClassShare, Heat, Segmentation, Similarity};
pub use dalnet_assets::{Manifest, Map, Model};
pub use device::Backend;
pub use encoding::{Encoding, Options};
pub use error::EngineError;
pub use limits::{MAX_PIXELS, MIN_SIDE};
pub use maps::Maps;
pub use picture::Picture;
pub use segmenter::Segmenter;
