//! Local Explicit Alignment with cross-contrastive learning (LEA and CCL, `L_ex`, Eq. 2 and 4-6): object patches are drawn
//! to the texts of the present classes, background patches to the background's.

use burn::tensor::activation::softplus;
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

use super::Negatives;
use crate::object_mask::ObjectMask;

/// What stands for the similarity of a patch with the classes of its picture, `s⁺`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Positive {
    /// Sum of the cosines with all present classes: the paper's. A patch of one class is drawn to the others, too.
    Sum,
    /// Their mean.
    Mean,
    /// The largest of them.
    Max,
    /// The cosine with the class whose CAM is largest at the patch. A background patch shows no class; there it is the
    /// largest, as with [`Self::Max`].
    Cam,
}

impl Positive {
    /// `s⁺/τ` `[B, N]` over the classes that `drawn` `[B, N, C]` marks by 1.
    fn logit(self, class_cosines: Tensor<3>, drawn: Tensor<3>) -> Tensor<2> {
        let sum = || (class_cosines.clone() * drawn.clone()).sum_dim(2);
        match self {
            Self::Sum | Self::Cam => sum(),
            Self::Mean => sum() / drawn.clone().sum_dim(2).clamp_min(1.0),
            Self::Max => hidden(class_cosines, -drawn + 1.0).max_dim(2),
        }
        .squeeze_dim(2)
    }
}

/// What a sum over patches is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normaliser {
    /// All patches of the batch (`N²` for a grid of `N × N`): the paper's.
    Patches,
    /// The patches that the sum runs over, at least 1.
    Masked,
}

/// Settings of `L_ex`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalAlignment {
    /// What object patches are drawn to.
    pub positive: Positive,
    /// What they are pushed away from.
    pub negatives: Negatives,
    /// What sums are divided by.
    pub normaliser: Normaliser,
    /// τ, which divides every cosine.
    pub temperature: f64,
    /// λ, the weight of the background patches' half.
    pub background_weight: f64,
    /// `false` is the paper's ablation without cross-contrastive learning: object patches are drawn to their texts with
    /// nothing to push away from (a logit of 0 in the background's place), background patches do not count.
    pub cross_contrast: bool,
}

impl LocalAlignment {
    /// Eq. 2 and 4-6: λ = 0.001, τ = 1.
    pub const PAPER: Self = Self {
        positive: Positive::Sum,
        negatives: Negatives::Background,
        normaliser: Normaliser::Patches,
        temperature: 1.0,
        background_weight: 0.001,
        cross_contrast: true,
    };

    /// `L_ex` `[1]` of the patches' cosines `[B, N, C + 1]` (background last), 0/1 `labels` `[B, C]` and the mask:
    /// `Σ_object -log(e^(s⁺/τ)/(e^(s⁺/τ) + Σ e^(s⁻/τ)))`, plus λ times the same of the background patches with the
    /// parts changed over, each sum divided by the [`Normaliser`]. `s⁻` of an object patch is the background's cosine
    /// and, with [`Negatives::All`], that of every class which is no positive; of a background patch `s⁺`, or every
    /// class.
    ///
    /// As printed, masked-out tokens are zero and add a constant `ln 2` each; it is left out. A picture without labels
    /// has no object patches; `s⁺` of its background patches is 0 as a sum or mean of nothing, and as the largest of
    /// nothing no `s⁻` at all.
    pub fn loss(&self, similarity: Tensor<3>, labels: Tensor<2>, mask: &ObjectMask) -> Tensor<1> {
        let [_, _, texts] = similarity.dims();
        let scaled = similarity / self.temperature;
        let class_cosines = scaled.clone().narrow(2, 0, texts - 1);
        let background = scaled.clone().narrow(2, texts - 1, 1).squeeze_dim::<2>(2);
        let present = at_each_patch(labels, mask);
        let drawn = match self.positive {
            Positive::Cam => largest_cam(&present, mask),
            Positive::Sum | Positive::Mean | Positive::Max => present.clone(),
        };
        let positive = self.positive.logit(class_cosines.clone(), drawn.clone());
        if !self.cross_contrast {
            return self.mean(softplus(-positive, 1.0), &mask.foreground);
        }
        let (of_objects, of_background) = match self.negatives {
            Negatives::Background => {
                let classes = match self.positive {
                    Positive::Cam => Positive::Max.logit(class_cosines, present),
                    Positive::Sum | Positive::Mean | Positive::Max => positive.clone(),
                };
                (background.clone(), classes)
            }
            Negatives::All => {
                let others =
                    Tensor::cat(vec![hidden(class_cosines.clone(), drawn), background.clone().unsqueeze_dim(2)], 2);
                (log_sum_exp(others), log_sum_exp(class_cosines))
            }
        };
        // log(e^p + e^n) - p is softplus(n - p).
        let objects = softplus(of_objects - positive, 1.0);
        let rest = softplus(of_background - background, 1.0);
        self.mean(objects, &mask.foreground) + self.mean(rest, &mask.background) * self.background_weight
    }

    fn mean(&self, losses: Tensor<2>, mask: &Tensor<2>) -> Tensor<1> {
        let [batch, patches] = mask.dims();
        let sum = (losses * mask.clone()).sum();
        match self.normaliser {
            Normaliser::Patches => sum / (batch * patches) as f64,
            Normaliser::Masked => sum / mask.clone().sum().clamp_min(1.0),
        }
    }
}

/// `labels` `[B, C]` at every patch: `[B, N, C]`.
fn at_each_patch(labels: Tensor<2>, mask: &ObjectMask) -> Tensor<3> {
    let ([batch, patches], [_, classes]) = (mask.foreground.dims(), labels.dims());
    labels.unsqueeze_dim::<3>(1).expand([batch, patches, classes])
}

/// 1 at the class with the largest CAM of each patch, else 0; of the shape of `present`, `[B, N, C]`.
fn largest_cam(present: &Tensor<3>, mask: &ObjectMask) -> Tensor<3> {
    let [_, _, classes] = present.dims();
    // burn's one-hot knows no single class.
    let class = Tensor::<1, Int>::arange(0..classes as i64, &present.device()).reshape([1, 1, classes]);
    mask.class.clone().unsqueeze_dim::<3>(2).expand(present.dims()).equal(class.expand(present.dims())).float()
}

/// `logits` with those marked by 1 in `mask` so small that no maximum and no sum of exponentials sees them; finite, so
/// that a row which is hidden entirely has no infinite difference.
fn hidden(logits: Tensor<3>, mask: Tensor<3>) -> Tensor<3> {
    logits.mask_fill(mask.greater_elem(0.5), HIDDEN)
}

/// Far below every cosine divided by a temperature, and far above the smallest number.
const HIDDEN: f32 = -1e4;

/// Over the last axis: `[B, N, K]` to `[B, N]`.
fn log_sum_exp(logits: Tensor<3>) -> Tensor<2> {
    let largest = logits.clone().detach().max_dim(2);
    ((logits - largest.clone()).exp().sum_dim(2).log() + largest).squeeze_dim(2)
}
