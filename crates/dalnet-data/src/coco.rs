//! The official layout of COCO 2014: `annotations/instances_train2014.json` and `instances_val2014.json`, pictures in
//! `train2014` and `val2014`.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::{DeserializeOwned, IgnoredAny};

use crate::data_set::DataSet;
use crate::error::DataError;
use crate::objects::{Annotation, Annotations, Image, Object, Segmentation};
use crate::report::{Finding, Report};
use crate::sample::{MaskSource, PictureSource, Sample};

pub use crate::objects::{CATEGORIES, CocoMask, class_names};

/// The splits; each has a short name without the year.
const SPLITS: [&str; 2] = ["train2014", "val2014"];
const YEAR: &str = "2014";

/// A folder with COCO 2014.
#[derive(Debug)]
pub struct Coco {
    root: PathBuf,
    report: Mutex<Report>,
}

impl Coco {
    /// Opens the folder that holds `annotations`, `train2014` and `val2014`; a split that is not used may be missing.
    ///
    /// # Errors
    /// [`DataError::Missing`] without `annotations`.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, DataError> {
        let root = root.into();
        let path = root.join("annotations");
        if !path.is_dir() {
            return Err(DataError::Missing {
                path,
                remedy: "give the folder that holds annotations, train2014 and val2014",
            });
        }
        Ok(Self { root, report: Mutex::default() })
    }

    fn list(&self, split: &str) -> PathBuf {
        self.root.join("annotations").join(format!("instances_{split}.json"))
    }

    /// The samples of a split, whose masks `mask` makes of the objects of an image.
    fn samples<S: DeserializeOwned>(
        &self,
        split: &str,
        mask: impl Fn(&Arc<Path>, &Image, Vec<Annotation<S>>) -> Option<MaskSource>,
    ) -> Result<Vec<Sample>, DataError> {
        let list = self.list(split);
        let Annotations { images, annotations, .. } = Annotations::<S>::read(&list)?;
        let list: Arc<Path> = list.into();
        let index = images.iter().zip(0..).map(|(image, index)| (image.id, index)).collect::<HashMap<u64, usize>>();
        let mut objects = images.iter().map(|_| Vec::new()).collect::<Vec<Vec<Annotation<S>>>>();
        for annotation in annotations {
            let Some(image) = index.get(&annotation.image_id) else {
                let reason = format!("is of image {}, which the file does not list", annotation.image_id);
                return Err(DataError::CocoAnnotation { path: list.to_path_buf(), annotation: annotation.id, reason });
            };
            objects[*image].push(annotation);
        }
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        let mut samples = Vec::with_capacity(images.len());
        for (image, objects) in images.into_iter().zip(objects) {
            let picture = self.root.join(split).join(&image.file_name);
            if objects.is_empty() {
                report.add(Finding::Untagged, image.file_name);
                continue;
            }
            if !picture.is_file() {
                let id = image.file_name;
                return Err(DataError::PictureMissing { path: picture, list: list.to_path_buf(), id });
            }
            let labels = objects
                .iter()
                .map(|object| object.class().map(usize::from))
                .collect::<Result<BTreeSet<_>, _>>()
                .map_err(|(annotation, reason)| DataError::CocoAnnotation {
                    path: list.to_path_buf(),
                    annotation,
                    reason,
                })?;
            let mask = mask(&list, &image, objects);
            let id = image.file_name.rsplit_once('.').map_or(image.file_name.as_str(), |(id, _)| id).to_owned();
            let picture = PictureSource::File(picture);
            samples.push(Sample { id, picture, labels: labels.into_iter().collect(), mask });
        }
        Ok(samples)
    }
}

impl DataSet for Coco {
    fn classes(&self) -> Vec<String> {
        class_names()
    }

    /// The samples of `train2014` or `val2014` (or `train`, `val`), in the order of the file's images. Labels are the set of
    /// the categories of an image's annotations, crowds included; an image without any is left out and stands in the
    /// report, as in the protocol of the field (82,081 images of `train2014`, 40,137 of `val2014`). Only `val2014` has
    /// masks; see [`CocoMask`].
    ///
    /// # Errors
    /// Another split, an annotation file that is missing or broken, categories that are not COCO's, annotations of an
    /// unknown image or category, a missing picture.
    fn split(&self, name: &str) -> Result<Vec<Sample>, DataError> {
        let split = SPLITS.into_iter().find(|split| *split == name || split.strip_suffix(YEAR) == Some(name));
        let Some(split) = split else {
            let path = self.list(name);
            return Err(DataError::SplitMissing { path, split: name.to_owned(), available: SPLITS.join(", ") });
        };
        let samples = if split == SPLITS[0] {
            self.samples::<IgnoredAny>(split, |_, _, _| None)?
        } else {
            self.samples::<Segmentation>(split, |list, image, annotations| {
                let objects = annotations.into_iter().filter_map(Object::new).collect();
                let mask = CocoMask::new(list.clone(), [image.width, image.height], objects);
                Some(MaskSource::Coco(Arc::new(mask)))
            })?
        };
        if samples.is_empty() { Err(DataError::SplitEmpty { path: self.list(split) }) } else { Ok(samples) }
    }

    fn report(&self) -> Report {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
