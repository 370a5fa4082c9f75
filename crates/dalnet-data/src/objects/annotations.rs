//! What is read of an annotation file.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::CATEGORIES;
use crate::error::DataError;

/// Bytes read at once: the files have hundreds of megabytes.
const BUFFER: usize = 1 << 20;

/// The parts of an annotation file that are used, with segmentations as `S`.
#[derive(Debug, Deserialize)]
pub(crate) struct Annotations<S> {
    pub(crate) images: Vec<Image>,
    pub(crate) annotations: Vec<Annotation<S>>,
    pub(super) categories: Vec<Category>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Image {
    pub(crate) id: u64,
    pub(crate) file_name: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Annotation<S> {
    pub(crate) id: u64,
    pub(crate) image_id: u64,
    pub(crate) category_id: u64,
    /// Pixels of the object, as the file says.
    pub(crate) area: f64,
    pub(crate) segmentation: S,
}

#[derive(Debug, Deserialize)]
pub(super) struct Category {
    id: u64,
    name: String,
}

impl<S: DeserializeOwned> Annotations<S> {
    /// Reads a file piece by piece: what is not used takes no memory.
    pub(crate) fn read(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::read(path))?;
        let annotations: Self = serde_json::from_reader(BufReader::with_capacity(BUFFER, file))
            .map_err(|error| DataError::CocoFile { path: path.to_owned(), reason: error.to_string() })?;
        if let Some(Category { id, name }) = annotations.categories.iter().find(|category| !category.is_known()) {
            return Err(DataError::CocoCategory { path: path.to_owned(), id: *id, name: name.clone() });
        }
        Ok(annotations)
    }
}

impl Category {
    fn is_known(&self) -> bool {
        CATEGORIES.contains(&(self.id, self.name.as_str()))
    }
}

impl<S> Annotation<S> {
    /// The index of its class; if it has none, its id and the reason.
    pub(crate) fn class(&self) -> Result<u8, (u64, String)> {
        class_of(self.category_id)
            .ok_or_else(|| (self.id, format!("has the category {}, which is none of COCO's 80", self.category_id)))
    }
}

fn class_of(category: u64) -> Option<u8> {
    CATEGORIES.iter().zip(0..).find_map(|((id, _), class)| (*id == category).then_some(class))
}
