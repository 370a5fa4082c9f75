//! Every view of one encoding of a photo, by a small model with all parts: what the browser is compared with.
//!
//! `DALNET_UPDATE=1 cargo test --workspace --test views` writes model and views anew.

use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use burn::tensor::{Device, TensorData};
use dalnet::alignment::{AlignmentConfig, TextSide};
use dalnet::head::HeadConfig;
use dalnet::{DalNetConfig, EncoderConfig};
use dalnet_assets::{Input, Manifest, Precision, tensors_of, write_model};
use dalnet_engine::{Encoding, Map, Model, Options, Picture, Segmenter};
use dalnet_tests::{fixture, folder};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

/// Wide enough for several patches, small enough for a slow device.
const LONG_SIDE: usize = 160;
const TEXT_DIM: usize = 8;

/// The text of a manifest and the file of weights that it names.
fn random_model() -> Result<(String, Vec<u8>), Box<dyn Error>> {
    let shipped = folder().join("../web/public/model/manifest.json");
    let mut manifest = Manifest::from_json(&fs::read_to_string(shipped)?)?;
    let encoder = EncoderConfig::new(16, 24, 2).with_depth(3).with_pretrained_grid(4);
    manifest.spec.architecture = DalNetConfig::new(encoder, 3)
        .with_auxiliary_block(1)
        .with_head(Some(HeadConfig::new().with_hidden(16).with_dilation(2)))
        .with_alignment(Some(AlignmentConfig::new(TEXT_DIM).with_text_side(TextSide::Centred)));
    manifest.spec.classes.truncate(3);
    manifest.spec.input = Input { scales: vec![1.0, 0.5], map: Map::AuxiliaryCam, ..Input::of_long_side(LONG_SIDE) };
    (manifest.spec.background_threshold, manifest.spec.class_threshold) = (0.55, 0.45);
    manifest.provenance = "random numbers".to_owned();
    manifest.licences.clear();
    let device = Device::flex();
    device.seed(11);
    let mut tensors = tensors_of(&manifest.spec.architecture.init(&device));
    // Weights of the usual size say little about a photo: the last layer of a trained head is clearer, and texts differ.
    for (name, data) in &mut tensors {
        if name.starts_with("head.") || name == "alignment.text" {
            let values = (0..data.num_elements()).map(|index| ((index as f32).powf(1.1)).sin()).collect();
            *data = TensorData::new::<f32, _>(values, data.shape().to_vec());
        }
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("views");
    let manifest = write_model(&folder, manifest, &tensors, Precision::Int8)?;
    Ok((manifest.to_json()?, fs::read(folder.join(&manifest.files[0].path))?))
}

fn encode(manifest: &str, weights: &[u8]) -> Result<Encoding, Box<dyn Error>> {
    let parity = fs::read(fixture("parity"))?;
    let parity = SafeTensors::deserialize(&parity)?;
    let photo = parity.tensor("rgba")?;
    let model = Model::from_verified_bytes(Manifest::from_json(manifest)?, &[weights])?;
    let segmenter = Segmenter::load(model, Device::flex())?;
    let picture = Picture::new(photo.shape()[1], photo.shape()[0], photo.data())?;
    Ok(pollster::block_on(segmenter.encode(&picture))?)
}

/// Name, type, shape and bytes of a tensor.
type Stored = (String, Dtype, Vec<usize>, Vec<u8>);

/// By name: labels of each map, the heat of the first class, and the similarity as the bytes of its numbers.
fn views(encoding: &Encoding) -> Result<Vec<Stored>, Box<dyn Error>> {
    let mut views = Vec::new();
    for map in Map::ALL {
        let options = Options { classes: Some(vec![1, 2, 3]), map: Some(map), ..Options::default() };
        let answer = encoding.ask(&options)?;
        let distinct = answer.labels.iter().collect::<BTreeSet<_>>();
        assert!(distinct.len() > 1, "{map:?}: {distinct:?} compare little");
        views.push((map.name().to_owned(), Dtype::U8, vec![answer.height, answer.width], answer.labels));
    }
    let options =
        Options { classes: Some(vec![1, 2, 3]), map: Some(Map::Fused), refine: Some(true), ..Options::default() };
    let answer = encoding.ask(&options)?;
    let unrefined = &views.last().ok_or("there are maps")?.3;
    assert!(answer.labels != *unrefined, "refinement changes something");
    views.push(("refined".to_owned(), Dtype::U8, vec![answer.height, answer.width], answer.labels));
    let heat = encoding.heat(1, None, None)?;
    views.push(("heat".to_owned(), Dtype::U8, vec![heat.height, heat.width], heat.values));
    let similarity = encoding.similarity().ok_or("the model has an alignment")?;
    let bytes = similarity.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let shape = vec![similarity.names.len(), similarity.rows, similarity.columns];
    views.push(("similarity".to_owned(), Dtype::F32, shape, bytes));
    Ok(views)
}

#[test]
fn native_views() -> Result<(), Box<dyn Error>> {
    let path = fixture("views");
    if env::var_os("DALNET_UPDATE").is_some() {
        let (manifest, weights) = random_model()?;
        let mut stored = views(&encode(&manifest, &weights)?)?;
        for (name, bytes) in [("manifest", manifest.into_bytes()), ("weights", weights)] {
            stored.push((name.to_owned(), Dtype::U8, vec![bytes.len()], bytes));
        }
        let stored = stored.iter().map(|(name, dtype, shape, bytes)| {
            Ok::<_, safetensors::SafeTensorError>((name, TensorView::new(*dtype, shape.clone(), bytes)?))
        });
        fs::write(&path, serialize(stored.collect::<Result<Vec<_>, _>>()?, None)?)?;
    }
    let bytes = fs::read(&path)?;
    let expected = SafeTensors::deserialize(&bytes)?;
    let manifest = std::str::from_utf8(expected.tensor("manifest")?.data())?;
    for (name, dtype, shape, bytes) in views(&encode(manifest, expected.tensor("weights")?.data())?)? {
        let expected = expected.tensor(&name)?;
        assert_eq!(expected.shape(), shape, "{name}");
        // Processors differ in the order of their sums: a border pixel may tip over, a byte be rounded otherwise.
        if dtype == Dtype::F32 {
            let numbers = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
            let (actual, expected): (Vec<f32>, Vec<f32>) = (numbers(&bytes), numbers(expected.data()));
            let worst = actual.iter().zip(&expected).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-4, "{name}: {worst:e} apart");
        } else {
            let equal = bytes.iter().zip(expected.data()).filter(|(one, other)| one == other).count();
            let share = equal as f64 / bytes.len() as f64;
            assert!(share >= 0.999, "{name}: {:.3} % equal; is DALNET_UPDATE=1 due?", 100.0 * share);
        }
    }
    Ok(())
}
