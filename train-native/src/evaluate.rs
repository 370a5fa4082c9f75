//! `train-native eval`: how well CAMs localise, against masks.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use burn::tensor::{Device, Int, Tensor, TensorData};
use clap::Args;
use dalnet::DalNet;
use dalnet::affinity::Affinity;
use dalnet::cam::{Cams, SCALES, multi_scale_cam};
use dalnet::resize::Resize;
use dalnet_assets::{Map, ModelSpec};
use dalnet_data::Sample;
use dalnet_engine::Picture;
use dalnet_metrics::{ThresholdSweep, mean_average_precision};
use image::DynamicImage;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::Serialize;

use crate::device::DeviceChoice;
use crate::files::write_json;
use crate::model::open_model;
use crate::source::Source;

/// Options of `train-native eval`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Data set with masks, voc:DIR with a VOCdevkit/VOC2012 folder
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
        if let Some(scale) = self.scales.iter().find(|scale| !(0.1..=8.0).contains(*scale)) {
            bail!("--scales {scale} is outside 0.1 to 8; use for example --scales 1,0.5,1.5");
        }
        Ok(())
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
    /// Background thresholds of which the best is reported.
    pub(crate) thresholds: Vec<f32>,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            long_side: None,
            scales: SCALES.to_vec(),
            affinity: None,
            thresholds: (2..=18).map(|step| step as f32 / 20.0).collect(),
        }
    }
}

/// Scores of a model on a split; mIoU and IoU in percent.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) pictures: usize,
    pub(crate) protocol: String,
    /// Background first.
    pub(crate) classes: Vec<String>,
    pub(crate) miou: BTreeMap<&'static str, f64>,
    pub(crate) iou: BTreeMap<&'static str, Vec<Option<f64>>>,
    /// The background threshold each of them was taken at: the best of the grid.
    pub(crate) background_threshold: BTreeMap<&'static str, f32>,
    /// Of the classifier, mean average precision over classes in percent.
    pub(crate) classification_map: Option<f64>,
    /// The probability from which on a class counts as predicted, the best of the grid, and the F1 score there in
    /// percent, over all pictures and classes.
    pub(crate) class_threshold: f32,
    pub(crate) classification_f1: f64,
}

impl Report {
    /// One line.
    pub(crate) fn summary(&self) -> String {
        let map = |name: &str| {
            let (miou, threshold) = (self.miou.get(name), self.background_threshold.get(name));
            miou.zip(threshold)
                .map_or("-".to_owned(), |(miou, threshold)| format!("{miou:.2} (threshold {threshold:.2})"))
        };
        format!(
            "{} pictures: CAM mIoU {}, auxiliary CAM {}, classification mAP {:.1}, F1 {:.1} (threshold {:.2})",
            self.pictures,
            map("cam"),
            map("auxiliary_cam"),
            self.classification_map.unwrap_or(f64::NAN),
            self.classification_f1,
            self.class_threshold
        )
    }
}

