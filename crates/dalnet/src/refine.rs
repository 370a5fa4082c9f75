//! Pixel-adaptive refinement (PAR): maps flow between neighbouring pixels of like colour, `m ← Σ_n weight_n · m_n`.
//!
//! The neighbours of a pixel are the 8 around it at each dilation, the border pixel standing for what lies outside.
//! With `I` the picture, `σ` the unbiased standard deviation over a pixel's neighbours, `p` the distance of a neighbour
//! in pixels (`d`, or `d·√2` on a diagonal), and ε = 1e-8:
//!
//! - colour: `a_n = -mean over channels of ((I_n - I) / (σ_I + ε) / w1)²`,
//! - position: `b_n = -(p_n / (σ_p + ε) / w1)²`, the same at every pixel,
//! - `weight = softmax_n(a) + w2 · softmax_n(b)`, which sums to `1 + w2` over the neighbours and is not normalised again.
//!
//! Source: AFA and ToCo, `PAR.py`.

mod host;
mod tensor;
#[cfg(test)]
mod tests;

use std::f64::consts::SQRT_2;

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::host::{on_host, values};

/// Keeps the division by a standard deviation finite where all neighbours are alike.
const SIGMA_EPSILON: f32 = 1e-8;
/// Steps to the pixels around a pixel, `(rows, columns)`.
const AROUND: [(isize, isize); 8] = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)];

/// How far, how often and how sharply maps are refined. The default is that of ToCo and AFA.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Refinement {
    /// Distances of the neighbours in pixels, at least one; each adds 8 neighbours.
    pub dilations: Vec<usize>,
    /// How many times the maps flow.
    pub iterations: usize,
    /// Bandwidth of colours and positions in standard deviations, above 0; smaller is sharper.
    pub w1: f32,
    /// Weight of the position beside the colour.
    pub w2: f32,
}

impl Default for Refinement {
    fn default() -> Self {
        Self { dilations: vec![1, 2, 4, 8, 12, 24], iterations: 10, w1: 0.3, w2: 0.01 }
    }
}

impl Refinement {
    /// Refines `maps` `[B, K, H, W]` along the colours of `pixels` `[B, 3, H, W]`, 0 to 1. The result has no gradients;
    /// a map that is 0 everywhere stays so, and a constant one grows by `1 + w2` with every iteration.
    ///
    /// Nothing of shape `[B, K, neighbours, H, W]` exists (3.2 GB at B = 4, K = 21, 448 x 448). What exists at most,
    /// beside arguments and result, for 48 neighbours in single precision:
    ///
    /// - on burn-flex, a fused pass over the values, picture by picture: `48 · H · W` weights and two padded copies of
    ///   the maps of a picture that are not 0 everywhere: 39 + 75 MB at 448 x 448 and K = 21, 10 + 20 MB at 224 x 224,
    ///   whatever the batch;
    /// - elsewhere, tensor operations without any read-back: `B · 48 · H · W` weights, and one padded and two plain
    ///   copies of the maps: 154 + 217 MB at B = 4, K = 21, 448 x 448; 39 + 59 MB at 224 x 224.
    ///
    /// # Panics
    /// When there is no dilation, or batch or size of `pixels` and `maps` differ.
    pub fn refine(&self, pixels: Tensor<4>, maps: Tensor<4>) -> Tensor<4> {
        let [batch, _, height, width] = maps.dims();
        assert_eq!(pixels.dims(), [batch, 3, height, width], "one picture of the maps' size for each of the batch");
        assert!(!self.dilations.is_empty(), "a pixel needs neighbours");
        let (pixels, maps) = (pixels.detach(), maps.detach());
        if on_host(&maps.device()) { self.refine_on_host(pixels, maps) } else { tensor::refine(self, pixels, maps) }
    }

    /// [`Self::refine`] without the growth: `maps` of 0 to 1 stay within 0 to 1, and a constant map stays as it is.
    ///
    /// # Panics
    /// As [`Self::refine`].
    pub fn refine_within_range(&self, pixels: Tensor<4>, maps: Tensor<4>) -> Tensor<4> {
        let growth = (1.0 + f64::from(self.w2)).powi(self.iterations as i32);
        self.refine(pixels, maps) / growth
    }

    fn refine_on_host(&self, pixels: Tensor<4>, maps: Tensor<4>) -> Tensor<4> {
        let (shape, device) = (maps.dims(), maps.device());
        let (pixels, mut maps) = (values(pixels), values(maps));
        host::refine(self, &pixels, &mut maps, shape);
        Tensor::from_data(TensorData::new(maps, shape), &device)
    }

    /// The neighbours of a pixel.
    fn neighbours(&self) -> Vec<Neighbour> {
        let steps = || {
            let scaled = |dilation: usize| AROUND.map(|(row, column)| (dilation as isize, row, column));
            self.dilations.iter().copied().flat_map(scaled)
        };
        let distances: Vec<f64> = steps()
            .map(|(dilation, row, column)| dilation as f64 * if row != 0 && column != 0 { SQRT_2 } else { 1.0 })
            .collect();
        let count = distances.len() as f64;
        let mean = distances.iter().sum::<f64>() / count;
        let variance = distances.iter().map(|distance| (distance - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let bandwidth = (variance.sqrt() + f64::from(SIGMA_EPSILON)) * f64::from(self.w1);
        let closeness: Vec<f64> = distances.iter().map(|distance| (-(distance / bandwidth).powi(2)).exp()).collect();
        let total: f64 = closeness.iter().sum();
        steps()
            .zip(closeness)
            .map(|((dilation, row, column), closeness)| Neighbour {
                rows: row * dilation,
                columns: column * dilation,
                position: self.w2 * (closeness / total) as f32,
            })
            .collect()
    }

    /// The distance in rows or columns of the farthest neighbours.
    fn reach(&self) -> usize {
        self.dilations.iter().copied().max().unwrap_or(0)
    }
}

/// A neighbour of every pixel.
#[derive(Debug, Clone, Copy)]
struct Neighbour {
    /// Rows further down.
    rows: isize,
    /// Columns further right.
    columns: isize,
    /// What its position adds to its weight.
    position: f32,
}
