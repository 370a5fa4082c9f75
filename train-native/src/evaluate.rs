//! `train-native eval`: how well CAMs localise, against masks.

mod maps;
mod report;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use clap::Args;
use dalnet::DalNet;
use dalnet::affinity::Affinity;
use dalnet::cam::SCALES;
use dalnet_assets::ModelSpec;
use dalnet_data::Sample;
use rayon::prelude::*;

use crate::batch::bar;
use crate::device::DeviceChoice;
use crate::files::write_json;
use crate::model::open_model;
use crate::network;
use crate::source::Source;
use maps::maps_of;
use report::Scores;

pub(crate) use report::Report;

/// Options of `train-native eval`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Data set with masks: voc:DIR, coco:DIR, folder:DIR with masks/NAME.png, or tar:FILE or tar:DIR with KEY.mask.png
    #[arg(long)]
    data: Source,
    /// Split to score
    #[arg(long, default_value = "val")]
    split: String,
    /// A run's folder, a checkpoint's folder, or a manifest.json
    #[arg(long)]
    model: PathBuf,
    /// File for the scores
    #[arg(long)]
    json: PathBuf,
    /// Score only the first N pictures
    #[arg(long, value_name = "N")]
    pictures: Option<usize>,
    /// Longer side in pixels at which pictures are shown to the network [default: the model's own]
    #[arg(long)]
    long_side: Option<usize>,
    /// Scales of the CAM
    #[arg(long, value_delimiter = ',', default_values_t = SCALES)]
    scales: Vec<f64>,
    /// Spread the CAM along the attention of all blocks, applied K times
    #[arg(long, value_name = "K")]
    affinity: Option<usize>,
    /// Let the CAM follow the picture's edges (pixel-adaptive refinement)
    #[arg(long)]
    refine: bool,
    /// Where to run: auto, cpu or gpu
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

impl Options {
    fn check(&self) -> Result<()> {
        for (name, value) in [("pictures", self.pictures), ("long-side", self.long_side)] {
            if value == Some(0) {
                bail!("--{name} 0 leaves nothing to score; use at least 1");
            }
        }
        network::check_scales(&self.scales)
    }
}

/// How pictures are shown to the network and maps are scored.
#[derive(Debug, Clone)]
pub(crate) struct Protocol {
    /// Longer side in pixels; `None` for the model's own.
    pub(crate) long_side: Option<usize>,
    /// Scales of the CAM, each with its mirror image.
    pub(crate) scales: Vec<f64>,
    /// Spreads the CAM before it is scored.
    pub(crate) affinity: Option<Affinity>,
    /// Refines the CAM by the picture's pixels before it is scored.
    pub(crate) refine: bool,
    /// Background thresholds of which the best is reported.
    pub(crate) thresholds: Vec<f32>,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            long_side: None,
            scales: SCALES.to_vec(),
            affinity: None,
            refine: false,
            thresholds: (2..=18).map(|step| step as f32 / 20.0).collect(),
        }
    }
}

impl Protocol {
    /// In words.
    fn describe(&self, spec: &ModelSpec) -> String {
        let affinity = self.affinity.as_ref().map_or(String::new(), |affinity| {
            format!(", CAMs spread {} times by the attention of {} blocks", affinity.power, affinity.blocks.len())
        });
        format!(
            "longer side {} px, scales {:?} with mirror images{affinity}{}, image labels given, background threshold \
             the best of {:.2} to {:.2}; segmentation and nearest text at scale 1 with mirror images",
            spec.input.long_side,
            self.scales,
            if self.refine { ", refined by pixels" } else { "" },
            self.thresholds.first().copied().unwrap_or_default(),
            self.thresholds.last().copied().unwrap_or_default(),
        )
    }
}

/// Scores a model and writes the report.
pub(crate) fn run(options: &Options) -> Result<()> {
    options.check()?;
    let data = options.data.open()?;
    let mut samples = data.samples(std::slice::from_ref(&options.split))?;
    data.show_report(false)?;
    samples.truncate(options.pictures.unwrap_or(usize::MAX));
    let (device, device_name) = options.device.open()?;
    let model = open_model(&options.model)?;
    let spec = model.spec.clone();
    data.check_classes(&spec.classes, &options.model)?;
    let network = model.build(&device).with_context(|| options.model.display().to_string())?;
    let depth = spec.architecture.encoder.depth;
    let protocol = Protocol {
        long_side: options.long_side,
        scales: options.scales.clone(),
        affinity: options.affinity.map(|power| Affinity { power, ..Affinity::of_all_blocks(depth) }),
        refine: options.refine,
        ..Protocol::default()
    };
    eprintln!("scoring {} pictures of {} on {device_name}", samples.len(), options.split);
    let bar = bar(samples.len())?;
    let report = score(&network, &spec, &samples, &protocol, |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    write_json(&options.json, &report)?;
    println!("{}", report.table());
    println!("{}", report.summary());
    println!("written to {}", options.json.display());
    Ok(())
}

/// Scores `samples` with their image labels given; `progress` hears of every finished picture.
pub(crate) fn score(
    network: &DalNet,
    spec: &ModelSpec,
    samples: &[Sample],
    protocol: &Protocol,
    progress: impl Fn(usize) + Sync,
) -> Result<Report> {
    let mut spec = spec.clone();
    spec.input.long_side = protocol.long_side.unwrap_or(spec.input.long_side);
    let spec = &spec;
    let classes = spec.classes.len();
    let total = Mutex::new(Scores::new(classes, protocol)?);
    let done = AtomicUsize::new(0);
    samples.par_iter().enumerate().try_for_each(|(index, sample)| {
        let maps = maps_of(network, spec, sample, protocol).with_context(|| sample.id.clone())?;
        let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
        total.add(index, maps, &sample.labels)?;
        progress(1 + done.fetch_add(1, Ordering::Relaxed));
        anyhow::Ok(())
    })?;
    total.into_inner().unwrap_or_else(PoisonError::into_inner).report(spec, samples, protocol)
}
