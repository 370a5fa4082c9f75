//! The segmentation head ("LargeFOV", DALNet section 3.1 after ToCo `model/decoder/conv_head.py`) and its loss.

use burn::config::Config;
use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::{Bool, Device, Int, Tensor};

use crate::cam::IGNORE;

/// Shape of the segmentation head.
#[derive(Config, Debug, PartialEq)]
pub struct HeadConfig {
    /// Channels between the convolutions.
    #[config(default = 512)]
    pub hidden: usize,
    /// Distance between the taps of the 3 × 3 kernels, in patches.
    #[config(default = 5)]
    pub dilation: usize,
}

impl HeadConfig {
    /// A head with random weights for tokens of width `dim` and `classes` classes without background; uniform in
    /// `±1/√fan_in`, PyTorch's default for a convolution.
    pub fn init(&self, dim: usize, classes: usize, device: &Device) -> SegmentationHead {
        let dilated = |from: usize| {
            Conv2dConfig::new([from, self.hidden], [3, 3])
                .with_dilation([self.dilation; 2])
                .with_padding(PaddingConfig2d::Explicit(self.dilation, self.dilation, self.dilation, self.dilation))
                .with_bias(false)
                .init(device)
        };
        SegmentationHead {
            conv1: dilated(dim),
            conv2: dilated(self.hidden),
            conv3: Conv2dConfig::new([self.hidden, classes + 1], [1, 1]).with_bias(false).init(device),
        }
    }
}

/// Two dilated 3 × 3 convolutions and a 1 × 1 convolution without biases; see [`HeadConfig`].
#[derive(Module, Debug)]
pub struct SegmentationHead {
    conv1: Conv2d,
    conv2: Conv2d,
    conv3: Conv2d,
}

impl SegmentationHead {
    /// Logits `[B, C + 1, h, w]`, background first, of patch `tokens` `[B, N, D]` that lie on the `grid` `[h, w]` row by
    /// row. Gradients reach the tokens.
    ///
    /// # Panics
    /// When the grid does not have `N` places.
    pub fn forward(&self, tokens: Tensor<3>, [rows, columns]: [usize; 2]) -> Tensor<4> {
        let [batch, _, dim] = tokens.dims();
        let map = tokens.swap_dims(1, 2).reshape([batch, dim, rows, columns]);
        let hidden = relu(self.conv1.forward(map));
        let hidden = relu(self.conv2.forward(hidden));
        self.conv3.forward(hidden)
    }
}

/// `L_seg` `[1]`: half the mean cross-entropy over the background pixels plus half that over the pixels of classes, each
/// over the whole batch (ToCo `model/losses.py`). A side without pixels counts 0, where PyTorch's mean is not a number.
/// `logits` `[B, C + 1, h, w]` have the background first; `labels` `[B, h, w]` are 0 for background, `1..=C`, or
/// [`IGNORE`].
pub fn balanced_cross_entropy(logits: Tensor<4>, labels: Tensor<3, Int>) -> Tensor<1> {
    let ignored = labels.clone().equal_elem(IGNORE);
    let background = labels.clone().equal_elem(0);
    let foreground = background.clone().bool_or(ignored.clone()).bool_not();
    // Ignored pixels have no place among the channels; any other does, their losses are masked.
    let channel = labels.mask_fill(ignored, 0).unsqueeze_dim(1);
    let losses: Tensor<3> = -log_softmax(logits, 1).gather(1, channel).squeeze_dim(1);
    let mean = |side: Tensor<3, Bool>| {
        let side = side.float();
        (losses.clone() * side.clone()).sum() / side.sum().clamp_min(1.0)
    };
    (mean(background) + mean(foreground)) * 0.5
}
