//! Files that are either whole or absent, and proof that they are whole.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::ModelError;

/// Name, size and digest of a file: enough to notice that it is not the one that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Name beside the manifest, without folders.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

impl FileEntry {
    /// The entry of a file with this name and content.
    pub fn new(path: impl Into<String>, content: &[u8]) -> Self {
        Self { path: path.into(), bytes: content.len() as u64, sha256: sha256(content) }
    }

    /// Whether `content` is this file; if not, what is wrong with it.
    pub(crate) fn verify(&self, content: &[u8]) -> Result<(), String> {
        if content.len() as u64 != self.bytes {
            return Err(format!("has {} bytes instead of {}", content.len(), self.bytes));
        }
        let found = sha256(content);
        if found != self.sha256 {
            return Err(format!("has the SHA-256 {found} instead of {}", self.sha256));
        }
        Ok(())
    }
}

/// SHA-256 of `content` in lower-case hexadecimal.
pub fn sha256(content: &[u8]) -> String {
    hexadecimal(&Sha256::digest(content))
}

/// Bytes in lower-case hexadecimal, as digests are written.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The content of a file that must exist.
pub(crate) fn read(path: &Path, remedy: &'static str) -> Result<Vec<u8>, ModelError> {
    fs::read(path).map_err(|error| {
        let error = match error.kind() {
            io::ErrorKind::NotFound => ModelError::Missing { remedy },
            _ => ModelError::Io(error),
        };
        error.within(path)
    })
}

/// Refuses a file that is not the one that was written.
pub(crate) fn verify(entry: &FileEntry, content: &[u8], remedy: &'static str) -> Result<(), ModelError> {
    entry.verify(content).map_err(|reason| ModelError::Corrupt { name: entry.path.clone(), reason, remedy })
}

/// Writes `bytes` to `path` so that a reader, or a crash, sees the old file or the new one and never a part: a sibling
/// named `….partial` is written and synced, then renamed. Folders that are missing above it are made.
///
/// # Errors
/// Whatever the file system answers, with the file's name; the kind is the file system's.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = partial_name(path);
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        write_synced(&partial, bytes)?;
        fs::rename(&partial, path)?;
        sync_folder_of(path)
    };
    write().map_err(|error| {
        // Best effort: it may never have come to be, and the first error is the one to report.
        let _ = fs::remove_file(&partial);
        let remedy = "is the folder writable and the disk not full?";
        io::Error::new(error.kind(), format!("{}: cannot be written ({error}); {remedy}", path.display()))
    })
}

/// Writes `bytes` and waits until they are on the disk.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The name under which `path` is written until it is whole.
pub(crate) fn partial_name(path: &Path) -> PathBuf {
    beside(path, ".partial")
}

/// The path in the same folder whose name is that of `path` with `ending` behind it.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(ending);
    path.with_file_name(name)
}

/// Makes a rename in the folder of `path` survive a power cut.
#[cfg(unix)]
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Only Unix can open a folder to sync it.
#[cfg(not(unix))]
pub(crate) fn sync_folder_of(_path: &Path) -> io::Result<()> {
    Ok(())
}
