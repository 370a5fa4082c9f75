//! Results: written and read again.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use dalnet_assets::files::write_atomically;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes a value as indented JSON: whole, or not at all.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(write_atomically(path, text.as_bytes())?)
}

/// Reads what `train-native` wrote.
///
/// # Errors
/// A file that cannot be read, or is other JSON.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| {
        format!("{}: not the JSON that is needed here; give what train-native eval or a card wrote", path.display())
    })
}
