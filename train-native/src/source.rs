//! Where pictures come from: the `--data` argument.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Result, bail};
use dalnet_assets::manifest::MAX_CLASSES;
use dalnet_data::{Coco, DataSet, Sample, Shapes, Voc, open_archives, open_folder};
use serde::{Deserialize, Serialize};

/// What the argument may be.
const FORMS: &str = "voc:DIR with a VOCdevkit/VOC2012 folder, coco:DIR with COCO 2014, folder:DIR with photos in one folder \
                     for each tag or listed in tags.csv, tar:FILE or tar:DIR with tagged photos in tar archives, shapes for generated \
                     pictures";

/// A data set, written as its kind and its path: see [`FORMS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Source {
    /// The official `VOCdevkit/VOC2012` layout.
    Voc(PathBuf),
    /// The official layout of COCO 2014.
    Coco(PathBuf),
    /// A folder of tagged photos.
    Folder(PathBuf),
    /// Tagged photos in one tar archive or in all of a folder.
    Tar(PathBuf),
    /// Generated pictures of this seed.
    Shapes(u64),
}

impl Source {
    /// Looks at what is there.
    pub(crate) fn open(&self) -> Result<Data> {
        let set: Box<dyn DataSet> = match self {
            Self::Voc(folder) => Box::new(Voc::open(folder)?),
            Self::Coco(folder) => Box::new(Coco::open(folder)?),
            Self::Folder(folder) => Box::new(open_folder(folder)?),
            Self::Tar(path) => Box::new(open_archives(path)?),
            Self::Shapes(seed) => Box::new(Shapes { seed: *seed }),
        };
        let classes = set.classes().len();
        if classes > MAX_CLASSES {
            bail!("{self}: {classes} classes are more than the {MAX_CLASSES} of a model; use fewer tags");
        }
        Ok(Data { set })
    }

    /// The split to train on, unless a preset knows better.
    pub(crate) fn training_split(&self) -> Option<&'static str> {
        match self {
            Self::Voc(_) => None,
            Self::Coco(_) | Self::Folder(_) | Self::Tar(_) | Self::Shapes(_) => Some("train"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, path) = match self {
            Self::Voc(path) => ("voc", path),
            Self::Coco(path) => ("coco", path),
            Self::Folder(path) => ("folder", path),
            Self::Tar(path) => ("tar", path),
            Self::Shapes(seed) => return write!(formatter, "shapes:{seed}"),
        };
        write!(formatter, "{kind}:{}", path.display())
    }
}

/// An open data set.
#[derive(Debug)]
pub(crate) struct Data {
    set: Box<dyn DataSet>,
}

impl Data {
    /// Class names without background, in the order of the labels.
    pub(crate) fn classes(&self) -> Vec<String> {
        self.set.classes()
    }

    /// Refuses a model of other `classes` than the data set's, whose labels would mean something else.
    pub(crate) fn check_classes(&self, classes: &[String], model: &Path) -> Result<()> {
        let own = self.classes();
        if classes != own {
            bail!(
                "{} knows the classes {}, the data set {}; use the data set it was trained for",
                model.display(),
                classes.join(", "),
                own.join(", ")
            );
        }
        Ok(())
    }

    /// The samples of all `splits`, one after another.
    pub(crate) fn samples(&self, splits: &[String]) -> Result<Vec<Sample>> {
        let mut samples = Vec::new();
        for split in splits {
            samples.extend(self.set.split(split)?);
        }
        Ok(samples)
    }

    /// Shows what is odd about the data set and its splits that were read; with `strict`, that is an error.
    pub(crate) fn show_report(&self, strict: bool) -> Result<()> {
        let report = self.set.report();
        if report.is_empty() {
            return Ok(());
        }
        eprintln!("{report}");
        if strict {
            bail!("the data set is not as it should be, see above; correct it, or leave --strict out");
        }
        Ok(())
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kind = match text.split_once(':') {
            Some(("voc", path)) if !path.is_empty() => Self::Voc(path.into()),
            Some(("coco", path)) if !path.is_empty() => Self::Coco(path.into()),
            Some(("folder", path)) if !path.is_empty() => Self::Folder(path.into()),
            Some(("tar", path)) if !path.is_empty() => Self::Tar(path.into()),
            None if text == "shapes" => Self::Shapes(0),
            Some(("shapes", seed)) => Self::Shapes(seed.parse().map_err(|_| {
                format!("shapes:{seed} is no data set; write shapes, or shapes:SEED with a whole number")
            })?),
            _ => return Err(format!("{text:?} is no data set; write {FORMS}")),
        };
        Ok(kind)
    }
}

crate::text_form::text_form!(Source);
