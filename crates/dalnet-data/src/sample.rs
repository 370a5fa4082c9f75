//! One picture of a data set, on disk.

use std::path::PathBuf;

use image::RgbImage;

use crate::decode::decode_file;
use crate::error::DataError;
use crate::mask::Mask;

/// A picture with its tags and, for scoring, its mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its name in the data set.
    pub id: String,
    /// The picture.
    pub picture: PathBuf,
    /// Class indices without the background, ascending, each once, at least one.
    pub labels: Vec<usize>,
    /// The mask, where the data set has one. Never for training.
    pub mask: Option<PathBuf>,
}

impl Sample {
    /// Decodes the picture; see [`decode_file`].
    ///
    /// # Errors
    /// Those of [`decode_file`].
    pub fn read_picture(&self) -> Result<RgbImage, DataError> {
        decode_file(&self.picture)
    }

    /// Reads the mask for a picture of `width` x `height` pixels and `classes` classes without the background.
    ///
    /// # Errors
    /// No mask, a mask of another size, and the errors of [`Mask::read`].
    pub fn read_mask(&self, [width, height]: [u32; 2], classes: usize) -> Result<Mask, DataError> {
        let path = self.mask.as_deref().ok_or_else(|| DataError::MaskMissing { id: self.id.clone() })?;
        let mask = Mask::read(path, classes)?;
        if [mask.width, mask.height] != [width, height] {
            return Err(DataError::MaskSize {
                path: path.to_owned(),
                mask: [mask.width, mask.height],
                picture: [width, height],
            });
        }
        Ok(mask)
    }
}
