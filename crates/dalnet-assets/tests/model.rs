//! Shipped models: written, read from disk and from memory, and refused when they are not what they say.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::tensor::Device;
use dalnet::EncoderConfig;
use dalnet_assets::shards::MAX_SHARD_BYTES;
use dalnet_assets::{Manifest, Map, Model, Precision, tensors_of, write_model};

fn ship(folder: &Path) -> Manifest {
    write_model(folder, common::manifest(), &tensors_of(&common::network()), Precision::F16)
        .expect("a folder that can be written")
}

fn message(folder: &Path) -> String {
    Model::open(folder).expect_err("a model that cannot be used").to_string()
}

#[test]
fn a_shipped_model_is_read_from_disk_and_from_memory() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = ship(folder.path());
    let [file] = manifest.files.as_slice() else { panic!("{:?}", manifest.files) };
    assert!(file.path.contains(&file.sha256[..8]), "{} names its content", file.path);

    let from_folder = Model::open(folder.path()).unwrap();
    let from_file = Model::open(&folder.path().join("manifest.json")).unwrap();
    let json = fs::read_to_string(folder.path().join("manifest.json")).unwrap();
    let content = fs::read(folder.path().join(&file.path)).unwrap();
    let from_memory = Model::from_verified_bytes(Manifest::from_json(&json).unwrap(), &[&content]).unwrap();
    assert_eq!(Manifest::from_json(&json).unwrap(), manifest);
    for model in [from_folder, from_file, from_memory] {
        assert_eq!(model.spec, common::spec());
        assert_eq!(model.checkpoint_sha256, manifest.checkpoint_sha256);
        model.build(&Device::flex()).unwrap();
    }
}

/// The one that stands in this repository among them.
#[test]
fn a_manifest_from_before_there_was_a_choice_is_of_f16() {
    let mut json: serde_json::Value = serde_json::from_str(&common::manifest().to_json().unwrap()).unwrap();
    json["files"] = serde_json::json!([{ "path": "a", "bytes": 1, "sha256": "0" }]);
    let fields = json.as_object_mut().unwrap();
    assert!(fields.remove("precision").is_some() && fields.remove("checkpoint_sha256").is_some());
    let manifest = Manifest::from_json(&json.to_string()).unwrap();
    assert_eq!((manifest.precision, manifest.checkpoint_sha256), (Precision::F16, None));
}

#[test]
fn large_models_are_split_and_shipped_again_in_the_same_bytes() {
    let mut large = common::manifest();
    large.spec.architecture.encoder = EncoderConfig::new(4, 512, 2).with_depth(3).with_pretrained_grid(2);
    let network = large.spec.architecture.init(&Device::flex());
    let tensors = tensors_of(&network);
    let folder = tempfile::tempdir().unwrap();
    let ship = |precision| write_model(folder.path(), large.clone(), &tensors, precision).unwrap();
    let contents = || {
        let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| (path.clone(), fs::read(path).unwrap())).collect::<BTreeMap<_, _>>()
    };
    let int8 = ship(Precision::Int8);
    let written = contents();
    for (precision, bits, least) in [(Precision::F16, 16, 3), (Precision::Int8, 9, 2)] {
        let manifest = ship(precision);
        assert_eq!(manifest.precision, precision);
        assert!(manifest.files.len() >= least, "{precision:?}: {:?}", manifest.files);
        assert!(manifest.files.iter().all(|file| file.bytes <= MAX_SHARD_BYTES as u64), "{:?}", manifest.files);
        let numbers: usize = tensors.values().map(|data| data.num_elements()).sum();
        let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
        assert!((bytes as f64) < 1.02 * (bits * numbers) as f64 / 8.0, "{precision:?}: {bytes} bytes");
        let model = Model::open(folder.path()).unwrap();
        assert!(model.tensors.keys().eq(tensors.keys()));
        model.build(&Device::flex()).unwrap();
    }
    assert_eq!(contents(), written, "nothing is left of the f16 model, and int8 is the same again");
    assert_eq!(contents().len(), int8.files.len() + 1);
}

