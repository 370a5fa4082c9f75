//! Everything the network says of pictures, of the same passes of the encoder.

use burn::tensor::Tensor;

use crate::affinity::Affinity;
use crate::cam::{Cams, raw_cams};
use crate::model::{DalNet, Outputs};
use crate::resize::Resize;
use crate::segmentation::Segmentation;
use crate::similarity::similarity_maps;
use crate::views::{aligned_halves, halves, mean_of_halves, scaled, with_mirror_images};

/// What the views of a batch say together.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// As [`multi_scale_cam`](crate::cam::multi_scale_cam) gives them.
    pub cams: Cams,
    /// As [`multi_scale_segmentation`](crate::segmentation::multi_scale_segmentation) gives it; `None` without a head.
    pub segmentation: Option<Segmentation>,
    /// Cosines of patches and texts `[B, C + 1, h, w]` on the grid of patches of the pictures as they are, background
    /// last, mean over scales and mirror images; `None` without an alignment.
    pub similarity: Option<Tensor<4>>,
}

/// What one pass of the encoder says of pictures, of mirror images, or of both in this order, on its grid of patches: all
/// that is left of them before views are joined, and little enough to be sent from one process to another.
#[derive(Debug, Clone)]
pub struct OnGrid {
    /// CAM and auxiliary CAM `[B, C, h, w]`, spread and not normalised.
    cams: [Tensor<4>; 2],
    /// Of the classifier `[B, C]`.
    logits: Tensor<2>,
    /// Logits of the head `[B, C + 1, h, w]`.
    segmentation: Option<Tensor<4>>,
    /// Cosines `[B, C + 1, h, w]`.
    similarity: Option<Tensor<4>>,
}

/// Shows `images` `[B, 3, H, W]` to every part of the network, one pass of the encoder for each of the `scales`; an
/// `affinity` spreads the CAMs.
///
/// # Panics
/// When there is no scale.
pub fn multi_scale_predictions(
    network: &DalNet,
    images: Tensor<4>,
    scales: &[f64],
    affinity: Option<&Affinity>,
) -> Predictions {
    let [_, _, height, width] = images.dims();
    let views = views_on_grid(network, images, scales, affinity, Sides::Both);
    join(views.into_iter(), [height, width], network.encoder.patch_size())
}

/// What the network is shown of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// The pictures, and behind them their mirror images.
    Both,
    /// Half of the work.
    Pictures,
    /// The other half.
    MirrorImages,
}

/// What [`join`] takes: for each of the `scales` what the network says of these `sides` of the pictures.
///
/// # Panics
/// When there is no scale.
pub fn views_on_grid(
    network: &DalNet,
    images: Tensor<4>,
    scales: &[f64],
    affinity: Option<&Affinity>,
    sides: Sides,
) -> Vec<OnGrid> {
    let scaled = scaled(images, scales, network.encoder.patch_size());
    let views = scaled.map(|images| match sides {
        Sides::Both => with_mirror_images(images),
        Sides::Pictures => images,
        Sides::MirrorImages => images.flip([3]),
    });
    views.map(|view| OnGrid::of(network, view, affinity)).collect()
}

/// The predictions of what each scale gave, pictures and then mirror images. `size` `[H, W]` is that of the pictures,
/// `patch` the encoder's.
///
/// # Panics
/// When there is no scale.
pub fn join(of_scales: impl ExactSizeIterator<Item = OnGrid>, size: [usize; 2], patch: usize) -> Predictions {
    let count = of_scales.len();
    let of_views = of_scales.map(|OnGrid { cams, logits, segmentation, similarity }| Predictions {
        cams: Cams::of_view(cams, logits.clone(), size),
        segmentation: segmentation.map(|on_grid| Segmentation::of_view(on_grid, logits, size)),
        similarity: similarity.map(|maps| similarity_on(maps, size, patch)),
    });
    of_views.reduce(Predictions::plus).expect("there is at least one scale").of_views(count)
}

/// What [`join`] says beside the maps of classes: logits of the classifier `[B, C]` and similarity.
///
/// # Panics
/// When there is no scale.
pub fn join_without_maps(of_scales: &[OnGrid], size: [usize; 2], patch: usize) -> (Tensor<2>, Option<Tensor<4>>) {
    let count = of_scales.len() as f64;
    let logits = of_scales.iter().map(|view| mean_of_halves(halves(view.logits.clone())));
    let similarity = of_scales.iter().map(|view| Some(similarity_on(view.similarity.clone()?, size, patch)));
    (
        logits.reduce(|sum, more| sum + more).expect("there is at least one scale") / count,
        similarity.reduce(|sum, more| Some(sum? + more?)).flatten().map(|sum| sum / count),
    )
}

