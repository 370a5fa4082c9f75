//! Scores of segmentations and classifications: confusion matrix and mIoU, Boundary IoU, CAMs over a grid of background
//! thresholds, average precision, nearest texts, labels that leave pixels open. Plain Rust, no tensors.

mod average_precision;
mod boundary;
mod confusion;
mod error;
mod nearest;
mod sweep;
mod uncertain;

pub use average_precision::{average_precision, mean_average_precision};
pub use boundary::{BoundaryIou, Outlined};
pub use confusion::{ConfusionMatrix, IGNORE};
pub use error::MetricError;
pub use nearest::NearestText;
pub use sweep::{ThresholdSweep, strongest};
pub use uncertain::UncertainLabels;
