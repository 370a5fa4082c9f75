//! A data set without files: textured forms on cluttered backgrounds, drawn from a seed, with tags and exact masks.
//!
//! It teaches and tests what real pictures need hours for. Form, texture and hue belong to the class; the colour of the
//! texture, brightness, sizes, places and angles do not.

use crate::data_set::DataSet;
use crate::error::DataError;
use crate::sample::{MaskSource, PictureSource, Sample};

pub use crate::scene::{CLASSES, SIDE, Scene};

/// The splits: their names, the number of their first scene, and how many there are.
const SPLITS: [(&str, u64, u64); 2] = [("train", 0, 4000), ("val", 1 << 32, 200)];

/// All pictures of one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shapes {
    /// Another seed gives other pictures of the same kind.
    pub seed: u64,
}

impl DataSet for Shapes {
    fn classes(&self) -> Vec<String> {
        CLASSES.map(str::to_owned).to_vec()
    }

    fn split(&self, name: &str) -> Result<Vec<Sample>, DataError> {
        let Some((_, first, count)) = SPLITS.into_iter().find(|(split, _, _)| *split == name) else {
            let available = SPLITS.map(|(split, _, _)| split).join(", ");
            return Err(DataError::SplitMissing { path: "shapes".into(), split: name.to_owned(), available });
        };
        let sample = |number| {
            let scene = Scene { seed: self.seed, number };
            Sample {
                id: format!("{name}-{:04}", number - first),
                picture: PictureSource::Scene(scene),
                labels: scene.labels(),
                mask: Some(MaskSource::Scene(scene)),
            }
        };
        Ok((first..first + count).map(sample).collect())
    }
}
