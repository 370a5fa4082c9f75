//! The maps that label pixels, whichever of the network's kinds a model names.

use burn::tensor::Tensor;
use dalnet::DalNet;
use dalnet::cam::{Cams, multi_scale_cam};
use dalnet::segmentation::{Segmentation, foreground_maps, multi_scale_segmentation};
use dalnet_assets::{Input, Map, ModelError};

use crate::error::EngineError;

/// What the network says of a batch.
#[derive(Debug, Clone)]
pub struct Maps {
    /// `[B, C, H, W]`, 0..1: above the model's background threshold a pixel has the class of the largest value.
    pub maps: Tensor<4>,
    /// Logits of the classifier, mean over scales and mirror images `[B, C]`.
    pub logits: Tensor<2>,
}

impl Maps {
    /// Shows normalised `images` `[B, 3, H, W]` to `network` as `input` says; each view passes the encoder once.
    ///
    /// # Errors
    /// The map of a head that the network does not have.
    pub fn of(network: &DalNet, images: Tensor<4>, input: &Input) -> Result<Self, EngineError> {
        let cams = || multi_scale_cam(network, images.clone(), &input.scales, input.affinity.as_ref());
        match input.map {
            Map::Cam => {
                let Cams { cam, logits, .. } = cams();
                Ok(Self { maps: cam, logits })
            }
            Map::AuxiliaryCam => {
                let Cams { auxiliary_cam, logits, .. } = cams();
                Ok(Self { maps: auxiliary_cam, logits })
            }
            Map::Segmentation => {
                let segmentation =
                    multi_scale_segmentation(network, images, &input.scales).ok_or(ModelError::NoHead)?;
                let Segmentation { logits, class_logits } = segmentation;
                Ok(Self { maps: foreground_maps(logits), logits: class_logits })
            }
        }
    }
}
