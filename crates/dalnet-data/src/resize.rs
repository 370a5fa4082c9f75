//! Bilinear resizing of a part of a picture, with antialiasing where it shrinks (PIL's `BILINEAR`).

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use crate::error::DataError;

/// A rectangle of a picture, in (fractions of) its pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Region {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Region {
    pub(crate) fn whole(picture: &RgbImage) -> Self {
        Self {
            left: 0.0,
            top: 0.0,
            width: picture.width().into(),
            height: picture.height().into(),
        }
    }
}

/// `region` of `picture` at `width` x `height` pixels: RGB bytes `[height, width, 3]`. Pixels beside the region take
/// part where the filter reaches them, so this equals a crop of the whole resized picture.
pub(crate) fn resize_region(
    resizer: &mut Resizer,
    picture: &RgbImage,
    region: Region,
    [width, height]: [u32; 2],
) -> Result<Vec<u8>, DataError> {
    let refused = |reason: String| DataError::Setting {
        setting: "size of a resized picture",
        value: format!("{region:?} to {width} x {height} ({reason})"),
        allowed: "a part of the picture to at least 1 x 1",
    };
    let source = ImageRef::new(
        picture.width(),
        picture.height(),
        picture.as_raw(),
        PixelType::U8x3,
    )
    .map_err(|error| refused(error.to_string()))?;
    let mut target = Image::new(width, height, PixelType::U8x3);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .crop(region.left, region.top, region.width, region.height);
    resizer
        .resize(&source, &mut target, &options)
        .map_err(|error| refused(error.to_string()))?;
    Ok(target.into_vec())
}
