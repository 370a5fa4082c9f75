//! The values of a picture's maps on the host, as the network gave them and refined by the picture's pixels.

use std::sync::OnceLock;

use burn::tensor::{Device, Tensor, TensorData};
use dalnet::refine::Refinement;
use dalnet_assets::{Map, Normalisation};

use crate::error::EngineError;
use crate::maps::find;
use crate::picture::normalised;

/// Leaves pixels in 0..1.
const AS_THEY_ARE: Normalisation = Normalisation { mean: [0.0; 3], std: [1.0; 3] };

/// Maps of all kinds of one picture.
#[derive(Debug, Clone)]
pub(crate) struct MapValues {
    /// `[height, width]`.
    size: [usize; 2],
    /// The picture at this size, RGB bytes `[height, width, 3]`.
    pixels: Vec<u8>,
    /// How it is refined.
    refinement: Refinement,
    kinds: Vec<(Map, Kind)>,
}

/// Maps of one kind, 0..1.
#[derive(Debug, Clone)]
struct Kind {
    /// `[C, height, width]`.
    plain: Vec<f32>,
    /// `[height, width]` for each class, made when it is first asked for.
    refined: Vec<OnceLock<Vec<f32>>>,
}

impl MapValues {
    /// Of `values` `[C, height, width]`, and the picture as RGB bytes `[height, width, 3]`.
    pub(crate) fn new(size: [usize; 2], pixels: Vec<u8>, refinement: Refinement, values: Vec<(Map, Vec<f32>)>) -> Self {
        let area = size[0] * size[1];
        let kind = |plain: Vec<f32>| Kind { refined: vec![OnceLock::new(); plain.len() / area], plain };
        let kinds = values.into_iter().map(|(map, values)| (map, kind(values))).collect();
        Self { size, pixels, refinement, kinds }
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
            return Ok(classes.iter().map(|class| self.plain(kind, *class)).collect());
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

    fn plain<'a>(&self, kind: &'a Kind, class: usize) -> &'a [f32] {
        &kind.plain[class * self.area()..][..self.area()]
    }

    /// `[classes.len(), height, width]`.
    fn refine(&self, kind: &Kind, classes: &[usize]) -> Result<Vec<f32>, EngineError> {
        let ([height, width], device) = (self.size, Device::flex());
        let pixels = normalised(&self.pixels, self.size, AS_THEY_ARE, &device);
        let maps = classes.iter().flat_map(|class| self.plain(kind, *class)).copied().collect::<Vec<_>>();
        let maps = Tensor::from_data(TensorData::new(maps, [1, classes.len(), height, width]), &device);
        let refined = self.refinement.refine_within_range(pixels, maps);
        refined.into_data().try_to_vec::<f32>().map_err(|error| EngineError::Device(format!("{error:?}")))
    }
}
