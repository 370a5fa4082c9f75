//! What can be set of a training run, by flag or in a file; what is not set comes from the preset.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use dalnet::objective::Term;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::encoder::EncoderChoice;
use super::freeze::Freeze;
use super::preset::Preset;
use super::progress::LogForm;
use super::recipe::{AlignmentForm, Change};
use super::scale_range::ScaleRange;
use crate::device::DeviceChoice;
use crate::source::Source;

/// Settings by name; none is needed in every place they come from.
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// Values for everything that is not set; see the table below
    #[arg(long, value_enum)]
    pub(super) preset: Option<Preset>,
    /// Data set with image tags: voc:DIR with a VOCdevkit/VOC2012 folder, coco:DIR with COCO 2014, folder:DIR with photos
    /// in one folder for each tag or listed in tags.csv (columns file, tags with ; between them, and if wanted split with
    /// train or val), tar:FILE or tar:DIR with photos in tar archives (KEY.jpg beside KEY.json with {"tags": [...]}, or
    /// beside KEY.txt or KEY.cls with ; between tags)
    #[arg(long)]
    pub(super) data: Option<Source>,
    /// Splits to train on; where none is given, train of everything but VOC
    #[arg(long, value_delimiter = ',')]
    pub(super) splits: Option<Vec<String>>,
    /// Encoder to train; its patch size divides --crop
    #[arg(long, value_enum)]
    pub(super) encoder: Option<EncoderChoice>,
    /// Weights to start from: of the encoder (safetensors in timm, HuggingFace or DINOv2 naming), or the
    /// model.safetensors of a checkpoint, of which every part that fits is taken
    #[arg(long)]
    pub(super) weights: Option<PathBuf>,
    /// A second round: take the maps that labels are made of from this network, a model, checkpoint or run of the same
    /// classes, instead of from the one that is trained; of several, separated by commas, the mean
    #[arg(long, value_name = "MODEL", value_delimiter = ',')]
    pub(super) teacher: Option<Vec<PathBuf>>,
    /// Keep the weights of the encoder's beginning as they are, which saves time and memory: patch for the embeddings, a
    /// number N for those and the first N blocks, encoder for all of it
    #[arg(long, value_name = "N|patch|encoder")]
    pub(super) freeze: Option<Freeze>,
    /// Block of the encoder, counted from 1, that the auxiliary CAM is made of, and with it the object mask [default: after
    /// four fifths of the blocks, the tenth of twelve]
    #[arg(long, value_name = "N")]
    pub(super) auxiliary_block: Option<usize>,
    /// How image and texts are aligned
    #[arg(long, value_enum)]
    pub(super) alignment: Option<AlignmentForm>,
    /// Leave losses out: cls, inter, im, ex, ptc, seg, reg
    #[arg(long, value_name = "LOSSES", value_delimiter = ',', value_parser = term)]
    pub(super) without: Option<Vec<Term>>,
    /// Change a value of the preset's losses and labels, for example objective.local.temperature=0.1; recipe.json in --out
    /// shows all
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) set: Option<Vec<Change>>,
    /// Text embeddings of the classes, made by train-native embed [default: those of VOC's and COCO's classes]
    #[arg(long)]
    pub(super) text: Option<PathBuf>,
    /// Folder of the run: checkpoints, metrics.jsonl, curves.svg, sheet.png, config.toml, recipe.json, best.json
    #[arg(long)]
    pub(super) out: Option<PathBuf>,
    /// Side of the square crop in pixels, a multiple of the encoder's patch
    #[arg(long)]
    pub(super) crop: Option<usize>,
    /// Longer side in pixels at which the trained network is shown pictures, for scores and by applications
    #[arg(long)]
    pub(super) long_side: Option<usize>,
    /// Smallest and largest random scale of a picture before it is cropped. Scales and --crop belong together: a crop that
    /// shows a small part of a photo often lacks what the tags name
    #[arg(long, value_name = "SMALLEST,LARGEST")]
    pub(super) scale: Option<ScaleRange>,
    /// Vary brightness, contrast, saturation, hue and greyness of the crops; =false switches a preset's off
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) colour_jitter: Option<bool>,
    /// Share of the crops that are blurred, 0 to 1
    #[arg(long, value_name = "PROBABILITY")]
    pub(super) blur: Option<f64>,
    /// Pictures that are in memory at once; with --accumulate, a part of a step
    #[arg(long)]
    pub(super) batch: Option<usize>,
    /// Batches whose gradients are added up to one step: --batch 4 --accumulate 4 needs the memory of 4 pictures and
    /// steps on 16. L_cls and L_inter come out as with --batch 16; the other losses normalise over the patches or pixels
    /// of each batch of 4, so theirs differ slightly
    #[arg(long, value_name = "BATCHES")]
    pub(super) accumulate: Option<usize>,
    /// Steps of the whole training
    #[arg(long)]
    pub(super) iterations: Option<usize>,
    /// Peak learning rate of the encoder; everything else learns ten times as fast
    #[arg(long)]
    pub(super) learning_rate: Option<f64>,
    /// Factor of the rate from each block of the encoder to the one before it, 1 for none: 0.75 leaves the first blocks
    /// of a well pre-trained encoder nearly as they are
    #[arg(long, value_name = "FACTOR")]
    pub(super) layer_decay: Option<f64>,
    /// Steps of linear warm-up
    #[arg(long)]
    pub(super) warm_up: Option<usize>,
    /// Decoupled weight decay of every parameter
    #[arg(long)]
    pub(super) weight_decay: Option<f64>,
    /// Seed of order, augmentation and initial weights
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Where to run: auto, cpu, gpu, gpu:1 for the second GPU, or several that share every batch, as in gpu:0,gpu:1 or
    /// cpu,cpu (two threads)
    #[arg(long, value_delimiter = ',')]
    pub(super) device: Option<Vec<DeviceChoice>>,
    /// Threads that share a batch if --device is one CPU [default: all cores]
    #[arg(long)]
    pub(super) threads: Option<usize>,
    /// Compute cheap intermediate results twice instead of keeping them: less memory, slower, the same training
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) gradient_checkpointing: Option<bool>,
    /// Steps between checkpoints; the newest three and the best stay on the disk
    #[arg(long)]
    pub(super) checkpoint_every: Option<usize>,
    /// Steps between scores on --validation-split, each with a checkpoint; 0 for never
    #[arg(long)]
    pub(super) validate_every: Option<usize>,
    /// Split with masks for these scores
    #[arg(long)]
    pub(super) validation_split: Option<String>,
    /// How many of its pictures, from the first
    #[arg(long)]
    pub(super) validation_pictures: Option<usize>,
    /// What is shown: bar on stderr, json for the entries of metrics.jsonl on stdout, auto for the bar on a terminal and
    /// the entries where stdout is piped
    #[arg(long, value_enum)]
    pub(super) log: Option<LogForm>,
}

impl Settings {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("--config {}: cannot be read", path.display()))?;
        toml::from_str(&text).map_err(|error| {
            let line =
                1 + error.span().map_or(0, |span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
            let message = error.message().trim().replace('\n', ", ");
            anyhow::anyhow!("--config {}, line {line}: {message}; see train-native train --help", path.display())
        })
    }

    /// Those that are set.
    pub(super) fn values(&self) -> Result<Map<String, Value>> {
        let Value::Object(mut values) = serde_json::to_value(self)? else { return Ok(Map::new()) };
        values.retain(|_, value| !value.is_null());
        Ok(values)
    }

    /// Those of a preset, one a line.
    pub(super) fn table(&self) -> Result<Vec<(String, String)>> {
        Ok(self.values()?.into_iter().map(|(name, value)| (name, value.to_string())).collect())
    }
}

fn term(name: &str) -> Result<Term, String> {
    serde_json::from_value(name.into())
        .map_err(|_| format!("{name:?} is no loss; use cls, inter, im, ex, ptc, seg or reg"))
}
