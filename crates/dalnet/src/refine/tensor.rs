//! PAR as tensor operations, for devices whose values are not at hand.

use burn::tensor::Tensor;
use burn::tensor::ops::PadMode;

use super::{Neighbour, Refinement, SIGMA_EPSILON};

/// [`Refinement::refine`] by slices of padded maps, one neighbour after the other.
pub(super) fn refine(refinement: &Refinement, pixels: Tensor<4>, maps: Tensor<4>) -> Tensor<4> {
    let (neighbours, reach) = (refinement.neighbours(), refinement.reach());
    let weights = weights(&neighbours, reach, refinement.w1, pixels);
    (0..refinement.iterations).fold(maps, |maps, _| {
        let padded = Padded::new(maps, reach);
        let flows = neighbours.iter().zip(&weights).map(|(neighbour, weight)| padded.at(neighbour) * weight.clone());
        total(flows)
    })
}

/// What each neighbour counts: `[B, 1, H, W]` each. They are not one tensor, of which every use would copy a part.
fn weights(neighbours: &[Neighbour], reach: usize, w1: f32, pixels: Tensor<4>) -> Vec<Tensor<4>> {
    let padded = Padded::new(pixels.clone(), reach);
    let count = neighbours.len() as f64;
    let difference = |neighbour: &Neighbour| padded.at(neighbour) - pixels.clone();
    let mean = total(neighbours.iter().map(difference)) / count;
    // Not from the mean square: the pixel may differ from its neighbours by far more than they from each other.
    let squares = neighbours.iter().map(|neighbour| (difference(neighbour) - mean.clone()).square());
    let sigma = (total(squares) / (count - 1.0)).sqrt();
    let bandwidth = (sigma + SIGMA_EPSILON) * w1;
    let affinities: Vec<Tensor<4>> =
        neighbours.iter().map(|neighbour| -(difference(neighbour) / bandwidth.clone()).square().mean_dim(1)).collect();
    let largest = affinities.iter().cloned().reduce(Tensor::max_pair).expect("a pixel has neighbours");
    let powers: Vec<Tensor<4>> = affinities.into_iter().map(|affinity| (affinity - largest.clone()).exp()).collect();
    let sum = total(powers.iter().cloned());
    powers.into_iter().zip(neighbours).map(|(power, neighbour)| power / sum.clone() + neighbour.position).collect()
}

/// The sum over the neighbours.
fn total(terms: impl Iterator<Item = Tensor<4>>) -> Tensor<4> {
    terms.reduce(|sum, term| sum + term).expect("a pixel has neighbours")
}

/// Planes with their borders repeated, so that every neighbour is a slice.
struct Padded {
    planes: Tensor<4>,
    reach: usize,
}

impl Padded {
    fn new(planes: Tensor<4>, reach: usize) -> Self {
        Self { planes: planes.pad((reach, reach, reach, reach), PadMode::Edge), reach }
    }

    /// The values of one neighbour of all pixels `[B, K, H, W]`.
    fn at(&self, neighbour: &Neighbour) -> Tensor<4> {
        let [batch, channels, height, width] = self.planes.dims();
        let top = self.reach.strict_add_signed(neighbour.rows);
        let left = self.reach.strict_add_signed(neighbour.columns);
        let (height, width) = (height - 2 * self.reach, width - 2 * self.reach);
        self.planes.clone().slice([0..batch, 0..channels, top..top + height, left..left + width])
    }
}
