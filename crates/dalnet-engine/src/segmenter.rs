//! A loaded model.

use burn::tensor::{Device, Tensor};
use dalnet::DalNet;
use dalnet_assets::{Map, Model, ModelSpec};
use web_time::Instant;

use crate::answer::{Segmentation, Similarity};
use crate::encoding::{Encoding, Options};
use crate::error::EngineError;
use crate::map_values::MapValues;
use crate::maps::Maps;
use crate::picture::{Picture, normalised};

#[cfg(test)]
mod tests;

/// A model on a device, ready for pictures.
#[derive(Debug)]
pub struct Segmenter {
    network: DalNet,
    spec: ModelSpec,
    device: Device,
}

impl Segmenter {
    /// Puts `model` on `device` (see [`Backend::open`](crate::Backend::open)).
    ///
    /// # Errors
    /// A description that contradicts itself, weights that do not fit the architecture.
    pub fn load(model: Model, device: Device) -> Result<Self, EngineError> {
        let spec = model.spec.clone();
        Ok(Self { network: model.build(&device)?, spec, device })
    }

    /// Class names without background; the label of a class is its place here plus 1.
    pub fn classes(&self) -> &[String] {
        &self.spec.classes
    }

    /// The maps that [`Options::map`] may name.
    pub fn maps(&self) -> Vec<Map> {
        let head = self.network.head.is_some();
        Map::ALL.into_iter().filter(|map| head || !map.of_head()).collect()
    }

    /// The map that labels pixels unless [`Options::map`] names another one.
    pub fn map(&self) -> Map {
        self.spec.input.map
    }

    /// Whether maps follow the picture's edges unless [`Options::refine`] says otherwise.
    pub fn refines(&self) -> bool {
        self.spec.input.refinement.is_some()
    }

    /// Runs the network on a picture, once for all that may be asked: the slow half of [`Self::segment`].
    ///
    /// # Errors
    /// A picture with too small a side; [`EngineError::Device`] when results cannot be read back.
    pub async fn encode(&self, picture: &Picture<'_>) -> Result<Encoding, EngineError> {
        picture.check_sides()?;
        let start = Instant::now();
        let (pixels, size) = picture.shown(&self.spec);
        let input = normalised(&pixels, size, self.spec.normalisation, &self.device);
        let prepared = start.elapsed();
        let Maps { maps, similarity, logits } = Maps::of(&self.network, input, &self.spec.input);
        let logits = read(logits).await?;
        let mut values = Vec::with_capacity(maps.len());
        for (map, tensor) in maps {
            values.push((map, read(tensor).await?));
        }
        let similarity = match similarity {
            Some(tensor) => {
                let [_, _, rows, columns] = tensor.dims();
                let names = self.classes().iter().cloned().chain(["background".to_owned()]).collect();
                Some(Similarity { rows, columns, names, values: read(tensor).await? })
            }
            None => None,
        };
        let timings = vec![("prepare", prepared), ("encode", start.elapsed() - prepared)];
        let refinement = self.spec.input.refinement.clone().unwrap_or_default();
        let maps = MapValues::new(size, pixels, refinement, values);
        Ok(Encoding::new(&self.spec, picture.size(), maps, &logits, similarity, timings))
    }

    /// Segments a picture: [`Self::encode`], then [`Encoding::ask`].
    ///
    /// # Errors
    /// Those of both.
    pub async fn segment(&self, picture: &Picture<'_>, options: &Options) -> Result<Segmentation, EngineError> {
        self.encode(picture).await?.ask(options)
    }
}

/// The values of a tensor of the device.
async fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, EngineError> {
    let data = tensor.into_data_async().await.map_err(|error| EngineError::Device(format!("{error:?}")))?;
    data.try_to_vec::<f32>().map_err(|error| EngineError::Device(format!("{error:?}")))
}
