//! A small synthetic VOC tree, written file by file.

#![allow(dead_code, reason = "every test file uses its own part of the helpers")]

use std::fs;
use std::path::{Path, PathBuf};

use dalnet_data::{AugmentConfig, BatchConfig, DataError, DataSet, Normalisation, Voc};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageEncoder, RgbImage};
use tempfile::TempDir;

/// A VOC folder that vanishes with the test.
pub(crate) struct Tree(TempDir);

impl Tree {
    pub(crate) fn new() -> Self {
        let tree = Self(TempDir::new().expect("a temporary folder"));
        for folder in ["JPEGImages", "Annotations", "SegmentationClass", "ImageSets/Segmentation"] {
            fs::create_dir_all(tree.root().join(folder)).expect("a folder of the tree");
        }
        tree
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root().join(path);
        fs::write(&path, bytes).expect("a file of the tree");
        path
    }

    pub(crate) fn split(&self, name: &str, ids: &[&str]) -> PathBuf {
        self.write(&format!("ImageSets/Segmentation/{name}.txt"), ids.join("\n"))
    }

    pub(crate) fn picture(&self, id: &str, picture: &RgbImage) -> PathBuf {
        self.write(&format!("JPEGImages/{id}.jpg"), jpeg(picture, None))
    }

    pub(crate) fn annotation(&self, id: &str, objects: &[&str]) -> PathBuf {
        let objects: String = objects
            .iter()
            .map(|name| {
                format!(
                    "<object>\n<name>{name}</name><difficult>1</difficult>\
                     <part><name>head</name></part></object>"
                )
            })
            .collect();
        let text =
            format!("<annotation><filename>{id}.jpg</filename><owner><name>?</name></owner>{objects}</annotation>");
        self.write(&format!("Annotations/{id}.xml"), text)
    }

    pub(crate) fn mask(&self, id: &str, size: [u32; 2], labels: &[u8]) -> PathBuf {
        self.write(&format!("SegmentationClass/{id}.png"), palette_png(size, png::BitDepth::Eight, labels))
    }

    /// A picture of one colour with one annotation.
    pub(crate) fn add(&self, id: &str, size: [u32; 2], objects: &[&str]) {
        self.picture(id, &RgbImage::from_pixel(size[0], size[1], image::Rgb([200, 100, 50])));
        self.annotation(id, objects);
    }

    pub(crate) fn open(&self) -> Voc {
        Voc::open(self.root()).expect("the tree is complete")
    }

    pub(crate) fn split_error(&self, name: &str) -> DataError {
        self.open().split(name).expect_err("the split is broken")
    }
}

pub(crate) fn jpeg(picture: &RgbImage, exif: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif).expect("JPEG holds EXIF");
    }
    encoder.encode_image(picture).expect("an encodable picture");
    bytes
}

/// `data` holds the rows packed at `depth`.
pub(crate) fn palette_png([width, height]: [u32; 2], depth: png::BitDepth, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(depth);
    // Every entry has the same colour: only indices count.
    encoder.set_palette(vec![7; 3 << (depth as u8)]);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(data)).expect("an encodable mask");
    bytes
}

/// Little-endian TIFF with the orientation tag alone.
pub(crate) fn exif_orientation(orientation: u8) -> Vec<u8> {
    let mut exif = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif
}

pub(crate) fn batch_config(batch_size: usize, seed: u64) -> BatchConfig {
    BatchConfig { batch_size, classes: 20, seed, augment: AugmentConfig::new(24), normalisation: Normalisation::HALF }
}

/// All of `parts` must be in the message, and it must be one sentence on one line.
pub(crate) fn assert_says(error: &DataError, parts: &[&str]) {
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "\"{part}\" is not in: {message}");
    }
    assert!(!message.contains('\n'), "{message}");
}
