//! Colour jitter as one affine map of RGB.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::error::DataError;

/// Weights of red, green and blue in grey (Rec. 601, as PIL).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// Random brightness, contrast, saturation and hue, in random order, with the strengths of ToCo's `datasets/voc.py`.
///
/// All four are affine in RGB (the hue is turned in YIQ, not in HSV), so they become one matrix that is applied once and
/// clamped once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColourJitter {
    /// Probability of the jitter, 0..=1.
    pub probability: f64,
    /// Brightness factor drawn from `1 ± brightness`, 0..=1.
    pub brightness: f32,
    /// Contrast factor drawn from `1 ± contrast`, 0..=1.
    pub contrast: f32,
    /// Saturation factor drawn from `1 ± saturation`, 0..=1.
    pub saturation: f32,
    /// Hue turned by `± hue` of a whole turn, 0..=0.5.
    pub hue: f32,
    /// Probability of a grey picture, 0..=1, whether jittered or not.
    pub grey_probability: f64,
}

impl Default for ColourJitter {
    fn default() -> Self {
        Self { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1, grey_probability: 0.2 }
    }
}

impl ColourJitter {
    /// Draws the map for one picture part of RGB bytes.
    pub(crate) fn draw(&self, rng: &mut impl Rng, bytes: &[u8]) -> ColourMap {
        let mut map = ColourMap::IDENTITY;
        if rng.random_bool(self.probability) {
            let mut around_one = |strength: f32| rng.random_range(1.0 - strength..=1.0 + strength);
            let factors = [self.brightness, self.contrast, self.saturation].map(&mut around_one);
            let turn = rng.random_range(-self.hue..=self.hue);
            let mut order = [0, 1, 2, 3];
            order.shuffle(rng);
            for step in order {
                map = match step {
                    0 => map.then(&ColourMap::scale(factors[0])),
                    1 => {
                        let grey = map.grey_of(mean_colour(bytes));
                        map.then(&ColourMap::towards_grey(factors[1], grey))
                    }
                    2 => map.then(&ColourMap::saturate(factors[2])),
                    _ => map.then(&ColourMap::turn_hue(turn)),
                };
            }
        }
        if rng.random_bool(self.grey_probability) {
            map = map.then(&ColourMap::saturate(0.0));
        }
        map
    }

    pub(crate) fn check(&self) -> Result<(), DataError> {
        let chances = [self.probability, self.grey_probability];
        let strengths = [self.brightness, self.contrast, self.saturation, 2.0 * self.hue];
        let usable = chances.iter().all(|chance| (0.0..=1.0).contains(chance))
            && strengths.iter().all(|strength| (0.0..=1.0).contains(strength));
        if usable {
            return Ok(());
        }
        Err(DataError::Setting {
            setting: "colour jitter",
            value: format!("{self:?}"),
            allowed: "of probabilities and strengths from 0 to 1, and a hue from 0 to 0.5",
        })
    }
}

/// `[[r, g, b, 1] -> r', g', b']` of values in 0..1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ColourMap([[f32; 4]; 3]);

impl ColourMap {
    pub(crate) const IDENTITY: Self = Self([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]);

    /// RGB in 0..1, not clamped.
    pub(crate) fn apply(&self, [red, green, blue]: [f32; 3]) -> [f32; 3] {
        self.0.map(|row| row[0] * red + row[1] * green + row[2] * blue + row[3])
    }

    /// This map, then `next`.
    fn then(&self, next: &Self) -> Self {
        let cell = |row: usize, column: usize| {
            let sum: f32 = (0..3).map(|inner| next.0[row][inner] * self.0[inner][column]).sum();
            if column == 3 { sum + next.0[row][3] } else { sum }
        };
        Self(std::array::from_fn(|row| std::array::from_fn(|column| cell(row, column))))
    }

    fn grey_of(&self, colour: [f32; 3]) -> f32 {
        self.apply(colour).iter().zip(LUMA).map(|(value, weight)| value * weight).sum()
    }

    fn scale(factor: f32) -> Self {
        Self::towards_grey(factor, 0.0)
    }

