//! Everything that can be wrong with data from outside: each message names the file, the value and the remedy.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why data cannot be used.
#[derive(Debug, Error)]
pub enum DataError {
    /// The data set's folder, or one of its parts, is missing.
    #[error(
        "{path}: there is no such folder; give the VOCdevkit/VOC2012 folder, which holds JPEGImages, Annotations and ImageSets/Segmentation"
    )]
    FolderMissing {
        /// The folder.
        path: PathBuf,
    },
    /// There is no list of pictures of this name.
    #[error("{path}: the split \"{split}\" is missing; this data set has {available}")]
    SplitMissing {
        /// The file that would list it.
        path: PathBuf,
        /// The split's name.
        split: String,
        /// The splits that exist.
        available: String,
    },
    /// A list of pictures without any.
    #[error("{path}: the split lists no picture; write one picture id on each line")]
    SplitEmpty {
        /// The list.
        path: PathBuf,
    },
    /// A line of a list that is no picture id.
    #[error(
        "{path}: line {line} is \"{value}\", which is no picture id; write one file name without folder and ending on each line"
    )]
    PictureId {
        /// The list.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What stands there.
        value: String,
    },
    /// A listed picture is not there.
    #[error(
        "{path}: the picture is missing although {list} lists it; unpack the whole data set or take \"{id}\" out of the list"
    )]
    PictureMissing {
        /// The picture.
        path: PathBuf,
        /// The list that names it.
        list: PathBuf,
        /// Its id.
        id: String,
    },
    /// A file that cannot be read at all.
    #[error("{path}: cannot be read ({source}); check that the file exists and that you may read it")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// An annotation that is no XML.
    #[error("{path}: is no readable VOC annotation ({reason}); unpack the file again")]
    Annotation {
        /// The annotation.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// An annotation with an object of a class that VOC does not have.
    #[error("{path}: the object class \"{name}\" is none of VOC's 20; correct the name, for example \"{example}\"")]
    UnknownClass {
        /// The annotation.
        path: PathBuf,
        /// The class.
        name: String,
        /// A name that would do.
        example: &'static str,
    },
    /// An annotation without any object: a picture without tags teaches nothing.
    #[error("{path}: names no object, so its picture has no label; add an object or take the picture out of the split")]
    NoLabels {
        /// The annotation.
        path: PathBuf,
    },
    /// A file that is no picture of a known format.
    #[error("{name}: is not a JPEG or PNG picture ({found}); convert it to JPEG or PNG")]
    NotAPicture {
        /// The picture.
        name: String,
        /// What its first bytes are.
        found: String,
    },
    /// A JPEG that ends before its end marker.
    #[error(
        "{name}: the JPEG is cut off after {bytes} bytes, its end marker is missing; copy or download the file again"
    )]
    Truncated {
        /// The picture.
        name: String,
        /// Its length in bytes.
        bytes: usize,
    },
    /// A picture that its decoder refuses.
    #[error("{name}: the picture cannot be decoded ({reason}); copy it again or save it anew as JPEG or PNG")]
    Undecodable {
        /// The picture.
        name: String,
        /// What the decoder says.
        reason: String,
    },
    /// A picture with more pixels than memory should be spent on.
    #[error("{name}: {width} x {height} pixels are more than the {limit} that are decoded; make the picture smaller")]
    TooLarge {
        /// The picture.
        name: String,
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
        /// The most pixels that are decoded.
        limit: u64,
    },
    /// A sample that should be scored has no mask.
    #[error("picture \"{id}\" has no mask; score a split whose pictures have masks")]
    MaskMissing {
        /// The picture's id.
        id: String,
    },
    /// A mask that is no PNG of class indices.
    #[error("{path}: is no mask of class indices ({reason}); write it as a palette or 8-bit grey PNG")]
    MaskFormat {
        /// The mask.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A mask with a value that is no class.
    #[error(
        "{path}: the mask has the value {value} in row {row}, column {column}; only 0 to {last} and 255 for ignore are classes"
    )]
    MaskValue {
        /// The mask.
        path: PathBuf,
        /// The value.
        value: u8,
        /// Its row, from 0.
        row: usize,
        /// Its column, from 0.
        column: usize,
        /// The largest class.
        last: usize,
    },
    /// A mask that does not cover its picture.
    #[error("{path}: the mask has {} x {} pixels but its picture {} x {}; make both the same size", .mask[0], .mask[1], .picture[0], .picture[1])]
    MaskSize {
        /// The mask.
        path: PathBuf,
        /// Its width and height.
        mask: [u32; 2],
        /// The picture's width and height.
        picture: [u32; 2],
    },
    /// A file or folder that a data set is made of is missing.
    #[error("{path}: does not exist; {remedy}")]
    Missing {
        /// What is missing.
        path: PathBuf,
        /// What to do.
        remedy: &'static str,
    },
    /// A line of `tags.csv` or of a list of classes that cannot be used.
    #[error("{path}: line {line} {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: u64,
        /// What is wrong with it, and the remedy.
        reason: String,
    },
    /// A file, an archive or a member of one that cannot be used as a whole.
    #[error("{path}: {reason}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and the remedy.
        reason: String,
    },
    /// A data set without any photo to train on.
    #[error("{path}: holds no photo with a tag; {remedy}")]
    NoPhotos {
        /// The data set.
        path: PathBuf,
        /// How to tag photos.
        remedy: &'static str,
    },
    /// Photos whose masks would be written to one file.
    #[error("{path}: \"{first}\" and \"{second}\" differ only in their ending, so they have one mask; rename one")]
    SameId {
        /// The data set.
        path: PathBuf,
        /// A photo.
        first: String,
        /// Another photo.
        second: String,
    },
    /// No photo of a tagged data set belongs to this split.
    #[error("{path}: no photo belongs to the split \"{split}\", this data set has {available}; {remedy}")]
    NoSplit {
        /// The data set.
        path: PathBuf,
        /// The split's name.
        split: String,
        /// The splits that exist.
        available: String,
        /// How to make one.
        remedy: &'static str,
    },
    /// An annotation file that is no JSON of COCO's layout.
    #[error("{path}: is no annotation file of COCO ({reason}); unpack annotations_trainval2014.zip again")]
    CocoFile {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// A category that COCO does not have.
    #[error(
        "{path}: has the category {id} \"{name}\", which is none of COCO's 80; for classes of your own use folder:DIR or tar:DIR"
    )]
    CocoCategory {
        /// The file.
        path: PathBuf,
        /// The category's number.
        id: u64,
        /// Its name.
        name: String,
    },
    /// An annotation that contradicts the rest of its file.
    #[error("{path}: annotation {annotation} {reason}; correct it, or unpack annotations_trainval2014.zip again")]
    CocoAnnotation {
        /// The file.
        path: PathBuf,
        /// The annotation's id.
        annotation: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting outside its range.
    #[error("{setting} is {value}; it must be {allowed}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// Its value.
        value: String,
        /// Its range.
        allowed: &'static str,
    },
    /// A sample with a label that is no class.
    #[error("picture \"{id}\" has the labels {labels:?}; they must be one or more of the classes 0 to {last}")]
    Labels {
        /// The picture's id.
        id: String,
        /// Its labels.
        labels: Vec<usize>,
        /// The largest class.
        last: usize,
    },
    /// A thread of the loader died or could not be started.
    #[error("a worker of the data loader stopped ({0}); start the program again with fewer workers")]
    Worker(String),
}

impl DataError {
    /// For `map_err` at a read of `path`.
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }
}
