//! Boundary IoU: intersection over union of the pixels near the borders of masks, which large objects cannot hide.
//!
//! Source: Cheng et al., "Boundary IoU: Improving object-centric image segmentation evaluation" (CVPR 2021). The
//! boundary of a class is what erosion of its mask takes away: the pixels within 2 % of the picture's diagonal of a pixel
//! that is not of the class, the outside of the picture among them.

use crate::confusion::{IGNORE, check_prediction, check_truth};
use crate::error::{MetricError, check_size};

/// Distance to the border up to which a pixel counts, over the picture's diagonal.
const DISTANCE: f64 = 0.02;

/// A label map, and which of its pixels lie near a border of their own label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlined<'a> {
    labels: &'a [u8],
    near: Vec<bool>,
}

impl<'a> Outlined<'a> {
    /// Of `labels` `[height, width]`, row by row.
    ///
    /// # Errors
    /// Labels of another size.
    pub fn new(labels: &'a [u8], [height, width]: [usize; 2]) -> Result<Self, MetricError> {
        check_size("the label map", labels.len(), height * width)?;
        let diagonal = (height as f64).hypot(width as f64);
        let distance = ((DISTANCE * diagonal).round_ties_even() as usize).max(1);
        Ok(Self { labels, near: near_border(labels, [height, width], distance) })
    }
}

/// Pixels of boundaries over any number of pictures, by class; class 0 is the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundaryIou {
    counts: Vec<Counts>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    truth: u64,
    predicted: u64,
    both: u64,
}

impl BoundaryIou {
    /// Nothing counted yet, of 1 to 255 classes, the background among them.
    ///
    /// # Errors
    /// [`MetricError::Classes`] for 0 or more than 255 classes.
    pub fn new(classes: usize) -> Result<Self, MetricError> {
        if classes == 0 || classes > usize::from(IGNORE) {
            return Err(MetricError::Classes(classes));
        }
        Ok(Self { counts: vec![Counts::default(); classes] })
    }

    /// Counts one picture. Pixels whose truth is [`IGNORE`] are not counted, but objects end there.
    ///
    /// # Errors
    /// Maps of different sizes, or a label that is no class; then nothing is counted.
    pub fn add(&mut self, truth: &Outlined, prediction: &Outlined) -> Result<(), MetricError> {
        check_size("the prediction", prediction.labels.len(), truth.labels.len())?;
        check_truth(truth.labels, self.counts.len())?;
        check_prediction(truth.labels, prediction.labels, self.counts.len())?;
        let predicted = prediction.labels.iter().zip(&prediction.near);
        for ((label, near), (guess, near_guess)) in truth.labels.iter().zip(&truth.near).zip(predicted) {
            if *label == IGNORE {
                continue;
            }
            self.counts[usize::from(*label)].truth += u64::from(*near);
            self.counts[usize::from(*guess)].predicted += u64::from(*near_guess);
            self.counts[usize::from(*label)].both += u64::from(*near && *near_guess && label == guess);
        }
        Ok(())
    }

    /// Adds the counts of `other`.
    ///
    /// # Errors
    /// [`MetricError::Merge`] when the numbers of classes differ.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricError> {
        if self.counts.len() != other.counts.len() {
            let name = |score: &Self| format!("{} classes", score.counts.len());
            return Err(MetricError::Merge { left: name(self), right: name(other) });
        }
        for (counts, more) in self.counts.iter_mut().zip(&other.counts) {
            counts.truth += more.truth;
            counts.predicted += more.predicted;
            counts.both += more.both;
        }
        Ok(())
    }

    /// Boundary IoU of each class, 0 to 1; `None` for a class without boundary in the truth.
    pub fn iou(&self) -> Vec<Option<f64>> {
        let iou = |counts: &Counts| {
            let either = counts.truth + counts.predicted - counts.both;
            (counts.truth > 0).then(|| counts.both as f64 / either as f64)
        };
        self.counts.iter().map(iou).collect()
    }

    /// Mean over the classes with truth, 0 to 1; `None` before the first counted pixel.
    pub fn miou(&self) -> Option<f64> {
        let known: Vec<f64> = self.iou().into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }
}