/// Scores a model and writes the report.
pub(crate) fn run(options: &Options) -> Result<()> {
    options.check()?;
    let mut samples = options.data.samples(std::slice::from_ref(&options.split))?;
    samples.truncate(options.pictures.unwrap_or(usize::MAX));
    let (device, device_name) = options.device.open()?;
    let model = open_model(&options.model)?;
    let spec = model.spec.clone();
    let classes = options.data.classes();
    if spec.classes != classes {
        bail!(
            "{} knows the classes {}, the data set {}; use the data set it was trained for",
            options.model.display(),
            spec.classes.join(", "),
            classes.join(", ")
        );
    }
    let network = model.build(&device).with_context(|| options.model.display().to_string())?;
    let protocol = Protocol { long_side: options.long_side, scales: options.scales.clone(), ..Protocol::default() };
    eprintln!("scoring {} pictures of {} on {device_name}", samples.len(), options.split);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {per_sec}, {eta} left")?;
    let bar = ProgressBar::new(samples.len() as u64).with_style(style);
    let report = score(&network, &spec, &samples, &protocol, |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    write_json(&options.json, &report)?;
    println!("{}", report.table());
    println!("{}", report.summary());
    println!("written to {}", options.json.display());
    Ok(())
}

/// The counts of some pictures.
struct Scores {
    cam: ThresholdSweep,
    auxiliary_cam: ThresholdSweep,
    /// Logits of every picture, with its place in the list.
    logits: Vec<(usize, Vec<f32>)>,
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
    let sweep = ThresholdSweep::new(classes + 1, &protocol.thresholds)?;
    let total = Mutex::new(Scores { cam: sweep.clone(), auxiliary_cam: sweep, logits: Vec::new() });
    let done = AtomicUsize::new(0);
    samples.par_iter().enumerate().try_for_each(|(index, sample)| {
        let maps = picture_maps(network, spec, sample, protocol).with_context(|| sample.id.clone())?;
        let mut total = total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        total.cam.add(&maps.truth, &maps.cam, &sample.labels)?;
        total.auxiliary_cam.add(&maps.truth, &maps.auxiliary_cam, &sample.labels)?;
        total.logits.push((index, maps.logits));
        progress(1 + done.fetch_add(1, Ordering::Relaxed));
        anyhow::Ok(())
    })?;
    let mut total = total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    total.logits.sort_by_key(|(index, _)| *index);
    report(spec, samples, protocol, &total)
}

struct Maps {
    truth: Vec<u8>,
    /// `[present classes, pixels of the mask]`.
    cam: Vec<f32>,
    auxiliary_cam: Vec<f32>,
    logits: Vec<f32>,
}

fn picture_maps(network: &DalNet, spec: &ModelSpec, sample: &Sample, protocol: &Protocol) -> Result<Maps> {
    let picture = sample.read_picture()?;
    let (width, height) = picture.dimensions();
    let truth = sample.read_mask([width, height], spec.classes.len())?;
    let device = network.classifier.weight().val().device();
    let rgba = DynamicImage::ImageRgb8(picture).into_rgba8();
    let image = Picture::new(width as usize, height as usize, rgba.as_raw())?.input(spec, &device);
    let Cams { cam, auxiliary_cam, logits } =
        multi_scale_cam(network, image, &protocol.scales, protocol.affinity.as_ref());
    let present = present_classes(&sample.labels, &device);
    let at_mask_size = |cam: Tensor<4>| -> Result<Vec<f32>> {
        let cam = Resize::BILINEAR.apply(cam.select(1, present.clone()), [height as usize, width as usize]);
        Ok(cam.into_data().try_to_vec::<f32>()?)
    };
    Ok(Maps {
        truth: truth.labels,
        cam: at_mask_size(cam)?,
        auxiliary_cam: at_mask_size(auxiliary_cam)?,
        logits: logits.into_data().try_to_vec::<f32>()?,
    })
}

fn present_classes(labels: &[usize], device: &Device) -> Tensor<1, Int> {
    let indices = labels.iter().map(|label| *label as i32).collect::<Vec<_>>();
    Tensor::from_data(TensorData::new(indices, [labels.len()]), device)
}

fn report(spec: &ModelSpec, samples: &[Sample], protocol: &Protocol, scores: &Scores) -> Result<Report> {
    let classes = spec.classes.len();
    let mut report = Report {
        pictures: samples.len(),
        protocol: format!(
            "longer side {} px, scales {:?} with mirror images, image labels given, background threshold the best of {:.2} to {:.2}",
            spec.input.long_side,
            protocol.scales,
            protocol.thresholds.first().copied().unwrap_or_default(),
            protocol.thresholds.last().copied().unwrap_or_default(),
        ),
        classes: std::iter::once("background".to_owned()).chain(spec.classes.iter().cloned()).collect(),
        miou: BTreeMap::new(),
        iou: BTreeMap::new(),
        background_threshold: BTreeMap::new(),
        classification_map: None,
        class_threshold: 0.5,
        classification_f1: 0.0,
    };
    for (name, sweep) in [(Map::Cam.name(), &scores.cam), (Map::AuxiliaryCam.name(), &scores.auxiliary_cam)] {
        let Some((threshold, matrix, miou)) = sweep.best() else { continue };
        report.miou.insert(name, 100.0 * miou);
        report.iou.insert(name, matrix.iou().into_iter().map(|iou| iou.map(|iou| 100.0 * iou)).collect());
        report.background_threshold.insert(name, threshold);
    }
    let logits = scores.logits.iter().flat_map(|(_, logits)| logits).copied().collect::<Vec<_>>();
    let mut labels = vec![0.0_f32; samples.len() * classes];
    for (row, sample) in labels.chunks_exact_mut(classes).zip(samples) {
        sample.labels.iter().for_each(|label| row[*label] = 1.0);
    }
    for threshold in &protocol.thresholds {
        let f1 = f1_score(&logits, &labels, (threshold / (1.0 - threshold)).ln());
        if f1 > report.classification_f1 {
            (report.class_threshold, report.classification_f1) = (*threshold, f1);
        }
    }
    report.classification_map = mean_average_precision(&logits, &labels, classes)?.1.map(|map| 100.0 * map);
    Ok(report)
}

/// F1 in percent of the classes whose logit is at least `threshold`.
fn f1_score(logits: &[f32], labels: &[f32], threshold: f32) -> f64 {
    let [mut right, mut predicted, mut present] = [0_u32; 3];
    for (logit, label) in logits.iter().zip(labels) {
        let (says, is) = (*logit >= threshold, *label > 0.5);
        right += u32::from(says && is);
        predicted += u32::from(says);
        present += u32::from(is);
    }
    200.0 * f64::from(right) / f64::from((predicted + present).max(1))
}

impl Report {
    /// IoU of each class and kind of map.
    fn table(&self) -> String {
        let columns = self.iou.keys().copied().collect::<Vec<_>>();
        let mut text =
            format!("{:<14}{}", "IoU %", columns.iter().map(|name| format!("{name:>15}")).collect::<String>());
        for (index, class) in self.classes.iter().enumerate() {
            let cells = columns.iter().map(|name| match self.iou[name][index] {
                Some(iou) => format!("{iou:>15.1}"),
                None => format!("{:>15}", "-"),
            });
            text.push_str(&format!("\n{class:<14}{}", cells.collect::<String>()));
        }
        text
    }
}
