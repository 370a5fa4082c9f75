//! One picture of a data set.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use image::RgbImage;

use crate::decode::{decode_bytes, decode_file};
use crate::error::DataError;
use crate::mask::Mask;
use crate::member::Member;
use crate::objects::CocoMask;
use crate::scene::Scene;

/// Where a picture comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PictureSource {
    /// A JPEG or PNG file.
    File(PathBuf),
    /// Drawn when it is wanted.
    Scene(Scene),
    /// A JPEG or PNG in a tar archive.
    Member(Member),
}

impl PictureSource {
    /// The bytes of the JPEG or PNG; of a drawn picture its pixels.
    pub(crate) fn read(&self) -> Result<Vec<u8>, DataError> {
        match self {
            Self::File(path) => fs::read(path).map_err(DataError::read(path)),
            Self::Member(member) => member.read(),
            Self::Scene(scene) => Ok(scene.draw().0.into_raw()),
        }
    }
}

/// Where a mask comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaskSource {
    /// A PNG of class indices; see [`Mask::read`].
    File(PathBuf),
    /// That of a drawn picture.
    Scene(Scene),
    /// The same in a tar archive.
    Member(Member),
    /// Outlines of objects, which are drawn when the mask is read.
    Coco(Arc<CocoMask>),
}

impl MaskSource {
    /// The file that it is in, or where it is in an archive.
    fn path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Member(member) => member.path(),
            Self::Coco(mask) => mask.list().to_owned(),
            Self::Scene(_) => PathBuf::from("shapes"),
        }
    }

    fn read(&self, classes: usize) -> Result<Mask, DataError> {
        match self {
            Self::File(path) => Mask::read(path, classes),
            Self::Member(member) => Mask::decode(&member.path(), &member.read()?, classes),
            Self::Coco(mask) => mask.draw(),
            Self::Scene(scene) => Ok(scene.draw().1),
        }
    }
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
            PictureSource::Member(member) => decode_bytes(&member.path().display().to_string(), &member.read()?),
        }
    }

    /// Reads the mask for a picture of `width` x `height` pixels and `classes` classes without the background.
    ///
    /// # Errors
    /// No mask, a mask of another size, one that is no PNG of class indices, and outlines that cannot be drawn.
    pub fn read_mask(&self, [width, height]: [u32; 2], classes: usize) -> Result<Mask, DataError> {
        let source = self.mask.as_ref().ok_or_else(|| DataError::MaskMissing { id: self.id.clone() })?;
        let mask = source.read(classes)?;
        if [mask.width, mask.height] != [width, height] {
            return Err(DataError::MaskSize {
                path: source.path(),
                mask: [mask.width, mask.height],
                picture: [width, height],
            });
        }
        Ok(mask)
    }
}