/// For each pixel, whether the square of `distance` pixels to all sides around it holds another label or leaves the
/// picture. Two passes over runs of equal labels, whatever the distance.
fn near_border(labels: &[u8], [height, width]: [usize; 2], distance: usize) -> Vec<bool> {
    if labels.is_empty() {
        return Vec::new();
    }
    let mut near = vec![true; labels.len()];
    let side = 2 * distance + 1;
    // Whether the row around a pixel is all of its label.
    let mut even_row = vec![false; labels.len()];
    for (row, even) in labels.chunks_exact(width).zip(even_row.chunks_exact_mut(width)) {
        let mut run = 0;
        for column in 0..width {
            run = if column > 0 && row[column] == row[column - 1] { run + 1 } else { 1 };
            if run >= side {
                even[column - distance] = true;
            }
        }
    }
    // How many such rows of one label end at the row that the loop is at.
    let mut runs = vec![0; width];
    for row in 0..height {
        for (column, run) in runs.iter_mut().enumerate() {
            let pixel = row * width + column;
            let goes_on = row > 0 && labels[pixel] == labels[pixel - width];
            *run = match (even_row[pixel], goes_on) {
                (false, _) => 0,
                (true, true) => *run + 1,
                (true, false) => 1,
            };
            if *run >= side {
                near[pixel - distance * width] = false;
            }
        }
    }
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 inside the rows and columns, 0 elsewhere.
    fn square(size: [usize; 2], from: usize, to: usize) -> Vec<u8> {
        let inside = |index: usize| (from..to).contains(&index);
        let pixels = (0..size[0]).flat_map(|row| (0..size[1]).map(move |column| (row, column)));
        pixels.map(|(row, column)| u8::from(inside(row) && inside(column))).collect()
    }

    fn score(truth: &[u8], prediction: &[u8], size: [usize; 2]) -> BoundaryIou {
        let mut score = BoundaryIou::new(3).unwrap();
        score.add(&Outlined::new(truth, size).unwrap(), &Outlined::new(prediction, size).unwrap()).unwrap();
        score
    }

    #[test]
    fn counts_by_hand() {
        // A diagonal of 28 pixels: boundaries are one pixel wide. A ring of 36 pixels around 8 x 8, and one of 28.
        let size = [20, 20];
        let score_of_squares = score(&square(size, 5, 15), &square(size, 6, 14), size);
        assert_eq!(score_of_squares.counts[1], Counts { truth: 36, predicted: 28, both: 0 });
        // The picture's outermost ring of 76 and the ring around the square: 4 · 10 with the corners or without.
        assert_eq!(score_of_squares.counts[0], Counts { truth: 76 + 44, predicted: 76 + 36, both: 76 });
        let same = score(&square(size, 5, 15), &square(size, 5, 15), size);
        assert_eq!((same.iou(), same.miou()), (vec![Some(1.0), Some(1.0), None], Some(1.0)));
        let mut both = same;
        both.merge(&score_of_squares).unwrap();
        assert_eq!(both.counts[1], Counts { truth: 72, predicted: 64, both: 36 });
    }

    #[test]
    fn boundaries_are_2_percent_of_the_diagonal_wide() {
        // A diagonal of 141 pixels: three pixels. What is all of one class has the picture's border for one.
        let size = [100, 100];
        let near = Outlined::new(&[0; 10_000], size).unwrap().near;
        assert_eq!(near.iter().filter(|near| !**near).count(), 94 * 94);
        assert!(near[2 * 100 + 50] && !near[3 * 100 + 50] && near[50 * 100 + 97] && !near[50 * 100 + 96]);
    }

    #[test]
    fn ignored_pixels_end_objects_and_count_nowhere() {
        let size = [20, 20];
        let mut truth = square(size, 5, 15);
        let prediction = square(size, 6, 15);
        for pixel in 0..20 {
            (truth[5 * 20 + pixel], truth[pixel * 20 + 5]) = (IGNORE, IGNORE);
        }
        let score = score(&truth, &prediction, size);
        assert_eq!(score.counts[1], Counts { truth: 32, predicted: 32, both: 32 });
    }

    #[test]
    fn refuses_with_the_values_and_counts_nothing() {
        assert_eq!(BoundaryIou::new(0), Err(MetricError::Classes(0)));
        assert!(Outlined::new(&[0; 5], [2, 3]).unwrap_err().to_string().contains("5 values, expected 6"));
        let mut score = BoundaryIou::new(2).unwrap();
        let outlined = |labels: &'static [u8]| Outlined::new(labels, [1, labels.len()]).unwrap();
        assert!(score.add(&outlined(&[0, 2]), &outlined(&[0, 0])).unwrap_err().to_string().contains("label 2"));
        assert!(score.add(&outlined(&[0, 1]), &outlined(&[0, 3])).unwrap_err().to_string().contains("label 3"));
        assert!(score.add(&outlined(&[0, 1]), &outlined(&[0])).is_err());
        assert_eq!((score.miou(), &score), (None, &BoundaryIou::new(2).unwrap()));
        assert!(score.merge(&BoundaryIou::new(3).unwrap()).is_err());
        score.add(&outlined(&[]), &outlined(&[])).unwrap();
        assert_eq!(score.miou(), None);
    }
}
