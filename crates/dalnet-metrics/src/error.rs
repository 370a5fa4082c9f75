//! What a score refuses, with the values that it refused.

use thiserror::Error;

/// Input that cannot be scored.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MetricError {
    /// Two buffers that belong together differ in length.
    #[error("{what} has {actual} values, expected {expected}; give both at the same size")]
    Size {
        /// The buffer that is too long or too short.
        what: &'static str,
        /// Its length.
        actual: usize,
        /// The length that fits the other buffer.
        expected: usize,
    },
    /// A label that is no class.
    #[error("{what} has the label {value} at position {position}, but the classes are 0 to {last}{ignore}")]
    Label {
        /// The buffer that holds the label.
        what: &'static str,
        /// The label.
        value: usize,
        /// Its index in the buffer.
        position: usize,
        /// The largest class.
        last: usize,
        /// Names the ignore label where it is allowed.
        ignore: &'static str,
    },
    /// A number of classes that does not fit a label of one byte beside the ignore label.
    #[error("{0} classes cannot be scored; labels of one byte leave room for 1 to 255 classes")]
    Classes(usize),
    /// Scores of different things were to be merged.
    #[error("cannot merge scores of {right} with scores of {left}; merge only scores of one protocol")]
    Merge {
        /// What the target scores.
        left: String,
        /// What was to be added.
        right: String,
    },
    /// A NaN or an infinity among the scores.
    #[error("{what} has the value {value} at position {position}; scores must be finite")]
    NotFinite {
        /// The buffer that holds the value.
        what: &'static str,
        /// The value.
        value: f32,
        /// Its index in the buffer.
        position: usize,
    },
    /// A threshold grid that is empty or not strictly ascending.
    #[error("the background thresholds {0:?} are not one or more strictly ascending finite numbers")]
    Thresholds(Vec<f32>),
}

/// Refuses NaN and infinities.
pub(crate) fn check_finite(what: &'static str, values: &[f32]) -> Result<(), MetricError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(position) => Err(MetricError::NotFinite { what, value: values[position], position }),
    }
}

/// Refuses a buffer of another length.
pub(crate) fn check_size(what: &'static str, actual: usize, expected: usize) -> Result<(), MetricError> {
    if actual == expected { Ok(()) } else { Err(MetricError::Size { what, actual, expected }) }
}
