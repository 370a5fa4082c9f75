//! Segmentation by the head: multi-scale with mirror images, as labels are read from CAMs.

use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;

use crate::model::{DalNet, Outputs};
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
        let Outputs { features, logits: class_logits, .. } = network.forward(view, &[]);
        let on_grid = mean_of_halves(aligned_halves(head.forward(features.patch_tokens, features.grid)));
        Segmentation {
            logits: Resize::BILINEAR.apply(on_grid, [height, width]),
            class_logits: mean_of_halves(halves(class_logits)),
        }
    });
    let sum = of_views.reduce(|sum, view| Segmentation {
        logits: sum.logits + view.logits,
        class_logits: sum.class_logits + view.class_logits,
    })?;
    let count = scales.len() as f64;
    Some(Segmentation { logits: sum.logits / count, class_logits: sum.class_logits / count })
}

/// How much likelier than the background each class is, `[B, C + 1, H, W]` to `[B, C, H, W]` in 0..1: the sigmoid of
/// the difference of their `logits`. The strongest class above 0.5 is the head's own label, and where no class is above
/// it the background is, so that the maps are read as CAMs are. Differences over 16 all round to 1 in f32.
pub fn foreground_maps(logits: Tensor<4>) -> Tensor<4> {
    let [_, labels, _, _] = logits.dims();
    let background = logits.clone().narrow(1, 0, 1);
    sigmoid(logits.narrow(1, 1, labels - 1) - background)
}
