//! Archives with one folder at the top, which appears when all of it is on the disk.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use zip::ZipArchive;

/// Unpacks `archive` (.tar, .tgz or .zip), whose content is in `folder`, into `out`. Nothing is written elsewhere.
///
/// # Errors
/// A damaged archive, one without the folder, or an entry that points outside.
pub(super) fn unpack(archive: &Path, folder: &str, out: &Path) -> Result<()> {
    let partial = out.join(format!("{folder}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    eprintln!("unpacking {}", archive.display());
    let file = BufReader::new(File::open(archive)?);
    match archive.extension().and_then(|ending| ending.to_str()) {
        Some("zip") => unzip(file, &partial)?,
        Some("tgz") => untar(GzDecoder::new(file), &partial)?,
        _ => untar(file, &partial)?,
    }
    fs::rename(partial.join(folder), out.join(folder)).with_context(|| format!("it has no folder {folder}"))?;
    fs::remove_dir_all(&partial)?;
    Ok(())
}

fn untar(archive: impl Read, out: &Path) -> Result<()> {
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        // tar refuses names and links that lead outside.
        if !entry.unpack_in(out)? {
            bail!("the entry {:?} points outside", entry.path()?);
        }
    }
    Ok(())
}

fn unzip(archive: BufReader<File>, out: &Path) -> Result<()> {
    let mut archive = ZipArchive::new(archive)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let Some(name) = entry.enclosed_name().filter(|_| !entry.is_symlink()) else {
            bail!("the entry {:?} points outside", entry.name());
        };
        let path = out.join(name);
        if entry.is_dir() {
            fs::create_dir_all(&path)?;
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        io::copy(&mut entry, &mut File::create(&path)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tempfile::tempdir;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// A tar of one file; the name goes in unchecked.
    fn tar_of(name: &str) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(5);
        header.set_mode(0o644);
        header.set_cksum();
        let mut archive = tar::Builder::new(Vec::new());
        archive.append(&header, &b"hello"[..]).unwrap();
        archive.into_inner().unwrap()
    }

    fn zip_of(name: &str) -> Vec<u8> {
        let mut archive = ZipWriter::new(io::Cursor::new(Vec::new()));
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(b"hello").unwrap();
        archive.finish().unwrap().into_inner()
    }

    fn gzip_of(bytes: &[u8]) -> Vec<u8> {
        let mut archive = GzEncoder::new(Vec::new(), Compression::fast());
        archive.write_all(bytes).unwrap();
        archive.finish().unwrap()
    }

    #[test]
    fn the_folder_appears_whole() {
        for (name, bytes) in
            [("a.tar", tar_of("top/x.txt")), ("a.tgz", gzip_of(&tar_of("top/x.txt"))), ("a.zip", zip_of("top/x.txt"))]
        {
            let out = tempdir().unwrap();
            let archive = out.path().join(name);
            fs::write(&archive, &bytes).unwrap();
            unpack(&archive, "top", out.path()).unwrap();
            assert_eq!(fs::read(out.path().join("top/x.txt")).unwrap(), b"hello", "{name}");
            assert_eq!(fs::read_dir(out.path()).unwrap().count(), 2, "{name}: archive and folder");
            fs::write(&archive, &bytes[..bytes.len() / 3]).unwrap();
            fs::remove_dir_all(out.path().join("top")).unwrap();
            assert!(unpack(&archive, "top", out.path()).is_err(), "{name} is cut off");
            assert!(!out.path().join("top").exists(), "{name}");
        }
    }

    #[test]
    fn nothing_is_written_outside() {
        for (name, bytes) in [("a.tar", tar_of("../evil.txt")), ("a.zip", zip_of("../evil.txt"))] {
            let root = tempdir().unwrap();
            let out = root.path().join("out");
            fs::create_dir_all(&out).unwrap();
            fs::write(out.join(name), bytes).unwrap();
            let said = unpack(&out.join(name), "top", &out).unwrap_err().to_string();
            assert!(said.contains("points outside"), "{name}: {said}");
            assert!(!root.path().join("evil.txt").exists() && !out.join("evil.txt").exists(), "{name}");
        }
    }
}
