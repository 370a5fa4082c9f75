//! Label maps of outlines and runs.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use vernier_mask::Rle;

use super::annotations::Annotation;
use crate::decode::MAX_PIXELS;
use crate::error::DataError;
use crate::mask::Mask;

/// Coordinates of the smallest polygon, a triangle; what has fewer covers no pixel.
const TRIANGLE: usize = 6;

/// The objects of an image, of which the mask is drawn on demand.
///
/// As in the masks that weakly supervised methods are scored on: the script that ToCo's `README.md` names,
/// `alicranck/coco2voc` (`coco2voc_aux.py`), draws every annotation with its category, crowds too; where objects overlap,
/// the one with the smaller `area` is on top, of equal ones that which stands first in the file. A pixel belongs to a
/// polygon as in pycocotools.
#[derive(Debug, Clone, PartialEq)]
pub struct CocoMask {
    list: Arc<Path>,
    size: [u32; 2],
    /// Bottom first.
    objects: Vec<Object>,
}

// JSON has no number that differs from itself.
impl Eq for CocoMask {}

/// An object of a mask.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object {
    annotation: u64,
    label: u8,
    area: f64,
    segmentation: Segmentation,
}

/// Where an object is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Segmentation {
    /// `x, y, x, y, …` of each outline.
    Polygons(Vec<Box<[f64]>>),
    /// Runs down the columns, background first.
    Runs(Runs),
}

/// Runs of an image of `size` `[height, width]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Runs {
    size: [u32; 2],
    counts: Counts,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "the counts of an RLE are a string or a list of whole numbers")]
enum Counts {
    Compressed(Box<str>),
    Plain(Box<[u32]>),
}

impl Object {
    /// `None` of an annotation without a class.
    pub(crate) fn new(annotation: Annotation<Segmentation>) -> Option<Self> {
        let label = annotation.class().ok()? + 1;
        let Annotation { id, area, segmentation, .. } = annotation;
        Some(Self { annotation: id, label, area, segmentation })
    }
}

impl CocoMask {
    /// Of `objects` in the order of the file `list`, for an image of `size` `[width, height]`.
    pub(crate) fn new(list: Arc<Path>, size: [u32; 2], mut objects: Vec<Object>) -> Self {
        objects.sort_by(|one, other| one.area.total_cmp(&other.area));
        objects.reverse();
        Self { list, size, objects }
    }

    /// The annotation file.
    pub(crate) fn list(&self) -> &Path {
        &self.list
    }

    pub(crate) fn draw(&self) -> Result<Mask, DataError> {
        let [width, height] = self.size;
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            let name = self.list.display().to_string();
            return Err(DataError::TooLarge { name, width, height, limit: MAX_PIXELS });
        }
        let mut labels = vec![0; width as usize * height as usize];
        for object in &self.objects {
            let parts = object.segmentation.rles(self.size).map_err(|reason| DataError::CocoAnnotation {
                path: self.list.to_path_buf(),
                annotation: object.annotation,
                reason,
            })?;
            for part in parts {
                part.for_each_fg_span(|column, rows| {
                    for row in rows {
                        labels[row as usize * width as usize + column as usize] = object.label;
                    }
                });
            }
        }
        Ok(Mask { width, height, labels })
    }
}

impl Segmentation {
    fn rles(&self, [width, height]: [u32; 2]) -> Result<Vec<Rle>, String> {
        match self {
            Self::Polygons(polygons) => polygons
                .iter()
                .filter(|polygon| polygon.len() >= TRIANGLE)
                .map(|polygon| Rle::from_polygon(polygon, height, width))
                .collect::<Result<_, _>>()
                .map_err(|error| format!("has an outline that cannot be drawn ({error})")),
            Self::Runs(Runs { size, .. }) if *size != [height, width] => {
                Err(format!("has runs for {} x {} pixels, its image has {width} x {height}", size[1], size[0]))
            }
            Self::Runs(Runs { counts, .. }) => {
                let rle = match counts {
                    Counts::Compressed(text) => Rle::from_string_bytes(text.as_bytes(), height, width)
                        .map_err(|error| format!("has runs that cannot be read ({error})"))?,
                    Counts::Plain(counts) => Rle::from_counts(height, width, counts.to_vec()),
                };
                let pixels: u64 = rle.counts.iter().copied().map(u64::from).sum();
                if pixels == u64::from(width) * u64::from(height) {
                    Ok(vec![rle])
                } else {
                    Err(format!("has runs of {pixels} pixels, its image has {width} x {height}"))
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Segmentation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SegmentationVisitor)
    }
}

/// Tells polygons from runs without keeping the text.
struct SegmentationVisitor;

impl<'de> Visitor<'de> for SegmentationVisitor {
    type Value = Segmentation;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a segmentation: a list of polygons, or an RLE with size and counts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut polygons = Vec::new();
        while let Some(polygon) = list.next_element()? {
            polygons.push(polygon);
        }
        Ok(Segmentation::Polygons(polygons))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Runs::deserialize(MapAccessDeserializer::new(map)).map(Segmentation::Runs)
    }
}
