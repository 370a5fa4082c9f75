//! What every data set answers.

use std::fmt::Debug;

use crate::error::DataError;
use crate::report::Report;
use crate::sample::Sample;

/// Pictures with image tags, in named splits.
pub trait DataSet: Debug + Send + Sync {
    /// Class names without background, in the order of the labels.
    fn classes(&self) -> Vec<String>;

    /// The samples of a split, always in the same order; at least one.
    ///
    /// # Errors
    /// No such split, or one that cannot be used whole: the message names the file, the value and the remedy.
    fn split(&self, name: &str) -> Result<Vec<Sample>, DataError>;

    /// What is odd, as far as it was read: of some formats when it is opened, of others with each split.
    fn report(&self) -> Report {
        Report::default()
    }
}
