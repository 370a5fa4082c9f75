//! A loaded model.

use burn::tensor::Device;
use dalnet::DalNet;
use dalnet_assets::{Model, ModelSpec};
use web_time::Instant;

use crate::encoding::{Encoding, Options, Segmentation};
use crate::error::EngineError;
use crate::maps::Maps;
use crate::picture::Picture;

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

    /// Runs the network on a picture: the slow half of [`Self::segment`].
    ///
    /// # Errors
    /// A picture with too small a side; [`EngineError::Device`] when results cannot be read back.
    pub async fn encode(&self, picture: &Picture<'_>) -> Result<Encoding, EngineError> {
        picture.check_sides()?;
        let start = Instant::now();
        let input = picture.input(&self.spec, &self.device);
        let [_, _, height, width] = input.dims();
        let prepared = start.elapsed();
        let Maps { maps, logits } = Maps::of(&self.network, input, &self.spec.input)?;
        let read = async |data: Result<burn::tensor::TensorData, _>| match data {
            Ok(data) => data.try_to_vec::<f32>().map_err(|error| EngineError::Device(format!("{error:?}"))),
            Err(error) => Err(EngineError::Device(format!("{error:?}"))),
        };
        let logits = read(logits.into_data_async().await).await?;
        let maps = read(maps.into_data_async().await).await?;
        let timings = [("prepare", prepared), ("encode", start.elapsed() - prepared)];
        Ok(Encoding::new(&self.spec, picture.size(), [height, width], maps, &logits, timings.to_vec()))
    }

    /// Segments a picture: [`Self::encode`], then [`Encoding::ask`].
    ///
    /// # Errors
    /// Those of both.
    pub async fn segment(&self, picture: &Picture<'_>, options: &Options) -> Result<Segmentation, EngineError> {
        self.encode(picture).await?.ask(options)
    }
}
