//! The shipped model on a sample photo: the native engine's label maps, which the browser is compared with.
//!
//! `DALNET_UPDATE=1 cargo test --workspace --test parity` writes them anew after a new model was shipped.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use dalnet_data::decode_file;
use dalnet_engine::{Model, Options, Picture, Segmentation, Segmenter};
use dalnet_tests::devices;
use image::{DynamicImage, GrayImage};

/// Longer side of the small map, which a software GPU computes in reasonable time.
const SMALL_SIDE: usize = 96;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn segment(device: Device, long_side: Option<usize>) -> Result<Segmentation, Box<dyn Error>> {
    let mut model = Model::open(&repository().join("web/public/model"))?;
    model.spec.input.long_side = long_side.unwrap_or(model.spec.input.long_side);
    let segmenter = Segmenter::load(model, device)?;
    let photo = DynamicImage::ImageRgb8(decode_file(&repository().join("web/public/samples/cat.jpg"))?).into_rgba8();
    let picture = Picture::new(photo.width() as usize, photo.height() as usize, photo.as_raw())?;
    Ok(pollster::block_on(segmenter.segment(&picture, &Options::default()))?)
}

fn share_of_equal(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len(), "size of the label maps");
    one.iter().zip(other).filter(|(one, other)| one == other).count() as f64 / one.len() as f64
}

#[test]
fn native_label_maps() -> Result<(), Box<dyn Error>> {
    for (name, long_side) in [("cat_full", None), ("cat_small", Some(SMALL_SIDE))] {
        let path = repository().join(format!("tests/fixtures/{name}.png"));
        let result = segment(Device::flex(), long_side)?;
        assert_eq!(result.classes.first().map(|class| class.name.as_str()), Some("cat"), "{:?}", result.classes);
        if env::var_os("DALNET_UPDATE").is_some() {
            let size = (u32::try_from(result.width)?, u32::try_from(result.height)?);
            GrayImage::from_raw(size.0, size.1, result.labels.clone()).ok_or("size")?.save(&path)?;
        }
        let share = share_of_equal(&result.labels, image::open(&path)?.into_luma8().as_raw());
        // Processors differ in the order of their sums: a border pixel may tip over.
        assert!(share >= 0.999, "{name}: {:.3} % equal; set DALNET_UPDATE=1 if the model is new", 100.0 * share);
    }
    Ok(())
}

#[test]
fn every_device_labels_alike() -> Result<(), Box<dyn Error>> {
    let reference = segment(Device::flex(), Some(SMALL_SIDE))?;
    for (name, device) in devices() {
        let result = segment(device, Some(SMALL_SIDE))?;
        let share = share_of_equal(&reference.labels, &result.labels);
        assert!(share >= 0.999, "{name}: {:.3} % of the pixels equal", 100.0 * share);
    }
    Ok(())
}
