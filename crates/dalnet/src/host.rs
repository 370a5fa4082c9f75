//! Tensors of burn-flex as plain values: where a fused loop is several times faster than one tensor operation after the
//! other, it runs on them. Each such loop has a path of tensor operations beside it, for every other device.

use burn::tensor::{Device, Tensor};

pub(crate) mod product;

/// Whether tensors on `device` lie in memory that plain loops may read without waiting for anything: burn-flex.
pub(crate) fn on_host(device: &Device) -> bool {
    *device == Device::flex()
}

/// The values of a tensor that lies on the host.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().expect("they were just converted to f32")
}

/// Values that are joined side by side, so that the loop becomes vector instructions.
const LANES: usize = 8;

/// The sum of `term` of all values.
#[inline(always)]
pub(crate) fn sum(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += term(*value);
        }
    }
    sums.into_iter().sum::<f32>() + rest.iter().map(|value| term(*value)).sum::<f32>()
}

/// The largest value.
#[inline(always)]
pub(crate) fn largest(values: &[f32]) -> f32 {
    // One vector instruction, which `f32::max` with its care for NaN is not.
    let larger = |one: f32, other: f32| if other > one { other } else { one };
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, *value);
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |one, other| larger(one, *other))
}

/// `e^x` for `x` of at most 0, to single precision: the standard library's is a call, which keeps loops from becoming
/// vector instructions. `x = k·ln 2 + r`, `e^r` by the polynomial of Cephes' `expf`.
pub(crate) fn exp(x: f32) -> f32 {
    /// Adding it rounds to an integer, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // e^-87 is the last power of e above the smallest normal number.
    let x = x.max(-87.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let k = rounded - ROUND;
    let r = x - k * 0.693_359_4 + k * 2.121_944_4e-4;
    let coefficients = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    let polynomial = coefficients.into_iter().fold(0.0, |sum, coefficient| sum * r + coefficient);
    let power_of_two = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    (polynomial * r * r + r + 1.0) * power_of_two
}