#[test]
fn other_files_of_the_folder_stay() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["weights-mine.safetensors", "weights-0123abcd.safetensors", "notes.txt"] {
        fs::write(folder.path().join(name), name).unwrap();
    }
    ship(folder.path());
    assert!(folder.path().join("weights-mine.safetensors").exists() && folder.path().join("notes.txt").exists());
    assert!(!folder.path().join("weights-0123abcd.safetensors").exists());
}

#[test]
fn missing_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    assert!(message(folder.path()).contains("manifest.json: does not exist"), "{}", message(folder.path()));
    let manifest = ship(folder.path());
    fs::remove_file(folder.path().join(&manifest.files[0].path)).unwrap();
    let message = message(folder.path());
    assert!(message.contains(&manifest.files[0].path) && message.contains("does not exist"), "{message}");
}

#[test]
fn damaged_weights_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = ship(folder.path());
    let path = folder.path().join(&manifest.files[0].path);
    let whole = fs::read(&path).unwrap();

    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&path, flipped).unwrap();
    assert!(message(folder.path()).contains("SHA-256"), "{}", message(folder.path()));

    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let message = message(folder.path());
    assert!(message.contains(&format!("{} bytes instead of {}", whole.len() / 2, whole.len())), "{message}");
}

#[test]
fn another_format_version_is_named_before_anything_else() {
    let error = Manifest::from_json(r#"{"format_version": 2, "layers": []}"#).unwrap_err().to_string();
    assert!(error.contains("version 2") && error.contains("version 1"), "{error}");
    let error = Manifest::from_json("<!doctype html>").unwrap_err().to_string();
    assert!(error.contains("not a valid description of a model"), "{error}");
}

#[test]
fn another_architecture_lists_its_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = common::manifest();
    other.spec.architecture.encoder.dim = 16;
    write_model(folder.path(), other, &tensors_of(&common::network()), Precision::F32).unwrap();
    let error = Model::open(folder.path()).unwrap().build(&Device::flex()).unwrap_err().to_string();
    assert!(error.contains("wrong shape: encoder.cls_token is [1, 1, 8], the model has [1, 1, 16]"), "{error}");
}

#[test]
fn contradictions_in_a_manifest_are_refused() {
    let json = |change: &dyn Fn(&mut Manifest)| {
        let folder = tempfile::tempdir().unwrap();
        let mut manifest = ship(folder.path());
        change(&mut manifest);
        Manifest::from_json(&manifest.to_json().unwrap()).unwrap_err().to_string()
    };
    assert!(json(&|manifest| drop(manifest.spec.classes.pop())).contains("2 names"));
    for count in [0, 255] {
        let error = json(&|manifest| {
            manifest.spec.classes = vec!["cat".to_owned(); count];
            manifest.spec.architecture.classes = count;
        });
        assert!(error.contains(&format!("{count} names")), "{error}");
    }
    assert!(json(&|manifest| manifest.spec.input.scales.clear()).contains("input.scales"));
    assert!(json(&|manifest| manifest.spec.input.scales.push(0.1)).contains("0.1"));
    assert!(json(&|manifest| manifest.spec.normalisation.std[1] = 0.0).contains("not positive"));
    assert!(json(&|manifest| manifest.spec.background_threshold = 1.5).contains("outside 0..1"));
    assert!(json(&|manifest| manifest.spec.architecture.auxiliary_block = 2).contains("auxiliary block 2"));
    assert!(json(&|manifest| manifest.spec.input.map = Map::Segmentation).contains("no head"));
    assert!(json(&|manifest| manifest.spec.input.exponents = vec![1.0]).contains("1 numbers for 3 classes"));
    assert!(json(&|manifest| manifest.spec.input.exponents = vec![1.0, 0.0, 1.0]).contains("exponents: 0 is outside"));
    assert!(json(&|manifest| manifest.files.clear()).contains("files is empty"));
    assert!(json(&|manifest| manifest.files[0].path = "../secret".to_owned()).contains("../secret"));
}
