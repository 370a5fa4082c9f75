//! A loaded model.

use std::time::Duration;

use burn::tensor::{Device, Tensor, TensorData};
use dalnet::DalNet;
use dalnet::prediction::{OnGrid, half_of_predictions, join_halves};
use dalnet_assets::{Input, Map, Model, ModelSpec};
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
        let shown = self.show(picture)?;
        let maps = Maps::of(&self.network, shown.input.clone(), &self.spec.input);
        self.encoding(picture, shown, maps).await
    }

    /// [`Self::encode`], while another segmenter of the same model runs the network on the picture's mirror image, half of
    /// the work. `mirror_image` gives what its [`Self::encode_mirror_image`] gave; whatever else it gives, this one does
    /// both halves.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub async fn encode_beside(
        &self,
        picture: &Picture<'_>,
        mirror_image: impl Future<Output = Option<Vec<f32>>>,
    ) -> Result<Encoding, EngineError> {
        let shown = self.show(picture)?;
        let own = self.half(&shown, false);
        let expected = own.iter().map(OnGrid::count).sum::<usize>();
        let mirrored = match mirror_image.await.filter(|numbers| numbers.len() == expected) {
            Some(numbers) => {
                let numbers = Tensor::from_data(TensorData::new(numbers, [expected]), &self.device);
                let mut start = 0;
                let of_scale = |own: &OnGrid| {
                    start += own.count();
                    own.of_flat(numbers.clone().narrow(0, start - own.count(), own.count()))
                };
                own.iter().map(of_scale).collect()
            }
            None => self.half(&shown, true),
        };
        let maps = join_halves(own, mirrored, shown.size, self.network.encoder.patch_size()).into();
        self.encoding(picture, shown, maps).await
    }

    /// What the network says of the picture's mirror image, for [`Self::encode_beside`] of another segmenter.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub async fn encode_mirror_image(&self, picture: &Picture<'_>) -> Result<Vec<f32>, EngineError> {
        let halves = self.half(&self.show(picture)?, true);
        read(Tensor::cat(halves.into_iter().map(OnGrid::flat).collect(), 0)).await
    }

    fn show(&self, picture: &Picture<'_>) -> Result<Shown, EngineError> {
        picture.check_sides()?;
        let start = Instant::now();
        let (pixels, size) = picture.shown(&self.spec);
        let input = normalised(&pixels, size, self.spec.normalisation, &self.device);
        Ok(Shown { start, pixels, size, input, prepared: start.elapsed() })
    }

    fn half(&self, shown: &Shown, mirrored: bool) -> Vec<OnGrid> {
        let Input { scales, affinity, .. } = &self.spec.input;
        half_of_predictions(&self.network, shown.input.clone(), scales, affinity.as_ref(), mirrored)
    }

    async fn encoding(&self, picture: &Picture<'_>, shown: Shown, maps: Maps) -> Result<Encoding, EngineError> {
        let Shown { start, pixels, size, prepared, .. } = shown;
        let Maps { maps, similarity, logits } = maps;
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

/// A picture as the network sees it.
struct Shown {
    start: Instant,
    /// RGB bytes `[height, width, 3]`.
    pixels: Vec<u8>,
    /// `[height, width]`.
    size: [usize; 2],
    /// `[1, 3, height, width]`, normalised.
    input: Tensor<4>,
    prepared: Duration,
}

/// The values of a tensor of the device.
async fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, EngineError> {
    let data = tensor.into_data_async().await.map_err(|error| EngineError::Device(format!("{error:?}")))?;
    data.try_to_vec::<f32>().map_err(|error| EngineError::Device(format!("{error:?}")))
}
