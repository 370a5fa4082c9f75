//! Products of matrices, by the fastest kernel that is known for the device.

use burn::nn::Linear;
use burn::tensor::Tensor;

/// `lhs · rhs` of the last two axes, the axes before them broadcast.
pub(crate) fn product<const D: usize>(lhs: Tensor<D>, rhs: Tensor<D>) -> Tensor<D> {
    in_browser(&lhs, &rhs).unwrap_or_else(|| lhs.matmul(rhs))
}

/// `layer` of the last axis.
pub(crate) fn linear<const D: usize>(layer: &Linear, input: Tensor<D>) -> Tensor<D> {
    match (in_browser(&input, &layer.weight.val().unsqueeze()), &layer.bias) {
        (Some(product), Some(bias)) => product + bias.val().unsqueeze(),
        (Some(product), None) => product,
        (None, _) => layer.forward(input),
    }
}

/// By the kernel for GPUs in browsers. Native GPUs have subgroups and matrix units, which burn's kernels use.
#[cfg(feature = "gpu")]
fn in_browser<const D: usize>(lhs: &Tensor<D>, rhs: &Tensor<D>) -> Option<Tensor<D>> {
    cfg!(target_family = "wasm").then(|| crate::gpu::product(lhs, rhs)).flatten()
}

#[cfg(not(feature = "gpu"))]
fn in_browser<const D: usize>(_lhs: &Tensor<D>, _rhs: &Tensor<D>) -> Option<Tensor<D>> {
    None
}
