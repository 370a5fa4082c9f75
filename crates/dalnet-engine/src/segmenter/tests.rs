use std::collections::BTreeSet;

use burn::tensor::{Device, Tensor, TensorData};
use dalnet::DalNet;
use dalnet::alignment::{AlignmentConfig, TextSide};
use dalnet::head::HeadConfig;
use dalnet::segmentation::multi_scale_segmentation;
use dalnet::similarity::similarity_maps;
use dalnet_assets::{Map, Model, ModelSpec, load_strict, tensors_of};
use pollster::block_on;

use super::Segmenter;
use crate::answer::Similarity;
use crate::encoding::{Encoding, Options};
use crate::error::EngineError;
use crate::fixture::spec;
use crate::picture::Picture;

/// Random weights, but for the second class, which is the opposite of the first: where the CAM of one is 0 everywhere,
/// that of the other is not.
fn model() -> Model {
    let mut model = model_of(spec());
    let weight = model.tensors["classifier.linear.weight"].clone();
    let shape = weight.shape().to_vec();
    let mut values = weight.iter::<f32>().collect::<Vec<_>>();
    for feature in 0..shape[1] {
        values[shape[1] + feature] = -values[feature];
    }
    model.tensors.insert("classifier.linear.weight".to_owned(), TensorData::new(values, shape));
    model
}

fn model_of(spec: ModelSpec) -> Model {
    let tensors = tensors_of(&spec.architecture.init(&Device::flex()));
    Model { spec, tensors, checkpoint_sha256: None }
}

fn rgba(width: usize, height: usize) -> Vec<u8> {
    (0..width * height * 4).map(|index| (index * 7 % 251) as u8 | if index % 4 == 3 { 255 } else { 0 }).collect()
}

#[test]
fn another_segmenter_takes_half_of_the_work() {
    let (segmenter, other) = (Segmenter::load(model(), Device::flex()).unwrap(), model());
    let other = Segmenter::load(Model { tensors: tensors_of(&segmenter.network), ..other }, Device::flex()).unwrap();
    let pixels = rgba(90, 61);
    let picture = Picture::new(90, 61, &pixels).unwrap();
    let options = Options { classes: Some(vec![1, 2, 3]), background_threshold: Some(0.2), ..Options::default() };
    let alone = block_on(segmenter.encode(&picture)).unwrap();
    let labels = alone.ask(&options).unwrap().labels;
    let numbers = block_on(other.encode_mirror_image(&picture)).unwrap();
    let wrong = numbers.iter().map(|value| -value).collect();
    let encode = |mirror_image: Option<Vec<f32>>| {
        let encoding = block_on(segmenter.encode_beside(&picture, std::future::ready(mirror_image))).unwrap();
        encoding.ask(&options).unwrap().labels
    };
    // Failed, of another picture, or of another model: then it does everything itself.
    for mirror_image in [Some(numbers.clone()), None, Some(Vec::new()), Some(numbers[1..].to_vec())] {
        let differ = encode(mirror_image).iter().zip(&labels).filter(|(one, other)| one != other).count();
        assert!(differ * 1000 < labels.len(), "{differ} of {} labels", labels.len());
    }
    assert_ne!(encode(Some(wrong)), labels, "what is sent is used");
}

#[test]
fn one_encoding_answers_as_often_as_asked() {
    let segmenter = Segmenter::load(model(), Device::flex()).unwrap();
    assert_eq!(segmenter.classes(), ["cat", "dog", "sheep"]);
    // Wide, tall, and without a whole patch at the smaller scale.
    for (width, height) in [(90, 61), (33, 70), (400, 17)] {
        let pixels = rgba(width, height);
        let picture = Picture::new(width, height, &pixels).unwrap();
        let encoding = block_on(segmenter.encode(&picture)).unwrap();
        for options in [
            Options::default(),
            Options { classes: Some(vec![1, 2, 3]), background_threshold: Some(0.2), ..Options::default() },
            Options { classes: Some(vec![3]), ..Options::default() },
        ] {
            let asked = encoding.ask(&options).unwrap();
            let mut at_once = block_on(segmenter.segment(&picture, &options)).unwrap();
            assert_eq!((asked.width, asked.height), (width, height));
            assert_eq!(asked.labels.len(), width * height);
            let names = asked.timings.iter().map(|(name, _)| *name).collect::<Vec<_>>();
            assert_eq!(names, ["prepare", "encode", "refine", "label"]);
            // Only the clock differs.
            at_once.timings.clone_from(&asked.timings);
            assert_eq!(at_once, asked);
        }
        let all = encoding
            .ask(&Options { classes: Some(vec![1, 2, 3]), background_threshold: Some(0.2), ..Options::default() })
            .unwrap();
        assert!(all.labels.iter().any(|label| *label > 0), "a CAM reaches 1 somewhere");
    }
}

