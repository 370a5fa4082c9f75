//! The fused loops against the tensor operations, on the same device.

use burn::tensor::{Device, Distribution, Tensor};

use super::{Refinement, tensor};
use crate::host::{exp, values};

fn random(shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::random(shape, Distribution::Uniform(0.0, 1.0), device)
}

/// Sizes below, at and above the width of a block, and maps smaller than the reach.
#[test]
fn loops_and_tensors_agree() {
    let device = Device::flex();
    let refinement = Refinement::default();
    for [batch, channels, height, width] in [[2, 3, 33, 50], [1, 2, 16, 16], [3, 1, 1, 1], [1, 4, 40, 5]] {
        let pixels = random([batch, 3, height, width], &device);
        let maps = random([batch, channels, height, width], &device);
        let loops = values(refinement.refine(pixels.clone(), maps.clone()));
        let tensors = values(tensor::refine(&refinement, pixels, maps));
        let worst = loops.iter().zip(&tensors).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
        assert!(worst <= 1e-5, "{worst:e} apart on {height} x {width}");
    }
}

#[test]
fn powers_of_e() {
    let worst = (0..=8700)
        .map(|step| f64::from(step) * -0.01)
        .map(|x| (f64::from(exp(x as f32)) / f64::from(x as f32).exp() - 1.0).abs())
        .fold(0.0, f64::max);
    assert!(worst <= 3e-7, "{worst:e}");
    assert_eq!(exp(0.0), 1.0);
    assert!(exp(f32::NEG_INFINITY) < 1e-37);
}
