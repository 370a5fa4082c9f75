//! Dense energy regularisation (`L_reg` of Eq. 8): the head's borders are drawn to those of the picture.
//!
//! With `S` the probabilities inside the crop and `K(i, j) = exp(-½‖f_i - f_j‖²)` over position and colour,
//!
//! ```text
//! L_reg = -weight/B · Σ S ∘ A,   A = G ∘ (K S),   G = max(0, ROI - max_k S), 1 where no pseudo label says anything
//! ```
//!
//! for which `∂L_reg/∂S := -2 · weight/B · A`: the gradient of the quadratic form for a gate of 1, then gated, as the
//! reference has it; the gate itself sends no gradient. Source: ToCo `model/losses.py` (`DenseEnergyLoss`), after Tang
//! et al., "On regularized losses for weakly-supervised CNN segmentation" (ECCV 2018).

use burn::tensor::{Device, Int, Tensor, TensorData};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::label::IGNORE;
use crate::lattice::{Lattice, bilateral_features};
use crate::resize::Resize;

/// Pairs of pixels whose affinity [`Filter::Exact`] holds at once: 16 MiB for each of the four or so temporaries.
const PAIRS: usize = 1 << 22;

/// The kernel, the resolution and the weight; [`Default`] is the reference's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnergyConfig {
    /// Factor of the sum, which has one term for each pair of pixels (1e-7). The total loss weighs the result again.
    pub weight: f64,
    /// Standard deviation of colour, in levels of 0..255 (15).
    pub sigma_rgb: f32,
    /// Standard deviation of position, in pixels of the picture before it is shrunk (100).
    pub sigma_xy: f32,
    /// Factor from the picture's sides to those that the energy is computed at, above 0 (0.5).
    pub scale: f64,
    /// How `K S` is computed (lattice).
    pub filter: Filter,
}

impl Default for EnergyConfig {
    fn default() -> Self {
        Self { weight: 1e-7, sigma_rgb: 15.0, sigma_xy: 100.0, scale: 0.5, filter: Filter::Lattice }
    }
}

/// How the Gaussian filter of the energy is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// Every pair of pixels, on the tensors' device: time and arithmetic grow with the square of the pixels, memory is
    /// bounded.
    Exact,
    /// The reference's approximation, on the host, pictures in parallel: close to proportional to the exact filter but
    /// smaller, on photographs a little over half of it. The published weights are for this one.
    Lattice,
}

/// The regularisation of a batch, `[1]`, at most 0.
///
/// `probabilities` `[B, K, h, w]`: softmax over the `K` classes of the head, at any size; resized bilinearly,
/// which costs more than the energy where the map is as large as the picture.
/// `pixels` `[B, 3, H, W]`: the picture in levels of 0..255, not normalised; resized to the nearest pixel, like the
/// following two. `pseudo_labels` `[B, ., .]`, of any size: where [`IGNORE`], the energy counts in full, elsewhere as
/// far as the head is unsure. `crop_boxes` `[top, bottom, left, right]` in pixels of `H × W`, one for each picture: no
/// probability outside takes part. Gradients flow to `probabilities` alone.
pub fn dense_energy(
    probabilities: Tensor<4>,
    pixels: Tensor<4>,
    pseudo_labels: Tensor<3, Int>,
    crop_boxes: &[[usize; 4]],
    config: &EnergyConfig,
) -> Tensor<1> {
    let [batch, channels, height, width] = pixels.dims();
    assert_eq!(channels, 3, "pictures have three channels");
    assert_eq!(crop_boxes.len(), batch, "one crop box for each picture of the batch");
    let size = [height, width].map(|side| ((side as f64 * config.scale) as usize).max(1));
    let device = probabilities.device();

    let probabilities = Resize::BILINEAR.apply(probabilities, size);
    let pixels = to_nearest(pixels, size);
    let region = region_of(crop_boxes, [height, width], size, &device);
    let unlabelled = unlabelled(pseudo_labels, size, &device);

    // burn's `detach` lets a leaf go on asking for gradients, which would keep the whole kernel for the backward pass.
    let fixed = probabilities.clone().detach().set_require_grad(false);
    // `unlabelled` is 0 or 1 and the rest at most 1: one maximum sets both of the gate's bounds.
    let gate = (region.clone() - fixed.clone().max_dim(1)).max_pair(unlabelled);
    let segmentation = fixed * region.clone();
    let features = features(pixels, config);
    let filtered = match config.filter {
        Filter::Exact => filter_exactly(segmentation.clone(), &features),
        Filter::Lattice => filter_on_lattice(segmentation.clone(), &features),
    };
    let affinity = filtered * gate;

    let factor = config.weight / batch as f64;
    let value = (segmentation * affinity.clone()).sum() * -factor;
    let gradient = affinity * region * (-2.0 * factor);
    // Zero, with the gradient that the formula asks for.
    let carrier = (probabilities * gradient).sum();
    value + (carrier.clone() - carrier.detach())
}

