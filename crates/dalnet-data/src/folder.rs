//! A folder of one's own tagged photos: listed in `tags.csv`, or in one folder for each tag.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Component, Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::error::DataError;
use crate::report::{Finding, Report};
use crate::sample::{MaskSource, PictureSource};
use crate::tagged::{Photo, Remedies, Split, Tagged, split_tags};

const LIST: &str = "tags.csv";
/// Masks by the names of their photos; no tag.
const MASKS: &str = "masks";
const ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

const REMEDIES: Remedies = Remedies {
    tag: "write tags.csv with the header file,tags, or put the photos into one folder for each tag",
    split: "give tags.csv a third column, split, with train or val for each photo",
};

/// Opens a folder of tagged photos. With `tags.csv`, its columns are `file` (relative to the folder), `tags` (separated by
/// `;`) and, if wanted, `split` (train or val). Without it, each subfolder is a tag and holds its photos; a photo that lies
/// in several of them under one name and with the same bytes is one photo with several tags.
///
/// The mask of `a/b.jpg` is `masks/a/b.png`, where there is one; `classes.txt` tells the order of the classes, one on each
/// line. A photo's id is its path without ending, of the alphabetically first folder that holds it.
///
/// # Errors
/// No such folder, a list that cannot be used, no photo with a tag.
pub fn open_folder(root: impl Into<PathBuf>) -> Result<Tagged, DataError> {
    let root = root.into();
    if !root.is_dir() {
        return Err(DataError::Missing {
            path: root,
            remedy: "give a folder with tags.csv or one folder for each tag",
        });
    }
    let mut report = Report::default();
    let list = root.join(LIST);
    let (origin, photos) = if list.is_file() {
        let photos = listed(&root, &list, &mut report)?;
        report_unlisted(&root, &photos, &mut report)?;
        (&list, photos)
    } else {
        (&root, by_folder(&root, &mut report)?)
    };
    Tagged::new(origin, Some(&root), photos, report, REMEDIES)
}

/// The photos of `tags.csv` that are there, in its order.
fn listed(root: &Path, list: &Path, report: &mut Report) -> Result<Vec<Photo>, DataError> {
    let wrong = |line: u64, reason: String| DataError::Line { path: list.to_owned(), line, reason };
    let unreadable = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        wrong(line, format!("cannot be read ({error}); write the file as UTF-8 with commas between the columns"))
    };
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_path(list).map_err(unreadable)?;
    let columns = Columns::of(reader.headers().map_err(unreadable)?).map_err(|reason| wrong(1, reason))?;
    let mut photos = Vec::<Photo>::new();
    let mut known = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(0, csv::Position::line);
        let Row { name, tags, split } = columns.row(&record).map_err(|reason| wrong(line, reason))?;
        if let Some(index) = known.get(&name) {
            let photo: &mut Photo = &mut photos[*index];
            if photo.split != split {
                return Err(wrong(line, format!("puts {name} into another split than before; keep one of them")));
            }
            photo.tags.extend(tags);
            report.add(Finding::ListedTwice, name);
            continue;
        }
        let path = root.join(&name);
        if !path.is_file() {
            report.add(Finding::Missing, name);
            continue;
        }
        known.insert(name.clone(), photos.len());
        photos.push(Photo { split, ..photo(root, &path, name, tags)? });
    }
    Ok(photos)
}

/// Pictures beside listed ones that the list leaves out.
fn report_unlisted(root: &Path, photos: &[Photo], report: &mut Report) -> Result<(), DataError> {
    let names = photos.iter().map(|photo| photo.name.as_str()).collect::<BTreeSet<_>>();
    let folders = names.iter().map(|name| name.rsplit_once('/').map_or("", |(folder, _)| folder));
    for folder in folders.collect::<BTreeSet<_>>() {
        for path in entries(&root.join(folder))?.into_iter().filter(|path| is_picture(path)) {
            let name = name_in(root, &path)?;
            if !names.contains(name.as_str()) {
                report.add(Finding::Untagged, name);
            }
        }
    }
    Ok(())
}

