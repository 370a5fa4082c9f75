//! The shipped model on a sample photo: the native engine's label map, which the browser is compared with.
//!
//! `DALNET_UPDATE=1 cargo test --workspace --test parity` writes it anew after a new model was shipped. The photo is
//! stored decoded: the browser tests then need no decoder, which would change the features that burn is built with.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, TensorData};
use dalnet::head::HeadConfig;
use dalnet_assets::{Manifest, Map, Precision, tensors_of, write_model};
use dalnet_data::decode_file;
use dalnet_engine::{Model, Options, Picture, Segmentation, Segmenter};
use dalnet_tests::{devices, fixture, folder};
use image::{DynamicImage, imageops::FilterType};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

/// Longer side of the stored photo.
const PHOTO_SIDE: u32 = 300;
/// Longer side for native software GPUs, which take minutes for the full size.
const SMALL_SIDE: usize = 160;
/// The label of a cat, asked for by name: at the small size the network need not find it by itself.
const CAT: usize = 8;

fn repository() -> PathBuf {
    folder().join("..")
}

/// RGBA with its `[height, width]`.
type Photo = (Vec<u8>, [usize; 2]);

fn stored_photo() -> Result<Photo, Box<dyn Error>> {
    let bytes = fs::read(fixture("parity"))?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let rgba = tensors.tensor("rgba")?;
    Ok((rgba.data().to_vec(), [rgba.shape()[0], rgba.shape()[1]]))
}

fn sample_photo() -> Result<Photo, Box<dyn Error>> {
    let photo = DynamicImage::ImageRgb8(decode_file(&repository().join("web/public/samples/cat.jpg"))?);
    let photo = photo.resize(PHOTO_SIDE, PHOTO_SIDE, FilterType::Triangle).into_rgba8();
    let size = [photo.height() as usize, photo.width() as usize];
    Ok((photo.into_raw(), size))
}

fn segment(device: Device, photo: &Photo, long_side: Option<usize>) -> Result<Segmentation, Box<dyn Error>> {
    let classes = long_side.map(|_| vec![CAT]);
    segment_with(Model::open(&repository().join("web/public/model"))?, device, photo, long_side, classes)
}

fn segment_with(
    mut model: Model,
    device: Device,
    photo: &Photo,
    long_side: Option<usize>,
    classes: Option<Vec<usize>>,
) -> Result<Segmentation, Box<dyn Error>> {
    model.spec.input.long_side = long_side.unwrap_or(model.spec.input.long_side);
    let segmenter = Segmenter::load(model, device)?;
    let (rgba, [height, width]) = photo;
    let picture = Picture::new(*width, *height, rgba)?;
    Ok(pollster::block_on(segmenter.segment(&picture, &Options { classes, ..Options::default() }))?)
}

fn share_of_equal(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len(), "size of the label maps");
    one.iter().zip(other).filter(|(one, other)| one == other).count() as f64 / one.len() as f64
}

#[test]
fn native_label_map() -> Result<(), Box<dyn Error>> {
    let update = env::var_os("DALNET_UPDATE").is_some();
    let photo = if update { sample_photo()? } else { stored_photo()? };
    let Segmentation { labels, classes, .. } = segment(Device::flex(), &photo, None)?;
    let Some(top) = classes.first() else { panic!("no class found") };
    assert!(top.index == CAT && top.share > 0.2, "{classes:?}");
    if update {
        let [height, width] = photo.1;
        let views = BTreeMap::from([
            ("rgba", TensorView::new(Dtype::U8, vec![height, width, 4], &photo.0)?),
            ("labels", TensorView::new(Dtype::U8, vec![height, width], &labels)?),
        ]);
        fs::write(fixture("parity"), serialize(views, None)?)?;
    }
    let bytes = fs::read(fixture("parity"))?;
    let share = share_of_equal(&labels, SafeTensors::deserialize(&bytes)?.tensor("labels")?.data());
    // Processors differ in the order of their sums: a border pixel may tip over.
    assert!(share >= 0.999, "{:.3} % equal; set DALNET_UPDATE=1 if the model is new", 100.0 * share);
    Ok(())
}

#[test]
fn every_device_labels_alike() -> Result<(), Box<dyn Error>> {
    let photo = sample_photo()?;
    let reference = segment(Device::flex(), &photo, Some(SMALL_SIDE))?;
    for (name, device) in devices() {
        let result = segment(device, &photo, Some(SMALL_SIDE))?;
        let share = share_of_equal(&reference.labels, &result.labels);
        assert!(share >= 0.999, "{name}: {:.3} % of the pixels equal", 100.0 * share);
    }
    Ok(())
}

/// The shipped encoder with a head of random numbers, through the files of an int8 export.
#[test]
fn every_device_labels_alike_with_a_head() -> Result<(), Box<dyn Error>> {
    let shipped = repository().join("web/public/model");
    let mut manifest = Manifest::from_json(&fs::read_to_string(shipped.join("manifest.json"))?)?;
    let mut tensors = Model::open(&shipped)?.tensors;
    manifest.spec.architecture.head = Some(HeadConfig::new().with_hidden(32));
    (manifest.spec.input.map, manifest.spec.background_threshold) = (Map::Segmentation, 0.5);
    manifest.spec.input.exponents.clear();
    let network = tensors_of(&manifest.spec.architecture.init(&Device::flex()));
    for (name, data) in network.into_iter().filter(|(name, _)| name.starts_with("head.")) {
        let values = (0..data.num_elements()).map(|index| 0.1 * (index as f32).powf(1.1).sin()).collect();
        tensors.insert(name, TensorData::new::<f32, _>(values, data.shape().to_vec()));
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("headed");
    write_model(&folder, manifest, &tensors, Precision::Int8)?;

    let photo = sample_photo()?;
    let labels = |device| -> Result<Vec<u8>, Box<dyn Error>> {
        let classes = Some((1..=20).collect());
        Ok(segment_with(Model::open(&folder)?, device, &photo, Some(SMALL_SIDE), classes)?.labels)
    };
    let reference = labels(Device::flex())?;
    let distinct = reference.iter().collect::<BTreeSet<_>>();
    assert!(distinct.len() > 2, "{distinct:?} compare little");
    for (name, device) in devices() {
        let share = share_of_equal(&reference, &labels(device)?);
        assert!(share >= 0.999, "{name}: {:.3} % of the pixels equal", 100.0 * share);
    }
    Ok(())
}
