//! Between pictures as the encoder sees them and as they are.

use burn::tensor::Tensor;

/// Pixels in 0..1 of normalised `images` `[B, 3, H, W]`, whose `mean` was subtracted and `std` divided by.
pub fn denormalise(images: Tensor<4>, mean: [f32; 3], std: [f32; 3]) -> Tensor<4> {
    let device = images.device();
    let channels = |values: [f32; 3]| Tensor::<1>::from_floats(values, &device).reshape([1, 3, 1, 1]);
    (images * channels(std) + channels(mean)).clamp(0.0, 1.0)
}
