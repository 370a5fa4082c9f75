//! Unit vectors, whose products are cosines.

use burn::tensor::Tensor;

/// Norm from which on a vector has a direction.
const NORM_EPSILON: f64 = 1e-8;

/// `vectors`, whose last axis holds the components, divided by their norms. One shorter than 1e-8 has no direction: it
/// becomes zero with gradient 0, where PyTorch's `normalize` has a gradient of 1e8.
pub fn unit<const D: usize>(vectors: Tensor<D>) -> Tensor<D> {
    let squares = vectors.clone().powi_scalar(2).sum_dim(D - 1);
    let long = squares.clone().greater_equal_elem(NORM_EPSILON.powi(2)).float();
    // Clamped before the root, whose gradient at 0 is infinite and would turn into NaN behind a clamp.
    vectors * (long / squares.clamp_min(NORM_EPSILON.powi(2)).sqrt())
}
