//! Pixel values as the encoder was trained on.

use serde::{Deserialize, Serialize};

use crate::error::DataError;

/// Mean and standard deviation of red, green and blue, of values in 0..1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    /// Subtracted.
    pub mean: [f32; 3],
    /// Divided by; above 0.
    pub std: [f32; 3],
}

impl Normalisation {
    /// To -1..1, as the augreg ViTs of timm.
    pub const HALF: Self = Self { mean: [0.5; 3], std: [0.5; 3] };
    /// ImageNet's statistics, as DeiT and DINOv2.
    pub const IMAGENET: Self = Self { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

    /// The value `0..=1` of a channel (0 red, 1 green, 2 blue), normalised.
    pub fn apply(&self, channel: usize, value: f32) -> f32 {
        (value - self.mean[channel]) / self.std[channel]
    }

    /// Normalised values of the 256 bytes of each channel: a look-up is cheaper than two operations a pixel.
    pub(crate) fn table(&self) -> [[f32; 256]; 3] {
        std::array::from_fn(|channel| std::array::from_fn(|byte| self.apply(channel, byte as f32 / 255.0)))
    }

    /// Refuses what would give infinities.
    pub(crate) fn check(&self) -> Result<(), DataError> {
        let usable = self.std.iter().all(|std| *std > 0.0) && self.mean.iter().chain(&self.std).all(|v| v.is_finite());
        if usable {
            return Ok(());
        }
        Err(DataError::Setting {
            setting: "normalisation",
            value: format!("mean {:?}, std {:?}", self.mean, self.std),
            allowed: "finite with every std above 0",
        })
    }
}
