//! What is counted of pictures, one by one and together.

use std::collections::BTreeMap;

use anyhow::Result;
use dalnet_metrics::{BoundaryIou, ConfusionMatrix, NearestText, Outlined, ThresholdSweep, UncertainLabels, strongest};

use super::maps::Maps;
use super::protocol::Protocol;
use crate::draw::Sheet;

/// The counts of some pictures.
#[derive(Debug)]
pub(super) struct Scores {
    /// By the name of the map.
    pub(super) cams: BTreeMap<&'static str, CamScores>,
    /// Likewise.
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
    /// One for each threshold; none where they are not measured.
    boundaries: Vec<BoundaryIou>,
}

/// Of a map of labels.
#[derive(Debug)]
pub(super) struct LabelScores {
    pub(super) matrix: ConfusionMatrix,
    pub(super) boundary: Option<BoundaryIou>,
}

impl Scores {
    /// Of the picture at `index` of the list, which shows the classes `tags` of `classes`.
    pub(super) fn of(index: usize, maps: Maps, tags: &[usize], classes: usize, protocol: &Protocol) -> Result<Self> {
        let truth = protocol.boundaries.then(|| Outlined::new(&maps.truth, maps.size)).transpose()?;
        let cam = |values: &[f32]| {
            CamScores::of(&maps.truth, truth.as_ref(), maps.size, values, tags, classes, &protocol.thresholds)
        };
        let cams = maps.cams.iter().map(|(name, values)| Ok((*name, cam(values)?))).collect::<Result<_>>()?;
        let mut labels = BTreeMap::new();
        for (name, predicted) in &maps.segmentations {
            let mut matrix = ConfusionMatrix::new(classes + 1)?;
            matrix.add(&maps.truth, predicted)?;
            let boundary = truth.as_ref().map(|truth| boundary_of(truth, predicted, maps.size, classes)).transpose()?;
            labels.insert(*name, LabelScores { matrix, boundary });
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
            cams,
            labels,
            pseudo_labels,
            nearest,
            logits: BTreeMap::from([(index, maps.logits)]),
            examples: BTreeMap::new(),
        })
    }

    /// The counts of both, which must be of one protocol.
    pub(super) fn merged(mut self, other: Self) -> Result<Self> {
        for (scores, more) in self.cams.values_mut().zip(other.cams.values()) {
            scores.merge(more)?;
        }
        for (scores, more) in self.labels.values_mut().zip(other.labels.values()) {
            scores.matrix.merge(&more.matrix)?;
            if let (Some(boundary), Some(more)) = (&mut scores.boundary, &more.boundary) {
                boundary.merge(more)?;
            }
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
        outlined: Option<&Outlined>,
        size: [usize; 2],
        values: &[f32],
        tags: &[usize],
        classes: usize,
        thresholds: &[f32],
    ) -> Result<Self> {
        let mut sweep = ThresholdSweep::new(classes + 1, thresholds)?;
        sweep.add(truth, values, tags)?;
        let Some(outlined) = outlined else { return Ok(Self { sweep, boundaries: Vec::new() }) };
        let labels = tags.iter().map(|tag| (tag + 1) as u8).collect::<Vec<_>>();
        let strongest = strongest(values, &labels, truth.len());
        let boundaries = thresholds.iter().map(|threshold| {
            let above = strongest.iter().map(|(value, label)| if value > threshold { *label } else { 0 });
            boundary_of(outlined, &above.collect::<Vec<_>>(), size, classes)
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
        Some((threshold, LabelScores { matrix, boundary: self.boundaries.get(place).cloned() }))
    }

    /// The threshold of each class's own largest IoU, without the background.
    pub(super) fn own_thresholds(&self) -> Vec<Option<f32>> {
        self.sweep.best_of_classes()
    }
}

/// Boundary IoU of one picture, `[height, width]` in `size`.
fn boundary_of(truth: &Outlined, predicted: &[u8], size: [usize; 2], classes: usize) -> Result<BoundaryIou> {
    let mut boundary = BoundaryIou::new(classes + 1)?;
    boundary.add(truth, &Outlined::new(predicted, size)?)?;
    Ok(boundary)
}
