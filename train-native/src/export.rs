//! `train-native export`: a checkpoint to the files that are shipped.
//!
//! The map of the best mIoU is shipped. The scores of CAMs are those with the picture's tags given and the background
//! threshold chosen on the scored pictures; `segmentation` is the head with the classes that it finds itself. The page
//! gives no tags, so the head is held to the harder question, and wins only where it is better all the same.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use dalnet::refine::Refinement;
use dalnet_assets::manifest::{FORMAT_VERSION, MANIFEST};
use dalnet_assets::{Licence, Manifest, Map, Precision, Quality, write_model};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;

use crate::evaluate::Exponents;
use crate::files::read_json;
use crate::model::open_model;

/// Options of `train-native export`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A run's folder or a checkpoint's folder
    #[arg(long)]
    model: PathBuf,
    /// Scores that train-native eval wrote for it: the map of the best mIoU labels the pixels, at the thresholds scored
    /// best; the head at 0.5, which is its own choice
    #[arg(long)]
    scores: PathBuf,
    /// JSON with "provenance" (a text) and "licences" (ingredient, source, licence of each)
    #[arg(long)]
    card: PathBuf,
    /// Folder for manifest.json and the weights; those of an earlier export there are removed
    #[arg(long)]
    out: PathBuf,
    /// How the weights are stored
    #[arg(long, value_enum, default_value_t = Storage::Int8)]
    precision: Storage,
}

/// What a page can download.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Storage {
    /// Linear layers and convolutions in 9 bits a number, the rest as f16
    Int8,
    /// 16-bit floats
    F16,
}

impl From<Storage> for Precision {
    fn from(storage: Storage) -> Self {
        match storage {
            Storage::Int8 => Self::Int8,
            Storage::F16 => Self::F16,
        }
    }
}

#[derive(Deserialize)]
struct Card {
    provenance: String,
    licences: Vec<Licence>,
}

#[derive(Deserialize)]
struct Scores {
    pictures: u64,
    protocol: String,
    miou: BTreeMap<String, f64>,
    background_threshold: BTreeMap<String, f32>,
    class_threshold: f32,
    /// Reports that do not have them are from when there were none.
    #[serde(default)]
    exponents: Exponents,
    /// Reports that do not say so are from when no page refined.
    #[serde(default)]
    refined: bool,
}

impl Scores {
    /// The map of the largest mIoU, and the background threshold it is read at.
    fn best_map(&self) -> Option<(Map, f32)> {
        let scored = Map::ALL.into_iter().filter_map(|map| {
            let threshold = match map {
                Map::Segmentation => Map::HEAD_THRESHOLD,
                Map::Cam | Map::AuxiliaryCam | Map::Fused => *self.background_threshold.get(map.name())?,
            };
            Some((self.miou.get(map.name())?, map, threshold))
        });
        let (_, map, threshold) = scored.max_by(|one, other| one.0.total_cmp(other.0))?;
        Some((map, threshold))
    }
}

/// Writes the shipped model.
pub(crate) fn run(options: &Options) -> Result<()> {
    let model = open_model(&options.model)?;
    let scores: Scores = read_json(&options.scores)?;
    let card: Card = read_json(&options.card)?;
    let mut spec = model.spec;
    (spec.input.map, spec.background_threshold) = scores.best_map().with_context(|| {
        format!(
            "{}: no mIoU of a map with its threshold; score the model with train-native eval",
            options.scores.display()
        )
    })?;
    spec.class_threshold = scores.class_threshold;
    spec.input.exponents = scores.exponents.get(spec.input.map.name()).cloned().unwrap_or_default();
    spec.input.refinement = scores.refined.then(Refinement::default);
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        spec,
        precision: options.precision.into(),
        files: Vec::new(),
        checkpoint_sha256: model.checkpoint_sha256,
        provenance: card.provenance,
        licences: card.licences,
        quality: Quality { protocol: scores.protocol, pictures: scores.pictures, miou: scores.miou },
    };
    let manifest = write_model(&options.out, manifest, &model.tensors, options.precision.into())?;
    print!("{}", table(&options.out, &manifest)?);
    Ok(())
}

/// The files with their sizes as they are and as gzip, in which hosts send them.
fn table(folder: &Path, manifest: &Manifest) -> Result<String> {
    let weights = manifest.files.iter().map(|file| file.path.as_str());
    let names = weights.chain([MANIFEST]).collect::<Vec<_>>();
    let width = names.iter().map(|name| name.len()).max().unwrap_or_default();
    let line = |name: &str, raw: &str, gzip: &str| format!("{name:<width$} {raw:>12} {gzip:>12}\n");
    let mut text = format!("{}\n{}", folder.display(), line("file", "bytes", "gzip"));
    let mut sum = [0; 2];
    for name in names {
        let path = folder.join(name);
        let content = fs::read(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&content)?;
        let sizes = [content.len(), encoder.finish()?.len()];
        text += &line(name, &sizes[0].to_string(), &sizes[1].to_string());
        sum = [sum[0] + sizes[0], sum[1] + sizes[1]];
    }
    Ok(text + &line("all", &sum[0].to_string(), &sum[1].to_string()))
}
