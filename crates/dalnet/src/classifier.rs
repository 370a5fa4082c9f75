//! Image classification from patch tokens, and its loss.
//!
//! The classifier is a bias-free linear layer after global max pooling, so its weights turn patch tokens into CAMs
//! directly (ToCo `model/model_seg_neg.py`: pool first, then classify).

use burn::module::{Module, Param};
use burn::nn::LinearConfig;
use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Device, Tensor};

use crate::product::linear;

/// Global max pooling and a linear layer without bias.
#[derive(Module, Debug)]
pub struct Classifier {
    linear: burn::nn::Linear,
}

impl Classifier {
    /// Random weights, uniform in `±1/√dim` (PyTorch's default for such a layer).
    pub fn new(dim: usize, classes: usize, device: &Device) -> Self {
        Self { linear: LinearConfig::new(dim, classes).with_bias(false).init(device) }
    }

    /// Logits `[B, C]` of `tokens` `[B, N, D]`.
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<2> {
        linear(&self.linear, tokens.max_dim(1).squeeze_dim::<2>(1))
    }

    /// Class scores of every patch token, the raw CAM of Eq. 1: `[B, N, D]` to `[B, C, N]`.
    pub fn score_patches(&self, tokens: Tensor<3>) -> Tensor<3> {
        linear(&self.linear, tokens).swap_dims(1, 2)
    }

    /// The weights `[D, C]`.
    pub fn weight(&self) -> Param<Tensor<2>> {
        self.linear.weight.clone()
    }
}

/// Multi-label soft margin loss (`L_cls`, and `L_inter` of the auxiliary classifier): binary cross-entropy of the
/// logits `[B, C]` against 0/1 `labels` `[B, C]`, mean over classes and batch. Result `[1]`.
pub fn multilabel_soft_margin(logits: Tensor<2>, labels: Tensor<2>) -> Tensor<1> {
    let present = labels.clone() * log_sigmoid(logits.clone());
    let absent = (-labels + 1.0) * log_sigmoid(-logits);
    -(present + absent).mean()
}
