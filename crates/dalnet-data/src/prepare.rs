//! Pictures for evaluation: resized and normalised, nothing random.

use fast_image_resize::Resizer;
use image::RgbImage;

use crate::error::DataError;
use crate::normalisation::Normalisation;
use crate::resize::{Region, resize_region};

/// `picture` at exactly `[height, width]`, normalised: `[3, height, width]`.
///
/// # Errors
/// A side of 0, or an unusable normalisation.
pub fn prepare(
    picture: &RgbImage,
    [height, width]: [usize; 2],
    normalisation: &Normalisation,
) -> Result<Vec<f32>, DataError> {
    normalisation.check()?;
    let [Ok(rows @ 1..), Ok(columns @ 1..)] = [height, width].map(u32::try_from) else {
        return Err(DataError::Setting {
            setting: "evaluation size",
            value: format!("{height} x {width}"),
            allowed: "at least 1 x 1",
        });
    };
    let bytes = if picture.dimensions() == (columns, rows) {
        picture.as_raw().clone()
    } else {
        resize_region(&mut Resizer::new(), picture, Region::whole(picture), [columns, rows])?
    };
    let table = normalisation.table();
    let channel = |index: usize| bytes.iter().skip(index).step_by(3).map(move |byte| (index, usize::from(*byte)));
    Ok((0..3).flat_map(channel).map(|(index, byte)| table[index][byte]).collect())
}

/// `[height, width]` of a picture of `[width, height]` pixels after scaling its longer side to `long_side` and rounding
/// each side to the nearest multiple of `multiple_of` (the patch), at least one. 0 counts as 1 for both.
pub fn size_for_long_side([width, height]: [u32; 2], long_side: usize, multiple_of: usize) -> [usize; 2] {
    let scale = long_side as f64 / f64::from(width.max(height).max(1));
    let multiple = multiple_of.max(1);
    [height, width].map(|side| ((f64::from(side) * scale / multiple as f64).round() as usize).max(1) * multiple)
}
