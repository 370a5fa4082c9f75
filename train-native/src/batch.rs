//! Work on many pictures: a bar, and failures that do not keep the others from it.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use anyhow::{Error, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::sentence;

/// A bar for `total` pictures.
pub(crate) fn bar(total: usize) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {per_sec}, {eta} left")?;
    Ok(ProgressBar::new(total as u64).with_style(style))
}

/// The progress of a batch of pictures, and what went wrong; any thread may report to it.
pub(crate) struct Batch {
    bar: ProgressBar,
    failures: Mutex<Vec<String>>,
}

impl Batch {
    /// Nothing of `total` is done yet.
    pub(crate) fn new(total: usize) -> Result<Self> {
        Ok(Self { bar: bar(total)?, failures: Mutex::default() })
    }

    /// One more is done, well or not.
    pub(crate) fn done<T>(&self, result: Result<T>) -> Option<T> {
        self.bar.inc(1);
        result.map_err(|error| self.fail(&error)).ok()
    }

    fn fail(&self, error: &Error) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(sentence(error));
    }

    /// Says something on standard output without disturbing the bar.
    pub(crate) fn say(&self, text: impl Display) {
        self.bar.suspend(|| println!("{text}"));
    }

    /// Lists the failures.
    ///
    /// # Errors
    /// There were any; `what` names what could not be done, for example "segmented".
    pub(crate) fn finish(self, what: &str) -> Result<()> {
        self.bar.finish_and_clear();
        let failures = self.failures.into_inner().unwrap_or_else(PoisonError::into_inner);
        for failure in &failures {
            eprintln!("error: {failure}");
        }
        if failures.is_empty() {
            return Ok(());
        }
        bail!("{} of {} pictures could not be {what}; see above", failures.len(), self.bar.length().unwrap_or_default())
    }
}
