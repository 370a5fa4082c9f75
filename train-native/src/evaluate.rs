//! `train-native eval`: how well CAMs, pseudo labels and segmentations fit masks.

mod examples;
mod exponents;
mod maps;
mod protocol;
mod report;
mod scores;
mod segmentation;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use clap::Args;
use dalnet::DalNet;
use dalnet::affinity::Affinity;
use dalnet::cam::SCALES;
use dalnet::crf::DenseCrf;
use dalnet_assets::ModelSpec;
use dalnet_assets::files::write_atomically;
use dalnet_data::Sample;
use rayon::prelude::*;

use crate::batch::bar;
use crate::device::DeviceChoice;
use crate::draw;
use crate::files::write_json;
use crate::model::open_model;
use crate::network;
use crate::pseudo_label::Levels;
use crate::source::Source;
use protocol::{Fuse, SEGMENTATION_SCALES};
use scores::Scores;

pub(crate) use exponents::Exponents;
pub(crate) use protocol::{CAMS, Protocol};
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
    /// Folder for pictures: sheet.png with examples side by side, and a confusion matrix of each map
    #[arg(long, value_name = "DIR")]
    pictures_out: Option<PathBuf>,
    /// Examples on the sheet, from all over the split
    #[arg(long, value_name = "N", default_value_t = 8)]
    examples: usize,
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
    /// Let the maps follow the picture's edges before they are labelled (pixel-adaptive refinement)
    #[arg(long)]
    refine: bool,
    /// Raise each class's maps to the power that brings its own best background threshold in these scores to one half: the
    /// JSON of an earlier eval of this model on another split
    #[arg(long, value_name = "FILE")]
    exponents_from: Option<PathBuf>,
    #[command(flatten)]
    levels: Levels,
    /// Scales of the head's segmentation
    #[arg(long, value_delimiter = ',', default_values_t = SEGMENTATION_SCALES)]
    segmentation_scales: Vec<f64>,
    /// What the logits at these scales become
    #[arg(long, value_enum, default_value = "max")]
    fuse: Fuse,
    /// Score the segmentation after a dense CRF as well (seconds for each picture)
    #[arg(long)]
    crf: bool,
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
        if self.examples == 0 {
            bail!("--examples 0 leaves a sheet without pictures; use at least 1");
        }
        self.levels.check()?;
        network::check_scales("--scales", &self.scales)?;
        network::check_scales("--segmentation-scales", &self.segmentation_scales)
    }

    fn protocol(&self, spec: &ModelSpec) -> Result<Protocol> {
        let depth = spec.architecture.encoder.depth;
        Ok(Protocol {
            long_side: self.long_side,
            scales: self.scales.clone(),
            affinity: self.affinity.map(|power| Affinity { power, ..Affinity::of_all_blocks(depth) }),
            refine: self.refine,
            exponents: self.exponents_from.as_deref().map(|path| exponents::read(path, &spec.classes)).transpose()?,
            pseudo_labels: Some(self.levels.refined()),
            segmentation_scales: self.segmentation_scales.clone(),
            fuse: self.fuse,
            crf: self.crf.then(DenseCrf::default),
            boundaries: true,
            examples: if self.pictures_out.is_some() { self.examples } else { 0 },
            ..Protocol::default()
        })
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
    if let Some(folder) = &options.pictures_out {
        fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    }
    let protocol = options.protocol(&spec)?;
    eprintln!("scoring {} pictures of {} on {device_name}", samples.len(), options.split);
    let bar = bar(samples.len())?;
    let report = score(&network, &spec, &samples, &protocol, |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    write_json(&options.json, &report)?;
    println!("{}", report.table());
    println!("{}", report.summary());
    println!("written to {}", options.json.display());
    if let Some(folder) = &options.pictures_out {
        write_pictures(&report, folder)?;
        println!("pictures written to {}", folder.display());
    }
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
    let done = AtomicUsize::new(0);
    let examples = examples::places(samples.len(), protocol.examples);
    let scored = samples.par_iter().enumerate().map(|(index, sample)| {
        let photo = sample.read_picture()?;
        let maps = maps::maps_of(network, spec, sample, &photo, protocol).with_context(|| sample.id.clone())?;
        let example = examples.contains(&index).then(|| examples::example(sample, &photo, &maps, spec, protocol));
        let mut scores = Scores::of(index, maps, &sample.labels, spec.classes.len(), protocol)?;
        scores.examples.extend(example.map(|example| (index, example)));
        progress(1 + done.fetch_add(1, Ordering::Relaxed));
        Ok(scores)
    });
    let total = scored.try_reduce_with(Scores::merged).context("there is no picture to score")??;
    Report::new(total, spec, samples, protocol)
}

/// Writes the sheet of examples and the confusion matrix of each map.
fn write_pictures(report: &Report, folder: &Path) -> Result<()> {
    report.write_sheet(folder)?;
    for (name, matrix) in &report.figures.matrices {
        let title = format!("{name}, {} pictures, mIoU {:.2} %", report.pictures, report.miou[name]);
        let picture = draw::confusion(matrix, &report.classes, &title);
        write_atomically(&folder.join(format!("confusion_{name}.png")), &draw::png(&picture)?)?;
    }
    Ok(())
}
