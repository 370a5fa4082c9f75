//! One pass over the CAMs of a set scores every background threshold of a grid.

use crate::confusion::{ConfusionMatrix, IGNORE, check_truth};
use crate::error::{MetricError, check_finite, check_size};

/// Confusion matrices of CAM labels at many background thresholds.
///
/// A pixel is labelled with the present class of the largest CAM value where this exceeds the threshold, and background
/// otherwise. Instead of one label map for each threshold, each pixel goes into a histogram over the number of
/// thresholds that its value exceeds.
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdSweep {
    classes: usize,
    thresholds: Vec<f32>,
    /// `[thresholds + 1, classes, classes]`: pixels by number of exceeded thresholds, truth and best class.
    histogram: Vec<u64>,
}

impl ThresholdSweep {
    /// An empty sweep of `classes` classes, the background among them, over strictly ascending `thresholds`.
    ///
    /// # Errors
    /// No class or more than 255; thresholds that are empty, not finite or not ascending.
    pub fn new(classes: usize, thresholds: &[f32]) -> Result<Self, MetricError> {
        ConfusionMatrix::new(classes)?;
        let ascending = thresholds.windows(2).all(|pair| pair[0] < pair[1]);
        if thresholds.is_empty() || !ascending || thresholds.iter().any(|threshold| !threshold.is_finite()) {
            return Err(MetricError::Thresholds(thresholds.to_vec()));
        }
        let histogram = vec![0; (thresholds.len() + 1) * classes * classes];
        Ok(Self { classes, thresholds: thresholds.to_vec(), histogram })
    }

    /// Counts one picture.
    ///
    /// * `truth`: labels of its pixels, 0 background, [`IGNORE`] not counted.
    /// * `cams`: normalised CAM values `[present.len(), pixels]` at the size of `truth`.
    /// * `present`: class indices of these CAMs without the background; index `c` predicts the label `c + 1`. On a tie
    ///   the first one wins.
    ///
    /// # Errors
    /// Sizes that do not fit, labels or indices that are no class, values that are not finite; then nothing is counted.
    pub fn add(&mut self, truth: &[u8], cams: &[f32], present: &[usize]) -> Result<(), MetricError> {
        check_size("the CAM stack", cams.len(), present.len() * truth.len())?;
        check_truth(truth, self.classes)?;
        if let Some(position) = present.iter().position(|class| class + 1 >= self.classes) {
            let (value, last) = (present[position] + 1, self.classes - 1);
            return Err(MetricError::Label { what: "the list of present classes", value, position, last, ignore: "" });
        }
        check_finite("the CAM stack", cams)?;

        let labels: Vec<u8> = present.iter().map(|class| (class + 1) as u8).collect();
        for (true_label, (value, label)) in truth.iter().zip(strongest(cams, &labels, truth.len())) {
            if *true_label != IGNORE {
                let exceeded = self.thresholds.partition_point(|threshold| *threshold < value);
                let cell = (exceeded * self.classes + usize::from(*true_label)) * self.classes + usize::from(label);
                self.histogram[cell] += 1;
            }
        }
        Ok(())
    }

    /// Adds the counts of `other`.
    ///
    /// # Errors
    /// [`MetricError::Merge`] when classes or thresholds differ.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricError> {
        if (self.classes, &self.thresholds) != (other.classes, &other.thresholds) {
            let name = |sweep: &Self| format!("{} classes at thresholds {:?}", sweep.classes, sweep.thresholds);
            return Err(MetricError::Merge { left: name(self), right: name(other) });
        }
        for (count, more) in self.histogram.iter_mut().zip(&other.histogram) {
            *count += more;
        }
        Ok(())
    }

    /// The thresholds, ascending.
    pub fn thresholds(&self) -> &[f32] {
        &self.thresholds
    }

    /// The confusion matrix at each threshold, in their order.
    pub fn matrices(&self) -> Vec<(f32, ConfusionMatrix)> {
        self.thresholds.iter().enumerate().map(|(index, threshold)| (*threshold, self.matrix(index))).collect()
    }

    /// Threshold, confusion matrix and mIoU (0 to 1) where the mIoU is largest, the smallest threshold on a tie; `None`
    /// before the first counted pixel.
    pub fn best(&self) -> Option<(f32, ConfusionMatrix, f64)> {
        let mut best: Option<(f32, ConfusionMatrix, f64)> = None;
        for (threshold, matrix) in self.matrices() {
            let miou = matrix.miou()?;
            if best.as_ref().is_none_or(|(_, _, previous)| miou > *previous) {
                best = Some((threshold, matrix, miou));
            }
        }
        best
    }

    /// For each class but the background the threshold at which its own IoU is largest, the smallest on a tie; `None` where
    /// it is in no picture, or never right.
    pub fn best_of_classes(&self) -> Vec<Option<f32>> {
        let mut best = vec![None; self.classes - 1];
        for (threshold, matrix) in self.matrices() {
            for (best, iou) in best.iter_mut().zip(&matrix.iou()[1..]) {
                if iou.is_some_and(|iou| iou > best.map_or(0.0, |(previous, _)| previous)) {
                    *best = iou.map(|iou| (iou, threshold));
                }
            }
        }
        best.into_iter().map(|best| best.map(|(_, threshold)| threshold)).collect()
    }

    fn matrix(&self, index: usize) -> ConfusionMatrix {
        let mut counts = vec![0; self.classes * self.classes];
        for (cell, count) in self.histogram.iter().enumerate() {
            let (label, truth) = (cell % self.classes, cell / self.classes % self.classes);
            let exceeded = cell / (self.classes * self.classes);
            let prediction = if exceeded > index { label } else { 0 };
            counts[truth * self.classes + prediction] += count;
        }
        ConfusionMatrix::from_counts(self.classes, counts).expect("the sweep checked its classes when it was made")
    }
}

