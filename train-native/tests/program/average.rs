//! What `average` writes and refuses.

use std::fs;
use std::path::{Path, PathBuf};

use dalnet_assets::files::sha256;
use dalnet_assets::{Model, Precision, Tensors};

use crate::bad_input::refused;
use crate::fixture::{Tree, eval, export, program, shared, succeeds};

fn checkpoint(name: &str) -> PathBuf {
    shared().join("run/checkpoints").join(name)
}

fn tensors(model: &Path) -> Tensors {
    Model::open(model).expect("a whole model").tensors
}

#[test]
fn every_weight_is_the_mean_and_the_mean_says_where_it_comes_from() {
    let tree = Tree::new();
    let (first, last, out) = (checkpoint("000002"), checkpoint("000004"), tree.path("mean"));
    succeeds(program("average").args([&first, &last]).arg("--out").arg(&out));
    let (before, after, mean) = (tensors(&first), tensors(&last), tensors(&out));
    assert!(before.keys().eq(mean.keys()));
    let mut moved = 0;
    for (name, mean) in &mean {
        let parts = before[name].iter::<f32>().zip(after[name].iter::<f32>());
        for ((one, other), mean) in parts.zip(mean.iter::<f32>()) {
            assert_eq!(mean, f64::from(one).midpoint(f64::from(other)) as f32, "{name}");
            moved += usize::from(one != other && mean != one && mean != other);
        }
    }
    assert!(moved > 1000, "the two checkpoints differ");

    let sources = [first, last].map(|path| sha256(&fs::read(path.join("model.safetensors")).unwrap())).join("+");
    let averaged = Model::open(&out).unwrap();
    assert_eq!(averaged.checkpoint_sha256.as_deref(), Some(&*sources));
    let (scores, shipped) = (tree.path("scores.json"), tree.path("shipped"));
    succeeds(&mut eval(&shared().join("voc"), &out, &scores, &[]));
    succeeds(&mut export(&out, &scores, &shared().join("card.json"), &shipped));
    assert_eq!(Model::open(&shipped).unwrap().checkpoint_sha256, Some(sources));
}

#[test]
fn the_mean_of_equals_is_what_they_are() {
    let tree = Tree::new();
    let (run, out) = (shared().join("run"), tree.path("mean"));
    succeeds(program("average").args([&run, &run, &run]).arg("--out").arg(&out));
    assert_eq!(tensors(&out), tensors(&checkpoint("000004")));
    let manifest = fs::read_to_string(out.join("manifest.json")).unwrap();
    assert!(manifest.contains(&format!("\"precision\": \"{}\"", Precision::F32.name())), "{manifest}");
}

#[test]
fn models_that_do_not_fit_together_are_refused() {
    let tree = Tree::new();
    let run = shared().join("run");
    let average = |other: &Path| {
        let mut command = program("average");
        command.args([&run, other]).arg("--out").arg(tree.path("mean"));
        command
    };
    let changed = |name: &str, from: &str, to: &str| {
        let folder = tree.path(name);
        fs::create_dir_all(&folder).unwrap();
        for entry in fs::read_dir(shared().join("model")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
        let manifest = folder.join("manifest.json");
        let text = fs::read_to_string(&manifest).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&manifest, text.replacen(from, to, 1)).unwrap();
        folder
    };
    refused(&mut average(&changed("classes", "\"aeroplane\"", "\"plane\"")), &["differ in their classes"]);
    refused(&mut average(&changed("dilation", "\"dilation\": ", "\"dilation\": 1")), &["differ in their architecture"]);
    refused(&mut average(&tree.path("nowhere")), &["nowhere", "give a manifest.json"]);
    refused(program("average").arg(&run).arg("--out").arg(tree.path("mean")), &["2 values required"]);
    assert!(!tree.path("mean").exists());
}
