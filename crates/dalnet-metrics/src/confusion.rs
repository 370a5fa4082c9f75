//! Confusion matrix over a whole set of pictures, and the IoU that follows from it.

use serde::{Deserialize, Serialize};

use crate::error::{MetricError, check_size};

/// Truth label of pixels that no score counts.
pub const IGNORE: u8 = 255;

/// Counts of pixels by truth (row) and prediction (column) over any number of pictures. Class 0 is the background.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Counts", into = "Counts")]
pub struct ConfusionMatrix {
    classes: usize,
    counts: Vec<u64>,
}

impl ConfusionMatrix {
    /// An empty matrix of `classes` classes, the background among them: 1 to 255.
    ///
    /// # Errors
    /// [`MetricError::Classes`] for 0 or more than 255 classes.
    pub fn new(classes: usize) -> Result<Self, MetricError> {
        if classes == 0 || classes > usize::from(IGNORE) {
            return Err(MetricError::Classes(classes));
        }
        Ok(Self { classes, counts: vec![0; classes * classes] })
    }

    /// Counts the pixels of one picture. Where `truth` is [`IGNORE`], `prediction` may hold anything.
    ///
    /// # Errors
    /// Different lengths, or a label that is no class; then nothing is counted.
    pub fn add(&mut self, truth: &[u8], prediction: &[u8]) -> Result<(), MetricError> {
        check_size("the prediction", prediction.len(), truth.len())?;
        check_truth(truth, self.classes)?;
        check_prediction(truth, prediction, self.classes)?;
        for (true_label, label) in truth.iter().zip(prediction) {
            if *true_label != IGNORE {
                self.counts[usize::from(*true_label) * self.classes + usize::from(*label)] += 1;
            }
        }
        Ok(())
    }

    /// Adds the counts of `other`.
    ///
    /// # Errors
    /// [`MetricError::Merge`] when the numbers of classes differ.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricError> {
        if self.classes != other.classes {
            let name = |matrix: &Self| format!("{} classes", matrix.classes);
            return Err(MetricError::Merge { left: name(self), right: name(other) });
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        Ok(())
    }

    /// Number of classes, the background among them.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Pixels of class `truth` that were labelled `prediction`. Panics when either is no class.
    pub fn count(&self, truth: usize, prediction: usize) -> u64 {
        assert!(
            truth < self.classes && prediction < self.classes,
            "({truth}, {prediction}) outside {} classes",
            self.classes
        );
        self.counts[truth * self.classes + prediction]
    }

    /// Number of counted pixels.
    pub fn pixels(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Intersection over union of each class, 0 to 1; `None` for a class without a pixel of truth, whose IoU would
    /// only tell how often it was predicted by mistake.
    pub fn iou(&self) -> Vec<Option<f64>> {
        (0..self.classes)
            .map(|class| {
                let truth: u64 = (0..self.classes).map(|other| self.count(class, other)).sum();
                let predicted: u64 = (0..self.classes).map(|other| self.count(other, class)).sum();
                let both = self.count(class, class);
                (truth > 0).then(|| both as f64 / (truth + predicted - both) as f64)
            })
            .collect()
    }

    /// Mean IoU over the classes with truth, 0 to 1; `None` before the first counted pixel.
    pub fn miou(&self) -> Option<f64> {
        let known: Vec<f64> = self.iou().into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }

    /// A matrix of counts that were made elsewhere, row by row.
    pub(crate) fn from_counts(classes: usize, counts: Vec<u64>) -> Result<Self, MetricError> {
        let empty = Self::new(classes)?;
        check_size("the table of counts", counts.len(), empty.counts.len())?;
        Ok(Self { classes, counts })
    }
}

/// Refuses truth labels that are neither a class nor [`IGNORE`].
pub(crate) fn check_truth(truth: &[u8], classes: usize) -> Result<(), MetricError> {
    match truth.iter().position(|label| *label != IGNORE && usize::from(*label) >= classes) {
        None => Ok(()),
        Some(position) => Err(MetricError::Label {
            what: "the truth",
            value: truth[position].into(),
            position,
            last: classes - 1,
            ignore: " and 255 for ignore",
        }),
    }
}

/// Refuses predictions of no class where `truth` is not [`IGNORE`].
pub(crate) fn check_prediction(truth: &[u8], prediction: &[u8], classes: usize) -> Result<(), MetricError> {
    let wrong = |(true_label, label): (&u8, &u8)| *true_label != IGNORE && usize::from(*label) >= classes;
    match truth.iter().zip(prediction).position(wrong) {
        None => Ok(()),
        Some(position) => Err(MetricError::Label {
            what: "the prediction",
            value: prediction[position].into(),
            position,
            last: classes - 1,
            ignore: "",
        }),
    }
}

/// The written form, checked when it is read.
#[derive(Serialize, Deserialize)]
struct Counts {
    classes: usize,
    counts: Vec<u64>,
}

impl TryFrom<Counts> for ConfusionMatrix {
    type Error = MetricError;