/// The indices of the `to` samples nearest to those of a side of `from`.
fn nearest(from: usize, to: usize) -> impl ExactSizeIterator<Item = usize> + Clone {
    (0..to).map(move |index| index * from / to)
}

/// Images resized to the nearest pixel, without gradients.
fn to_nearest(images: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    let [_, _, height, width] = images.dims();
    let device = images.device();
    let indices = |from, to| {
        let indices: Vec<i32> = nearest(from, to).map(|index| index as i32).collect();
        Tensor::<1, Int>::from_data(TensorData::new(indices, [to]), &device)
    };
    images.detach().select(2, indices(height, size[0])).select(3, indices(width, size[1]))
}

/// 1 inside each crop box, 0 outside: `[B, 1, h, w]`.
fn region_of(boxes: &[[usize; 4]], [height, width]: [usize; 2], size: [usize; 2], device: &Device) -> Tensor<4> {
    let mut region = Vec::with_capacity(boxes.len() * size[0] * size[1]);
    for [top, bottom, left, right] in boxes {
        for row in nearest(height, size[0]) {
            let inside = |column| (*top..*bottom).contains(&row) && (*left..*right).contains(&column);
            region.extend(nearest(width, size[1]).map(|column| f32::from(u8::from(inside(column)))));
        }
    }
    Tensor::from_data(TensorData::new(region, [boxes.len(), 1, size[0], size[1]]), device)
}

/// 1 where a pseudo label is [`IGNORE`], 0 elsewhere: `[B, 1, h, w]` on `device`.
fn unlabelled(labels: Tensor<3, Int>, size: [usize; 2], device: &Device) -> Tensor<4> {
    let unlabelled = to_nearest(labels.equal_elem(IGNORE).float().unsqueeze_dim(1), size);
    Tensor::from_data(unlabelled.into_data(), device)
}

/// Position and colour of every pixel of each picture, in standard deviations of the kernel.
fn features(pixels: Tensor<4>, config: &EnergyConfig) -> Vec<Vec<[f32; 5]>> {
    let [_, _, height, width] = pixels.dims();
    let sigma_xy = config.sigma_xy * config.scale as f32;
    let pixels = pixels.into_data_as::<f32>();
    floats(&pixels)
        .chunks_exact(3 * height * width)
        .map(|picture| bilateral_features(picture, [height, width], config.sigma_rgb, sigma_xy))
        .collect()
}

/// `K S` for `segmentation` `[B, K, h, w]`, from all pairs of pixels in chunks.
fn filter_exactly(segmentation: Tensor<4>, features: &[Vec<[f32; 5]>]) -> Tensor<4> {
    let [batch, classes, height, width] = segmentation.dims();
    let (count, device) = (height * width, segmentation.device());
    let step = (PAIRS / count).clamp(1, count);
    let values = segmentation.reshape([batch, classes, count]);
    let filtered = features.iter().enumerate().map(|(picture, features)| {
        let features = Tensor::<2>::from_data(TensorData::new(features.as_flattened().to_vec(), [count, 5]), &device);
        let columns = features.clone().transpose();
        let values = values.clone().narrow(0, picture, 1).squeeze_dim::<2>(0).transpose();
        let rows = (0..count).step_by(step).map(|first| {
            let rows = features.clone().narrow(0, first, step.min(count - first));
            // Differences, not the expanded square of a matrix product: that one cancels for alike pixels.
            let distance = (0..5)
                .map(|axis| (rows.clone().narrow(1, axis, 1) - columns.clone().narrow(0, axis, 1)).powi_scalar(2))
                .reduce(|sum, square| sum + square)
                .expect("there are five features");
            (distance * -0.5).exp().matmul(values.clone())
        });
        Tensor::cat(rows.collect(), 0).transpose().unsqueeze_dim::<3>(0)
    });
    Tensor::cat(filtered.collect(), 0).reshape([batch, classes, height, width])
}

/// `K S` for `segmentation` `[B, K, h, w]` by the permutohedral lattice on the host.
fn filter_on_lattice(segmentation: Tensor<4>, features: &[Vec<[f32; 5]>]) -> Tensor<4> {
    let [batch, classes, height, width] = segmentation.dims();
    let device = segmentation.device();
    let values = segmentation.permute([0, 2, 3, 1]).into_data_as::<f32>();
    let filtered: Vec<Vec<f32>> = floats(&values)
        .par_chunks_exact(height * width * classes)
        .zip(features)
        .map(|(values, features)| Lattice::new(features).filter(values, classes))
        .collect();
    Tensor::<4>::from_data(TensorData::new(filtered.concat(), [batch, height, width, classes]), &device)
        .permute([0, 3, 1, 2])
}

/// The values of data that was read as `f32`.
fn floats(data: &TensorData) -> &[f32] {
    data.as_slice().expect("data that was read as f32")
}
