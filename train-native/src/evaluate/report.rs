//! The scores of a model on a split, and how they are shown.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use dalnet_assets::files::write_atomically;
use dalnet_assets::{Map, ModelSpec};
use dalnet_data::Sample;
use dalnet_metrics::{ConfusionMatrix, mean_average_precision};
use serde::Serialize;

use super::exponents::Exponents;
use super::protocol::Protocol;
use super::scores::{LabelScores, Scores};
use super::segmentation::{SEGMENTATION, SEGMENTATION_WITH_TAGS};
use crate::draw::{self, Sheet};

/// Pseudo labels where they say something.
const PSEUDO_LABEL: &str = "pseudo_label";
/// The same, what is uncertain counted as missed.
const PSEUDO_LABEL_STRICT: &str = "pseudo_label_strict";

/// Scores of a model on a split; mIoU, IoU and shares in percent.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) pictures: usize,
    pub(crate) protocol: String,
    /// Background first.
    pub(crate) classes: Vec<String>,
    pub(crate) miou: BTreeMap<&'static str, f64>,
    pub(crate) iou: BTreeMap<&'static str, Vec<Option<f64>>>,
    /// Boundary IoU, within 2 % of the picture's diagonal.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) boundary_miou: BTreeMap<&'static str, f64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) boundary_iou: BTreeMap<&'static str, Vec<Option<f64>>>,
    /// The background threshold each CAM was scored at: the best of the grid.
    pub(crate) background_threshold: BTreeMap<&'static str, f32>,
    /// Likewise the threshold at which each class, without the background, has its own best IoU.
    pub(crate) own_threshold: BTreeMap<&'static str, Vec<Option<f32>>>,
    /// The power to which each class of a map was raised.
    pub(crate) exponents: Exponents,
    /// Share of the pixels that the pseudo labels leave open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pseudo_label_uncertain: Option<f64>,
    /// Whether maps were refined by the picture's pixels.
    pub(crate) refined: bool,
    /// Of the classifier, mean average precision over classes in percent.
    pub(crate) classification_map: Option<f64>,
    /// The probability from which on a class counts as predicted, the best of the grid, and the F1 score there in
    /// percent, over all pictures and classes.
    pub(crate) class_threshold: f32,
    pub(crate) classification_f1: f64,
    /// Share of the object patches whose nearest class text is that of their own class, and their number.
    pub(crate) nearest_text_share: Option<f64>,
    pub(crate) object_patches: u64,
    /// What is drawn, not written.
    #[serde(skip)]
    pub(super) figures: Figures,
}

/// What the pictures of a report show.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    pub(super) sheet: Option<Sheet>,
    pub(super) matrices: BTreeMap<&'static str, ConfusionMatrix>,
}

