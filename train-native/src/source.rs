//! Where pictures come from: the `--data` argument.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Result, bail};
use dalnet_data::{DataSet, Sample, Shapes, Voc};
use serde::{Deserialize, Serialize};

/// A data set on disk, written `voc:DIR`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Source {
    /// The official `VOCdevkit/VOC2012` layout.
    Voc(PathBuf),
    /// Generated pictures of this seed.
    Shapes(u64),
}

impl Source {
    /// Looks at what is there.
    pub(crate) fn open(&self) -> Result<Data> {
        let set: Box<dyn DataSet> = match self {
            Self::Voc(folder) => Box::new(Voc::open(folder)?),
            Self::Shapes(seed) => Box::new(Shapes { seed: *seed }),
        };
        Ok(Data { set })
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
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("voc", folder)) if !folder.is_empty() => Ok(Self::Voc(folder.into())),
            None if text == "shapes" => Ok(Self::Shapes(0)),
            Some(("shapes", seed)) if seed.parse::<u64>().is_ok() => Ok(Self::Shapes(seed.parse().unwrap_or_default())),
            _ => Err(format!(
                "{text:?} is no data set; write voc:DIR with the path of a VOCdevkit/VOC2012 folder, or shapes, or \
                 shapes:SEED with a whole number"
            )),
        }
    }
}

impl TryFrom<String> for Source {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        match source {
            Source::Voc(folder) => format!("voc:{}", folder.display()),
            Source::Shapes(seed) => format!("shapes:{seed}"),
        }
    }
}
