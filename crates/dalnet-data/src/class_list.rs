//! Lists of class names: one on each line, in the order of the labels, without the background.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::error::DataError;

/// Reads a list of class names.
///
/// # Errors
/// A file that cannot be read, without any line, or with one that is empty, repeated or the background.
pub fn read_class_list(path: &Path) -> Result<Vec<String>, DataError> {
    let text = fs::read_to_string(path).map_err(DataError::read(path))?;
    let mut lines: BTreeMap<&str, u64> = BTreeMap::new();
    let mut classes = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let name = text.trim();
        let wrong = |reason: String| DataError::Line { path: path.to_owned(), line, reason };
        if name.is_empty() {
            return Err(wrong("is empty; write one class on each line".to_owned()));
        }
        if is_background(name) {
            return Err(wrong(format!("is {name:?}: the background is added by itself; remove the line")));
        }
        if let Some(first) = lines.insert(name, line) {
            return Err(wrong(format!("repeats {name:?} of line {first}; remove one of them")));
        }
        classes.push(name.to_owned());
    }
    if classes.is_empty() {
        let reason = "lists no class; write one on each line".to_owned();
        return Err(DataError::Unusable { path: path.to_owned(), reason });
    }
    Ok(classes)
}

/// The background is no class: every data set has it besides its classes.
pub(crate) fn is_background(name: &str) -> bool {
    name.eq_ignore_ascii_case("background")
}
