//! The non-linearity of a block's MLP.

use burn::tensor::activation::{gelu, sigmoid};
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::host::{exp, on_host, values};

/// Values that one thread works on at a time: large enough that handing out work costs nothing.
const CHUNK: usize = 1 << 15;

/// Non-linearity of the MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Exact GELU, `x · Φ(x)`.
    Gelu,
    /// `x · sigmoid(1.702 x)`, of OpenAI's CLIP.
    QuickGelu,
}

impl Activation {
    pub(crate) fn forward(self, x: Tensor<3>) -> Tensor<3> {
        match self {
            // burn-flex's own takes as long as all matrix products of the block together.
            Self::Gelu if on_host(&x.device()) => gelu_on_host(x),
            Self::Gelu => gelu(x),
            Self::QuickGelu => x.clone() * sigmoid(x * 1.702),
        }
    }

    /// The same of plain values.
    #[inline(never)]
    pub(crate) fn apply(self, values: &mut [f32]) {
        match self {
            Self::Gelu => values.iter_mut().for_each(|value| *value *= distribution_and_density(*value).0),
            Self::QuickGelu => values.iter_mut().for_each(|value| {
                let power = exp(-1.702 * value.abs());
                let nearer_to_0 = *value * power / (1.0 + power);
                *value = if *value < 0.0 { nearer_to_0 } else { *value / (1.0 + power) };
            }),
        }
    }
}

/// GELU in one pass over the values; with autodiff the same pass gives the derivative.
fn gelu_on_host(x: Tensor<3>) -> Tensor<3> {
    let (shape, device) = (x.dims(), x.device());
    let on_device = |values: Vec<f32>| Tensor::from_data(TensorData::new(values, shape), &device);
    let mut result = values(x.clone().detach());
    if !device.is_autodiff() {
        result.par_chunks_mut(CHUNK).for_each(|chunk| Activation::Gelu.apply(chunk));
        return on_device(result);
    }
    let mut slope = vec![0.0; result.len()];
    result.par_chunks_mut(CHUNK).zip(slope.par_chunks_mut(CHUNK)).for_each(|(rest, slope)| {
        for (value, slope) in rest.iter_mut().zip(slope) {
            let x = *value;
            let (normal, density) = distribution_and_density(x);
            *slope = normal + x * density;
            // x·Φ(x) less the x·slope that is added below.
            *value = -x * x * density;
        }
    });
    // A line through the value with the slope there: autodiff needs no more.
    x * on_device(slope) + on_device(result)
}

/// `Φ(x)` and `φ(x)` of the standard normal distribution, to about 1e-7 (Abramowitz and Stegun, 7.1.26).
#[inline(always)]
fn distribution_and_density(x: f32) -> (f32, f32) {
    let power = exp(-0.5 * x * x);
    let t = 1.0 / (1.0 + 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2 * x.abs());
    let coefficients = [1.061_405_4, -1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6];
    let polynomial = coefficients.into_iter().fold(0.0, |sum, coefficient| sum * t + coefficient);
    let upper = 0.5 * polynomial * t * power;
    (if x < 0.0 { upper } else { 1.0 - upper }, power * 0.398_942_3)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;

    /// From far left to far right, with both zeros.
    fn inputs(device: &Device) -> Tensor<3> {
        let values = (0..4000).map(|index| (index as f32 - 2000.0) / 150.0).chain([0.0, -0.0, 40.0, -40.0, 1e-20]);
        let values = values.collect::<Vec<_>>();
        Tensor::from_data(TensorData::new(values.clone(), [1, 5, values.len() / 5]), device)
    }

    #[test]
    fn values_and_derivatives_are_those_of_tensor_operations() {
        let tolerance = Tolerance::<f32>::absolute(1e-6);
        let plain = inputs(&Device::flex());
        gelu_on_host(plain.clone()).into_data().assert_approx_eq(&gelu(plain).into_data(), tolerance);

        let device = Device::flex().autodiff();
        let run = |gelu: fn(Tensor<3>) -> Tensor<3>| {
            let x = inputs(&device).require_grad();
            let y = gelu(x.clone());
            // Not all gradients that arrive are alike.
            let gradients = (y.clone() * inputs(&device)).sum().backward();
            (y.into_data(), x.grad(&gradients).unwrap().into_data())
        };
        let (fast, slow) = (run(gelu_on_host), run(gelu));
        fast.0.assert_approx_eq(&slow.0, tolerance);
        // Multiplied by up to 40 on the way.
        fast.1.assert_approx_eq(&slow.1, Tolerance::<f32>::absolute(1e-5));
    }

    #[test]
    fn quick_gelu_of_plain_values_is_that_of_tensor_operations() {
        let plain = inputs(&Device::flex());
        let mut fast = values(plain.clone());
        Activation::QuickGelu.apply(&mut fast);
        let fast = TensorData::new(fast, plain.dims());
        fast.assert_approx_eq(&Activation::QuickGelu.forward(plain).into_data(), Tolerance::<f32>::absolute(1e-6));
    }
}
