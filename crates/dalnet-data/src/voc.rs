//! The official VOCdevkit layout: splits from `ImageSets/Segmentation`, tags from the annotations' objects, palette
//! masks from `SegmentationClass`.

use std::fs;
use std::path::{Path, PathBuf};

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::data_set::DataSet;
use crate::error::DataError;
use crate::sample::{MaskSource, PictureSource, Sample};

/// The 20 object classes in VOC's alphabetical order. The index is the class index; masks hold it plus one.
pub const CLASSES: [&str; 20] = [
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
];

/// A `VOCdevkit/VOC2012` folder.
#[derive(Debug, Clone)]
pub struct Voc {
    root: PathBuf,
}

impl Voc {
    /// Opens the folder that holds `JPEGImages`, `Annotations` and `ImageSets/Segmentation`.
    ///
    /// # Errors
    /// [`DataError::FolderMissing`] names the first of them that is not there.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, DataError> {
        let voc = Self { root: root.into() };
        for path in [voc.root.clone(), voc.pictures(), voc.annotations(), voc.splits()] {
            if !path.is_dir() {
                return Err(DataError::FolderMissing { path });
            }
        }
        Ok(voc)
    }

    fn sample(&self, list: &Path, line: usize, id: &str) -> Result<Sample, DataError> {
        if !is_file_name(id) || id.contains(char::is_whitespace) {
            return Err(DataError::PictureId { path: list.to_owned(), line, value: id.to_owned() });
        }
        let picture = self.pictures().join(format!("{id}.jpg"));
        if !picture.is_file() {
            return Err(DataError::PictureMissing { path: picture, list: list.to_owned(), id: id.to_owned() });
        }
        let labels = read_labels(&self.annotations().join(format!("{id}.xml")))?;
        let mask = self.root.join("SegmentationClass").join(format!("{id}.png"));
        let mask = mask.is_file().then_some(MaskSource::File(mask));
        Ok(Sample { id: id.to_owned(), picture: PictureSource::File(picture), labels, mask })
    }

    fn pictures(&self) -> PathBuf {
        self.root.join("JPEGImages")
    }

    fn annotations(&self) -> PathBuf {
        self.root.join("Annotations")
    }

    fn splits(&self) -> PathBuf {
        self.root.join("ImageSets").join("Segmentation")
    }

    fn available_splits(&self) -> Result<String, DataError> {
        let folder = self.splits();
        let mut names: Vec<String> = fs::read_dir(&folder)
            .map_err(DataError::read(&folder))?
            .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".txt")?.to_owned()))
            .collect();
        names.sort();
        Ok(if names.is_empty() { "no split at all".to_owned() } else { names.join(", ") })
    }
}

impl DataSet for Voc {
    fn classes(&self) -> Vec<String> {
        CLASSES.map(str::to_owned).to_vec()
    }

    /// The samples of `ImageSets/Segmentation/{name}.txt`, in its order. Labels are the set of the annotation's object
    /// classes, difficult ones included.
    ///
    /// # Errors
    /// A missing or empty split, a line that is no id, a missing picture, an annotation that is missing, broken, without
    /// objects or with an unknown class.
    fn split(&self, name: &str) -> Result<Vec<Sample>, DataError> {
        let list = self.splits().join(format!("{name}.txt"));
        if !is_file_name(name) || !list.is_file() {
            let available = self.available_splits()?;
            return Err(DataError::SplitMissing { path: list, split: name.to_owned(), available });
        }
        let text = fs::read_to_string(&list).map_err(DataError::read(&list))?;
        let samples = text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line.trim()))
            .filter(|(_, id)| !id.is_empty())
            .map(|(line, id)| self.sample(&list, line, id))
            .collect::<Result<Vec<_>, _>>()?;
        if samples.is_empty() { Err(DataError::SplitEmpty { path: list }) } else { Ok(samples) }
    }
}

/// Keeps names from the command line and from lists inside their folder.
fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name != ".." && !name.contains(['/', '\\'])
}

/// Class indices of the objects of an annotation, ascending, each once.
fn read_labels(path: &Path) -> Result<Vec<usize>, DataError> {
    let text = fs::read_to_string(path).map_err(DataError::read(path))?;
    let names = object_names(&text).map_err(|reason| DataError::Annotation { path: path.to_owned(), reason })?;
    let mut labels = names
        .into_iter()
        .map(|name| {
            CLASSES.iter().position(|class| *class == name).ok_or_else(|| DataError::UnknownClass {
                path: path.to_owned(),
                example: nearest_class(&name),
                name,
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    labels.sort_unstable();
    labels.dedup();
    if labels.is_empty() { Err(DataError::NoLabels { path: path.to_owned() }) } else { Ok(labels) }
}

/// The texts of `annotation/object/name`. Parts of persons have names as well, one level deeper.
fn object_names(text: &str) -> Result<Vec<String>, String> {
    let mut reader = Reader::from_str(text);
    let (mut path, mut names) = (Vec::<String>::new(), Vec::new());
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(tag) => {
                path.push(tag.name().0.to_owned());
                if path == ["annotation", "object", "name"] {
                    names.push(String::new());
                }
            }
            Event::End(_) => drop(path.pop()),
            Event::Text(content) if path == ["annotation", "object", "name"] => {
                if let Some(name) = names.last_mut() {
                    name.push_str(content.xml10_content().trim());
                }
            }
            Event::Eof if path.is_empty() => return Ok(names),
            Event::Eof => return Err(format!("it ends inside <{}>", path.join("><"))),
            _ => {}
        }
    }
}

/// The class that shares the longest beginning with `name`, for the remedy of an error.
fn nearest_class(name: &str) -> &'static str {
    let common = |class: &str| class.chars().zip(name.to_lowercase().chars()).take_while(|(a, b)| a == b).count();
    CLASSES.into_iter().rev().max_by_key(|class| common(class)).unwrap_or(CLASSES[0])
}
