//! Writing results.

use std::path::Path;

use anyhow::Result;
use dalnet_assets::files::write_atomically;
use serde::Serialize;

/// Writes a value as indented JSON: whole, or not at all.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(write_atomically(path, text.as_bytes())?)
}
