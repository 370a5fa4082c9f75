//! `train-native export`: a checkpoint to the files that are shipped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use dalnet_assets::{Licence, Manifest, Map, Precision, Quality, manifest::FORMAT_VERSION, write_model};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::model::open_model;

/// Options of `train-native export`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A run's folder or a checkpoint's folder
    #[arg(long)]
    model: PathBuf,
    /// Scores that train-native eval wrote for it: the better CAM labels the pixels, at the thresholds scored best
    #[arg(long)]
    scores: PathBuf,
    /// JSON with "provenance" (a text) and "licences" (ingredient, source, licence of each)
    #[arg(long)]
    card: PathBuf,
    /// Folder for manifest.json and the weights (16-bit floats)
    #[arg(long)]
    out: PathBuf,
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
}

impl Scores {
    /// The map of the largest mIoU, and the background threshold it was scored at.
    fn best_map(&self) -> Option<(Map, f32)> {
        let scored = Map::ALL.into_iter().filter_map(|map| {
            let (miou, threshold) = (self.miou.get(map.name())?, self.background_threshold.get(map.name())?);
            Some((miou, map, *threshold))
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
    (spec.input.map, spec.background_threshold) =
        scores.best_map().with_context(|| format!("{}: no mIoU and threshold of a CAM", options.scores.display()))?;
    spec.class_threshold = scores.class_threshold;
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        spec,
        files: Vec::new(),
        provenance: card.provenance,
        licences: card.licences,
        quality: Quality { protocol: scores.protocol, pictures: scores.pictures, miou: scores.miou },
    };
    let manifest = write_model(&options.out, manifest, &model.tensors, Precision::F16)?;
    for file in &manifest.files {
        println!(
            "{}  {:.1} MB  sha256 {}",
            options.out.join(&file.path).display(),
            file.bytes as f64 / 1e6,
            file.sha256
        );
    }
    Ok(())
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}: not the JSON that export needs", path.display()))
}
