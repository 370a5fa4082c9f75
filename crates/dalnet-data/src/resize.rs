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
    let source = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3)
        .map_err(|error| refused(error.to_string()))?;
    let mut target = Image::new(width, height, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).crop(
        region.left,
        region.top,
        region.width,
        region.height,
    );
    resizer.resize(&source, &mut target, &options).map_err(|error| refused(error.to_string()))?;
    Ok(target.into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Region {
        fn whole(picture: &RgbImage) -> Self {
            Self { left: 0.0, top: 0.0, width: picture.width().into(), height: picture.height().into() }
        }
    }

    #[test]
    fn a_resized_part_equals_a_part_of_the_resized_picture() {
        let picture = RgbImage::from_fn(50, 40, |x, y| {
            image::Rgb([(x * 37 + y * 11) as u8, (x * y) as u8, (x * x + 3 * y) as u8])
        });
        let mut resizer = Resizer::new();
        for [width, height] in [[100, 80], [30, 24], [73, 31]] {
            let whole = resize_region(&mut resizer, &picture, Region::whole(&picture), [width, height]).unwrap();
            let step = [50.0 / f64::from(width), 40.0 / f64::from(height)];
            let region =
                Region { left: 7.0 * step[0], top: 5.0 * step[1], width: 20.0 * step[0], height: 16.0 * step[1] };
            let part = resize_region(&mut resizer, &picture, region, [20, 16]).unwrap();
            for (row, line) in part.chunks_exact(60).enumerate() {
                let start = ((row + 5) * width as usize + 7) * 3;
                let equal = line.iter().zip(&whole[start..start + 60]).all(|(left, right)| left.abs_diff(*right) <= 1);
                assert!(equal, "{width} x {height}, row {row}");
            }
        }
    }

    #[test]
    fn refuses_a_part_outside_the_picture() {
        let region = Region { left: 3.0, top: 0.0, width: 4.0, height: 1.0 };
        let error = resize_region(&mut Resizer::new(), &RgbImage::new(5, 5), region, [2, 2]).unwrap_err();
        assert!(error.to_string().contains("left: 3.0"), "{error}");
    }
}
