//! From a decoded picture to the network's input.

use burn::tensor::{Device, Tensor, TensorData};
use dalnet_assets::{ModelSpec, Normalisation};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::error::EngineError;
use crate::limits::{MAX_PIXELS, MIN_SIDE};

#[cfg(test)]
mod tests;

/// What transparent pixels are seen on: middle grey, 0 after normalisation of the shipped model.
const BACKDROP: u32 = 127;

/// A decoded picture, upright.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    width: usize,
    height: usize,
    rgba: &'a [u8],
}

impl<'a> Picture<'a> {
    /// `rgba`: 4 bytes for each pixel, row by row, alpha not premultiplied.
    ///
    /// # Errors
    /// Bytes that do not fit the size; no pixel, or more than [`MAX_PIXELS`].
    pub fn new(width: usize, height: usize, rgba: &'a [u8]) -> Result<Self, EngineError> {
        if width.min(height) == 0 {
            return Err(EngineError::PictureTooSmall { width, height });
        }
        if width.saturating_mul(height) > MAX_PIXELS {
            return Err(EngineError::PictureTooLarge { width, height });
        }
        if rgba.len() != width * height * 4 {
            return Err(EngineError::PictureBytes { width, height, bytes: rgba.len() });
        }
        Ok(Self { width, height, rgba })
    }

    /// `[height, width]` in pixels.
    pub(crate) fn size(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// Refuses a picture with a side below [`MIN_SIDE`].
    pub(crate) fn check_sides(&self) -> Result<(), EngineError> {
        let (width, height) = (self.width, self.height);
        if width.min(height) < MIN_SIDE { Err(EngineError::PictureTooSmall { width, height }) } else { Ok(()) }
    }

    /// The picture as `spec` wants to see it: `[1, 3, h, w]`, its longer side scaled, each side to the nearest whole
    /// patch, normalised. The same for every use of a network: scoring, segmenting, in the browser.
    pub fn input(&self, spec: &ModelSpec, device: &Device) -> Tensor<4> {
        let (pixels, size) = self.shown(spec);
        normalised(&pixels, size, spec.normalisation, device)
    }

    /// The pixels of [`Self::input`] before they are normalised: RGB bytes `[h, w, 3]`, and `[h, w]`.
    pub(crate) fn shown(&self, spec: &ModelSpec) -> (Vec<u8>, [usize; 2]) {
        let size = self.input_size(spec);
        (resize(&self.opaque(), self.size(), size), size)
    }

    /// `[height, width]` after scaling the longer side, each to the nearest whole patch.
    fn input_size(&self, spec: &ModelSpec) -> [usize; 2] {
        let scale = spec.input.long_side as f64 / self.width.max(self.height) as f64;
        let patch = spec.architecture.encoder.patch_size;
        self.size().map(|side| ((side as f64 * scale / patch as f64).round() as usize).max(1) * patch)
    }

    /// RGB, with transparent pixels seen on [`BACKDROP`].
    fn opaque(&self) -> Vec<u8> {
        let mut rgb = Vec::with_capacity(self.rgba.len() / 4 * 3);
        for [red, green, blue, alpha] in self.rgba.as_chunks::<4>().0 {
            let alpha = u32::from(*alpha);
            // The rounded mean, weighted by alpha: it never exceeds 255.
            let over = |value: u8| ((u32::from(value) * alpha + BACKDROP * (255 - alpha) + 127) / 255) as u8;
            rgb.extend([over(*red), over(*green), over(*blue)]);
        }
        rgb
    }
}

/// RGB bytes `[h, w, 3]` as a tensor `[1, 3, h, w]`, such as the network's input.
pub(crate) fn normalised(
    rgb: &[u8],
    [height, width]: [usize; 2],
    Normalisation { mean, std }: Normalisation,
    device: &Device,
) -> Tensor<4> {
    let channel = |index: usize| {
        let values = rgb.iter().skip(index).step_by(3);
        values.map(move |byte| (f32::from(*byte) / 255.0 - mean[index]) / std[index])
    };
    let values = (0..3).flat_map(channel).collect::<Vec<_>>();
    Tensor::from_data(TensorData::new(values, [1, 3, height, width]), device)
}

/// Bilinear with antialiasing, on bytes: the same result on every machine.
fn resize(rgb: &[u8], [height, width]: [usize; 2], [to_height, to_width]: [usize; 2]) -> Vec<u8> {
    let side = |pixels: usize| u32::try_from(pixels).expect("a picture's side was checked to be below MAX_PIXELS");
    let source =
        ImageRef::new(side(width), side(height), rgb, PixelType::U8x3).expect("the buffer was made for this size");
    let mut target = Image::new(side(to_width), side(to_height), PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&source, &mut target, &options).expect("both images hold RGB bytes");
    target.into_vec()
}
