//! The values of a picture's maps on the host, as the network gave them and refined by the picture's pixels.

use std::sync::OnceLock;

use burn::tensor::{Device, Tensor, TensorData};
use dalnet::prediction::{OnGrid, join};
use dalnet::refine::Refinement;
use dalnet_assets::{Input, Map, Normalisation};

use crate::error::EngineError;
use crate::maps::{Maps, find};
use crate::picture::normalised;

/// Leaves pixels in 0..1.
const AS_THEY_ARE: Normalisation = Normalisation { mean: [0.0; 3], std: [1.0; 3] };

/// Maps of all kinds of one picture, each made when it is first asked for: most never are.
#[derive(Debug, Clone)]
pub(crate) struct MapValues {
    /// `[height, width]`.
    size: [usize; 2],
    /// The picture at this size, RGB bytes `[height, width, 3]`.
    pixels: Vec<u8>,
    /// How it is refined.
    refinement: Refinement,
    /// What the maps are made of, for each scale, on the host.
    views: Vec<OnGrid>,
    /// Side of the encoder's patches.
    patch: usize,
    kinds: Vec<(Map, Kind)>,
    /// The kind whose values have exponents, and these.
    exponents: (Map, Vec<f32>),
}

/// Maps of one kind, `[height, width]` in 0..1 for each class.
#[derive(Debug, Clone)]
struct Kind {
    plain: Vec<OnceLock<Vec<f32>>>,
    refined: Vec<OnceLock<Vec<f32>>>,
}

impl MapValues {
    /// Of the `views` of a picture, which is given as RGB bytes `[height, width, 3]`, for a network whose maps are `kinds`.
    pub(crate) fn new(
        size: [usize; 2],
        pixels: Vec<u8>,
        input: &Input,
        views: Vec<OnGrid>,
        patch: usize,
        kinds: Vec<Map>,
        classes: usize,
    ) -> Self {
        let refinement = input.refinement.clone().unwrap_or_default();
        let exponents = (input.map, input.exponents.clone());
        let kind = || Kind { plain: vec![OnceLock::new(); classes], refined: vec![OnceLock::new(); classes] };
        let kinds = kinds.into_iter().map(|map| (map, kind())).collect();
        Self { size, pixels, refinement, views, patch, kinds, exponents }
    }

    /// Of maps `[C, height, width]` that are there already.
    #[cfg(test)]
    pub(crate) fn of_values(
        size: [usize; 2],
        pixels: Vec<u8>,
        refinement: Refinement,
        values: Vec<(Map, Vec<f32>)>,
    ) -> Self {
        let area = size[0] * size[1];
        let kind = |plain: Vec<f32>| Kind {
            refined: vec![OnceLock::new(); plain.len() / area],
            plain: plain.chunks_exact(area).map(|map| OnceLock::from(map.to_vec())).collect(),
        };
        let kinds = values.into_iter().map(|(map, values)| (map, kind(values))).collect();
        let exponents = (Map::default(), Vec::new());
        Self { size, pixels, refinement, views: Vec::new(), patch: 1, kinds, exponents }
    }

    /// `[height, width]`.
    pub(crate) fn size(&self) -> [usize; 2] {
        self.size
    }

    /// The map `[height, width]` of each of `classes`, counted from 0, in their order.
    ///
    /// # Errors
    /// [`EngineError::NoMap`], [`EngineError::Device`].
    pub(crate) fn of(&self, map: Map, classes: &[usize], refined: bool) -> Result<Vec<&[f32]>, EngineError> {
        let kind = find(&self.kinds, map)?;
        if !refined {
            return classes.iter().map(|class| self.plain(kind, *class)).collect();
        }
        let missing = classes.iter().copied().filter(|class| kind.refined[*class].get().is_none()).collect::<Vec<_>>();
        // Together: the weights of a pixel's neighbours are the same for all.
        if !missing.is_empty() {
            for (class, values) in missing.iter().zip(self.refine(kind, &missing)?.chunks_exact(self.area())) {
                kind.refined[*class].get_or_init(|| values.to_vec());
            }
        }
        Ok(classes.iter().filter_map(|class| kind.refined[*class].get()).map(Vec::as_slice).collect())
    }

    fn area(&self) -> usize {
        self.size[0] * self.size[1]
    }

    fn plain<'a>(&'a self, kind: &'a Kind, class: usize) -> Result<&'a [f32], EngineError> {
        if kind.plain[class].get().is_none() {
            let of_class = self.views.iter().map(|view| view.of_class(class));
            let mut maps = Maps::from(join(of_class, self.size, self.patch));
            let (map, exponents) = &self.exponents;
            maps.raise(*map, exponents.get(class..=class).unwrap_or_default());
            // All kinds share the way there.
            for (map, tensor) in maps.maps {
                let values = values(tensor.into_data())?;
                find(&self.kinds, map)?.plain[class].get_or_init(|| values);
            }
        }
        Ok(kind.plain[class].get().map_or(&[], Vec::as_slice))
    }

    /// `[classes.len(), height, width]`.
    fn refine(&self, kind: &Kind, classes: &[usize]) -> Result<Vec<f32>, EngineError> {
        let ([height, width], device) = (self.size, Device::flex());
        let pixels = normalised(&self.pixels, self.size, AS_THEY_ARE, &device);
        let plain = classes.iter().map(|class| self.plain(kind, *class)).collect::<Result<Vec<_>, _>>()?;
        let maps = Tensor::from_data(TensorData::new(plain.concat(), [1, classes.len(), height, width]), &device);
        values(self.refinement.refine_within_range(pixels, maps).into_data())
    }
}

/// The values of a tensor that was read from its device.
///
/// # Errors
/// [`EngineError::Device`] when they are no floats.
pub(crate) fn values(data: TensorData) -> Result<Vec<f32>, EngineError> {
    data.try_to_vec::<f32>().map_err(|error| EngineError::Device(format!("{error:?}")))
}
