//! Unit vectors, whose products are cosines.

use burn::tensor::Tensor;

/// Smallest norm that a vector is divided by.
const NORM_EPSILON: f64 = 1e-8;

/// `vectors`, whose last axis holds the components, divided by their norms. As PyTorch's `normalize`, the norm is
/// `max(‖v‖, 1e-8)`: the direction of longer vectors does not depend on their length, and an all-zero one stays zero with
/// gradient 0.
pub fn unit<const D: usize>(vectors: Tensor<D>) -> Tensor<D> {
    let squares = vectors.clone().powi_scalar(2).sum_dim(D - 1);
    // Clamped before the root, whose gradient at 0 is infinite and would turn into NaN behind a clamp.
    vectors / squares.clamp_min(NORM_EPSILON.powi(2)).sqrt()
}
