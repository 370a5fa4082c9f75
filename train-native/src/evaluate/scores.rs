//! What is counted of pictures, one by one and together.

use std::collections::BTreeMap;

use anyhow::Result;
use dalnet_metrics::{BoundaryIou, ConfusionMatrix, NearestText, Outlined, ThresholdSweep, UncertainLabels, strongest};

use super::maps::Maps;
use crate::draw::Sheet;

/// The counts of some pictures.
#[derive(Debug)]
pub(super) struct Scores {
    pub(super) cam: CamScores,
    pub(super) auxiliary_cam: CamScores,
    /// By the name of the map.
    pub(super) labels: BTreeMap<&'static str, LabelScores>,
    pub(super) pseudo_labels: Option<UncertainLabels>,
    pub(super) nearest: NearestText,
    /// Logits by the picture's place in the list.
    pub(super) logits: BTreeMap<usize, Vec<f32>>,
    /// Examples, likewise; each is a sheet of one row.
    pub(super) examples: BTreeMap<usize, Sheet>,
}

/// Of a map with values.
#[derive(Debug)]
pub(super) struct CamScores {
    sweep: ThresholdSweep,
    /// One for each threshold.
    boundaries: Vec<BoundaryIou>,
}

/// Of a map of labels.
#[derive(Debug)]
pub(super) struct LabelScores {
    pub(super) matrix: ConfusionMatrix,
    pub(super) boundary: BoundaryIou,
}

impl Scores {
    /// Of the picture at `index` of the list, which shows the classes `tags` of `classes`.
    pub(super) fn of(index: usize, maps: Maps, tags: &[usize], classes: usize, thresholds: &[f32]) -> Result<Self> {
        let truth = Outlined::new(&maps.truth, maps.size)?;
        let cam = |values: &[f32]| CamScores::of(&maps.truth, &truth, maps.size, values, tags, classes, thresholds);
        let (cam, auxiliary_cam) = (cam(&maps.cam)?, cam(&maps.auxiliary_cam)?);
        let mut labels = BTreeMap::new();
        for (name, predicted) in &maps.segmentations {
            let mut scores =
                LabelScores { matrix: ConfusionMatrix::new(classes + 1)?, boundary: BoundaryIou::new(classes + 1)? };
            scores.matrix.add(&maps.truth, predicted)?;
            scores.boundary.add(&truth, &Outlined::new(predicted, maps.size)?)?;
            labels.insert(*name, scores);
        }
        let mut pseudo_labels = None;
        if let Some(predicted) = &maps.pseudo_labels {
            pseudo_labels.insert(UncertainLabels::new(classes + 1)?).add(&maps.truth, predicted)?;
        }
        let mut nearest = NearestText::default();
        if let Some((texts, grid)) = &maps.nearest {
            nearest.add(&maps.truth, maps.size, texts, *grid)?;
        }
        Ok(Self {
            cam,
            auxiliary_cam,
            labels,
            pseudo_labels,
            nearest,
            logits: BTreeMap::from([(index, maps.logits)]),
            examples: BTreeMap::new(),
        })
    }

    /// The counts of both, which must be of one protocol.
    pub(super) fn merged(mut self, other: Self) -> Result<Self> {
        self.cam.merge(&other.cam)?;
        self.auxiliary_cam.merge(&other.auxiliary_cam)?;
        for (scores, more) in self.labels.values_mut().zip(other.labels.values()) {
            scores.matrix.merge(&more.matrix)?;
            scores.boundary.merge(&more.boundary)?;
        }
        if let (Some(scores), Some(more)) = (&mut self.pseudo_labels, &other.pseudo_labels) {
            scores.merge(more)?;
        }
        self.nearest.merge(&other.nearest);
        self.logits.extend(other.logits);
        self.examples.extend(other.examples);
        Ok(self)
    }
}

impl CamScores {
    fn of(
        truth: &[u8],
        outlined: &Outlined,
        size: [usize; 2],
        values: &[f32],
        tags: &[usize],
        classes: usize,
        thresholds: &[f32],
    ) -> Result<Self> {
        let mut sweep = ThresholdSweep::new(classes + 1, thresholds)?;
        sweep.add(truth, values, tags)?;
        let labels = tags.iter().map(|tag| (tag + 1) as u8).collect::<Vec<_>>();
        let strongest = strongest(values, &labels, truth.len());
        let boundaries = thresholds.iter().map(|threshold| {
            let above = strongest.iter().map(|(value, label)| if value > threshold { *label } else { 0 });
            let mut boundary = BoundaryIou::new(classes + 1)?;
            boundary.add(outlined, &Outlined::new(&above.collect::<Vec<_>>(), size)?)?;
            anyhow::Ok(boundary)
        });
        let boundaries = boundaries.collect::<Result<Vec<_>>>()?;
        Ok(Self { sweep, boundaries })
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.sweep.merge(&other.sweep)?;
        for (boundary, more) in self.boundaries.iter_mut().zip(&other.boundaries) {
            boundary.merge(more)?;
        }
        Ok(())
    }

    /// The background threshold of the largest mIoU, and the scores there; `None` before the first counted pixel.
    pub(super) fn best(&self) -> Option<(f32, LabelScores)> {
        let (threshold, matrix, _) = self.sweep.best()?;
        let place = self.sweep.thresholds().iter().position(|other| *other == threshold)?;
        Some((threshold, LabelScores { matrix, boundary: self.boundaries[place].clone() }))
    }
}
