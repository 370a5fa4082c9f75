//! A tiny fixed network on a device, against the same in double precision.

use std::fmt;
use std::time::{Duration, Instant};

use burn::tensor::activation::softmax;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};

/// Largest error of single precision that is believed, of values around 1.
const TOLERANCE: f64 = 1e-4;
/// Side and channels of the picture that is convolved, and the side of the kernel.
const SIDE: usize = 12;
const CHANNELS: usize = 3;
const KERNEL: usize = 3;
/// Filters of the convolution, and outputs of the matrix product behind it.
const FILTERS: usize = 8;
const OUTPUTS: usize = 16;
/// Side of the matrices whose product is timed.
const TIMED: usize = 512;

/// What a device can do.
#[derive(Debug)]
pub(super) struct Report {
    error: f64,
    first: Duration,
    product: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |time: Duration| 1e3 * time.as_secs_f64();
        write!(
            formatter,
            "right, largest error {:.1e}; {:.0} ms to the first result, {:.1} ms for a {TIMED} x {TIMED} matrix product \
             ({:.1} GFLOP/s)",
            self.error,
            milliseconds(self.first),
            milliseconds(self.product),
            2.0 * (TIMED as f64).powi(3) / self.product.as_secs_f64() / 1e9
        )
    }
}

/// Convolution, matrix product and softmax, and how long a larger product takes.
///
/// # Errors
/// Results that cannot be read back, or that are wrong.
pub(super) fn check(device: &Device) -> Result<Report, String> {
    let start = Instant::now();
    let [picture, filters, weights] = inputs();
    let found = on_device(device, &picture, &filters, &weights)?;
    let first = start.elapsed();
    let expected = in_double_precision(&picture, &filters, &weights);
    if found.len() != expected.len() {
        return Err(format!("{} values came back instead of {}", found.len(), expected.len()));
    }
    let errors = found.iter().zip(&expected).map(|(found, expected)| (f64::from(*found) - expected).abs());
    // Not f64::max, which would take no notice of values that are no numbers.
    let error = errors.fold(0.0, |largest, error| if error <= largest { largest } else { error });
    if error.is_nan() || error > TOLERANCE {
        return Err(format!("wrong by up to {error:.1e} where {TOLERANCE:.0e} is allowed"));
    }
    Ok(Report { error, first, product: time_product(device)? })
}

/// Picture, filters and weights of the network.
fn inputs() -> [Vec<f32>; 3] {
    [
        numbers(1, CHANNELS * SIDE * SIDE),
        numbers(2, FILTERS * CHANNELS * KERNEL * KERNEL),
        numbers(3, FILTERS * OUTPUTS),
    ]
}

fn on_device(device: &Device, picture: &[f32], filters: &[f32], weights: &[f32]) -> Result<Vec<f32>, String> {
    let tensor =
        |values: &[f32], shape: [usize; 4]| Tensor::<4>::from_data(TensorData::new(values.to_vec(), shape), device);
    let picture = tensor(picture, [1, CHANNELS, SIDE, SIDE]);
    let filters = tensor(filters, [FILTERS, CHANNELS, KERNEL, KERNEL]);
    let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
    let maps = conv2d(picture, filters, None, options).reshape([FILTERS, SIDE * SIDE]).transpose();
    let weights = Tensor::<2>::from_data(TensorData::new(weights.to_vec(), [FILTERS, OUTPUTS]), device);
    read(softmax(maps.matmul(weights), 1))
}

fn in_double_precision(picture: &[f32], filters: &[f32], weights: &[f32]) -> Vec<f64> {
    let pixel = |channel: usize, row: usize, column: usize| {
        // One pixel of padding around the picture.
        let inside = (1..=SIDE).contains(&row) && (1..=SIDE).contains(&column);
        if inside { f64::from(picture[(channel * SIDE + row - 1) * SIDE + column - 1]) } else { 0.0 }
    };
    let mut result = Vec::with_capacity(SIDE * SIDE * OUTPUTS);
    for place in 0..SIDE * SIDE {
        let (row, column) = (place / SIDE, place % SIDE);
        let mut scores = [0.0_f64; OUTPUTS];
        for (filter, kernel) in filters.chunks_exact(CHANNELS * KERNEL * KERNEL).enumerate() {
            let mut sum = 0.0;
            for (index, weight) in kernel.iter().enumerate() {
                let (channel, down, right) = (index / (KERNEL * KERNEL), index / KERNEL % KERNEL, index % KERNEL);
                sum += f64::from(*weight) * pixel(channel, row + down, column + right);
            }
            for (score, weight) in scores.iter_mut().zip(&weights[filter * OUTPUTS..]) {
                *score += sum * f64::from(*weight);
            }
        }
        let powers = scores.map(f64::exp);
        let total = powers.iter().sum::<f64>();
        result.extend(powers.map(|power| power / total));
    }
    result
}

/// The second of two equal products: the first one may compile.
fn time_product(device: &Device) -> Result<Duration, String> {
    let matrix = |seed| Tensor::<2>::from_data(TensorData::new(numbers(seed, TIMED * TIMED), [TIMED, TIMED]), device);
    let (left, right) = (matrix(4), matrix(5));
    let mut time = Duration::ZERO;
    for _ in 0..2 {
        let start = Instant::now();
        read(left.clone().matmul(right.clone()).narrow(0, 0, 1))?;
        time = start.elapsed();
    }
    Ok(time)
}

fn read(values: Tensor<2>) -> Result<Vec<f32>, String> {
    values.into_data().try_to_vec().map_err(|error| format!("{error:?}"))
}

/// The same numbers of -0.5 to 0.5 on every machine (a linear congruential generator).
fn numbers(seed: u32, count: usize) -> Vec<f32> {
    let step = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((*state >> 8) as f32 / (1 << 24) as f32 - 0.5)
    };
    std::iter::repeat_n((), count).scan(seed, |state, ()| step(state)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_processor_right_and_its_reference_sensitive() {
        let report = check(&Device::flex()).unwrap();
        assert!(report.error < 1e-6, "{report}");
        let [picture, filters, weights] = inputs();
        let expected = in_double_precision(&picture, &filters, &weights);
        let mut other = filters.clone();
        other.reverse();
        let found = on_device(&Device::flex(), &picture, &other, &weights).unwrap();
        let worst = found.iter().zip(&expected).map(|(one, two)| (f64::from(*one) - two).abs()).fold(0.0, f64::max);
        assert!(worst > TOLERANCE, "turned filters must be noticed: {worst}");
    }
}
