//! Whether the shared space still tells the classes apart.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::Alignment;
use crate::object_mask::ObjectMask;

/// Mean cosine between class texts from which on they count as one.
const COLLAPSED_TEXTS: f64 = 0.98;
/// Gap between present and absent classes below which an alignment says nothing about what a picture shows.
const COLLAPSED_GAP: f64 = 0.02;

/// What the alignment tells apart, on one batch; cosines, -1..1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Separation {
    /// Mean cosine between the texts of two different classes.
    pub texts: f64,
    /// Cosine of a class token with the present classes less that with the absent ones, means over the batch.
    pub class_token_gap: f64,
    /// The same of the object patches.
    pub patch_gap: f64,
}

impl Separation {
    /// Measures it; waits for the device. `class_token` `[B, C + 1]` and `patches` `[B, N, C + 1]` are cosines, `labels`
    /// `[B, C]` is 0/1. A gap is 0 when there is nothing to compare.
    pub fn measure(
        alignment: &Alignment,
        class_token: Tensor<2>,
        patches: Tensor<3>,
        labels: Tensor<2>,
        mask: &ObjectMask,
    ) -> Self {
        let [_, classes] = labels.dims();
        let texts = alignment.texts().detach().narrow(0, 0, classes);
        let pairs = (classes * (classes - 1)).max(1) as f64;
        let cosines = f64::from(texts.clone().matmul(texts.transpose()).sum().into_scalar::<f32>());
        let one_each = Tensor::ones_like(&labels.clone().narrow(1, 0, 1));
        Self {
            texts: (cosines - classes as f64) / pairs,
            class_token_gap: gap(class_token.detach().unsqueeze_dim(1), labels.clone(), one_each),
            patch_gap: gap(patches.detach(), labels, mask.foreground.clone()),
        }
    }

    /// Why this is no alignment any more, if so.
    pub fn collapse(&self) -> Option<String> {
        if self.texts > COLLAPSED_TEXTS {
            return Some(format!(
                "the projected class texts have a mean cosine of {:.4}: the alignment has collapsed and locates nothing; \
                 use centred texts, all negatives and a temperature",
                self.texts
            ));
        }
        (self.class_token_gap < COLLAPSED_GAP).then(|| {
            format!(
                "class tokens are only {:.3} nearer to the texts of present classes than to those of absent ones",
                self.class_token_gap
            )
        })
    }
}

/// Mean cosine with present less that with absent classes, over the tokens that `weights` `[B, N]` (0/1) chooses of
/// `cosines` `[B, N, C + 1]`.
fn gap(cosines: Tensor<3>, labels: Tensor<2>, weights: Tensor<2>) -> f64 {
    let [_, classes] = labels.dims();
    let cosines = cosines.narrow(2, 0, classes);
    let mean = |labels: Tensor<2>| {
        let chosen = labels.unsqueeze_dim::<3>(1) * weights.clone().unsqueeze_dim::<3>(2);
        let count = f64::from(chosen.clone().sum().into_scalar::<f32>());
        (count > 0.0).then(|| f64::from((cosines.clone() * chosen).sum().into_scalar::<f32>()) / count)
    };
    match (mean(labels.clone()), mean(-labels + 1.0)) {
        (Some(present), Some(absent)) => present - absent,
        _ => 0.0,
    }
}
