//! Tagged photos in uncompressed tar archives, in the layout of WebDataset: all files of a photo have one name up to the
//! first dot.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use tar::Archive;

use crate::error::DataError;
use crate::member::Member;
use crate::report::{Finding, Report};
use crate::sample::{MaskSource, PictureSource};
use crate::tagged::{Photo, Remedies, Split, Tagged, split_tags};

const REMEDIES: Remedies = Remedies {
    tag: "give each KEY.jpg a KEY.json with {\"tags\": [\"cat\"]}, or a KEY.txt with tags and ; between them",
    split: "write \"split\": \"val\" into the KEY.json of photos to score on",
};

/// First bytes of compressed files, their name, and the command that unpacks them.
const COMPRESSED: [(&[u8], &str, &str); 4] = [
    (&[0x1F, 0x8B], "gzip", "gunzip"),
    (&[0x28, 0xB5, 0x2F, 0xFD], "zstd", "unzstd"),
    (&[0xFD, b'7', b'z', b'X', b'Z'], "xz", "unxz"),
    (b"BZh", "bzip2", "bunzip2"),
];

/// Opens one tar archive, or all of a folder. A photo is `KEY.jpg`, `KEY.jpeg` or `KEY.png`, its tags are those of
/// `KEY.json` (`{"tags": ["cat"], "split": "val"}`, the split only where it is not `train`) or of `KEY.cls` or `KEY.txt`
/// (`cat;dog`), its mask is `KEY.mask.png` or `KEY.seg.png`. A folder may hold `classes.txt`, which tells the order of the
/// classes.
///
/// The archives are gone through once, from header to header; pictures and masks are read where they lie.
///
/// # Errors
/// No such file, no archive in the folder, a compressed or broken one, tags that cannot be read, no photo with a tag.
pub fn open_archives(path: impl Into<PathBuf>) -> Result<Tagged, DataError> {
    let path = path.into();
    let folder = path.is_dir().then_some(path.as_path());
    let archives = if folder.is_some() { archives_in(&path)? } else { vec![path.clone()] };
    let mut report = Report::default();
    let mut photos = Vec::<Photo>::new();
    let mut known = HashMap::<String, usize>::new();
    for archive in archives {
        for photo in photos_of(&archive, &mut report)? {
            match known.get(&photo.id) {
                Some(index) => {
                    photos[*index].tags.extend(photo.tags);
                    report.add(Finding::ListedTwice, photo.name);
                }
                None => {
                    known.insert(photo.id.clone(), photos.len());
                    photos.push(photo);
                }
            }
        }
    }
    Tagged::new(&path, folder, photos, report, REMEDIES)
}

/// Compressed ones too: they are refused with a remedy when they are opened.
fn archives_in(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut paths = read().map_err(DataError::read(folder))?;
    paths.retain(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        !name.starts_with('.') && path.is_file() && (name.ends_with(".tgz") || format!("{name}.").contains(".tar."))
    });
    paths.sort();
    if paths.is_empty() {
        return Err(DataError::Missing {
            path: folder.join("*.tar"),
            remedy: "give a folder with tar archives, or one",
        });
    }
    Ok(paths)
}

/// What an archive holds of a photo.
#[derive(Default)]
struct Parts {
    picture: Option<Member>,
    mask: Option<Member>,
    tags: BTreeSet<String>,
    split: Split,
}

/// The content of `KEY.json`; other fields are somebody else's.
#[derive(Deserialize)]
struct Tags {
    tags: Vec<String>,
    #[serde(default)]
    split: Split,
}

/// The photos of an archive, in its order.
fn photos_of(path: &Path, report: &mut Report) -> Result<Vec<Photo>, DataError> {
    let mut file = File::open(path).map_err(DataError::read(path))?;
    let size = file.metadata().map_err(DataError::read(path))?.len();
    refuse_compressed(path, &mut file)?;
    let broken = |reason: String| DataError::Unusable {
        path: path.to_owned(),
        reason: format!("is no whole tar archive ({reason}); copy or make it again"),
    };
    let archive: Arc<Path> = path.into();
    let mut reader = Archive::new(file);
    let mut index = Index::default();
    for entry in reader.entries_with_seek().map_err(|error| broken(error.to_string()))? {
        let mut entry = entry.map_err(|error| broken(error.to_string()))?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path().map_err(|error| broken(error.to_string()))?.to_string_lossy().into_owned();
        let member = Member { archive: archive.clone(), offset: entry.raw_file_position(), length: entry.size(), name };
        if member.offset.saturating_add(member.length) > size {
            return Err(broken(format!("it ends inside {}", member.name)));
        }
        if Path::new(&member.name).components().any(|part| matches!(part, Component::ParentDir | Component::RootDir)) {
            return Err(broken(format!("its member {} lies outside", member.name)));
        }
        index.add(member, &mut entry, report)?;
    }
    Ok(index.photos(report))
}

