//! The scores of a model on a split, and how they are shown.

use std::collections::BTreeMap;

use anyhow::Result;
use dalnet_assets::{Map, ModelSpec};
use dalnet_data::Sample;
use dalnet_metrics::{ConfusionMatrix, NearestText, ThresholdSweep, mean_average_precision};
use serde::Serialize;

use super::Protocol;
use super::maps::Maps;

/// Segmentation by the head, with the classes it predicts itself.
const SEGMENTATION: &str = "segmentation";
/// The same among the classes of the image tags.
const SEGMENTATION_WITH_TAGS: &str = "segmentation_with_tags";

/// Scores of a model on a split; mIoU, IoU and shares in percent.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) pictures: usize,
    pub(crate) protocol: String,
    /// Background first.
    pub(crate) classes: Vec<String>,
    pub(crate) miou: BTreeMap<&'static str, f64>,
    pub(crate) iou: BTreeMap<&'static str, Vec<Option<f64>>>,
    /// The background threshold each CAM was scored at: the best of the grid.
    pub(crate) background_threshold: BTreeMap<&'static str, f32>,
    /// Of the classifier, mean average precision over classes in percent.
    pub(crate) classification_map: Option<f64>,
    /// The probability from which on a class counts as predicted, the best of the grid, and the F1 score there in
    /// percent, over all pictures and classes.
    pub(crate) class_threshold: f32,
    pub(crate) classification_f1: f64,
    /// Share of the object patches whose nearest class text is that of their own class, and their number.
    pub(crate) nearest_text_share: Option<f64>,
    pub(crate) object_patches: u64,
}

/// The counts of some pictures.
pub(super) struct Scores {
    cam: ThresholdSweep,
    auxiliary_cam: ThresholdSweep,
    segmentation: [ConfusionMatrix; 2],
    nearest: NearestText,
    /// Logits of every picture, with its place in the list.
    logits: Vec<(usize, Vec<f32>)>,
}

impl Scores {
    /// Nothing counted yet.
    pub(super) fn new(classes: usize, protocol: &Protocol) -> Result<Self> {
        let sweep = ThresholdSweep::new(classes + 1, &protocol.thresholds)?;
        let matrix = ConfusionMatrix::new(classes + 1)?;
        Ok(Self {
            cam: sweep.clone(),
            auxiliary_cam: sweep,
            segmentation: [matrix.clone(), matrix],
            nearest: NearestText::default(),
            logits: Vec::new(),
        })
    }

    /// Counts the picture at `index` of the list.
    pub(super) fn add(&mut self, index: usize, maps: Maps, labels: &[usize]) -> Result<()> {
        self.cam.add(&maps.truth, &maps.cam, labels)?;
        self.auxiliary_cam.add(&maps.truth, &maps.auxiliary_cam, labels)?;
        if let Some(segmentations) = &maps.segmentation {
            for (matrix, labels) in self.segmentation.iter_mut().zip(segmentations) {
                matrix.add(&maps.truth, labels)?;
            }
        }
        if let Some((nearest, grid)) = &maps.nearest {
            self.nearest.add(&maps.truth, maps.size, nearest, *grid)?;
        }
        self.logits.push((index, maps.logits));
        Ok(())
    }

    /// The report on all of `samples`.
    pub(super) fn report(mut self, spec: &ModelSpec, samples: &[Sample], protocol: &Protocol) -> Result<Report> {
        self.logits.sort_by_key(|(index, _)| *index);
        let classes = spec.classes.len();
        let mut report = Report {
            pictures: samples.len(),
            protocol: protocol.describe(spec),
            classes: std::iter::once("background".to_owned()).chain(spec.classes.iter().cloned()).collect(),
            miou: BTreeMap::new(),
            iou: BTreeMap::new(),
            background_threshold: BTreeMap::new(),
            classification_map: None,
            class_threshold: 0.5,
            classification_f1: 0.0,
            nearest_text_share: self.nearest.share().map(|share| 100.0 * share),
            object_patches: self.nearest.patches(),
        };
        for (name, sweep) in [(Map::Cam.name(), &self.cam), (Map::AuxiliaryCam.name(), &self.auxiliary_cam)] {
            let Some((threshold, matrix, _)) = sweep.best() else { continue };
            report.add(name, &matrix);
            report.background_threshold.insert(name, threshold);
        }
        for (name, matrix) in [SEGMENTATION, SEGMENTATION_WITH_TAGS].into_iter().zip(&self.segmentation) {
            if matrix.pixels() > 0 {
                report.add(name, matrix);
            }
        }
        let logits = self.logits.into_iter().flat_map(|(_, logits)| logits).collect::<Vec<_>>();
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
}

impl Report {
    fn add(&mut self, name: &'static str, matrix: &ConfusionMatrix) {
        if let Some(miou) = matrix.miou() {
            self.miou.insert(name, 100.0 * miou);
        }
        self.iou.insert(name, matrix.iou().into_iter().map(|iou| iou.map(|iou| 100.0 * iou)).collect());
    }

    /// One line.
    pub(crate) fn summary(&self) -> String {
        let map = |name: &str| {
            let (miou, threshold) = (self.miou.get(name), self.background_threshold.get(name));
            miou.zip(threshold)
                .map_or("-".to_owned(), |(miou, threshold)| format!("{miou:.2} (threshold {threshold:.2})"))
        };
        let mut text = format!(
            "{} pictures: CAM mIoU {}, auxiliary CAM {}, classification mAP {:.1}, F1 {:.1} (threshold {:.2})",
            self.pictures,
            map("cam"),
            map("auxiliary_cam"),
            self.classification_map.unwrap_or(f64::NAN),
            self.classification_f1,
            self.class_threshold
        );
        if let (Some(alone), Some(tagged)) = (self.miou.get(SEGMENTATION), self.miou.get(SEGMENTATION_WITH_TAGS)) {
            text.push_str(&format!(", segmentation {alone:.2}, with tags {tagged:.2}"));
        }
        if let Some(share) = self.nearest_text_share {
            text.push_str(&format!(", nearest text {share:.1} %"));
        }
        text
    }

    /// IoU of each class and kind of map.
    pub(crate) fn table(&self) -> String {
        let columns = self.iou.keys().copied().collect::<Vec<_>>();
        let width = columns.iter().map(|name| name.len() + 2).max().unwrap_or_default();
        let mut text =
            format!("{:<14}{}", "IoU %", columns.iter().map(|name| format!("{name:>width$}")).collect::<String>());
        for (index, class) in self.classes.iter().enumerate() {
            let cells = columns.iter().map(|name| match self.iou[name][index] {
                Some(iou) => format!("{iou:>width$.1}"),
                None => format!("{:>width$}", "-"),
            });
            text.push_str(&format!("\n{class:<14}{}", cells.collect::<String>()));
        }
        text
    }
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
