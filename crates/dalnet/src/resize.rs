//! Resizing as two constant matrices, `Wy · x · Wxᵀ`.
//!
//! Interpolation is linear and separable, so it is two matrix products: exact, differentiable on every backend (burn
//! 0.22's own `interpolate` has no backward pass on wgpu), and the antialiased and bicubic forms differ from the
//! bilinear one only in how the small matrices are filled. The conventions are PyTorch's `interpolate`.

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::product::product;

/// The interpolation kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kernel {
    /// Triangle of half-width 1.
    Bilinear,
    /// Keys' cubic of half-width 2; a = -0.75, or -0.5 when antialiased, as PyTorch and Pillow have it.
    Bicubic,
}

/// How to resize; the default is bilinear with half-pixel centres and no antialiasing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resize {
    kernel: Kernel,
    antialias: bool,
    align_corners: bool,
}

impl Resize {
    /// Linear interpolation between the two nearest samples of each axis.
    pub const BILINEAR: Self = Self::new(Kernel::Bilinear);
    /// Cubic interpolation between the four nearest samples of each axis.
    pub const BICUBIC: Self = Self::new(Kernel::Bicubic);

    /// Half-pixel centres (`align_corners = false`), no antialiasing.
    pub const fn new(kernel: Kernel) -> Self {
        Self { kernel, antialias: false, align_corners: false }
    }

    /// Widens the kernel by the scale when shrinking, so that every source pixel counts.
    pub const fn antialias(self) -> Self {
        Self { antialias: true, align_corners: false, ..self }
    }

    /// Maps the centres of the corner pixels onto one another.
    pub const fn align_corners(self) -> Self {
        Self { align_corners: true, antialias: false, ..self }
    }

    /// Resizes `images` `[B, C, h, w]` to `[B, C, height, width]`. Every size is at least 1.
    pub fn apply(self, images: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
        let [batch, channels, from_height, from_width] = images.dims();
        if [from_height, from_width] == [height, width] {
            return images;
        }
        let device = images.device();
        let rows = images.reshape([batch * channels, from_height, from_width]);
        let rows = if from_width == width {
            rows
        } else {
            let columns = self.matrix(from_width, width, &device).transpose();
            let rows = rows.reshape([batch * channels * from_height, from_width]);
            product(rows, columns).reshape([batch * channels, from_height, width])
        };
        let rows = if from_height == height {
            rows
        } else {
            product(self.matrix(from_height, height, &device).unsqueeze::<3>(), rows)
        };
        rows.reshape([batch, channels, height, width])
    }

    /// The matrix `[to, from]` that resizes one axis; each row sums to 1.
    fn matrix(self, from: usize, to: usize, device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(self.weights(from, to), [to, from]), device)
    }

    /// The entries of that matrix, row by row.
    fn weights(self, from: usize, to: usize) -> Vec<f32> {
        let mut matrix = vec![0.0_f32; to * from];
        for (target, row) in matrix.chunks_exact_mut(from).enumerate() {
            if self.antialias {
                self.antialiased_row(target, from, to, row);
            } else {
                self.plain_row(target, from, to, row);
            }
        }
        matrix
    }

    /// Interpolation between the nearest samples; what falls outside is clamped to the edge sample.
    fn plain_row(self, target: usize, from: usize, to: usize, row: &mut [f32]) {
        let (target, last) = (target as f64, from as f64 - 1.0);
        let source = match (self.align_corners, to) {
            (true, 1) => 0.0,
            (true, _) => target * last / (to as f64 - 1.0),
            (false, _) => (target + 0.5) * from as f64 / to as f64 - 0.5,
        };
        // PyTorch clamps the position itself for the linear kernel and only the samples for the cubic one.
        let source = if self.kernel == Kernel::Bilinear { source.max(0.0) } else { source };
        let (base, reach) = (source.floor(), self.kernel.half_width());
        for offset in (1 - reach)..=reach {
            let sample = base + offset as f64;
            let weight = self.kernel.value(sample - source, -0.75);
            row[sample.clamp(0.0, last) as usize] += weight as f32;
        }
    }

    /// A kernel stretched over all source pixels it covers, normalised where the edge cuts it.
    fn antialiased_row(self, target: usize, from: usize, to: usize, row: &mut [f32]) {
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        let support = self.kernel.half_width() as f64 * stretch;
        let centre = (target as f64 + 0.5) * scale;
        let first = (centre - support + 0.5).floor().max(0.0) as usize;
        let end = ((centre + support + 0.5).floor() as usize).min(from);
        let weight = |sample: usize| self.kernel.value((sample as f64 + 0.5 - centre) / stretch, -0.5);
        let total: f64 = (first..end).map(weight).sum();
        for (sample, value) in (first..end).zip(&mut row[first..end]) {
            *value = (weight(sample) / total) as f32;
        }
    }
}

impl Kernel {
    /// Samples that count on each side of a position.
    const fn half_width(self) -> isize {
        match self {
            Self::Bilinear => 1,
            Self::Bicubic => 2,
        }
    }

    /// The kernel at distance `x` (in samples); `a` is the cubic's free parameter.
    fn value(self, x: f64, a: f64) -> f64 {
        let x = x.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
            Self::Bicubic => 0.0,
        }
    }
}
