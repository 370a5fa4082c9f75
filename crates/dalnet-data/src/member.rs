//! Files inside uncompressed tar archives, read where they lie.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::DataError;

/// A file inside an uncompressed tar archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The archive.
    pub archive: Arc<Path>,
    /// Its name in the archive.
    pub name: String,
    /// Where its content begins in the archive, in bytes.
    pub offset: u64,
    /// Bytes of its content.
    pub length: u64,
}

impl Member {
    /// Where it is, for messages: the archive's path with the name behind it.
    pub fn path(&self) -> PathBuf {
        self.archive.join(&self.name)
    }

    /// Its content.
    ///
    /// # Errors
    /// [`DataError::Read`] of an archive that is gone or became shorter.
    pub fn read(&self) -> Result<Vec<u8>, DataError> {
        let read = || {
            let mut archive = File::open(&self.archive)?;
            archive.seek(SeekFrom::Start(self.offset))?;
            let mut content = Vec::new();
            archive.take(self.length).read_to_end(&mut content)?;
            if content.len() as u64 == self.length {
                Ok(content)
            } else {
                Err(std::io::ErrorKind::UnexpectedEof.into())
            }
        };
        read().map_err(DataError::read(&self.path()))
    }
}