/// What an archive holds of its photos, by key.
#[derive(Default)]
struct Index {
    photos: Vec<(String, Parts)>,
    known: HashMap<String, usize>,
}

impl Index {
    /// Takes a file of a photo in; `content` begins where the member does.
    fn add(&mut self, member: Member, content: &mut impl Read, report: &mut Report) -> Result<(), DataError> {
        let (key, ending) = key_and_ending(&member.name);
        if key.is_empty() || key.ends_with('/') {
            // Hidden files, which some systems put beside every file.
            return Ok(());
        }
        match ending.as_str() {
            "jpg" | "jpeg" | "png" => {
                if let Some(second) = self.parts(&key).picture.replace(member) {
                    report.add(Finding::OtherFile, second.name);
                }
            }
            "mask.png" | "seg.png" => self.parts(&key).mask = Some(member),
            "json" => {
                let Tags { tags, split } = serde_json::from_str(&text(content, &member)?).map_err(|error| {
                    let reason = format!("holds no tags ({error}); write for example {{\"tags\": [\"cat\"]}}");
                    DataError::Unusable { path: member.path(), reason }
                })?;
                let parts = self.parts(&key);
                parts.tags.extend(tags.iter().flat_map(|tag| split_tags(tag)));
                parts.split = split;
            }
            "cls" | "txt" => {
                let tags = split_tags(&text(content, &member)?);
                self.parts(&key).tags.extend(tags);
            }
            _ => report.add(Finding::OtherFile, member.name),
        }
        Ok(())
    }

    fn parts(&mut self, key: &str) -> &mut Parts {
        let index = *self.known.entry(key.to_owned()).or_insert_with(|| {
            self.photos.push((key.to_owned(), Parts::default()));
            self.photos.len() - 1
        });
        &mut self.photos[index].1
    }

    fn photos(self, report: &mut Report) -> Vec<Photo> {
        let mut photos = Vec::with_capacity(self.photos.len());
        for (id, Parts { picture, mask, tags, split }) in self.photos {
            let Some(picture) = picture else {
                report.add(Finding::Missing, format!("{id}.jpg"));
                continue;
            };
            photos.push(Photo {
                id,
                name: picture.name.clone(),
                length: picture.length,
                picture: PictureSource::Member(picture),
                mask: mask.map(MaskSource::Member),
                tags,
                split,
            });
        }
        photos
    }
}

fn refuse_compressed(path: &Path, file: &mut File) -> Result<(), DataError> {
    let mut beginning = Vec::new();
    file.by_ref().take(8).read_to_end(&mut beginning).map_err(DataError::read(path))?;
    file.rewind().map_err(DataError::read(path))?;
    match COMPRESSED.into_iter().find(|(bytes, ..)| beginning.starts_with(bytes)) {
        Some((_, kind, command)) => Err(DataError::Unusable {
            path: path.to_owned(),
            reason: format!(
                "is compressed ({kind}), so single pictures cannot be found in it; unpack it with {command}"
            ),
        }),
        None => Ok(()),
    }
}

/// `a/b` and `mask.png` of `a/b.mask.PNG`: keys end at the first dot of the file name.
fn key_and_ending(name: &str) -> (String, String) {
    let name = name.strip_prefix("./").unwrap_or(name);
    let folder = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name[folder..].find('.').map_or(name.len(), |dot| folder + dot);
    (name[..dot].to_owned(), name.get(dot + 1..).unwrap_or_default().to_lowercase())
}

fn text(reader: &mut impl Read, member: &Member) -> Result<String, DataError> {
    let mut text = String::new();
    reader.read_to_string(&mut text).map_err(DataError::read(&member.path()))?;
    Ok(text)
}
