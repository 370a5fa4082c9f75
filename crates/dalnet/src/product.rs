//! Products of matrices, by the fastest kernel that is known for the device.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::Tensor;

/// `lhs · rhs` of the last two axes, the axes before them broadcast.
pub(crate) fn product<const D: usize>(lhs: Tensor<D>, rhs: Tensor<D>) -> Tensor<D> {
    in_browser(&lhs, || rhs.clone()).unwrap_or_else(|| lhs.matmul(rhs))
}

/// `layer` of the last axis.
pub(crate) fn linear<const D: usize>(layer: &Linear, input: Tensor<D>) -> Tensor<D> {
    match in_browser(&input, || layer.weight.val().unsqueeze()) {
        Some(product) => biased(product, layer.bias.as_ref()),
        None => layer.forward(input),
    }
}

/// `tensor`, the bias added along the last axis.
pub(crate) fn biased<const D: usize>(tensor: Tensor<D>, bias: Option<&Param<Tensor<1>>>) -> Tensor<D> {
    match bias {
        Some(bias) => tensor + bias.val().unsqueeze(),
        None => tensor,
    }
}

/// By the kernel for GPUs in browsers. Native GPUs have subgroups and matrix units, which burn's kernels use.
#[cfg(feature = "gpu")]
fn in_browser<const D: usize>(lhs: &Tensor<D>, rhs: impl FnOnce() -> Tensor<D>) -> Option<Tensor<D>> {
    cfg!(target_family = "wasm").then(|| crate::gpu::product(lhs, &rhs())).flatten()
}

#[cfg(not(feature = "gpu"))]
fn in_browser<const D: usize>(_lhs: &Tensor<D>, _rhs: impl FnOnce() -> Tensor<D>) -> Option<Tensor<D>> {
    None
}
