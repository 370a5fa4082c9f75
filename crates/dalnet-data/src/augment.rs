//! Random scale, mirror, crop, colour and blur: the training view of a picture.

use fast_image_resize::Resizer;
use image::RgbImage;
use image::imageops::blur;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::colour::{ColourJitter, ColourMap};
use crate::error::DataError;
use crate::normalisation::Normalisation;
use crate::resize::{Region, resize_region};

/// Smallest and largest standard deviation of the blur in pixels of the view: ToCo's.
const BLUR_SIGMA: [f32; 2] = [0.1, 2.0];

/// How training pictures are varied: view 1 of ToCo's `datasets/voc.py`.
///
/// Three things differ. ToCo mirrors a second time after the crop but leaves the crop box as it was, so that the box is
/// wrong half of the time where the width is padded: there is no second mirror here. Padding is the mean colour (0 after
/// normalisation) instead of black, and what is blurred does not reach into it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentConfig {
    /// Side of the square crop in pixels, at least 1.
    pub crop_size: usize,
    /// Smallest and largest random scale of the picture before the crop.
    pub scale: [f64; 2],
    /// Probability of a mirrored picture, 0..=1.
    pub flip_probability: f64,
    /// Random colours, if any.
    pub colour_jitter: Option<ColourJitter>,
    /// Probability of a Gaussian blur, 0..=1, of a standard deviation from 0.1 to 2 pixels of the view.
    pub blur_probability: f64,
}

impl AugmentConfig {
    /// ToCo's values at this crop size.
    pub fn new(crop_size: usize) -> Self {
        Self {
            crop_size,
            scale: [0.5, 2.0],
            flip_probability: 0.5,
            colour_jitter: Some(ColourJitter::default()),
            blur_probability: 1.0,
        }
    }

    pub(crate) fn check(&self) -> Result<(), DataError> {
        let refuse = |setting, value, allowed| Err(DataError::Setting { setting, value, allowed });
        if !(1..=8192).contains(&self.crop_size) {
            return refuse("crop size", self.crop_size.to_string(), "from 1 to 8192");
        }
        let [smallest, largest] = self.scale;
        if !(smallest > 0.0 && smallest <= largest && largest <= 16.0) {
            return refuse("scale", format!("{:?}", self.scale), "two ascending numbers above 0 and up to 16");
        }
        for (setting, probability) in
            [("flip probability", self.flip_probability), ("blur probability", self.blur_probability)]
        {
            if !(0.0..=1.0).contains(&probability) {
                return refuse(setting, probability.to_string(), "from 0 to 1");
            }
        }
        self.colour_jitter.as_ref().map_or(Ok(()), ColourJitter::check)
    }
}

/// Makes training views; keeps its buffers from picture to picture.
#[derive(Debug)]
pub struct Augmenter {
    config: AugmentConfig,
    normalisation: Normalisation,
    table: [[f32; 256]; 3],
    resizer: Resizer,
}

impl Augmenter {
    /// For one thread.
    ///
    /// # Errors
    /// [`DataError::Setting`] for a value outside its range.
    pub fn new(config: AugmentConfig, normalisation: Normalisation) -> Result<Self, DataError> {
        config.check()?;
        normalisation.check()?;
        Ok(Self { config, normalisation, table: normalisation.table(), resizer: Resizer::new() })
    }

    /// Writes one view of `picture` to `view` `[3, S, S]`, `S` the crop size: normalised, 0 where the picture does not
    /// reach. Returns the crop box `[top, bottom, left, right]` in pixels of the view, ends exclusive, where it does.
    ///
    /// All randomness comes from `rng`.
    ///
    /// # Errors
    /// [`DataError::Setting`] when `view` has another length.
    pub fn augment(
        &mut self,
        picture: &RgbImage,
        rng: &mut impl Rng,
        view: &mut [f32],
    ) -> Result<[usize; 4], DataError> {
        let side = self.config.crop_size;
        if view.len() != 3 * side * side {
            return Err(DataError::Setting {
                setting: "length of the view",
                value: view.len().to_string(),
                allowed: "3 x crop size x crop size",
            });
        }
        let scale = rng.random_range(self.config.scale[0]..=self.config.scale[1]);
        let flip = rng.random_bool(self.config.flip_probability);
        let rows = Span::draw(rng, picture.height(), scale, side);
        let columns = Span::draw(rng, picture.width(), scale, side);

        // Only the part that the crop shows is resized: at scale 2 that is a small share of the pixels.
        let region = Region {
            left: columns.source_start,
            top: rows.source_start,
            width: columns.source_length,
            height: rows.source_length,
        };
        let size = [columns.length as u32, rows.length as u32];
        let mut bytes = resize_region(&mut self.resizer, picture, region, size)?;
        let map = self.config.colour_jitter.as_ref().map(|jitter| jitter.draw(rng, &bytes));
        if rng.random_bool(self.config.blur_probability) {
            let sharp = RgbImage::from_raw(size[0], size[1], bytes).expect("three bytes for each pixel");
            bytes = blur(&sharp, rng.random_range(BLUR_SIGMA[0]..=BLUR_SIGMA[1])).into_raw();
        }

        view.fill(0.0);
        for (row, line) in bytes.chunks_exact(3 * columns.length).enumerate() {
            let start = (rows.start + row) * side + columns.start;
            for (column, pixel) in line.chunks_exact(3).enumerate() {
                let column = if flip { columns.length - 1 - column } else { column };
                let values = self.normalise([pixel[0], pixel[1], pixel[2]], map.as_ref());
                for (channel, value) in values.into_iter().enumerate() {
                    view[channel * side * side + start + column] = value;
                }
            }
        }
        Ok([rows.start, rows.start + rows.length, columns.start, columns.start + columns.length])
    }

    fn normalise(&self, pixel: [u8; 3], map: Option<&ColourMap>) -> [f32; 3] {
        match map {
            None => std::array::from_fn(|channel| self.table[channel][usize::from(pixel[channel])]),
            Some(map) => {
                let colour = map.apply(pixel.map(|value| f32::from(value) / 255.0));
                std::array::from_fn(|channel| self.normalisation.apply(channel, colour[channel].clamp(0.0, 1.0)))
            }
        }
    }
}

/// One axis of a crop: which part of the picture goes to which part of the view.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// First pixel of the view that shows the picture.
    start: usize,
    /// Number of its pixels that do.
    length: usize,
    /// Where the part begins in the picture, in its pixels before scaling.
    source_start: f64,
    /// Its length there.
    source_length: f64,
}

impl Span {
    /// A scaled side longer than the view is cut at random, a shorter one lies in it at random.
    fn draw(rng: &mut impl Rng, side: u32, scale: f64, view: usize) -> Self {
        let scaled = ((f64::from(side) * scale) as usize).max(1);
        let length = scaled.min(view);
        let offset = rng.random_range(0..=scaled.abs_diff(view));
        let (start, cut) = if scaled < view { (offset, 0) } else { (0, offset) };
        let step = f64::from(side) / scaled as f64;
        let source_start = cut as f64 * step;
        let source_length = (length as f64 * step).min(f64::from(side) - source_start);
        Self { start, length, source_start, source_length }
    }
}
