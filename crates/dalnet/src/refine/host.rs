//! PAR as loops over values in memory: weights once per picture, then one pass per iteration.
//!
//! All loops over pixels run over [`LANES`] neighbouring ones, which compilers turn into vector instructions. Rows are
//! padded on both sides, so that no column is ever clamped; of rows, only the index is.

use rayon::prelude::*;

use super::{Neighbour, Refinement, SIGMA_EPSILON};
use crate::host::exp;

/// Pixels of a row that are worked on together.
const LANES: usize = 16;

/// One value for each of [`LANES`] pixels.
type Lanes = [f32; LANES];

/// [`Refinement::refine`] in place: `maps` `[B, K, H, W]`, `pixels` `[B, 3, H, W]`.
pub(super) fn refine(
    refinement: &Refinement,
    pixels: &[f32],
    maps: &mut [f32],
    [batch, channels, height, width]: [usize; 4],
) {
    let (neighbours, reach) = (refinement.neighbours(), refinement.reach());
    let area = height * width;
    let pictures = pixels.chunks_exact(pixels.len() / batch).zip(maps.chunks_exact_mut(channels * area));
    let mut weights = Vec::new();
    for (picture, maps) in pictures {
        // A map of zeros stays one: those of absent classes are most of a picture's.
        let mut maps: Vec<&mut [f32]> =
            maps.chunks_exact_mut(area).filter(|map| map.iter().any(|value| *value != 0.0)).collect();
        if maps.is_empty() {
            continue;
        }
        let colours: Vec<&[f32]> = picture.chunks_exact(area).collect();
        fill_weights(&mut weights, &Planes::new(&colours, width, reach), &neighbours, refinement.w1);
        let plain: Vec<&[f32]> = maps.iter().map(|map| &**map).collect();
        let mut flowing = Planes::new(&plain, width, reach);
        let mut next = flowing.clone();
        for _ in 0..refinement.iterations {
            flow(&flowing, &mut next, &weights, &neighbours);
            std::mem::swap(&mut flowing, &mut next);
        }
        flowing.unpad(&mut maps);
    }
}

/// Fills `weights` with `[H, blocks of LANES pixels, neighbours]`.
fn fill_weights(weights: &mut Vec<Lanes>, picture: &Planes, neighbours: &[Neighbour], w1: f32) {
    let row_length = picture.blocks() * neighbours.len();
    weights.resize(picture.height * row_length, [0.0; LANES]);
    weights.par_chunks_exact_mut(row_length).enumerate().for_each(|(row, weights)| {
        let offsets = picture.offsets(row, neighbours);
        for (block, weights) in weights.chunks_exact_mut(neighbours.len()).enumerate() {
            block_weights(
                weights,
                picture,
                picture.pixel(row) + block * LANES,
                &offsets,
                block * LANES,
                neighbours,
                w1,
            );
        }
    });
}

/// The weights of [`LANES`] pixels, whose own values begin at `centre` and those of their neighbours `block` behind
/// `offsets`.
fn block_weights(
    weights: &mut [Lanes],
    picture: &Planes,
    centre: usize,
    offsets: &[usize],
    block: usize,
    neighbours: &[Neighbour],
    w1: f32,
) {
    let count = neighbours.len() as f32;
    weights.fill([0.0; LANES]);
    for channel in 0..picture.channels {
        let own = picture.lanes(centre + channel * picture.stride);
        let values = || offsets.iter().map(|offset| picture.lanes(offset + block + channel * picture.stride));
        let mut mean = [0.0; LANES];
        for value in values() {
            for lane in 0..LANES {
                mean[lane] += value[lane] - own[lane];
            }
        }
        let mean: Lanes = std::array::from_fn(|lane| mean[lane] / count + own[lane]);
        let mut squares = [0.0; LANES];
        for value in values() {
            for lane in 0..LANES {
                squares[lane] += (value[lane] - mean[lane]).powi(2);
            }
        }
        let sharpness: Lanes = squares.map(|squares| 1.0 / (((squares / (count - 1.0)).sqrt() + SIGMA_EPSILON) * w1));
        for (weight, value) in weights.iter_mut().zip(values()) {
            for lane in 0..LANES {
                weight[lane] -= ((value[lane] - own[lane]) * sharpness[lane]).powi(2);
            }
        }
    }
    let mut largest = [f32::NEG_INFINITY; LANES];
    for weight in &*weights {
        for lane in 0..LANES {
            largest[lane] = largest[lane].max(weight[lane]);
        }
    }
    let per_channel = 1.0 / picture.channels as f32;
    let mut sum = [0.0; LANES];
    for weight in &mut *weights {
        for lane in 0..LANES {
            weight[lane] = exp((weight[lane] - largest[lane]) * per_channel);
            sum[lane] += weight[lane];
        }
    }
    let share: Lanes = sum.map(|sum| 1.0 / sum);
    for (weight, neighbour) in weights.iter_mut().zip(neighbours) {
        for lane in 0..LANES {
            weight[lane] = weight[lane] * share[lane] + neighbour.position;
        }
    }
}

