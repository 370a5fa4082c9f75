//! Segmentation by the head: multi-scale with mirror images, as labels are read from CAMs.

use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;

use crate::model::DalNet;
use crate::resize::Resize;
use crate::views::{aligned_halves, halves, mean_of_halves, views};

/// What the views of a batch say together, each the mean over scales and mirror images.
#[derive(Debug, Clone)]
pub struct Segmentation {
    /// Logits of the head `[B, C + 1, H, W]`, background first.
    pub logits: Tensor<4>,
    /// Logits of the classifier `[B, C]`.
    pub class_logits: Tensor<2>,
}

/// Segments `images` `[B, 3, H, W]` at their own size, one pass of the encoder for each of the `scales`; `None` without
/// a head. No side is shown smaller than a patch.
///
/// # Panics
/// When there is no scale.
pub fn multi_scale_segmentation(network: &DalNet, images: Tensor<4>, scales: &[f64]) -> Option<Segmentation> {
    let head = network.head.as_ref()?;
    let [_, _, height, width] = images.dims();
    let of_views = views(images, scales, network.encoder.patch_size()).map(|view| {
        let outputs = network.forward(view, &[]);
        let features = outputs.features;
        Segmentation::of_view(head.forward(features.patch_tokens, features.grid), outputs.logits, [height, width])
    });
    Some(of_views.reduce(Segmentation::plus)?.of_views(scales.len()))
}

impl Segmentation {
    /// Of the head's and the classifier's logits of one view, at `size`: the mean of picture and mirror image.
    pub(crate) fn of_view(logits: Tensor<4>, class_logits: Tensor<2>, size: [usize; 2]) -> Self {
        let on_grid = mean_of_halves(aligned_halves(logits));
        Self { logits: Resize::BILINEAR.apply(on_grid, size), class_logits: mean_of_halves(halves(class_logits)) }
    }

    /// The sum of what two views gave.
    pub(crate) fn plus(self, view: Self) -> Self {
        Self { logits: self.logits + view.logits, class_logits: self.class_logits + view.class_logits }
    }

    /// The mean, of a sum over `count` views.
    pub(crate) fn of_views(self, count: usize) -> Self {
        Self { logits: self.logits / count as f64, class_logits: self.class_logits / count as f64 }
    }
}

/// How much likelier than the background each class is, `[B, C + 1, H, W]` to `[B, C, H, W]` in 0..1: the sigmoid of
/// the difference of their `logits`. The strongest class above 0.5 is the head's own label, and where no class is above
/// it the background is, so that the maps are read as CAMs are. Differences over 16 all round to 1 in f32.
pub fn foreground_maps(logits: Tensor<4>) -> Tensor<4> {
    let [_, labels, _, _] = logits.dims();
    let background = logits.clone().narrow(1, 0, 1);
    sigmoid(logits.narrow(1, 1, labels - 1) - background)
}

/// What the auxiliary CAM weighs in [`fused_maps`]: the best of 0, 0.5, 0.7 and 1 (`train-native/EXPERIMENTS.md`, "Mean of
/// auxiliary CAM and head").
const AUXILIARY_WEIGHT: f64 = 0.7;

/// 0.3 of the head's [`foreground_maps`] and 0.7 of the auxiliary CAM, all `[B, C, H, W]`, 0..1. The two err in different
/// places.
pub fn fused_maps(foreground: Tensor<4>, auxiliary_cam: Tensor<4>) -> Tensor<4> {
    foreground * (1.0 - AUXILIARY_WEIGHT) + auxiliary_cam * AUXILIARY_WEIGHT
}
