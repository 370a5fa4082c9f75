//! The fully connected conditional random field: labels are drawn to the borders of the picture, after the network.
//!
//! Mean field with two Gaussian kernels, the one over position and the one over position and colour, and the Potts
//! model, which rewards pixels that are alike for equal labels:
//!
//! ```text
//! Q_i(l) ∝ p_i(l) · exp(Σ_m w_m Σ_j k_m(i, j) Q_j(l)),   k_m(i, j) = n_i exp(-½‖f_i - f_j‖²) n_j
//! ```
//!
//! with `n_i` so that a kernel's rows sum to about 1, and the pixel itself among the `j`. Source: Krähenbühl and Koltun,
//! "Efficient inference in fully connected CRFs with Gaussian edge potentials" (NIPS 2011); normalisation, the pixel's
//! own share and the floor of probabilities as in pydensecrf, the constants as in ToCo `tools/infer_seg_voc.py`.

use crate::energy::Filter;
use crate::host::exp;
use crate::lattice::{Lattice, bilateral_features};

/// Probabilities below count as this, so that no label is impossible.
const FLOOR: f32 = 1e-5;
/// A label that nowhere reaches this probability takes no part: it could not win, and every label costs time.
const NEGLIGIBLE: f32 = 1e-3;

/// The kernels and the number of steps; [`Default`] is the reference's.
#[derive(Debug, Clone, PartialEq)]
pub struct DenseCrf {
    /// Steps of the mean field (10).
    pub iterations: usize,
    /// Weight of the kernel over position (1).
    pub position_weight: f32,
    /// Its standard deviation in pixels (1).
    pub position_sigma: f32,
    /// Weight of the kernel over position and colour (4).
    pub bilateral_weight: f32,
    /// Its standard deviation of position, in pixels (121).
    pub bilateral_sigma_xy: f32,
    /// Its standard deviation of colour, in levels of 0..255 (5).
    pub bilateral_sigma_rgb: f32,
    /// How the sums over all pixels are computed (lattice).
    pub filter: Filter,
}

impl Default for DenseCrf {
    fn default() -> Self {
        Self {
            iterations: 10,
            position_weight: 1.0,
            position_sigma: 1.0,
            bilateral_weight: 4.0,
            bilateral_sigma_xy: 121.0,
            bilateral_sigma_rgb: 5.0,
            filter: Filter::Lattice,
        }
    }
}

impl DenseCrf {
    /// The probabilities `[L, H, W]` of labels after the field, from those before it and the picture `rgb` `[H, W, 3]`
    /// in levels of 0..255. A label that has nowhere a thousandth gets 0. On this thread alone: pictures are what runs
    /// in parallel.
    ///
    /// # Panics
    /// When a buffer does not fit `size` `[H, W]`.
    pub fn refine(&self, probabilities: &[f32], rgb: &[u8], size: [usize; 2]) -> Vec<f32> {
        let pixels = size[0] * size[1];
        assert_eq!(rgb.len(), 3 * pixels, "three bytes for each of {size:?} pixels");
        assert_eq!(probabilities.len() % pixels.max(1), 0, "whole maps of {size:?} pixels");
        let mut refined = vec![0.0; probabilities.len()];
        let maps = probabilities.chunks_exact(pixels.max(1)).enumerate();
        let taking_part = maps.filter(|(_, map)| map.iter().any(|value| *value >= NEGLIGIBLE)).map(|(label, _)| label);
        let taking_part: Vec<usize> = taking_part.collect();
        let labels = taking_part.len();
        if labels == 0 {
            return refined;
        }
        // Labels of a pixel side by side, as the filters want them.
        let mut unary = vec![0.0; pixels * labels];
        for (place, label) in taking_part.iter().enumerate() {
            for (pixel, value) in probabilities[label * pixels..][..pixels].iter().enumerate() {
                unary[pixel * labels + place] = value.max(FLOOR).ln();
            }
        }
        let marginals = self.mean_field(&unary, labels, rgb, size);
        for (place, label) in taking_part.iter().enumerate() {
            for (pixel, value) in refined[label * pixels..][..pixels].iter_mut().enumerate() {
                *value = marginals[pixel * labels + place];
            }
        }
        refined
    }

