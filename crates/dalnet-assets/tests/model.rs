//! Shipped models: written, read from disk and from memory, and refused when they are not what they say.

mod common;

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use dalnet_assets::{Manifest, Model, Precision, tensors_of, write_model};

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
    let from_memory = Model::from_bytes(Manifest::from_json(&json).unwrap(), &[&content]).unwrap();
    assert_eq!(Manifest::from_json(&json).unwrap(), manifest);
    for model in [from_folder, from_file, from_memory] {
        assert_eq!(model.spec, common::spec());
        model.build(&Device::flex()).unwrap();
    }
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
    assert!(json(&|manifest| manifest.files.clear()).contains("files is empty"));
    assert!(json(&|manifest| manifest.files[0].path = "../secret".to_owned()).contains("../secret"));
}