impl Report {
    /// The report on all of `samples`.
    pub(super) fn new(scores: Scores, spec: &ModelSpec, samples: &[Sample], protocol: &Protocol) -> Result<Self> {
        let classes = spec.classes.len();
        let mut report = Self {
            pictures: samples.len(),
            protocol: protocol.describe(spec),
            classes: std::iter::once("background".to_owned()).chain(spec.classes.iter().cloned()).collect(),
            miou: BTreeMap::new(),
            iou: BTreeMap::new(),
            boundary_miou: BTreeMap::new(),
            boundary_iou: BTreeMap::new(),
            background_threshold: BTreeMap::new(),
            own_threshold: BTreeMap::new(),
            exponents: protocol.exponents(spec),
            pseudo_label_uncertain: None,
            refined: protocol.refine,
            classification_map: None,
            class_threshold: 0.5,
            classification_f1: 0.0,
            nearest_text_share: scores.nearest.share().map(|share| 100.0 * share),
            object_patches: scores.nearest.patches(),
            figures: Figures { sheet: Sheet::joined(scores.examples.into_values()), matrices: BTreeMap::new() },
        };
        for (name, cam) in &scores.cams {
            if let Some((threshold, best)) = cam.best() {
                report.add_labels(name, &best);
                report.background_threshold.insert(*name, threshold);
                report.own_threshold.insert(*name, cam.own_thresholds());
            }
        }
        scores.labels.iter().for_each(|(name, labels)| report.add_labels(name, labels));
        if let Some(labels) = &scores.pseudo_labels {
            insert(&mut report.miou, &mut report.iou, PSEUDO_LABEL, labels.certain().iou());
            insert(&mut report.miou, &mut report.iou, PSEUDO_LABEL_STRICT, labels.strict_iou());
            report.pseudo_label_uncertain = labels.uncertain_share().map(|share| 100.0 * share);
            if labels.certain().pixels() > 0 {
                report.figures.matrices.insert(PSEUDO_LABEL, labels.certain().clone());
            }
        }
        let logits = scores.logits.into_values().flatten().collect::<Vec<_>>();
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

    fn add_labels(&mut self, name: &'static str, scores: &LabelScores) {
        if scores.matrix.pixels() == 0 {
            return;
        }
        insert(&mut self.miou, &mut self.iou, name, scores.matrix.iou());
        if let Some(boundary) = &scores.boundary {
            insert(&mut self.boundary_miou, &mut self.boundary_iou, name, boundary.iou());
        }
        self.figures.matrices.insert(name, scores.matrix.clone());
    }

    /// Writes the sheet of examples, if there are any, to `sheet.png` in a folder.
    pub(crate) fn write_sheet(&self, folder: &Path) -> Result<()> {
        match &self.figures.sheet {
            Some(sheet) => Ok(write_atomically(&folder.join("sheet.png"), &draw::png(&sheet.draw())?)?),
            None => Ok(()),
        }
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
            map(Map::Cam.name()),
            map(Map::AuxiliaryCam.name()),
            self.classification_map.unwrap_or(f64::NAN),
            self.classification_f1,
            self.class_threshold
        );
        if self.miou.contains_key(Map::Fused.name()) {
            text.push_str(&format!(", fused {}", map(Map::Fused.name())));
        }
        if let (Some(alone), Some(tagged)) = (self.miou.get(SEGMENTATION), self.miou.get(SEGMENTATION_WITH_TAGS)) {
            text.push_str(&format!(", segmentation {alone:.2}, with tags {tagged:.2}"));
        }
        if let (Some(certain), Some(strict)) = (self.miou.get(PSEUDO_LABEL), self.miou.get(PSEUDO_LABEL_STRICT)) {
            let open = self.pseudo_label_uncertain.unwrap_or(f64::NAN);
            text.push_str(&format!(", pseudo labels {certain:.2} ({open:.1} % uncertain; as missed {strict:.2})"));
        }
        if let Some(share) = self.nearest_text_share {
            text.push_str(&format!(", nearest text {share:.1} %"));
        }
        text
    }

    /// IoU of each class and kind of map, their means, and those of Boundary IoU.
    pub(crate) fn table(&self) -> String {
        let line = |name: &str, value: &dyn Fn(&'static str) -> Option<f64>| {
            let cells = self.iou.keys().map(|map| {
                let width = map.len() + 2;
                value(map).map_or_else(|| format!("{:>width$}", "-"), |value| format!("{value:>width$.1}"))
            });
            format!("{name:<14}{}", cells.collect::<String>())
        };
        let heads = self.iou.keys().map(|map| format!("{map:>width$}", width = map.len() + 2));
        let mut lines = vec![format!("{:<14}{}", "IoU %", heads.collect::<String>())];
        for (index, class) in self.classes.iter().enumerate() {
            lines.push(line(class, &|map| self.iou[map][index]));
        }
        lines.push(line("mean", &|map| self.miou.get(map).copied()));
        if !self.boundary_miou.is_empty() {
            lines.push(line("boundaries", &|map| self.boundary_miou.get(map).copied()));
        }
        lines.join("\n")
    }
}

/// Adds IoUs, 0 to 1, in percent, and their mean where there is one.
fn insert(
    means: &mut BTreeMap<&'static str, f64>,
    classes: &mut BTreeMap<&'static str, Vec<Option<f64>>>,
    name: &'static str,
    iou: Vec<Option<f64>>,
) {
    let percent = iou.into_iter().map(|iou| iou.map(|iou| 100.0 * iou)).collect::<Vec<_>>();
    let known = percent.iter().flatten().copied().collect::<Vec<_>>();
    if !known.is_empty() {
        means.insert(name, known.iter().sum::<f64>() / known.len() as f64);
    }
    classes.insert(name, percent);
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
