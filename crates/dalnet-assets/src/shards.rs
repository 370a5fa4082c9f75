//! Weights over several files, none too large for a static host or a browser's cache.

use std::fs;
use std::path::Path;

use crate::error::{ModelError, WeightsError};
use crate::files::{FileEntry, sha256};
use crate::weights::{Precision, StoredTensor, Tensors, serialise};

#[cfg(test)]
mod tests;

/// Largest file of a shipped model in bytes, unless one tensor alone is larger.
pub const MAX_SHARD_BYTES: usize = 8_000_000;

/// Room for what a file's header says of one stored tensor beside its name.
const HEADER_BYTES: usize = 160;

const PREFIX: &str = "weights-";
const SUFFIX: &str = ".safetensors";
const DIGITS: usize = 8;

/// The tensors in the order of their names as safetensors files of at most `limit` bytes, each with its entry. A file's
/// name changes with its content, so that no cache can mix two releases.
///
/// # Errors
/// Numbers that `precision` cannot hold.
pub(crate) fn write_shards(
    tensors: &Tensors,
    precision: Precision,
    limit: usize,
) -> Result<Vec<(FileEntry, Vec<u8>)>, WeightsError> {
    let mut shards = Vec::new();
    let mut stored: Vec<StoredTensor> = Vec::new();
    let mut size = 0;
    for (name, data) in tensors {
        let parts = StoredTensor::of(name, data, precision)?;
        let more: usize = parts.iter().map(|part| part.name.len() + HEADER_BYTES + part.bytes.len()).sum();
        if !stored.is_empty() && size + more > limit {
            shards.push(shard(std::mem::take(&mut stored))?);
            size = 0;
        }
        stored.extend(parts);
        size += more;
    }
    shards.push(shard(stored)?);
    Ok(shards)
}

fn shard(stored: Vec<StoredTensor>) -> Result<(FileEntry, Vec<u8>), WeightsError> {
    let content = serialise(stored, None)?;
    let name = format!("{PREFIX}{}{SUFFIX}", &sha256(&content)[..DIGITS]);
    Ok((FileEntry::new(name, &content), content))
}

/// Removes the files of an earlier model from `folder`: those with a name of ours that is not among `files`.
///
/// # Errors
/// Whatever the file system answers, with the file's name.
pub(crate) fn remove_others(folder: &Path, files: &[FileEntry]) -> Result<(), ModelError> {
    for entry in fs::read_dir(folder).map_err(|error| ModelError::from(error).within(folder))? {
        let entry = entry.map_err(|error| ModelError::from(error).within(folder))?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| is_ours(name)) else { continue };
        if files.iter().all(|file| file.path != name) {
            fs::remove_file(entry.path()).map_err(|error| ModelError::from(error).within(&entry.path()))?;
        }
    }
    Ok(())
}

fn is_ours(name: &str) -> bool {
    let digits = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    digits.is_some_and(|digits| {
        digits.len() == DIGITS && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}