/// Largest value of `maps` `[labels.len(), pixels]` and its label for each of the `pixels`. On a tie the first one wins;
/// without maps, minus infinity and 0.
pub fn strongest(maps: &[f32], labels: &[u8], pixels: usize) -> Vec<(f32, u8)> {
    let mut strongest = vec![(f32::NEG_INFINITY, 0); pixels];
    for (map, label) in maps.chunks_exact(pixels.max(1)).zip(labels) {
        for (strongest, value) in strongest.iter_mut().zip(map) {
            if *value > strongest.0 {
                *strongest = (*value, *label);
            }
        }
    }
    strongest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_picture_by_hand() {
        let mut sweep = ThresholdSweep::new(4, &[0.3, 0.5]).unwrap();
        // Classes 0 and 2, labels 1 and 3; best: 0.4 of label 1, 0.5 of label 3, tie of 0.9, ignored.
        sweep.add(&[1, 3, 0, IGNORE], &[0.4, 0.1, 0.9, 1.0, 0.2, 0.5, 0.9, 1.0], &[0, 2]).unwrap();
        let matrices = sweep.matrices();
        assert_eq!((matrices[0].1.count(1, 1), matrices[0].1.count(3, 3), matrices[0].1.count(0, 1)), (1, 1, 1));
        // A value equal to the threshold is background.
        assert_eq!((matrices[1].1.count(1, 0), matrices[1].1.count(3, 0), matrices[1].1.count(0, 1)), (1, 1, 1));
        let (threshold, matrix, miou) = sweep.best().unwrap();
        assert_eq!((threshold, &matrix), (0.3, &matrices[0].1));
        assert_eq!(miou, (0.0 + 0.5 + 1.0) / 3.0);
        // Label 3 is right at 0.5 as well, but for the tie; label 2 is in no picture.
        assert_eq!(sweep.best_of_classes(), [Some(0.3), None, Some(0.3)]);
    }

    #[test]
    fn a_picture_without_classes_is_background() {
        let mut sweep = ThresholdSweep::new(3, &[0.1]).unwrap();
        assert_eq!(sweep.best(), None);
        sweep.add(&[0, 1], &[], &[]).unwrap();
        assert_eq!((sweep.matrices()[0].1.count(0, 0), sweep.matrices()[0].1.count(1, 0)), (1, 1));
    }

    #[test]
    fn refuses_with_the_values() {
        assert!(ThresholdSweep::new(3, &[]).is_err());
        assert!(ThresholdSweep::new(3, &[0.5, 0.5]).unwrap_err().to_string().contains("0.5"));
        assert!(ThresholdSweep::new(3, &[f32::NAN]).is_err());
        let mut sweep = ThresholdSweep::new(3, &[0.5]).unwrap();
        let before = sweep.clone();
        assert!(sweep.add(&[0, 0], &[0.1], &[0]).unwrap_err().to_string().contains("1 values, expected 2"));
        assert!(sweep.add(&[0], &[0.1], &[2]).unwrap_err().to_string().contains("label 3"));
        assert!(sweep.add(&[9], &[0.1], &[0]).unwrap_err().to_string().contains("label 9"));
        assert!(sweep.add(&[0], &[f32::NAN], &[0]).unwrap_err().to_string().contains("NaN"));
        assert_eq!(sweep, before);
        assert!(sweep.merge(&ThresholdSweep::new(3, &[0.4]).unwrap()).unwrap_err().to_string().contains("0.4"));
    }
}
