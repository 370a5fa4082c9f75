//! The segmentation head ("LargeFOV", after ToCo `model/decoder/conv_head.py`) and its loss.
//!
//! Tokens have their channels last, and so has everything in here: a dilated convolution is then matrix products alone,
//! on a CPU more than twice as fast as burn's convolution, forwards and backwards together.

use burn::config::Config;
use burn::module::{Initializer, Module, Param};
use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use crate::label::IGNORE;
use crate::product::product;

/// Taps of a dilated kernel along one side.
const TAPS: usize = 3;

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
        SegmentationHead {
            conv1: Convolution::new(dim, self.hidden, TAPS, device),
            conv2: Convolution::new(self.hidden, self.hidden, TAPS, device),
            conv3: Convolution::new(self.hidden, classes + 1, 1, device),
            dilation: self.dilation,
        }
    }
}

/// Two dilated 3 × 3 convolutions and a 1 × 1 convolution without biases; see [`HeadConfig`].
#[derive(Module, Debug)]
pub struct SegmentationHead {
    conv1: Convolution,
    conv2: Convolution,
    conv3: Convolution,
    dilation: usize,
}

impl SegmentationHead {
    /// Logits `[B, C + 1, h, w]`, background first, of patch `tokens` `[B, N, D]` that lie on the `grid` `[h, w]` row by
    /// row. Gradients reach the tokens.
    ///
    /// # Panics
    /// When the grid does not have `N` places.
    pub fn forward(&self, tokens: Tensor<3>, [rows, columns]: [usize; 2]) -> Tensor<4> {
        let [batch, _, dim] = tokens.dims();
        let shifts = Shifts::new([rows, columns], self.dilation, &tokens.device());
        let map = tokens.reshape([batch, rows, columns, dim]);
        let hidden = relu(self.conv1.dilated(map, &shifts));
        let hidden = relu(self.conv2.dilated(hidden, &shifts));
        self.conv3.pointwise(hidden).permute([0, 3, 1, 2])
    }
}

/// A convolution without bias on maps `[B, h, w, channels]`.
#[derive(Module, Debug)]
struct Convolution {
    /// As PyTorch has it: `[outputs, inputs, k, k]`.
    weight: Param<Tensor<4>>,
}

impl Convolution {
    fn new(inputs: usize, outputs: usize, side: usize, device: &Device) -> Self {
        // Kaiming's bound is gain · √(3/fan_in).
        let uniform = Initializer::KaimingUniform { gain: 3_f64.sqrt().recip(), fan_out_only: false };
        let fan_in = inputs * side * side;
        Self { weight: uniform.init_with([outputs, inputs, side, side], Some(fan_in), None, device) }
    }

    fn pointwise(&self, map: Tensor<4>) -> Tensor<4> {
        let [batch, rows, columns, inputs] = map.dims();
        let [outputs, _, _, _] = self.weight.val().dims();
        let kernel = self.weight.val().reshape([outputs, inputs]).transpose();
        product(map.reshape([batch * rows * columns, inputs]), kernel).reshape([batch, rows, columns, outputs])
    }

    /// 3 × 3, as wide as before by zeros around the map. The taps of a row become channels by one product, a product for
    /// each row of the kernel mixes the channels, and the last one shifts the three results and adds them.
    fn dilated(&self, map: Tensor<4>, shifts: &Shifts) -> Tensor<4> {
        let [batch, rows, columns, inputs] = map.dims();
        let [outputs, _, _, _] = self.weight.val().dims();
        let taps = product(shifts.apart.clone().unsqueeze::<3>(), map.reshape([batch * rows, columns, inputs]));
        let taps = taps.reshape([batch * rows * columns, TAPS * inputs]);
        let kernels = self.weight.val().permute([2, 3, 1, 0]).reshape([TAPS, TAPS * inputs, outputs]);
        let mixed = (0..TAPS).map(|row| {
            let kernel = kernels.clone().narrow(0, row, 1).squeeze_dim::<2>(0);
            product(taps.clone(), kernel).reshape([batch, rows, columns * outputs])
        });
        let mixed = Tensor::cat(mixed.collect(), 1);
        product(shifts.together.clone().unsqueeze::<3>(), mixed).reshape([batch, rows, columns, outputs])
    }
}

/// Matrices of 0 and 1 that shift a map by the taps of a dilated kernel, with zeros from outside.
struct Shifts {
    /// From the columns of a map to the three taps of each: `[3w, w]`.
    apart: Tensor<2>,
    /// From the rows of three maps, one for each tap, to the rows of the shifted maps' sum: `[h, 3h]`.
    together: Tensor<2>,
}

impl Shifts {
    fn new([rows, columns]: [usize; 2], dilation: usize, device: &Device) -> Self {
        let matrix = |height: usize, width: usize, ones: Vec<usize>| {
            let mut values = vec![0_f32; height * width];
            ones.into_iter().for_each(|index| values[index] = 1.0);
            Tensor::from_data(TensorData::new(values, [height, width]), device)
        };
        let apart = taps(columns, dilation).map(|(place, tap, from)| (place * TAPS + tap) * columns + from);
        let together = taps(rows, dilation).map(|(place, tap, from)| (place * TAPS + tap) * rows + from);
        Self {
            apart: matrix(TAPS * columns, columns, apart.collect()),
            together: matrix(rows, TAPS * rows, together.collect()),
        }
    }
}

/// Each place of a side with its taps that lie on the side, as `(place, tap, place of the tap)`.
fn taps(side: usize, dilation: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..side).flat_map(move |place| {
        (0..TAPS).filter_map(move |tap| {
            let from = (place + tap * dilation).checked_sub(dilation)?;
            (from < side).then_some((place, tap, from))
        })
    })
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