#[test]
fn weights_of_another_architecture_are_refused() {
    let mut lacking = model();
    lacking.tensors.remove("encoder.norm.bias").unwrap();
    let mut surplus = model();
    let copy = surplus.tensors["encoder.norm.bias"].clone();
    surplus.tensors.insert("decoder.weight".to_owned(), copy);
    let mut wider = model();
    wider.spec.architecture.encoder.dim = 48;
    for (model, reason) in [
        (lacking, "missing: encoder.norm.bias [24]"),
        (surplus, "unexpected: decoder.weight [24]"),
        (wider, "wrong shape: encoder.cls_token is [1, 1, 24], the model has [1, 1, 48]"),
    ] {
        let error = Segmenter::load(model, Device::flex()).unwrap_err();
        assert!(matches!(error, EngineError::Model(_)), "{error}");
        let error = error.to_string();
        assert!(error.starts_with("the model cannot be used") && error.contains(reason), "{error}");
    }
}

/// With a head, which is to label the pixels: the architecture of the other tests otherwise.
fn headed() -> ModelSpec {
    let mut spec = spec();
    spec.architecture.head = Some(HeadConfig::new().with_hidden(16).with_dilation(2));
    spec.input.map = Map::Segmentation;
    spec
}

/// A picture of two halves as large as the network's input, so that nothing is resized afterwards.
#[test]
fn a_head_labels_by_its_largest_logit() {
    let (width, height) = (64, 48);
    let mut pixels = rgba(width, height);
    pixels
        .chunks_exact_mut(4)
        .enumerate()
        .filter(|(index, _)| index % width < 32)
        .for_each(|(_, pixel)| pixel.fill(255));
    let picture = Picture::new(width, height, &pixels).unwrap();
    let expected = |model: &Model| {
        let spec = &model.spec;
        let network: DalNet = load_strict(spec.architecture.init(&Device::flex()), model.tensors.clone()).unwrap();
        let input = picture.input(spec, &Device::flex());
        let logits = multi_scale_segmentation(&network, input, &spec.input.scales).expect("a head").logits;
        logits.argmax(1).into_data().iter::<i64>().map(|label| label as u8).collect::<Vec<_>>()
    };
    // Many a random head prefers one label everywhere, which compares nothing.
    let (expected, model) = (0..100)
        .map(|_| clear(model_of(headed())))
        .map(|model| (expected(&model), model))
        .find(|(labels, _)| labels.contains(&0) && labels.iter().any(|label| *label > 0))
        .expect("a head with labels of both kinds");
    let segmenter = Segmenter::load(model, Device::flex()).unwrap();
    let all = Options { classes: Some(vec![1, 2, 3]), ..Options::default() };
    assert_eq!(block_on(segmenter.segment(&picture, &all)).unwrap().labels, expected);
}

/// With a last layer that tells labels apart as clearly as a trained one.
fn clear(mut model: Model) -> Model {
    let last = model.tensors["head.conv3.weight"].clone();
    let values = last.iter::<f32>().map(|value| 20.0 * value).collect();
    model.tensors.insert("head.conv3.weight".to_owned(), TensorData::new::<f32, _>(values, last.shape().to_vec()));
    model
}

#[test]
fn a_model_without_the_head_that_it_names_is_refused() {
    let mut headless = headed();
    headless.architecture.head = None;
    let error = Segmenter::load(model_of(headless), Device::flex()).unwrap_err().to_string();
    assert!(error.contains("no head") && error.contains("another map"), "{error}");
}

/// A model with a head and an alignment, whose texts point in different directions.
fn complete() -> Model {
    let mut spec = headed();
    spec.input.map = Map::AuxiliaryCam;
    spec.architecture.alignment = Some(AlignmentConfig::new(8).with_text_side(TextSide::Centred));
    let mut model = clear(model_of(spec));
    let texts = (0..4 * 8).map(|index| ((index as f32).powf(1.3) * 0.7).sin()).collect();
    model.tensors.insert("alignment.text".to_owned(), TensorData::new::<f32, _>(texts, [4, 8]));
    model
}