    /// Marginals `[pixels, labels]` of the logarithms of probabilities.
    fn mean_field(&self, unary: &[f32], labels: usize, rgb: &[u8], size: [usize; 2]) -> Vec<f32> {
        let position = Potential::new(self.position_weight, position_features(size, self.position_sigma), self.filter);
        let colours: Vec<f32> =
            (0..3).flat_map(|c| rgb.iter().skip(c).step_by(3).map(|value| f32::from(*value))).collect();
        let features = bilateral_features(&colours, size, self.bilateral_sigma_rgb, self.bilateral_sigma_xy);
        let bilateral = Potential::new(self.bilateral_weight, features, self.filter);
        let mut marginals = unary.to_vec();
        softmax(&mut marginals, labels);
        for _ in 0..self.iterations {
            let mut next = unary.to_vec();
            position.add(&mut next, &marginals, labels);
            bilateral.add(&mut next, &marginals, labels);
            softmax(&mut next, labels);
            marginals = next;
        }
        marginals
    }
}

/// A weighted, symmetrically normalised Gaussian kernel over the pixels.
struct Potential<const D: usize> {
    weight: f32,
    gaussian: Gaussian<D>,
    /// `1 / √(sum of the row)`, for each pixel.
    normaliser: Vec<f32>,
}

/// The kernel without weight and normalisation.
enum Gaussian<const D: usize> {
    Exact(Vec<[f32; D]>),
    Lattice(Lattice<D>),
}

impl<const D: usize> Potential<D> {
    fn new(weight: f32, features: Vec<[f32; D]>, filter: Filter) -> Self {
        let pixels = features.len();
        let gaussian = match filter {
            Filter::Exact => Gaussian::Exact(features),
            Filter::Lattice => Gaussian::Lattice(Lattice::new(&features)),
        };
        let rows = gaussian.filter(&vec![1.0; pixels], 1);
        let normaliser = rows.into_iter().map(|sum| (sum + 1e-20).sqrt().recip()).collect();
        Self { weight, gaussian, normaliser }
    }

    /// Adds what the kernel says of `marginals` to `sums`, `[pixels, labels]` both.
    fn add(&self, sums: &mut [f32], marginals: &[f32], labels: usize) {
        let scaled = marginals.chunks_exact(labels).zip(&self.normaliser);
        let scaled: Vec<f32> = scaled.flat_map(|(row, factor)| row.iter().map(move |value| value * factor)).collect();
        let filtered = self.gaussian.filter(&scaled, labels);
        let rows = sums.chunks_exact_mut(labels).zip(filtered.chunks_exact(labels)).zip(&self.normaliser);
        for ((sums, row), normaliser) in rows {
            let factor = self.weight * normaliser;
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value);
        }
    }
}

impl<const D: usize> Gaussian<D> {
    fn filter(&self, values: &[f32], channels: usize) -> Vec<f32> {
        match self {
            Self::Lattice(lattice) => lattice.filter(values, channels),
            Self::Exact(features) => all_pairs(features, values, channels),
        }
    }
}

/// `Σ_j exp(-½‖f_i - f_j‖²) v_j` from every pair of points.
fn all_pairs<const D: usize>(features: &[[f32; D]], values: &[f32], channels: usize) -> Vec<f32> {
    let mut filtered = vec![0.0; values.len()];
    for (sums, one) in filtered.chunks_exact_mut(channels).zip(features) {
        for (row, other) in values.chunks_exact(channels).zip(features) {
            let distance: f32 = one.iter().zip(other).map(|(one, other)| (one - other) * (one - other)).sum();
            let weight = exp(-0.5 * distance);
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    filtered
}

/// Column and row of each pixel in standard deviations.
fn position_features([height, width]: [usize; 2], sigma: f32) -> Vec<[f32; 2]> {
    (0..height * width).map(|index| [(index % width) as f32 / sigma, (index / width) as f32 / sigma]).collect()
}

/// Of each row of `labels` values.
fn softmax(values: &mut [f32], labels: usize) {
    for row in values.chunks_exact_mut(labels) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.iter_mut().for_each(|value| *value = exp(*value - largest));
        let sum: f32 = row.iter().sum();
        row.iter_mut().for_each(|value| *value /= sum);
    }
}
