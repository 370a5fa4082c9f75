//! The command line of `train-native train`, and what it comes to together with file and preset.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Map, Value};

use super::options::Options;
use super::preset::Preset;
use super::presets;
use super::settings::Settings;
use crate::source::Source;

/// The command line of `train-native train`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// File of settings, each a flag without its dashes: crop = 256, splits = ["train_aug"], colour-jitter = true. Flags
    /// win over the file, a list given by flags replaces that of the file, and the file wins over the preset. Every run
    /// saves what it came to as config.toml in --out
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Go on from the newest checkpoint in --out, with the same settings
    #[arg(long)]
    pub(super) resume: bool,
    /// Instead of training, show what a step spends its time and memory on, from this many runs of each part
    #[arg(long, value_name = "RUNS")]
    pub(super) profile: Option<usize>,
    /// Train only if nothing is odd about the data set: no photo missing, without tags, or there twice
    #[arg(long)]
    pub(super) strict: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Arguments {
    /// The options of the run: flags over file over preset.
    ///
    /// # Errors
    /// A file that cannot be read or holds what is no setting; no data set or folder for the run.
    pub(super) fn resolve(&self) -> Result<Options> {
        let file = self.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
        let preset = self.settings.preset.or(file.preset).unwrap_or(Preset::Tiny);
        // A preset's splits are those of the data set it was made for.
        let data = self.settings.data.as_ref().or(file.data.as_ref());
        let split = data.and_then(Source::training_split);
        let by_data = Settings { splits: split.map(|split| vec![split.to_owned()]), ..Settings::default() };
        let mut values = Map::new();
        for layer in [&presets::common(), &preset.settings(), &by_data, &file, &self.settings] {
            values.extend(layer.values()?);
        }
        for name in ["data", "out"] {
            if !values.contains_key(name) {
                bail!("no {name} is given; add --{name}, or {name} = \"...\" to the --config file");
            }
        }
        Ok(serde_json::from_value(Value::Object(values))?)
    }
}
