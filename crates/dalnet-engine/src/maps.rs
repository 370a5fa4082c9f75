//! The maps that label pixels, every kind that a network has.

use burn::tensor::{Tensor, TensorData};
use dalnet::DalNet;
use dalnet::cam::Cams;
use dalnet::prediction::{Predictions, multi_scale_predictions};
use dalnet::segmentation::{foreground_maps, fused_maps};
use dalnet_assets::{Input, Map};

use crate::error::EngineError;

/// What the network says of a batch.
#[derive(Debug, Clone)]
pub struct Maps {
    /// `[B, C, H, W]` each, 0..1: above the model's background threshold a pixel has the class of the largest value.
    pub maps: Vec<(Map, Tensor<4>)>,
    /// Cosines of patches and texts `[B, C + 1, h, w]`, background last; `None` for a network without alignment.
    pub similarity: Option<Tensor<4>>,
    /// Logits of the classifier, mean over scales and mirror images `[B, C]`.
    pub logits: Tensor<2>,
}

impl Maps {
    /// Shows normalised `images` `[B, 3, H, W]` to `network` as `input` says; each view passes the encoder once.
    pub fn of(network: &DalNet, images: Tensor<4>, input: &Input) -> Self {
        let mut maps = Self::from(multi_scale_predictions(network, images, &input.scales, input.affinity.as_ref()));
        maps.raise(input.map, &input.exponents);
        maps
    }

    /// Raises the values of each class of `map` to the power of its exponent, if there are exponents.
    pub fn raise(&mut self, map: Map, exponents: &[f32]) {
        let (false, Some((_, values))) = (exponents.is_empty(), self.maps.iter_mut().find(|(other, _)| *other == map))
        else {
            return;
        };
        let exponents = TensorData::new(exponents.to_vec(), [1, exponents.len(), 1, 1]);
        *values = values.clone().powf(Tensor::from_data(exponents, &values.device()));
    }

    /// One kind of maps, `[B, C, H, W]`.
    ///
    /// # Errors
    /// [`EngineError::NoMap`].
    pub fn get(&self, map: Map) -> Result<Tensor<4>, EngineError> {
        find(&self.maps, map).cloned()
    }
}

impl From<Predictions> for Maps {
    fn from(Predictions { cams, segmentation, similarity }: Predictions) -> Self {
        let Cams { cam, auxiliary_cam, logits } = cams;
        let mut maps = vec![(Map::Cam, cam), (Map::AuxiliaryCam, auxiliary_cam.clone())];
        if let Some(segmentation) = segmentation {
            let foreground = foreground_maps(segmentation.logits);
            let fused = fused_maps(foreground.clone(), auxiliary_cam);
            maps.extend([(Map::Segmentation, foreground), (Map::Fused, fused)]);
        }
        Self { maps, similarity, logits }
    }
}

/// What is kept for `map`.
///
/// # Errors
/// [`EngineError::NoMap`].
pub(crate) fn find<T>(maps: &[(Map, T)], map: Map) -> Result<&T, EngineError> {
    let found = maps.iter().find(|(other, _)| *other == map);
    found.map(|(_, values)| values).ok_or_else(|| EngineError::NoMap {
        map: map.name(),
        known: maps.iter().map(|(map, _)| map.name()).collect::<Vec<_>>().join(", "),
    })
}
