//! Matrices as 8-bit integers: each [`BLOCK`] numbers of a row share a scale, the largest magnitude over 127, rounded up
//! to six significant bits.
//!
//! Only the weights of linear layers and convolutions are stored so: they are nearly all of a model, and an error of half
//! a step averages out over the sum that an output is. Everything else is small, or is added to what passes through.

use crate::error::WeightsError;

/// Numbers of a row that share a scale; the last block of a row may be shorter.
pub(crate) const BLOCK: usize = 32;

/// What is behind a tensor's name in the name of its scales.
const SCALES: &str = ".scales";

/// A tensor `[out, …]` as rows of `in` numbers.
#[derive(Debug)]
pub(crate) struct Quantised {
    /// In -127..=127, as many as the tensor has.
    pub(crate) steps: Vec<i8>,
    /// Size of a step, row by row.
    pub(crate) scales: Vec<f32>,
    /// `[out, in / BLOCK rounded up]`.
    pub(crate) scales_shape: [usize; 2],
}

/// The name of the scales of the tensor `name`.
pub(crate) fn scales_name(name: &str) -> String {
    format!("{name}{SCALES}")
}

/// The tensor whose scales would have the name `name`.
pub(crate) fn scaled_name(name: &str) -> Option<&str> {
    name.strip_suffix(SCALES)
}

/// Whether a tensor is stored as integers: the linear layers of the encoder's blocks and the head's convolutions.
pub(crate) fn is_quantised(name: &str, shape: &[usize]) -> bool {
    let is_layer = |prefix: &str| name.starts_with(prefix) && name.ends_with(".weight");
    match shape.len() {
        2 => is_layer("encoder.blocks."),
        4 => is_layer("head."),
        _ => false,
    }
}

/// The integers and scales of a tensor; no value moves by more than half a step. Blocks below 1.5e-36 become 0.
///
/// # Errors
/// A value that is not finite.
pub(crate) fn quantise(name: &str, values: &[f32], shape: &[usize]) -> Result<Quantised, WeightsError> {
    if let Some(value) = values.iter().copied().find(|value| !value.is_finite()) {
        return Err(WeightsError::NotFinite { name: name.to_owned(), value });
    }
    let [row, blocks] = row_and_blocks(shape, values.len());
    let (mut steps, mut scales) = (Vec::with_capacity(values.len()), Vec::new());
    for block in values.chunks(row.max(1)).flat_map(|row| row.chunks(BLOCK)) {
        let scale = block.iter().fold(0.0_f32, |largest, value| largest.max(value.abs())) / 127.0;
        // Numbers that small have lost the digits that a step must have.
        let scale = if scale.is_normal() { rounded_up(scale) } else { 0.0 };
        let step = |value: &f32| if scale > 0.0 { (value / scale).round().clamp(-127.0, 127.0) as i8 } else { 0 };
        steps.extend(block.iter().map(step));
        scales.push(scale);
    }
    Ok(Quantised { steps, scales, scales_shape: [rows(shape), blocks] })
}

/// The next number of six significant bits, at most 1/32 larger: gzip makes one byte of a scale like that, nearly four of
/// any other, and scales are an eighth of a model.
fn rounded_up(scale: f32) -> f32 {
    const REST: u32 = (1 << 18) - 1;
    f32::from_bits((scale.to_bits() + REST) & !REST)
}

/// The values of the tensor `name` whose integers are `bytes`.
///
/// # Errors
/// Scales of another shape than this tensor's.
pub(crate) fn dequantise(
    name: &str,
    bytes: &[u8],
    shape: &[usize],
    scales: &[f32],
    scales_shape: &[usize],
) -> Result<Vec<f32>, WeightsError> {
    let [row, blocks] = row_and_blocks(shape, bytes.len());
    let expected = [rows(shape), blocks];
    if scales_shape != expected {
        return Err(WeightsError::ScalesShape {
            name: name.to_owned(),
            found: scales_shape.to_vec(),
            expected: expected.to_vec(),
        });
    }
    let mut values = vec![0.0; bytes.len()];
    let rows = values.chunks_mut(row.max(1)).zip(bytes.chunks(row.max(1)));
    rows.zip(scales.chunks(blocks.max(1))).for_each(|((values, bytes), scales)| dequantise_row(bytes, scales, values));
    Ok(values)
}

// A function of its own: a browser runs the slow first translation of a function until it is called again.
#[inline(never)]
fn dequantise_row(bytes: &[u8], scales: &[f32], values: &mut [f32]) {
    for ((values, bytes), scale) in values.chunks_mut(BLOCK).zip(bytes.chunks(BLOCK)).zip(scales) {
        values.iter_mut().zip(bytes).for_each(|(value, byte)| *value = f32::from(*byte as i8) * scale);
    }
}

fn rows(shape: &[usize]) -> usize {
    shape.first().copied().unwrap_or(1)
}

/// Numbers and blocks of one row of a tensor with `count` numbers.
fn row_and_blocks(shape: &[usize], count: usize) -> [usize; 2] {
    // Not the product of the other sides: it may overflow where a file says that the first one is 0.
    let row = count.checked_div(rows(shape)).unwrap_or(0);
    [row, row.div_ceil(BLOCK)]
}
