//! Photos with tags of one's own, however they were stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::class_list::{is_background, read_class_list};
use crate::data_set::DataSet;
use crate::error::DataError;
use crate::report::{Finding, Report};
use crate::sample::{MaskSource, PictureSource, Sample};

/// The list of classes in the folder of a data set, where the alphabetical order of the tags is not wanted.
pub(crate) const CLASS_LIST: &str = "classes.txt";

/// What a photo is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Split {
    #[default]
    Train,
    Val,
}

impl Split {
    fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
        }
    }
}

impl FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Train, Self::Val]
            .into_iter()
            .find(|split| split.name() == text)
            .ok_or_else(|| format!("{text:?} is no split; write train or val"))
    }
}

/// A photo as a reader finds it.
#[derive(Debug)]
pub(crate) struct Photo {
    /// Its name in the data set, without ending: that of its masks.
    pub(crate) id: String,
    /// Its name in messages.
    pub(crate) name: String,
    pub(crate) picture: PictureSource,
    /// Bytes of the picture's file.
    pub(crate) length: u64,
    pub(crate) mask: Option<MaskSource>,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) split: Split,
}

/// The tags in `text`, which `;` separates.
pub(crate) fn split_tags(text: &str) -> BTreeSet<String> {
    text.split(';').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

/// Photos with tags, from [`open_folder`](crate::open_folder) or [`open_archives`](crate::open_archives): the splits
/// `train` and, where photos were chosen for it, `val`. The classes are the lines of `classes.txt` beside the photos, or
/// without it the tags in alphabetical order.
#[derive(Debug)]
pub struct Tagged {
    origin: PathBuf,
    classes: Vec<String>,
    splits: BTreeMap<Split, Vec<Sample>>,
    report: Report,
    split_remedy: &'static str,
}

/// What a reader says where photos lack something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Remedies {
    /// How to tag a photo.
    pub(crate) tag: &'static str,
    /// How to choose photos for `val`.
    pub(crate) split: &'static str,
}

impl Tagged {
    /// Of the `photos` in `origin`, whose list of classes is in `folder`.
    pub(crate) fn new(
        origin: &Path,
        folder: Option<&Path>,
        photos: Vec<Photo>,
        mut report: Report,
        remedies: Remedies,
    ) -> Result<Self, DataError> {
        check_ids(origin, &photos)?;
        let list = folder.map(|folder| folder.join(CLASS_LIST)).filter(|path| path.is_file());
        let tags = photos.iter().flat_map(|photo| photo.tags.iter().cloned()).collect::<BTreeSet<_>>();
        if let Some(tag) = tags.iter().find(|tag| is_background(tag)) {
            let reason = format!("has photos with the tag {tag:?}: every photo has background; remove the tag");
            return Err(DataError::Unusable { path: origin.to_owned(), reason });
        }
        let classes = match &list {
            Some(path) => read_class_list(path)?,
            None => tags.iter().cloned().collect(),
        };
        let index = classes.iter().zip(0..).collect::<HashMap<&String, usize>>();
        for tag in tags.iter().filter(|tag| !index.contains_key(tag)) {
            report.add(Finding::UnknownTag, tag);
        }
        report_same_content(&photos, &mut report)?;

        let mut splits = BTreeMap::<Split, Vec<Sample>>::new();
        let mut used = BTreeSet::new();
        for photo in photos {
            let mut labels = photo.tags.iter().filter_map(|tag| index.get(tag).copied()).collect::<Vec<_>>();
            labels.sort_unstable();
            if labels.is_empty() {
                report.add(Finding::Untagged, photo.name);
                continue;
            }
            used.extend(labels.iter().copied());
            let sample = Sample { id: photo.id, picture: photo.picture, labels, mask: photo.mask };
            splits.entry(photo.split).or_default().push(sample);
        }
        if splits.is_empty() {
            return Err(DataError::NoPhotos { path: origin.to_owned(), remedy: remedies.tag });
        }
        for (_, class) in classes.iter().enumerate().filter(|(class, _)| !used.contains(class)) {
            report.add(Finding::UnusedClass, class);
        }
        Ok(Self { origin: origin.to_owned(), classes, splits, report, split_remedy: remedies.split })
    }
}

impl DataSet for Tagged {
    fn classes(&self) -> Vec<String> {
        self.classes.clone()
    }

    /// The photos of `train` or `val`, in the order in which they are stored.
    ///
    /// # Errors
    /// [`DataError::NoSplit`].
    fn split(&self, name: &str) -> Result<Vec<Sample>, DataError> {
        let samples = name.parse().ok().and_then(|split: Split| self.splits.get(&split));
        samples.cloned().ok_or_else(|| DataError::NoSplit {
            path: self.origin.clone(),
            split: name.to_owned(),
            available: self.splits.keys().map(|split| split.name()).collect::<Vec<_>>().join(", "),
            remedy: self.split_remedy,
        })
    }

    fn report(&self) -> Report {
        self.report.clone()
    }
}

/// Results are written under a photo's id.
fn check_ids(origin: &Path, photos: &[Photo]) -> Result<(), DataError> {
    let mut ids = HashMap::new();
    for photo in photos {
        if let Some(first) = ids.insert(&photo.id, &photo.name) {
            return Err(DataError::SameId {
                path: origin.to_owned(),
                first: first.clone(),
                second: photo.name.clone(),
            });
        }
    }
    Ok(())
}

/// Only photos of equal length are read, so that this costs next to nothing where there are no copies.
fn report_same_content(photos: &[Photo], report: &mut Report) -> Result<(), DataError> {
    let mut by_length = BTreeMap::<u64, Vec<&Photo>>::new();
    for photo in photos {
        by_length.entry(photo.length).or_default().push(photo);
    }
    for alike in by_length.values().filter(|alike| alike.len() > 1) {
        let mut names = HashMap::new();
        for photo in alike {
            let digest = Sha256::digest(photo.picture.read()?);
            match names.get(&digest) {
                Some(first) => report.add(Finding::SameContent, format!("{} = {first}", photo.name)),
                None => drop(names.insert(digest, &photo.name)),
            }
        }
    }
    Ok(())
}
