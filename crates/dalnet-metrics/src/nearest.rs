//! How often a patch of an object is nearest to the text of its own class (the score of patch-text similarity).

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::confusion::IGNORE;
use crate::error::{MetricError, check_size};

/// Counts of object patches over any number of pictures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearestText {
    patches: u64,
    own: u64,
}

impl NearestText {
    /// Counts the patches of one picture that show one object class more than anything else. `truth` `[height, width]`
    /// holds 0 for background, labels from 1 and [`IGNORE`]; `nearest` `[rows, columns]` holds for each patch the label
    /// (from 1) of its nearest text.
    ///
    /// # Errors
    /// Buffers of another size; then nothing is counted.
    pub fn add(
        &mut self,
        truth: &[u8],
        [height, width]: [usize; 2],
        nearest: &[u8],
        [rows, columns]: [usize; 2],
    ) -> Result<(), MetricError> {
        check_size("the truth", truth.len(), height * width)?;
        check_size("the nearest texts", nearest.len(), rows * columns)?;
        for (patch, label) in nearest.iter().enumerate() {
            let (row, column) = (patch / columns, patch % columns);
            let mut counts = [0_u32; 256];
            for line in covered(row, rows, height) {
                for truth in &truth[line * width..(line + 1) * width][covered(column, columns, width)] {
                    counts[usize::from(*truth)] += 1;
                }
            }
            let most = (0..=IGNORE).max_by_key(|truth| (counts[usize::from(*truth)], IGNORE - truth));
            if let Some(shown) = most.filter(|shown| (1..IGNORE).contains(shown)) {
                self.patches += 1;
                self.own += u64::from(shown == *label);
            }
        }
        Ok(())
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.patches += other.patches;
        self.own += other.own;
    }

    /// Object patches so far.
    pub fn patches(&self) -> u64 {
        self.patches
    }

    /// The share, 0..1, of them whose nearest text is that of their own class; `None` without patches.
    pub fn share(&self) -> Option<f64> {
        (self.patches > 0).then(|| self.own as f64 / self.patches as f64)
    }
}

/// The pixels of a side that the `index`th of `count` patches covers, at least one: a mask may be smaller than the grid.
fn covered(index: usize, count: usize, pixels: usize) -> Range<usize> {
    let first = index * pixels / count;
    first..((index + 1) * pixels / count).max(first + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_the_label_that_most_pixels_have() {
        // Patches of 2 x 2 pixels: class 1, background, more class 2 than border, more border than class 2.
        #[rustfmt::skip]
        let truth = [
            1, 1, 0, 0, 2, 2, 255, 255,
            1, 0, 0, 1, 2, 255, 255, 2,
        ];
        let mut score = NearestText::default();
        score.add(&truth, [2, 8], &[1, 1, 3, 2], [1, 4]).unwrap();
        assert_eq!((score.patches(), score.share()), (2, Some(0.5)));
        let other = score;
        score.merge(&other);
        assert_eq!((score.patches(), score.share()), (4, Some(0.5)));
    }

    #[test]
    fn says_nothing_without_objects_and_refuses_other_sizes() {
        let mut score = NearestText::default();
        score.add(&[0, 255], [1, 2], &[1], [1, 1]).unwrap();
        assert_eq!(score.share(), None);
        assert!(score.add(&[0, 0], [1, 2], &[1, 1], [1, 1]).is_err());
        assert!(score.add(&[0, 0], [1, 3], &[1], [1, 1]).is_err());
        assert_eq!(score.patches(), 0);
        score.add(&[7], [1, 1], &[7, 7, 7, 1], [2, 2]).unwrap();
        assert_eq!((score.patches(), score.share()), (4, Some(0.75)));
    }
}
