//! The options of a training run.

use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use clap::Args;
use dalnet::objective::Term;
use dalnet_data::{AugmentConfig, BatchConfig, ColourJitter, Normalisation, Sample};
use serde::{Deserialize, Serialize};

use super::recipe::{AlignmentForm, Change, Preset, Recipe};
use super::schedule::Polynomial;
use crate::device::DeviceChoice;
use crate::source::{Data, Source};

/// The options of a training run; they are saved with every checkpoint.
#[derive(Debug, Clone, PartialEq, Args, Serialize, Deserialize)]
pub(crate) struct Options {
    /// Data set with image tags, voc:DIR with a VOCdevkit/VOC2012 folder
    #[arg(long)]
    pub(super) data: Source,
    /// Splits to train on
    #[arg(long, value_delimiter = ',', default_value = "train_aug")]
    pub(super) splits: Vec<String>,
    /// Weights to start from: an encoder (safetensors of ViT-Ti/16 in timm or HuggingFace naming), or the
    /// model.safetensors of a checkpoint, of which every part that fits is taken
    #[arg(long)]
    pub(super) weights: Option<PathBuf>,
    /// Preset of losses, their starts, and labels
    #[arg(long, value_enum, default_value = "tiny")]
    pub(super) preset: Preset,
    /// How image and texts are aligned
    #[arg(long, value_enum, default_value = "contrastive")]
    pub(super) alignment: AlignmentForm,
    /// Leave losses out: cls, inter, im, ex, ptc, seg, reg
    #[arg(long, value_name = "LOSSES", value_delimiter = ',', value_parser = term)]
    pub(super) without: Vec<Term>,
    /// Change a value of the preset, for example objective.local.temperature=0.1; recipe.json in --out shows all
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) set: Vec<Change>,
    /// Text embeddings of the classes, made by train-native embed [default: those of the VOC classes]
    #[arg(long)]
    pub(super) text: Option<PathBuf>,
    /// Folder of the run: checkpoints, metrics.jsonl
    #[arg(long)]
    pub(super) out: PathBuf,
    /// Go on from the newest checkpoint in --out
    #[arg(long)]
    #[serde(skip)]
    pub(super) resume: bool,
    /// Side of the square crop in pixels, a multiple of 16
    #[arg(long, default_value_t = 256)]
    pub(super) crop: usize,
    /// Pictures in a step
    #[arg(long, default_value_t = 16)]
    pub(super) batch: usize,
    /// Steps of the whole training
    #[arg(long, default_value_t = 2400)]
    pub(super) iterations: usize,
    /// Vary brightness, contrast, saturation, hue and greyness of the crops
    #[arg(long)]
    pub(super) colour_jitter: bool,
    /// Peak learning rate of the encoder; everything else learns ten times as fast
    #[arg(long, default_value_t = 1e-4)]
    pub(super) learning_rate: f64,
    /// Steps of linear warm-up
    #[arg(long, default_value_t = 120)]
    pub(super) warm_up: usize,
    /// Decoupled weight decay of every parameter
    #[arg(long, default_value_t = 0.01)]
    pub(super) weight_decay: f64,
    /// Seed of order, augmentation and initial weights
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
    /// Where to run: auto, cpu or gpu
    #[arg(long, default_value = "auto")]
    #[serde(skip)]
    pub(super) device: DeviceChoice,
    /// Threads that share a batch on the CPU [default: all cores]
    #[arg(long)]
    #[serde(skip)]
    pub(super) threads: Option<usize>,
    /// Instead of training, show what a step spends its time and memory on, from this many runs of each part
    #[arg(long, value_name = "RUNS")]
    #[serde(skip)]
    pub(super) profile: Option<usize>,
    /// Steps between checkpoints
    #[arg(long, default_value_t = 200)]
    pub(super) checkpoint_every: usize,
    /// Steps between scores of the CAM on --validation-split; 0 for never
    #[arg(long, default_value_t = 600)]
    pub(super) validate_every: usize,
    /// Split with masks for these scores
    #[arg(long, default_value = "val")]
    pub(super) validation_split: String,
    /// How many of its pictures, from the first
    #[arg(long, default_value_t = 120)]
    pub(super) validation_pictures: usize,
}

/// What a checkpoint says of the training that wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Training {
    #[serde(flatten)]
    pub(super) options: Options,
    /// What the options came to: a preset may change from one version of this program to the next.
    pub(super) recipe: Recipe,
}

impl Options {
    pub(super) fn check(&self) -> Result<()> {
        if self.crop == 0 || !self.crop.is_multiple_of(16) {
            let below = (self.crop / 16 * 16).max(16);
            bail!("--crop {} is not a multiple of the patch size 16; use {below} or {}", self.crop, below + 16);
        }
        for (name, value) in [("batch", self.batch), ("iterations", self.iterations)] {
            if value == 0 {
                bail!("--{name} 0 trains nothing; use at least 1");
            }
        }
        if self.checkpoint_every == 0 {
            bail!("--checkpoint-every 0: write one at least every some hundred steps");
        }
        Ok(())
    }

    pub(super) fn schedule(&self) -> Polynomial {
        Polynomial { peak: self.learning_rate, warm_up: self.warm_up, total: self.iterations, power: 0.9 }
    }

    /// What a batch of pictures with this many classes is made of.
    pub(super) fn batches(&self, classes: usize) -> BatchConfig {
        BatchConfig {
            batch_size: self.batch,
            classes,
            seed: self.seed,
            augment: AugmentConfig {
                colour_jitter: self.colour_jitter.then(ColourJitter::default),
                ..AugmentConfig::new(self.crop)
            },
            normalisation: Normalisation::HALF,
        }
    }

    /// One device for each part of a batch: the GPU once, the CPU once for each thread.
    pub(super) fn replicas(&self, name: &str, device: &Device) -> Vec<Device> {
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let count = if name.starts_with("CPU") { self.threads.unwrap_or_else(cores) } else { 1 };
        vec![device.clone().autodiff(); count.clamp(1, self.batch)]
    }

    /// What the CAM is scored on now and then; none if it never is.
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

fn term(name: &str) -> Result<Term, String> {
    serde_json::from_value(name.into())
        .map_err(|_| format!("{name:?} is no loss; use cls, inter, im, ex, ptc, seg or reg"))
}
