//! The views of a batch: its pictures at several scales, each together with its mirror image.

use burn::tensor::Tensor;

use crate::resize::Resize;

/// `images` `[B, 3, H, W]` at each of the `scales`, as `[2B, 3, h, w]`: the pictures, then their mirror images. No side
/// is shown smaller than `smallest` pixels.
///
/// # Panics
/// When there is no scale.
pub(crate) fn views(images: Tensor<4>, scales: &[f64], smallest: usize) -> impl ExactSizeIterator<Item = Tensor<4>> {
    scaled(images, scales, smallest).map(with_mirror_images)
}

/// The pictures `[B, 3, h, w]`, then their mirror images.
pub(crate) fn with_mirror_images(images: Tensor<4>) -> Tensor<4> {
    Tensor::cat(vec![images.clone(), images.flip([3])], 0)
}

/// [`views`] of the pictures alone, `[B, 3, h, w]`.
///
/// # Panics
/// When there is no scale.
pub(crate) fn scaled(images: Tensor<4>, scales: &[f64], smallest: usize) -> impl ExactSizeIterator<Item = Tensor<4>> {
    assert!(!scales.is_empty(), "pictures are shown at one scale at least");
    let [_, _, height, width] = images.dims();
    scales.iter().map(move |scale| {
        let size = [height, width].map(|side| ((side as f64 * scale).floor() as usize).max(smallest));
        Resize::BILINEAR.apply(images.clone(), size)
    })
}

/// What the network says of the pictures of a view and of their mirror images, `[2B, …]` to twice `[B, …]`.
pub(crate) fn halves<const D: usize>(both: Tensor<D>) -> [Tensor<D>; 2] {
    let batch = both.dims()[0] / 2;
    [both.clone().narrow(0, 0, batch), both.narrow(0, batch, batch)]
}

/// [`halves`] of maps `[2B, C, h, w]`, those of the mirror images turned back.
pub(crate) fn aligned_halves(both: Tensor<4>) -> [Tensor<4>; 2] {
    let [maps, mirrored] = halves(both);
    [maps, mirrored.flip([3])]
}

/// Mean of the [`halves`].
pub(crate) fn mean_of_halves<const D: usize>([one, other]: [Tensor<D>; 2]) -> Tensor<D> {
    (one + other) / 2.0
}
