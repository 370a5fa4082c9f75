//! The options of a training run: every setting with a value.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use dalnet::objective::Term;
use dalnet_data::{AugmentConfig, BatchConfig, ColourJitter, Sample};
use serde::{Deserialize, Serialize};

use super::best::Best;
use super::encoder::{EncoderChoice, auxiliary_block};
use super::freeze::Freeze;
use super::preset::Preset;
use super::progress::LogForm;
use super::recipe::{AlignmentForm, Change, Recipe};
use super::scale_range::ScaleRange;
use super::schedule::{Polynomial, Rates};
use crate::device::{DeviceChoice, cores};
use crate::source::{Data, Source};

/// The options of a training run, described at [`Settings`](super::settings::Settings); they are saved with every
/// checkpoint and as `config.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Options {
    pub(super) preset: Preset,
    pub(super) data: Source,
    pub(super) splits: Vec<String>,
    pub(super) encoder: EncoderChoice,
    pub(super) weights: Option<PathBuf>,
    pub(super) teacher: Option<Vec<PathBuf>>,
    pub(super) freeze: Option<Freeze>,
    pub(super) auxiliary_block: Option<usize>,
    pub(super) alignment: AlignmentForm,
    pub(super) without: Vec<Term>,
    pub(super) set: Vec<Change>,
    pub(super) text: Option<PathBuf>,
    pub(super) out: PathBuf,
    pub(super) crop: usize,
    pub(super) long_side: usize,
    pub(super) scale: ScaleRange,
    pub(super) colour_jitter: bool,
    pub(super) blur: f64,
    pub(super) batch: usize,
    pub(super) accumulate: usize,
    pub(super) iterations: usize,
    pub(super) learning_rate: f64,
    pub(super) layer_decay: f64,
    pub(super) warm_up: usize,
    pub(super) weight_decay: f64,
    pub(super) seed: u64,
    pub(super) device: Vec<DeviceChoice>,
    pub(super) threads: Option<usize>,
    pub(super) gradient_checkpointing: bool,
    pub(super) checkpoint_every: usize,
    pub(super) validate_every: usize,
    pub(super) validation_split: String,
    pub(super) validation_pictures: usize,
    pub(super) log: LogForm,
}

/// Options that may change when a run is resumed: none of them makes it another training.
pub(super) const FREE_TO_CHANGE: [&str; 5] = ["out", "device", "threads", "gradient-checkpointing", "log"];

/// What a checkpoint says of the training that wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Training {
    #[serde(flatten)]
    pub(super) options: Options,
    /// What the options came to: a preset may change from one version of this program to the next.
    pub(super) recipe: Recipe,
    /// The best checkpoint up to this one.
    pub(super) best: Option<Best>,
}

impl Options {
    pub(super) fn check(&self) -> Result<()> {
        let patch = self.encoder.patch_size();
        if self.crop == 0 || !self.crop.is_multiple_of(patch) {
            let below = (self.crop / patch * patch).max(patch);
            bail!("--crop {} is not a multiple of the patch size {patch}; use {below} or {}", self.crop, below + patch);
        }
        if self.long_side < patch {
            bail!("--long-side {} is less than a patch; use at least {patch}", self.long_side);
        }
        for (name, value) in [("batch", self.batch), ("iterations", self.iterations), ("accumulate", self.accumulate)] {
            if value == 0 {
                bail!("--{name} 0 trains nothing; use at least 1");
            }
        }
        if !(0.0..=1.0).contains(&self.blur) {
            bail!("--blur {} is outside 0 to 1; use for example 0.5, or 0 for none", self.blur);
        }
        if !(self.layer_decay > 0.0 && self.layer_decay <= 1.0) {
            bail!("--layer-decay {} is outside 0 to 1; use for example 0.75, or 1 for none", self.layer_decay);
        }
        let depth = self.encoder.config(self.crop, None).depth;
        if let Some(Freeze::Blocks(count)) = self.freeze
            && count > depth
        {
            bail!("--freeze {count} of an encoder with {depth} blocks; use at most {depth}, or encoder");
        }
        if let Some(block) = self.auxiliary_block
            && !(1..=depth).contains(&block)
        {
            bail!(
                "--auxiliary-block {block} of an encoder with {depth} blocks; use 1 to {depth}, or leave it out for block {}",
                auxiliary_block(depth) + 1
            );
        }
        if self.checkpoint_every == 0 {
            bail!("--checkpoint-every 0: write one at least every some hundred steps");
        }
        Ok(())
    }