#[test]
fn one_encoding_answers_every_view() {
    let pixels = rgba(90, 61);
    let picture = Picture::new(90, 61, &pixels).unwrap();
    let complete = complete();
    let segmenter = Segmenter::load(complete.clone(), Device::flex()).unwrap();
    assert_eq!(segmenter.maps(), Map::ALL);
    let encoding = block_on(segmenter.encode(&picture)).unwrap();
    let options =
        |map| Options { classes: Some(vec![1, 2, 3]), background_threshold: Some(0.3), map, ..Options::default() };
    let mut distinct = BTreeSet::new();
    for map in Map::ALL {
        // As a model answers whose own map it is.
        let mut model = complete.clone();
        model.spec.input.map = map;
        let segmenter = Segmenter::load(model, Device::flex()).unwrap();
        let expected = block_on(segmenter.segment(&picture, &options(None))).unwrap();
        let actual = encoding.ask(&options(Some(map))).unwrap();
        assert_eq!((&actual.labels, &actual.confidence), (&expected.labels, &expected.confidence), "{map:?}");
        distinct.insert(actual.labels);
    }
    assert_eq!(distinct.len(), Map::ALL.len(), "maps that are alike compare nothing");
    assert_eq!(
        encoding.ask(&options(None)).unwrap().labels,
        encoding.ask(&options(Some(Map::AuxiliaryCam))).unwrap().labels
    );
}

#[test]
fn each_class_of_the_models_map_has_its_power() {
    let pixels = rgba(90, 61);
    let picture = Picture::new(90, 61, &pixels).unwrap();
    let mut model = complete();
    model.spec.input.map = Map::Fused;
    let encoding = |exponents: &[f32]| {
        let mut model = model.clone();
        model.spec.input.exponents = exponents.to_vec();
        block_on(Segmenter::load(model, Device::flex()).unwrap().encode(&picture)).unwrap()
    };
    let exponents = [0.5, 1.0, 2.5];
    let (plain, raised) = (encoding(&[]), encoding(&exponents));
    let heat = |encoding: &Encoding, label, map| encoding.heat(label, Some(map), Some(false)).unwrap().values;
    let mut furthest = 0.0_f32;
    for (label, exponent) in (1..).zip(exponents) {
        for (plain, raised) in heat(&plain, label, Map::Fused).iter().zip(heat(&raised, label, Map::Fused)) {
            let expected = 255.0 * (f32::from(*plain) / 255.0).powf(exponent);
            // Plain values are rounded first, and pixels lie between those of the map.
            assert!((f32::from(raised) - expected).abs() < 20.0, "{label}: {plain} to {raised}");
            furthest = furthest.max((f32::from(raised) - f32::from(*plain)).abs());
        }
        assert_eq!(heat(&plain, label, Map::AuxiliaryCam), heat(&raised, label, Map::AuxiliaryCam));
    }
    assert_eq!(heat(&plain, 2, Map::Fused), heat(&raised, 2, Map::Fused));
    assert!(furthest > 40.0, "{furthest}");
}

#[test]
fn similarity_is_that_of_patches_and_texts() {
    let mut model = complete();
    model.spec.input.scales = vec![1.0];
    let pixels = rgba(90, 61);
    let picture = Picture::new(90, 61, &pixels).unwrap();
    let network: DalNet = load_strict(model.spec.architecture.init(&Device::flex()), model.tensors.clone()).unwrap();
    let input = picture.input(&model.spec, &Device::flex());
    let alignment = network.alignment.as_ref().unwrap();
    let of = |images: Tensor<4>| similarity_maps(alignment, &network.encode(images, &[]));
    let expected = (of(input.clone()) + of(input.flip([3])).flip([3])) / 2.0;
    let segmenter = Segmenter::load(model, Device::flex()).unwrap();
    let encoding = block_on(segmenter.encode(&picture)).unwrap();
    let Similarity { rows, columns, names, values } = encoding.similarity().expect("a model with an alignment");
    assert_eq!(names, &["cat", "dog", "sheep", "background"]);
    assert_eq!(expected.dims(), [1, names.len(), *rows, *columns]);
    let expected = expected.into_data().try_to_vec::<f32>().unwrap();
    assert_eq!(values.len(), expected.len());
    for (value, expected) in values.iter().zip(&expected) {
        assert!((value - expected).abs() < 1e-5, "{value} for {expected}");
    }
    assert!(values.iter().any(|value| *value < -0.1) && values.iter().any(|value| *value > 0.1));
}

#[test]
fn a_model_has_the_views_of_its_parts() {
    let segmenter = Segmenter::load(model(), Device::flex()).unwrap();
    assert_eq!(segmenter.maps(), [Map::Cam, Map::AuxiliaryCam]);
    let pixels = rgba(64, 48);
    let encoding = block_on(segmenter.encode(&Picture::new(64, 48, &pixels).unwrap())).unwrap();
    assert_eq!(encoding.similarity(), None);
    assert!(encoding.heat(1, Some(Map::Segmentation), None).is_err());
}
