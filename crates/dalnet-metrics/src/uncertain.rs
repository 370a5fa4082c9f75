//! Scores of labels that leave pixels open, as pseudo labels do.

use crate::confusion::{ConfusionMatrix, IGNORE, check_truth};
use crate::error::{MetricError, check_size};

/// Counts of pixels by truth and label, and of those that were left open, over any number of pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UncertainLabels {
    certain: ConfusionMatrix,
    /// By truth.
    uncertain: Vec<u64>,
}

impl UncertainLabels {
    /// Nothing counted yet, of 1 to 255 classes, the background among them.
    ///
    /// # Errors
    /// [`MetricError::Classes`] for 0 or more than 255 classes.
    pub fn new(classes: usize) -> Result<Self, MetricError> {
        Ok(Self { certain: ConfusionMatrix::new(classes)?, uncertain: vec![0; classes] })
    }

    /// Counts the pixels of one picture; where `labels` is [`IGNORE`], they are uncertain.
    ///
    /// # Errors
    /// Different lengths, or a label that is no class; then nothing is counted.
    pub fn add(&mut self, truth: &[u8], labels: &[u8]) -> Result<(), MetricError> {
        check_size("the labels", labels.len(), truth.len())?;
        let judged = truth.iter().zip(labels).map(|(truth, label)| if *label == IGNORE { IGNORE } else { *truth });
        let left: Vec<u8> =
            truth.iter().zip(labels).filter(|(_, label)| **label == IGNORE).map(|(truth, _)| *truth).collect();
        check_truth(&left, self.uncertain.len())?;
        self.certain.add(&judged.collect::<Vec<u8>>(), labels)?;
        for truth in left {
            if truth != IGNORE {
                self.uncertain[usize::from(truth)] += 1;
            }
        }
        Ok(())
    }

    /// Adds the counts of `other`.
    ///
    /// # Errors
    /// [`MetricError::Merge`] when the numbers of classes differ.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricError> {
        self.certain.merge(&other.certain)?;
        self.uncertain.iter_mut().zip(&other.uncertain).for_each(|(count, more)| *count += more);
        Ok(())
    }

    /// The pixels that have a label, as if the others were not there.
    pub fn certain(&self) -> &ConfusionMatrix {
        &self.certain
    }

    /// Intersection over union of each class, 0 to 1, where an uncertain pixel is a missed one; `None` for a class
    /// without a pixel of truth.
    pub fn strict_iou(&self) -> Vec<Option<f64>> {
        let classes = self.uncertain.len();
        (0..classes)
            .map(|class| {
                let labelled: u64 = (0..classes).map(|other| self.certain.count(class, other)).sum();
                let predicted: u64 = (0..classes).map(|other| self.certain.count(other, class)).sum();
                let (truth, both) = (labelled + self.uncertain[class], self.certain.count(class, class));
                (truth > 0).then(|| both as f64 / (truth + predicted - both) as f64)
            })
            .collect()
    }

    /// Share of uncertain pixels, 0 to 1; `None` before the first counted pixel.
    pub fn uncertain_share(&self) -> Option<f64> {
        let uncertain: u64 = self.uncertain.iter().sum();
        let pixels = self.certain.pixels() + uncertain;
        (pixels > 0).then(|| uncertain as f64 / pixels as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_hand() {
        let mut score = UncertainLabels::new(4).unwrap();
        assert_eq!(score.uncertain_share(), None);
        score.add(&[0, 0, 0, 1, 1, 1, 2, IGNORE], &[0, 0, 1, 1, 255, 255, 255, 255]).unwrap();
        assert_eq!(score.certain().iou(), [Some(2.0 / 3.0), Some(0.5), None, None]);
        // Class 1: one of {0->1, 1->1, two uncertain}; class 2: missed; class 3 is nowhere.
        assert_eq!(score.strict_iou(), [Some(2.0 / 3.0), Some(0.25), Some(0.0), None]);
        assert_eq!(score.uncertain_share(), Some(3.0 / 7.0));
        let mut twice = score.clone();
        twice.merge(&score).unwrap();
        assert_eq!((twice.strict_iou(), twice.certain().pixels()), (score.strict_iou(), 8));
    }

    #[test]
    fn refuses_with_the_values_and_counts_nothing() {
        let mut score = UncertainLabels::new(2).unwrap();
        assert!(score.add(&[0, 7], &[0, 255]).unwrap_err().to_string().contains("label 7"));
        assert!(score.add(&[0, 1], &[0, 2]).unwrap_err().to_string().contains("label 2"));
        assert!(score.add(&[0, 1], &[0]).unwrap_err().to_string().contains("1 values, expected 2"));
        assert_eq!(score, UncertainLabels::new(2).unwrap());
        assert!(score.merge(&UncertainLabels::new(3).unwrap()).is_err());
    }
}
