//! The power of each class's map at which one background threshold fits all classes.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};
use serde::Deserialize;

use crate::files::read_json;

/// Where every class's own threshold is brought.
const SHARED_THRESHOLD: f32 = 0.5;

/// By the name of the map, one number for each class.
pub(crate) type Exponents = BTreeMap<String, Vec<f32>>;

#[derive(Deserialize)]
struct Scores {
    classes: Vec<String>,
    own_threshold: BTreeMap<String, Vec<Option<f32>>>,
}

/// Those that bring each class's own threshold in the scores at `path` to one half; 1 for a class that was not scored.
///
/// # Errors
/// A file that is no report of `train-native eval`, or one of other classes than `classes`.
pub(super) fn read(path: &Path, classes: &[String]) -> Result<Exponents> {
    let scores: Scores = read_json(path)?;
    if !scores.classes.iter().skip(1).eq(classes) {
        bail!("{}: scores of other classes than the model's; score this model", path.display());
    }
    let exponent = |own: Option<f32>| own.map_or(1.0, |own| SHARED_THRESHOLD.ln() / own.ln());
    let of_map = |(map, own): (String, Vec<Option<f32>>)| (map, own.into_iter().map(exponent).collect());
    Ok(scores.own_threshold.into_iter().map(of_map).collect())
}