    /// Index of the block that feeds the auxiliary classifier, of an encoder with `depth` of them.
    pub(super) fn auxiliary_index(&self, depth: usize) -> usize {
        self.auxiliary_block.map_or_else(|| auxiliary_block(depth), |block| block - 1)
    }

    pub(super) fn schedule(&self) -> Polynomial {
        Polynomial { peak: self.learning_rate, warm_up: self.warm_up, total: self.iterations, power: 0.9 }
    }

    /// The rates of an encoder of `depth` blocks and of all behind it.
    pub(super) fn rates(&self, depth: usize) -> Rates {
        Rates { schedule: self.schedule(), layer_decay: self.layer_decay, depth }
    }

    /// What a step on pictures with this many classes is made of.
    pub(super) fn batches(&self, classes: usize) -> BatchConfig {
        BatchConfig {
            batch_size: self.step_pictures(),
            classes,
            seed: self.seed,
            augment: AugmentConfig {
                scale: self.scale.0,
                blur_probability: self.blur,
                colour_jitter: self.colour_jitter.then(ColourJitter::default),
                ..AugmentConfig::new(self.crop)
            },
            normalisation: self.encoder.normalisation(),
        }
    }

    /// Pictures of a step.
    pub(super) fn step_pictures(&self) -> usize {
        self.batch * self.accumulate
    }

    /// Whether scores are due after this many steps.
    pub(super) fn validates(&self, done: usize) -> bool {
        self.validate_every != 0 && (done.is_multiple_of(self.validate_every) || done == self.iterations)
    }

    /// Whether a checkpoint is due: always after scores, so that the best network is on the disk.
    pub(super) fn saves(&self, done: usize) -> bool {
        done.is_multiple_of(self.checkpoint_every) || done == self.iterations || self.validates(done)
    }

    /// One device, with autodiff, for each part of a batch, and a name to show: every device of a list once; of a single
    /// one the GPU once, the CPU once for each thread.
    pub(super) fn replicas(&self) -> Result<(Vec<Device>, String)> {
        let opened = self.device.iter().map(|choice| choice.open()).collect::<Result<Vec<_>>>()?;
        let names = opened.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(" + ");
        let mut devices = opened.into_iter().map(|(device, _)| device.autodiff()).collect::<Vec<_>>();
        if self.gradient_checkpointing {
            devices = devices.into_iter().map(Device::gradient_checkpointing).collect();
        }
        if devices.len() > self.batch {
            bail!(
                "--device names {} devices for a --batch of {}; use a batch at least as large",
                devices.len(),
                self.batch
            );
        }
        if let [device] = &devices[..]
            && names.starts_with("CPU")
        {
            let count = self.threads.unwrap_or_else(cores).clamp(1, self.batch);
            devices = vec![device.clone(); count];
        }
        Ok((devices, names))
    }

    /// What the network is scored on now and then; none if it never is.
    pub(super) fn validation_samples(&self, data: &Data) -> Result<Vec<Sample>> {
        if self.validate_every == 0 {
            return Ok(Vec::new());
        }
        let samples = data.samples(std::slice::from_ref(&self.validation_split));
        let mut samples = samples.context("--validation-split (not needed with --validate-every 0)")?;
        samples.truncate(self.validation_pictures);
        Ok(samples)
    }

    /// What is trained and how, for an encoder of `depth` blocks.
    pub(super) fn recipe(&self, depth: usize) -> Result<Recipe> {
        let mut recipe = Recipe::new(self.preset, self.alignment, depth).with(&self.set)?;
        recipe.objective.terms.retain(|term, _| !self.without.contains(term));
        Ok(recipe)
    }
}
