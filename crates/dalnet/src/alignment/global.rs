//! Global Implicit Alignment (GIA, `L_im`, Eq. 3): the class token is drawn to the texts of the present classes and away
//! from the background's.

use burn::tensor::Tensor;
use burn::tensor::activation::log_sigmoid;
use serde::{Deserialize, Serialize};

use super::Negatives;

/// Keeps logarithms of probabilities finite.
const PROBABILITY_EPSILON: f64 = 1e-4;

/// How a cosine becomes the probability that Eq. 3 takes the logarithm of; as printed it is the cosine itself, which has
/// no logarithm from 0 down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probability {
    /// `(1 + cos)/2`, within 1e-4 of 0 and 1: safe for every cosine.
    Shifted,
    /// The cosine within 1e-4 of 0 and 1 (CLIMS `clip_loss.py`). Without gradient below 0, where half of the cosines of
    /// fresh projections are.
    Clamped,
    /// `sigmoid(cos/temperature + bias)`.
    Sigmoid {
        /// Above 0.
        temperature: f64,
        /// Added to the logit; negative because most classes are absent.
        bias: f64,
    },
}

impl Probability {
    /// `log p` and `log (1 - p)`.
    fn logarithms(self, cosine: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let clamped = match self {
            Self::Shifted => (cosine + 1.0) * 0.5,
            Self::Clamped => cosine,
            Self::Sigmoid { temperature, bias } => {
                let logits = cosine / temperature + bias;
                return (log_sigmoid(logits.clone()), log_sigmoid(-logits));
            }
        }
        .clamp(PROBABILITY_EPSILON, 1.0 - PROBABILITY_EPSILON);
        (clamped.clone().log(), (-clamped + 1.0).log())
    }
}

/// Settings of `L_im`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalAlignment {
    /// From cosine to probability.
    pub probability: Probability,
    /// What the class token is pushed away from.
    pub negatives: Negatives,
    /// Whether anything is pushed away at all: `false` is the paper's ablation without cross-contrastive learning.
    pub cross_contrast: bool,
}

impl GlobalAlignment {
    /// Eq. 3.
    pub const PAPER: Self =
        Self { probability: Probability::Shifted, negatives: Negatives::Background, cross_contrast: true };

    /// `L_im` `[1]` of the class tokens' cosines `[B, C + 1]` (background last) and 0/1 `labels` `[B, C]`:
    /// `-Σ_c y_c log p_c - log(1 - p_bg)`, mean over the batch. With [`Negatives::All`] absent classes add
    /// `-log(1 - p_c)`, and the sum is divided by `C + 1`, as that of `L_cls` by its classes.
    pub fn loss(&self, similarity: Tensor<2>, labels: Tensor<2>) -> Tensor<1> {
        let [batch, classes] = labels.dims();
        let (log_p, log_not) = self.probability.logarithms(similarity);
        let (log_p, absent) = (log_p.narrow(1, 0, classes), log_not.clone().narrow(1, 0, classes));
        let background = log_not.narrow(1, classes, 1);
        let present = (labels.clone() * log_p).sum();
        let sum = match (self.cross_contrast, self.negatives) {
            (false, _) => present,
            (true, Negatives::Background) => present + background.sum(),
            (true, Negatives::All) => {
                (present + background.sum() + ((-labels + 1.0) * absent).sum()) / (classes + 1) as f64
            }
        };
        -sum / batch as f64
    }
}
