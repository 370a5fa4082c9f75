//! A loaded model.

use std::time::Duration;

use burn::tensor::{Device, Tensor, TensorData};
use dalnet::DalNet;
use dalnet::prediction::{OnGrid, Sides, join_without_maps, views_on_grid};
use dalnet_assets::{Input, Map, Model, ModelSpec};
use web_time::Instant;

use crate::answer::{Segmentation, Similarity};
use crate::encoding::{Encoding, Options};
use crate::error::EngineError;
use crate::map_values::{MapValues, values};
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
        let views = self.run(&shown, Sides::Both);
        let views = on_host(&views, read_all(&views).await?);
        self.encoding(picture, shown, views)
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
        let own = self.run(&shown, Sides::Pictures);
        let expected = own.iter().map(OnGrid::count).sum::<usize>();
        let mirrored = match mirror_image.await.filter(|numbers| numbers.len() == expected) {
            Some(numbers) => numbers,
            None => read_all(&self.run(&shown, Sides::MirrorImages)).await?,
        };
        let (mirrored, own) = (on_host(&own, mirrored), on_host(&own, read_all(&own).await?));
        let views = own.into_iter().zip(mirrored).map(|(own, mirrored)| own.beside(mirrored)).collect();
        self.encoding(picture, shown, views)
    }

    /// What the network says of the picture's mirror image, for [`Self::encode_beside`] of another segmenter.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub async fn encode_mirror_image(&self, picture: &Picture<'_>) -> Result<Vec<f32>, EngineError> {
        read_all(&self.run(&self.show(picture)?, Sides::MirrorImages)).await
    }

    fn show(&self, picture: &Picture<'_>) -> Result<Shown, EngineError> {
        picture.check_sides()?;
        let start = Instant::now();
        let (pixels, size) = picture.shown(&self.spec);
        let input = normalised(&pixels, size, self.spec.normalisation, &self.device);
        Ok(Shown { start, pixels, size, input, prepared: start.elapsed() })
    }

    fn run(&self, shown: &Shown, sides: Sides) -> Vec<OnGrid> {
        let Input { scales, affinity, .. } = &self.spec.input;
        views_on_grid(&self.network, shown.input.clone(), scales, affinity.as_ref(), sides)
    }

    fn encoding(&self, picture: &Picture<'_>, shown: Shown, views: Vec<OnGrid>) -> Result<Encoding, EngineError> {
        let Shown { start, pixels, size, prepared, .. } = shown;
        let patch = self.network.encoder.patch_size();
        let (logits, similarity) = join_without_maps(&views, size, patch);
        let similarity = similarity.map(|tensor| {
            let [_, _, rows, columns] = tensor.dims();
            let names = self.classes().iter().cloned().chain(["background".to_owned()]).collect();
            Ok::<_, EngineError>(Similarity { rows, columns, names, values: values(tensor.into_data())? })
        });
        let similarity = similarity.transpose()?;
        let timings = vec![("prepare", prepared), ("encode", start.elapsed() - prepared)];
        let maps = MapValues::new(size, pixels, &self.spec.input, views, patch, self.maps(), self.classes().len());
        Ok(Encoding::new(&self.spec, picture.size(), maps, &values(logits.into_data())?, similarity, timings))
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

/// All numbers of views on the device.
async fn read_all(views: &[OnGrid]) -> Result<Vec<f32>, EngineError> {
    let numbers = Tensor::cat(views.iter().cloned().map(OnGrid::flat).collect(), 0);
    values(numbers.into_data_async().await.map_err(|error| EngineError::Device(format!("{error:?}")))?)
}

/// The same views on the host, where maps are made of them.
fn on_host(views: &[OnGrid], numbers: Vec<f32>) -> Vec<OnGrid> {
    let count = numbers.len();
    let numbers = Tensor::from_data(TensorData::new(numbers, [count]), &Device::flex());
    let mut start = 0;
    let view = |view: &OnGrid| {
        start += view.count();
        view.of_flat(numbers.clone().narrow(0, start - view.count(), view.count()))
    };
    views.iter().map(view).collect()
}
