//! Pictures named on the command line, one by one or by their folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dalnet_assets::files;
use walkdir::WalkDir;

/// Endings that make a file of a folder a picture, in any case.
const ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

/// A picture, and the name of what is made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Without ending; of a picture in a folder that was named, its path within that folder.
    pub(crate) stem: PathBuf,
}

impl Found {
    /// Where a result with this ending goes.
    pub(crate) fn beside(&self, out: &Path, ending: &str) -> PathBuf {
        files::beside(&out.join(&self.stem), ending)
    }
}

/// Files as they are named, and the pictures of folders, however deep; nothing below `out`, which holds results.
///
/// # Errors
/// A folder that cannot be read or holds no picture; two pictures whose results would have the same name.
pub(crate) fn find(named: &[PathBuf], out: &Path) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for path in named {
        if path.is_dir() {
            let before = found.len();
            in_folder(path, out, &mut found)?;
            if found.len() == before {
                bail!("{}: holds no picture; give a folder with files in {}", path.display(), ENDINGS.join(", "));
            }
        } else {
            found.push(Found { path: path.clone(), stem: path.file_stem().unwrap_or(path.as_os_str()).into() });
        }
    }
    let mut names = BTreeMap::new();
    for picture in &found {
        if let Some(twin) = names.insert(&picture.stem, &picture.path) {
            bail!(
                "{}: {} has the same name, and so would have the same mask; rename one of them",
                picture.path.display(),
                twin.display()
            );
        }
    }
    Ok(found)
}

fn in_folder(folder: &Path, out: &Path, found: &mut Vec<Found>) -> Result<()> {
    let results = out.canonicalize().ok();
    let holds_results = |path: &Path| results.is_some() && path.canonicalize().ok() == results;
    // The folder itself may be that of the results: then its pictures are meant.
    let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
    for entry in
        walk.filter_entry(|entry| entry.depth() == 0 || !entry.file_type().is_dir() || !holds_results(entry.path()))
    {
        let entry = entry.with_context(|| format!("{}: cannot be read", folder.display()))?;
        let path = entry.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        if entry.file_type().is_file() && ENDINGS.contains(&ending.as_str()) {
            let within = path.strip_prefix(folder).unwrap_or(path);
            found.push(Found { path: path.to_owned(), stem: within.with_extension("") });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn finds_pictures_however_deep_but_no_results() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("masks");
        for name in ["b.JPG", "a/deep/c.png", "a/notes.txt", "masks/b.png"] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = find(&[root.path().to_owned()], &out).unwrap();
        let stems = found.iter().map(|picture| picture.stem.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(stems, ["a/deep/c", "b"]);
        assert_eq!(found[0].beside(&out, ".overlay.png"), out.join("a/deep/c.overlay.png"));
        let twice = find(&[root.path().join("b.JPG"), root.path().to_owned()], &out).unwrap_err();
        assert!(twice.to_string().contains("the same mask"), "{twice}");
        let empty = find(&[root.path().join("masks")], &out.join("x")).unwrap();
        assert_eq!(empty.len(), 1, "a folder that is named itself is looked into");
    }
}