    fn try_from(written: Counts) -> Result<Self, MetricError> {
        Self::from_counts(written.classes, written.counts)
    }
}

impl From<ConfusionMatrix> for Counts {
    fn from(matrix: ConfusionMatrix) -> Self {
        Self { classes: matrix.classes, counts: matrix.counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_hand() {
        let mut matrix = ConfusionMatrix::new(3).unwrap();
        matrix.add(&[0, 0, 0, 1, 1, IGNORE], &[0, 0, 1, 1, 2, 7]).unwrap();
        assert_eq!(matrix.pixels(), 5);
        assert_eq!(matrix.count(0, 1), 1);
        // Background 2 of 3, class 1 one of {0->1, 1->1, 1->2}; class 2 was only predicted.
        assert_eq!(matrix.iou(), vec![Some(2.0 / 3.0), Some(1.0 / 3.0), None]);
        assert_eq!(matrix.miou(), Some(0.5));
    }

    #[test]
    fn an_empty_matrix_has_no_miou() {
        let mut matrix = ConfusionMatrix::new(2).unwrap();
        assert_eq!(matrix.miou(), None);
        matrix.add(&[IGNORE, IGNORE], &[0, 1]).unwrap();
        assert_eq!(matrix.miou(), None);
    }

    #[test]
    fn refuses_with_the_values_and_counts_nothing() {
        let mut matrix = ConfusionMatrix::new(3).unwrap();
        let size = matrix.add(&[0, 1], &[0]).unwrap_err().to_string();
        assert!(size.contains('1') && size.contains('2'), "{size}");
        let truth = matrix.add(&[0, 3], &[0, 0]).unwrap_err().to_string();
        assert!(
            truth.contains("the truth has the label 3 at position 1") && truth.contains("0 to 2 and 255"),
            "{truth}"
        );
        let prediction = matrix.add(&[0, 0], &[0, 255]).unwrap_err().to_string();
        assert!(prediction.contains("the prediction has the label 255 at position 1"), "{prediction}");
        assert_eq!(matrix.pixels(), 0);
        assert_eq!(ConfusionMatrix::new(0), Err(MetricError::Classes(0)));
        assert_eq!(ConfusionMatrix::new(256), Err(MetricError::Classes(256)));
    }

    #[test]
    fn merging_is_counting_together() {
        let mut left = ConfusionMatrix::new(3).unwrap();
        let mut right = left.clone();
        let mut both = left.clone();
        left.add(&[0, 1, 2], &[0, 2, 2]).unwrap();
        right.add(&[2, 2], &[1, 2]).unwrap();
        both.add(&[0, 1, 2, 2, 2], &[0, 2, 2, 1, 2]).unwrap();
        left.merge(&right).unwrap();
        assert_eq!(left, both);
        assert!(left.merge(&ConfusionMatrix::new(2).unwrap()).is_err());
    }

    #[test]
    fn reads_back_what_it_wrote_and_checks_it() {
        let mut matrix = ConfusionMatrix::new(2).unwrap();
        matrix.add(&[0, 1, 1], &[1, 1, 0]).unwrap();
        let json = serde_json::to_string(&matrix).unwrap();
        assert_eq!(serde_json::from_str::<ConfusionMatrix>(&json).unwrap(), matrix);
        assert!(serde_json::from_str::<ConfusionMatrix>(r#"{"classes":2,"counts":[1,2,3]}"#).is_err());
    }
}
