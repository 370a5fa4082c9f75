//! Class activation maps (Eq. 1): multi-scale with flips, and min-max normalised.
//!
//! Order of operations and constants follow ToCo `utils/camutils.py`, which normalises by minimum and maximum where
//! the paper's Eq. 1 prints the maximum alone.

use burn::tensor::Tensor;

use crate::affinity::Affinity;
use crate::classifier::Classifier;
use crate::encoder::Features;
use crate::model::DalNet;
use crate::resize::Resize;
use crate::views::{aligned_halves, halves, mean_of_halves, views};

/// Scales of the multi-scale CAM.
pub const SCALES: [f64; 3] = [1.0, 0.5, 1.5];
/// Keeps the normalisation of a flat map finite.
const NORMALISE_EPSILON: f32 = 1e-5;

/// What the views of a batch say together.
#[derive(Debug, Clone)]
pub struct Cams {
    /// CAM of the final patch tokens `[B, C, H, W]`, 0..1.
    pub cam: Tensor<4>,
    /// CAM of the auxiliary block's tokens `[B, C, H, W]`, 0..1.
    pub auxiliary_cam: Tensor<4>,
    /// Logits of the classifier, mean over the views `[B, C]`.
    pub logits: Tensor<2>,
}

/// The CAM of `images` `[B, 3, H, W]`, summed over `scales` and the larger of picture and mirror image, then
/// normalised; with an `affinity`, the map of every view is spread before. No side is shown smaller than a patch. Run it
/// on a network without autodiff: a CAM is a label, not a path for gradients.
pub fn multi_scale_cam(model: &DalNet, images: Tensor<4>, scales: &[f64], affinity: Option<&Affinity>) -> Cams {
    let [_, _, height, width] = images.dims();
    let views = views(images, scales, model.encoder.patch_size());
    let cams = views.map(|view| {
        let outputs = model.forward(view, Affinity::blocks(affinity));
        Cams::of_view(raw_cams(model, &outputs.features, affinity), outputs.logits, [height, width])
    });
    cams.reduce(Cams::plus).expect("there is at least one scale").of_views(scales.len())
}

/// CAM and auxiliary CAM of one forward pass on its grid of patches `[B, C, h, w]`, not normalised.
pub(crate) fn raw_cams(model: &DalNet, features: &Features, affinity: Option<&Affinity>) -> [Tensor<4>; 2] {
    let map = |classifier: &Classifier, tokens: &Tensor<3>| {
        on_grid(spread(classifier.score_patches(tokens.clone()), features, affinity), features.grid)
    };
    [map(&model.classifier, &features.patch_tokens), map(&model.auxiliary_classifier, &features.block_tokens)]
}

impl Cams {
    /// Of the [`raw_cams`] and logits of one view, at `size`: the larger of picture and mirrored picture, negatives cut.
    pub(crate) fn of_view(raw: [Tensor<4>; 2], logits: Tensor<2>, size: [usize; 2]) -> Self {
        let [cam, auxiliary_cam] = raw.map(|on_grid| {
            // Turned back before they grow: burn-flex visits mirrored values one by one.
            let [maps, mirrored] = aligned_halves(on_grid).map(|maps| Resize::BILINEAR.apply(maps, size));
            maps.max_pair(mirrored).clamp_min(0.0)
        });
        Self { cam, auxiliary_cam, logits: mean_of_halves(halves(logits)) }
    }

    /// The sum of what two views gave.
    pub(crate) fn plus(self, view: Self) -> Self {
        Self {
            cam: self.cam + view.cam,
            auxiliary_cam: self.auxiliary_cam + view.auxiliary_cam,
            logits: self.logits + view.logits,
        }
    }

    /// What a sum over `count` views says: normalised CAMs, the mean of the logits.
    pub(crate) fn of_views(self, count: usize) -> Self {
        Self {
            cam: min_max_normalise(self.cam),
            auxiliary_cam: min_max_normalise(self.auxiliary_cam),
            logits: self.logits / count as f64,
        }
    }
}

/// Raw scores `[B, C, N]` as they are, or with an affinity without their negatives and spread.
fn spread(scores: Tensor<3>, features: &Features, affinity: Option<&Affinity>) -> Tensor<3> {
    match affinity {
        Some(affinity) => affinity.spread(scores.clamp_min(0.0), features),
        None => scores,
    }
}

fn on_grid(maps: Tensor<3>, [rows, columns]: [usize; 2]) -> Tensor<4> {
    let [batch, classes, _] = maps.dims();
    maps.reshape([batch, classes, rows, columns])
}

/// The CAM of one forward pass on the grid of patch tokens, normalised and without absent classes, for labels that
/// training needs at every step. `tokens` `[B, N, D]` are those of `features` that belong to the `classifier`, `labels`
/// `[B, C]` (0/1); result `[B, C, h, w]`, without gradients.
pub fn patch_cam(
    classifier: &Classifier,
    tokens: &Tensor<3>,
    features: &Features,
    labels: Tensor<2>,
    affinity: Option<&Affinity>,
) -> Tensor<4> {
    let scores = classifier.score_patches(tokens.clone().detach()).detach();
    let maps = spread(scores, features, affinity).clamp_min(0.0);
    valid_cam(min_max_normalise(on_grid(maps, features.grid)), labels)
}

/// Per picture and class: subtracts the minimum, divides by the remaining maximum. `[B, C, H, W]` to 0..1.
pub fn min_max_normalise(cam: Tensor<4>) -> Tensor<4> {
    let [batch, classes, height, width] = cam.dims();
    let flat = cam.reshape([batch, classes, height * width]);
    let flat = flat.clone() - flat.min_dim(2);
    let flat = flat.clone() / (flat.max_dim(2) + NORMALISE_EPSILON);
    flat.reshape([batch, classes, height, width])
}

/// Keeps the maps of the classes in `labels` `[B, C]` (0/1) and sets the others to 0.
pub fn valid_cam(cam: Tensor<4>, labels: Tensor<2>) -> Tensor<4> {
    let [batch, classes] = labels.dims();
    cam * labels.reshape([batch, classes, 1, 1])
}