    fn towards_grey(factor: f32, grey: f32) -> Self {
        let mut map = Self::IDENTITY;
        for (channel, row) in map.0.iter_mut().enumerate() {
            row[channel] = factor;
            row[3] = (1.0 - factor) * grey;
        }
        map
    }

    fn saturate(factor: f32) -> Self {
        let mut map = Self::towards_grey(factor, 0.0);
        for row in &mut map.0 {
            for (cell, weight) in row.iter_mut().zip(LUMA) {
                *cell += (1.0 - factor) * weight;
            }
        }
        map
    }

    /// Turns the chroma plane of YIQ by `turn` of a whole turn; greys stay.
    fn turn_hue(turn: f32) -> Self {
        let (sin, cos) = (turn * std::f32::consts::TAU).sin_cos();
        let to_yiq = Self([
            [LUMA[0], LUMA[1], LUMA[2], 0.0],
            [0.595_716, -0.274_453, -0.321_263, 0.0],
            [0.211_456, -0.522_591, 0.311_135, 0.0],
        ]);
        let turned = Self([[1.0, 0.0, 0.0, 0.0], [0.0, cos, -sin, 0.0], [0.0, sin, cos, 0.0]]);
        let to_rgb = Self([
            [1.0, 0.956_296, 0.621_024, 0.0],
            [1.0, -0.272_122, -0.647_381, 0.0],
            [1.0, -1.106_989, 1.704_615, 0.0],
        ]);
        to_yiq.then(&turned).then(&to_rgb)
    }
}

/// Mean red, green and blue in 0..1 of RGB bytes.
fn mean_colour(bytes: &[u8]) -> [f32; 3] {
    let mut sums = [0_u64; 3];
    for pixel in bytes.chunks_exact(3) {
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += u64::from(*value);
        }
    }
    let pixels = (bytes.len() / 3).max(1) as f64;
    sums.map(|sum| (sum as f64 / pixels / 255.0) as f32)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn assert_close(left: [f32; 3], right: [f32; 3]) {
        assert!(left.iter().zip(right).all(|(left, right)| (left - right).abs() < 2e-5), "{left:?} {right:?}");
    }

    #[test]
    fn maps_by_hand() {
        let colour = [0.2, 0.4, 0.6];
        let grey = 0.2 * 0.299 + 0.4 * 0.587 + 0.6 * 0.114;
        assert_close(ColourMap::scale(0.5).apply(colour), [0.1, 0.2, 0.3]);
        assert_close(ColourMap::towards_grey(0.5, 0.4).apply(colour), [0.3, 0.4, 0.5]);
        assert_close(ColourMap::saturate(0.0).apply(colour), [grey; 3]);
        assert_close(ColourMap::turn_hue(0.0).apply(colour), colour);
        assert_close(ColourMap::turn_hue(0.3).apply([0.7; 3]), [0.7; 3]);
        assert_close(ColourMap::turn_hue(0.3).then(&ColourMap::turn_hue(0.7)).apply(colour), colour);
        let both = ColourMap::towards_grey(0.5, 0.4).then(&ColourMap::scale(2.0));
        assert_close(both.apply(colour), [0.6, 0.8, 1.0]);
    }

    #[test]
    fn zero_strength_changes_nothing_and_contrast_keeps_the_mean() {
        let bytes = [10, 20, 30, 200, 150, 100];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let none = ColourJitter {
            probability: 1.0,
            brightness: 0.0,
            contrast: 0.0,
            saturation: 0.0,
            hue: 0.0,
            grey_probability: 0.0,
        };
        assert_close(none.draw(&mut rng, &bytes).apply([0.1, 0.5, 0.9]), [0.1, 0.5, 0.9]);
        let mean = mean_colour(&bytes);
        let contrast = ColourJitter { contrast: 0.4, ..none }.draw(&mut rng, &bytes);
        let grey = ColourMap::IDENTITY.grey_of(mean);
        assert!((contrast.grey_of(mean) - grey).abs() < 1e-5);
    }
}