/// Cosines of pictures and mirror images on the grid of patches of the pictures as they are.
fn similarity_on(maps: Tensor<4>, size: [usize; 2], patch: usize) -> Tensor<4> {
    let grid = size.map(|side| (side / patch).max(1));
    Resize::BILINEAR.apply(mean_of_halves(aligned_halves(maps)), grid)
}

impl OnGrid {
    fn of(network: &DalNet, images: Tensor<4>, affinity: Option<&Affinity>) -> Self {
        let Outputs { features, logits, .. } = network.forward(images, Affinity::blocks(affinity));
        Self {
            cams: raw_cams(network, &features, affinity),
            logits,
            segmentation: network.head.as_ref().map(|head| head.forward(features.patch_tokens.clone(), features.grid)),
            similarity: network.alignment.as_ref().map(|alignment| similarity_maps(alignment, &features)),
        }
    }

    /// The maps of one class alone, counted from 0, so that [`join`] makes no other; without similarity.
    pub fn of_class(&self, class: usize) -> Self {
        let only = |maps: &Tensor<4>, place: usize| maps.clone().narrow(1, place, 1);
        Self {
            cams: self.cams.each_ref().map(|maps| only(maps, class)),
            logits: self.logits.clone().narrow(1, class, 1),
            segmentation: self
                .segmentation
                .as_ref()
                .map(|maps| Tensor::cat(vec![only(maps, 0), only(maps, class + 1)], 1)),
            similarity: None,
        }
    }

    /// Those of `other` behind these: of mirror images behind pictures.
    pub fn beside(self, other: Self) -> Self {
        let cat = |[one, other]: [Tensor<4>; 2]| Tensor::cat(vec![one, other], 0);
        let [cam, auxiliary_cam] = self.cams;
        let [other_cam, other_auxiliary_cam] = other.cams;
        Self {
            cams: [cat([cam, other_cam]), cat([auxiliary_cam, other_auxiliary_cam])],
            logits: Tensor::cat(vec![self.logits, other.logits], 0),
            segmentation: self.segmentation.zip(other.segmentation).map(|(one, other)| cat([one, other])),
            similarity: self.similarity.zip(other.similarity).map(|(one, other)| cat([one, other])),
        }
    }

    /// All numbers in a row, to be sent.
    pub fn flat(self) -> Tensor<1> {
        let maps = self.cams.into_iter().chain(self.segmentation).chain(self.similarity).map(|maps| maps.flatten(0, 3));
        Tensor::cat(maps.chain([self.logits.flatten(0, 1)]).collect(), 0)
    }

    /// How many numbers [`Self::flat`] has.
    pub fn count(&self) -> usize {
        let maps = self.cams.iter().chain(&self.segmentation).chain(&self.similarity);
        maps.map(|maps| maps.dims().iter().product::<usize>()).sum::<usize>()
            + self.logits.dims().iter().product::<usize>()
    }

    /// What another network of the same kind said of pictures of the same size, from the numbers of its [`Self::flat`].
    ///
    /// # Panics
    /// When there are fewer than [`Self::count`].
    pub fn of_flat(&self, numbers: Tensor<1>) -> Self {
        let mut start = 0;
        let mut take = |count: usize| {
            start += count;
            numbers.clone().narrow(0, start - count, count)
        };
        let mut maps = |like: &Tensor<4>| take(like.dims().iter().product()).reshape(like.dims());
        let cams = self.cams.each_ref().map(&mut maps);
        let segmentation = self.segmentation.as_ref().map(&mut maps);
        let similarity = self.similarity.as_ref().map(&mut maps);
        let logits = take(self.logits.dims().iter().product()).reshape(self.logits.dims());
        Self { cams, logits, segmentation, similarity }
    }
}

impl Predictions {
    fn plus(self, view: Self) -> Self {
        Self {
            cams: self.cams.plus(view.cams),
            segmentation: self.segmentation.zip(view.segmentation).map(|(sum, more)| sum.plus(more)),
            similarity: self.similarity.zip(view.similarity).map(|(sum, more)| sum + more),
        }
    }

    fn of_views(self, count: usize) -> Self {
        Self {
            cams: self.cams.of_views(count),
            segmentation: self.segmentation.map(|sum| sum.of_views(count)),
            similarity: self.similarity.map(|sum| sum / count as f64),
        }
    }
}