/// One iteration: every value becomes the weighted sum of its neighbours'.
fn flow(from: &Planes, to: &mut Planes, weights: &[Lanes], neighbours: &[Neighbour]) {
    let count = neighbours.len();
    let Planes { channels, stride, reach, width, .. } = *from;
    let rows = to.values.par_chunks_exact_mut(channels * stride);
    let rows = rows.zip(weights.par_chunks_exact(from.blocks() * count)).enumerate();
    rows.for_each(|(row, (to, weights))| {
        let offsets = from.offsets(row, neighbours);
        for (channel, to) in to.chunks_exact_mut(stride).enumerate() {
            let blocks = to[reach..].as_chunks_mut::<LANES>().0.iter_mut().zip(weights.chunks_exact(count));
            for (block, (to, weights)) in blocks.enumerate() {
                let start = channel * stride + block * LANES;
                let mut sum = [0.0; LANES];
                for (offset, weight) in offsets.iter().zip(weights) {
                    let value = from.lanes(start + offset);
                    for lane in 0..LANES {
                        sum[lane] += weight[lane] * value[lane];
                    }
                }
                *to = sum;
            }
            replicate_ends(to, reach, width);
        }
    });
}

/// Planes of one picture, `[H, channels, stride]`: a row is `reach` copies of its first value, its values, and copies
/// of the last one, at least `reach` and as many as fill the last block of [`LANES`].
#[derive(Clone)]
struct Planes {
    values: Vec<f32>,
    channels: usize,
    height: usize,
    width: usize,
    reach: usize,
    stride: usize,
}

impl Planes {
    /// Pads `planes` of rows of `width` values.
    fn new(planes: &[&[f32]], width: usize, reach: usize) -> Self {
        let (channels, height) = (planes.len(), planes[0].len() / width);
        let stride = width.next_multiple_of(LANES) + 2 * reach;
        let mut values = vec![0.0; height * channels * stride];
        for (index, row) in values.chunks_exact_mut(stride).enumerate() {
            let plain = &planes[index % channels][index / channels * width..][..width];
            row[reach..reach + width].copy_from_slice(plain);
            replicate_ends(row, reach, width);
        }
        Self { values, channels, height, width, reach, stride }
    }

    /// Copies the values without padding.
    fn unpad(&self, planes: &mut [&mut [f32]]) {
        for (index, row) in self.values.chunks_exact(self.stride).enumerate() {
            let plain = &mut planes[index % self.channels][index / self.channels * self.width..][..self.width];
            plain.copy_from_slice(&row[self.reach..self.reach + self.width]);
        }
    }

    /// Blocks of [`LANES`] pixels that cover a row.
    fn blocks(&self) -> usize {
        self.width.div_ceil(LANES)
    }

    /// Where the first value of `row` lies in the first channel.
    fn pixel(&self, row: usize) -> usize {
        row * self.channels * self.stride + self.reach
    }

    /// Where the neighbours of the first pixel of `row` lie in the first channel.
    fn offsets(&self, row: usize, neighbours: &[Neighbour]) -> Vec<usize> {
        let offset = |neighbour: &Neighbour| {
            let row = row.saturating_add_signed(neighbour.rows).min(self.height - 1);
            self.pixel(row).strict_add_signed(neighbour.columns)
        };
        neighbours.iter().map(offset).collect()
    }

    /// The values of [`LANES`] pixels from index `start` on.
    fn lanes(&self, start: usize) -> &Lanes {
        self.values[start..].first_chunk().expect("rows are padded by at least the reach")
    }
}

/// Fills the padding of a row with its first and last value.
fn replicate_ends(row: &mut [f32], reach: usize, width: usize) {
    let (first, last) = (row[reach], row[reach + width - 1]);
    row[..reach].fill(first);
    row[reach + width..].fill(last);
}