/// Photos of one folder for each tag, by tag and name.
fn by_folder(root: &Path, report: &mut Report) -> Result<Vec<Photo>, DataError> {
    let mut photos = Vec::<Photo>::new();
    let mut by_name = BTreeMap::<String, Vec<usize>>::new();
    for folder in entries(root)? {
        if is_picture(&folder) {
            report.add(Finding::Untagged, name_in(root, &folder)?);
        }
        if !folder.is_dir() || folder.ends_with(MASKS) {
            continue;
        }
        let tag = name_in(root, &folder)?;
        for path in entries(&folder)? {
            let name = name_in(root, &path)?;
            if !is_picture(&path) {
                report.add(Finding::OtherFile, name);
                continue;
            }
            let alike = by_name.entry(name_in(&folder, &path)?).or_default();
            let new = photo(root, &path, name, BTreeSet::from([tag.clone()]))?;
            let mut same = None;
            for &index in alike.iter().filter(|index| photos[**index].length == new.length) {
                if photos[index].picture.read()? == new.picture.read()? {
                    same = Some(index);
                }
            }
            match same {
                Some(index) => photos[index].tags.extend(new.tags),
                None => {
                    alike.push(photos.len());
                    photos.push(new);
                }
            }
        }
    }
    Ok(photos)
}

fn photo(root: &Path, path: &Path, name: String, tags: BTreeSet<String>) -> Result<Photo, DataError> {
    let id = name.rsplit_once('.').map_or(name.as_str(), |(id, _)| id).to_owned();
    let length = fs::metadata(path).map_err(DataError::read(path))?.len();
    let mask = root.join(MASKS).join(format!("{id}.png"));
    let mask = mask.is_file().then_some(MaskSource::File(mask));
    Ok(Photo { id, name, picture: PictureSource::File(path.to_owned()), length, mask, tags, split: Split::default() })
}

/// What is in a folder, by name, without hidden files.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut paths = read().map_err(DataError::read(folder))?;
    paths.retain(|path| !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")));
    paths.sort();
    Ok(paths)
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) && path.is_file()
}

/// The path of something in `root`, with `/` between folders.
fn name_in(root: &Path, path: &Path) -> Result<String, DataError> {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let parts = relative.components().map(|part| part.as_os_str().to_str()).collect::<Option<Vec<_>>>();
    parts.map(|parts| parts.join("/")).ok_or_else(|| DataError::Unusable {
        path: path.to_owned(),
        reason: "has a name that is no UTF-8; rename it".to_owned(),
    })
}

/// Where the columns of `tags.csv` are.
struct Columns {
    file: usize,
    tags: usize,
    split: Option<usize>,
}

/// A line of `tags.csv`.
struct Row {
    name: String,
    tags: BTreeSet<String>,
    split: Split,
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, String> {
        let column = |name: &str| header.iter().position(|field| field == name);
        match (column("file"), column("tags"), column("split"), header.len()) {
            (Some(file), Some(tags), split, count) if count == 2 + usize::from(split.is_some()) => {
                Ok(Self { file, tags, split })
            }
            _ => {
                let found = header.iter().collect::<Vec<_>>().join(",");
                Err(format!("is {found:?}; begin the file with the line file,tags or file,tags,split"))
            }
        }
    }

    fn row(&self, record: &StringRecord) -> Result<Row, String> {
        let path = Path::new(&record[self.file]);
        let mut parts = Vec::new();
        for part in path.components() {
            match part {
                Component::Normal(part) => parts.push(part.to_string_lossy()),
                Component::CurDir => (),
                _ => return Err(format!("has the file {path:?}; write paths inside the folder of tags.csv")),
            }
        }
        if parts.is_empty() {
            return Err("names no file; write its path inside the folder of tags.csv".to_owned());
        }
        let split = self.split.map_or(Ok(Split::default()), |split| record[split].parse());
        let split = split.map_err(|reason| format!("has the wrong split: {reason}"))?;
        Ok(Row { name: parts.join("/"), tags: split_tags(&record[self.tags]), split })
    }
}
