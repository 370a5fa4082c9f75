//! One picture of a data set.

use std::path::PathBuf;

use image::RgbImage;

use crate::decode::decode_file;
use crate::error::DataError;
use crate::mask::Mask;
use crate::shapes::Scene;

/// Where a picture comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PictureSource {
    /// A JPEG or PNG file.
    File(PathBuf),
    /// Drawn when it is wanted.
    Scene(Scene),
}

/// Where a mask comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaskSource {
    /// A PNG of class indices; see [`Mask::read`].
    File(PathBuf),
    /// That of a drawn picture.
    Scene(Scene),
}

/// A picture with its tags and, for scoring, its mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its name in the data set.
    pub id: String,
    /// The picture.
    pub picture: PictureSource,
    /// Class indices without the background, ascending, each once, at least one.
    pub labels: Vec<usize>,
    /// The mask, where the data set has one. Never for training.
    pub mask: Option<MaskSource>,
}

impl Sample {
    /// Decodes the picture; see [`decode_file`].
    ///
    /// # Errors
    /// Those of [`decode_file`].
    pub fn read_picture(&self) -> Result<RgbImage, DataError> {
        match &self.picture {
            PictureSource::File(path) => decode_file(path),
            PictureSource::Scene(scene) => Ok(scene.draw().0),
        }
    }

    /// Reads the mask for a picture of `width` x `height` pixels and `classes` classes without the background.
    ///
    /// # Errors
    /// No mask, a mask of another size, and the errors of [`Mask::read`].
    pub fn read_mask(&self, [width, height]: [u32; 2], classes: usize) -> Result<Mask, DataError> {
        match &self.mask {
            None => Err(DataError::MaskMissing { id: self.id.clone() }),
            Some(MaskSource::Scene(scene)) => Ok(scene.draw().1),
            Some(MaskSource::File(path)) => {
                let mask = Mask::read(path, classes)?;
                if [mask.width, mask.height] != [width, height] {
                    return Err(DataError::MaskSize {
                        path: path.clone(),
                        mask: [mask.width, mask.height],
                        picture: [width, height],
                    });
                }
                Ok(mask)
            }
        }
    }
}
