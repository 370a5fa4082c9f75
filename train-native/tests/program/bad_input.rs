//! What cannot be used is refused: exit code 2, one sentence with file, value and remedy, nothing written.

use std::fs;
use std::path::Path;
use std::process::Command;

use image::{Rgb, RgbImage};
use serde_json::Value;

use crate::fixture::{SIZE, Tree, eval, export, jpeg, mask, program, scene, segment, shared, stderr, train, write};

/// Runs a command that must be refused; all `parts` stand in its sentence, the last one, the remedy, once.
pub(crate) fn refused(command: &mut Command, parts: &[&str]) {
    let output = command.output().expect("the program starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{command:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    let sentence =
        said.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("no error in {said}"));
    for part in parts {
        assert!(sentence.contains(part), "{part:?} is not in: {said}");
    }
    let remedy = parts.last().expect("an expected remedy");
    assert_eq!(sentence.matches(remedy).count(), 1, "{sentence}");
}

#[test]
fn recipes() {
    let tree = Tree::new();
    refused(&mut tree.train(&[("--without", "cls,abc")]), &["\"abc\"", "use cls, inter, im, ex, ptc, seg or reg"]);
    refused(&mut tree.train(&[("--set", "objective.global=1,")]), &["objective.global"]);
    refused(&mut tree.train(&[("--set", "objective.locals.temperature=1")]), &["no \"locals\"", "contrast_levels"]);
    refused(
        &mut tree.train(&[("--set", "objective.local.positive=most")]),
        &["--set objective.local.positive", "`cam`"],
    );
    let coco = Path::new("../crates/dalnet-text/assets/coco.safetensors").canonicalize().unwrap().display().to_string();
    refused(&mut tree.train(&[("--text", &coco)]), &["coco.safetensors", "toothbrush", "train-native embed"]);
    refused(&mut tree.train(&[("--text", &tree.path("no").display().to_string())]), &["no", "cannot be read"]);
    assert_nothing_written(&tree);
}

/// Neither a run nor scores nor masks.
fn assert_nothing_written(tree: &Tree) {
    for name in ["run", "scores.json", "masks"] {
        assert!(!tree.path(name).exists(), "{name}");
    }
}

#[test]
fn data_sets() {
    let tree = Tree::new();
    let nowhere = tree.path("nowhere");
    let remedy = "give the VOCdevkit/VOC2012 folder";
    refused(&mut train(&nowhere, &tree.path("run"), &[]), &["nowhere: there is no such folder", remedy]);
    refused(&mut eval(&nowhere, &shared().join("run"), &tree.path("scores.json"), &[]), &["nowhere", remedy]);
    let missing = ["nosuch.txt", "\"nosuch\" is missing", "has train_aug, val"];
    refused(&mut tree.eval(&[("--split", "nosuch")]), &missing);
    refused(&mut tree.train(&[("--splits", "train_aug,nosuch")]), &missing);
    refused(
        &mut tree.train(&[("--validation-split", "nosuch")]),
        &["--validation-split", "--validate-every 0", "has train_aug, val"],
    );
    let scheme = ["\"imagenet:/data\"", "write voc:DIR"];
    for subcommand in ["train", "eval"] {
        refused(program(subcommand).args(["--data", "imagenet:/data"]), &scheme);
    }
    tree.write("voc/ImageSets/Segmentation/val.txt", "\n");
    refused(&mut tree.eval(&[]), &["val.txt", "lists no picture", "write one picture id on each line"]);
    refused(
        &mut tree.eval(&[("--split", "train_aug")]),
        &["\"p", "no mask", "score a split whose pictures have masks"],
    );
    assert_nothing_written(&tree);
}

#[test]
fn pictures_of_data_sets() {
    let whole = jpeg(&scene(0), None);
    for (bytes, value, remedy) in [
        (b"Dear diary".to_vec(), "\"Dear diary\"", "convert it to JPEG or PNG"),
        (whole[..whole.len() / 2].to_vec(), "cut off after", "copy or download the file again"),
    ] {
        let tree = Tree::new();
        for id in ["p0", "p1"] {
            tree.write(&format!("voc/JPEGImages/{id}.jpg"), &bytes);
        }
        refused(&mut tree.eval(&[]), &[".jpg", value, remedy]);
        assert_nothing_written(&tree);
        // Four steps of two show all eight pictures.
        refused(&mut tree.train(&[("--validate-every", "0")]), &[".jpg", value, remedy]);
        assert!(!tree.path("run/checkpoints/000004").exists());
    }
}

#[test]
fn masks() {
    let [width, height] = SIZE;
    let mut labels = vec![0; (width * height) as usize];
    let tree = Tree::new();
    tree.write("voc/SegmentationClass/p1.png", mask([width, height - 1], &labels[..(width * (height - 1)) as usize]));
    refused(&mut tree.eval(&[]), &["p1.png", "96 x 63 pixels but its picture 96 x 64", "make both the same size"]);
    labels[2 * width as usize + 5] = 21;
    tree.write("voc/SegmentationClass/p1.png", mask(SIZE, &labels));
    refused(&mut tree.eval(&[]), &["p1.png", "21 in row 2, column 5", "only 0 to 20 and 255"]);
    assert_nothing_written(&tree);
}

#[test]
fn photos() {
    let tree = Tree::new();
    let whole = jpeg(&scene(0), None);
    let dot = RgbImage::from_pixel(1, 1, Rgb([1, 2, 3]));
    for (name, bytes, value, remedy) in [
        ("notes.jpg", b"Dear diary".to_vec(), "\"Dear diary\"", "convert it to JPEG or PNG"),
        ("cut.jpg", whole[..whole.len() / 2].to_vec(), "cut off after", "copy or download the file again"),
        ("dot.jpg", jpeg(&dot, None), "1 x 1 pixels", "choose one of at least 16 x 16"),
        ("empty.png", Vec::new(), "it is empty", "convert it to JPEG or PNG"),
    ] {
        let picture = tree.write(name, bytes);
        refused(&mut tree.segment(&[picture]), &[name, value, remedy]);
    }
    refused(&mut tree.segment(&[tree.path("no.jpg")]), &["no.jpg", "check that the file exists"]);
    assert_nothing_written(&tree);

    // A good one among them is segmented all the same.
    let photo = tree.write("photo.jpg", whole);
    refused(&mut tree.segment(&[tree.path("cut.jpg"), photo.clone()]), &["cut.jpg", "again"]);
    assert!(tree.path("masks/photo.png").is_file());

    refused(&mut tree.segment(&[photo.clone(), tree.write("other/photo.png", "")]), &["photo.png", "the same name"]);
    let mask = tree.path("masks/photo.png");
    refused(&mut tree.segment(&[mask]), &["photo.png: its mask would overwrite it", "choose another --out"]);
    let blocked = tree.write("blocked", "a file, no folder");
    let mut command = segment(&shared().join("run"), &blocked);
    refused(command.arg(&photo), &["blocked", "photo.png: cannot be written", "is the folder writable"]);
}

#[test]
fn models() {
    let tree = Tree::new();
    let photo = tree.write("photo.jpg", jpeg(&scene(0), None));
    let check = |model: &Path, parts: &[&str]| {
        refused(segment(model, &tree.path("masks")).arg(&photo), parts);
        refused(&mut eval(&tree.path("voc"), model, &tree.path("scores.json"), &[]), parts);
    };
    check(&tree.path("nowhere"), &["nowhere: does not exist", "give a manifest.json"]);
    check(&tree.path("voc"), &["manifest.json: does not exist", "give a manifest.json"]);
    check(&photo, &["photo.jpg", "not a valid description of a model", "fetch or export it again"]);

    let shipped = shared().join("model");
    let manifest = tree.write("model/manifest.json", fs::read(shipped.join("manifest.json")).unwrap());
    let names = fs::read_dir(&shipped).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names = names.filter(|name| name.ends_with(".safetensors"));
    let weights = names.next().unwrap();
    names.for_each(|name| drop(tree.write(&format!("model/{name}"), fs::read(shipped.join(&name)).unwrap())));
    check(&manifest, &[&weights, "does not exist", "fetch it again"]);
    let mut bytes = fs::read(shipped.join(&weights)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let path = tree.write(&format!("model/{weights}"), &bytes);
    check(&manifest, &[&weights, "SHA-256", "fetch it again"]);
    write(&path, &bytes[..middle]);
    check(&manifest, &[&weights, &middle.to_string(), "fetch it again"]);

    copy_checkpoint(&tree);
    let path = tree.path("broken/checkpoints/000004/model.safetensors");
    let bytes = fs::read(&path).unwrap();
    write(&path, &bytes[..bytes.len() - 1]);
    let parts = ["000004", "model.safetensors has", "it is damaged", "remove this checkpoint's folder"];
    check(&tree.path("broken"), &parts);
    refused(train(&shared().join("voc"), &tree.path("broken"), &[]).arg("--resume"), &parts);
    assert_nothing_written(&tree);
}

/// The shared run's last checkpoint, into `broken`.
fn copy_checkpoint(tree: &Tree) {
    for file in ["model.safetensors", "optimizer.bpk", "state.json"] {
        let name = format!("checkpoints/000004/{file}");
        tree.write(&format!("broken/{name}"), fs::read(shared().join("run").join(&name)).expect("a checkpoint's file"));
    }
}

#[test]
fn runs() {
    let (voc, run) = (shared().join("voc"), shared().join("run"));
    refused(&mut train(&voc, &run, &[]), &["000004 holds a checkpoint already", "--resume", "choose another --out"]);
    refused(
        train(&voc, &run, &[("--batch", "3"), ("--splits", "val")]).arg("--resume"),
        &["000004", "--batch 2, now 3", "--splits [\"train_aug\"], now [\"val\"]", "choose another --out"],
    );
    let tree = Tree::new();
    refused(tree.train(&[]).arg("--resume"), &["run: no checkpoint to resume", "leave --resume out"]);
    refused(&mut tree.train(&[("--crop", "100")]), &["--crop 100", "use 96 or 112"]);
    refused(&mut tree.train(&[("--crop", "0")]), &["--crop 0", "use 16 or 32"]);
    refused(&mut tree.train(&[("--batch", "0")]), &["--batch 0", "use at least 1"]);
    refused(
        &mut tree.train(&[("--batch", "9")]),
        &["batch size is 9 for 8 pictures", "at most the number of pictures"],
    );
    refused(&mut tree.train(&[("--iterations", "0")]), &["--iterations 0", "use at least 1"]);
    refused(&mut tree.train(&[("--checkpoint-every", "0")]), &["--checkpoint-every 0", "write one"]);
    refused(tree.train(&[]).arg("--weights").arg(tree.path("no.safetensors")), &["no.safetensors", "cannot be read"]);
    refused(
        &mut tree.train(&[("--encoder", "vit-small-14")]),
        &["--crop 64 is not a multiple of the patch size 14", "use 56 or 70"],
    );
    refused(&mut tree.train(&[("--long-side", "8")]), &["--long-side 8", "use at least 16"]);
    refused(&mut tree.train(&[("--accumulate", "0")]), &["--accumulate 0", "use at least 1"]);
    refused(&mut tree.train(&[("--blur", "1.5")]), &["--blur 1.5 is outside 0 to 1", "use for example 0.5"]);
    refused(&mut tree.train(&[("--scale", "2,1")]), &["\"2,1\"", "use two ascending numbers up to 16"]);
    refused(&mut tree.train(&[("--layer-decay", "0")]), &["--layer-decay 0", "use for example 0.75"]);
    refused(&mut tree.train(&[("--freeze", "13")]), &["--freeze 13", "12 blocks", "use at most 12"]);
    refused(
        &mut tree.train(&[("--auxiliary-block", "0")]),
        &["--auxiliary-block 0", "12 blocks", "use 1 to 12", "leave it out for block 10"],
    );
    refused(&mut tree.train(&[("--auxiliary-block", "13")]), &["--auxiliary-block 13", "use 1 to 12"]);
    refused(&mut tree.train(&[("--freeze", "half")]), &["\"half\"", "use patch, a number of blocks, or encoder"]);
    refused(&mut tree.train(&[("--device", "cpu,tpu")]), &["\"tpu\" is no device", "use auto, cpu, gpu, or gpu:1"]);
    refused(&mut tree.train(&[("--device", "cpu,cpu,cpu")]), &["3 devices", "use a batch at least as large"]);
    // Drivers complain on standard error where this folder is missing.
    let drivers = tree.path("voc");
    refused(tree.train(&[("--device", "gpu:77")]).env("XDG_RUNTIME_DIR", drivers), &["--device gpu:77:"]);
    let other = run.join("checkpoints/000004/model.safetensors");
    refused(
        tree.train(&[("--encoder", "vit-small-16")]).arg("--weights").arg(other),
        &["model.safetensors", "encoder.", "give weights of a ViT-S/16, or another --encoder"],
    );
    let weights = tree.write("notes.safetensors", "Dear diary, no weights today");
    refused(tree.train(&[]).arg("--weights").arg(weights), &["notes.safetensors", "fetch or export it again"]);
    assert_nothing_written(&tree);
    let file = tree.write("blocked", "a file, no folder");
    for out in [file.clone(), file.join("run")] {
        refused(&mut train(&voc, &out, &[]), &["blocked", "this folder cannot be made", "choose another --out"]);
    }
    assert_eq!(fs::read(&file).unwrap(), b"a file, no folder");
    // Linux lets nobody make a folder here, root neither: as on a disk that is mounted read-only.
    if cfg!(target_os = "linux") {
        refused(
            &mut train(&voc, Path::new("/proc/run"), &[]),
            &["/proc/run", "this folder cannot be made", "choose another --out"],
        );
    }
}

/// Checkpoints that are whole and yet not of this training.
#[test]
fn checkpoints() {
    let tree = Tree::new();
    copy_checkpoint(&tree);
    let path = tree.path("broken/checkpoints/000004/state.json");
    let state = serde_json::from_slice::<Value>(&fs::read(&path).unwrap()).unwrap();
    let check = |place: &str, value: Value, parts: &[&str]| {
        let mut changed = state.clone();
        *changed.pointer_mut(place).expect("a place in state.json") = value;
        write(&path, changed.to_string());
        refused(train(&shared().join("voc"), &tree.path("broken"), &[]).arg("--resume"), parts);
    };
    check(
        "/model/architecture/encoder/dim",
        96.into(),
        &["000004", "wrong shape: ", " more)", "check that its configuration is the weights' own"],
    );
    check(
        "/model/classes/0",
        "zebra".into(),
        &["000004 knows the classes zebra", "use the data set it was trained for"],
    );
    check("/training/encoder", Value::Null, &["000004 was written by another version", "choose another --out"]);
    check("/training/encoder", "tiny-8".into(), &["--encoder \"tiny-8\", now \"vit-tiny-16\"", "choose another --out"]);
    write(&path, "{");
    let parts = ["state.json is not the JSON of a checkpoint", "remove this checkpoint's folder"];
    refused(train(&shared().join("voc"), &tree.path("broken"), &[]).arg("--resume"), &parts);

    let best = tree.write("broken/best.json", r#"{"iteration": 2}"#);
    refused(
        segment(&best, &tree.path("masks")).arg(tree.path("voc/JPEGImages/p0.jpg")),
        &["best.json", "checkpoint 2 is gone", "give the run's folder"],
    );
    assert_nothing_written(&tree);
}

#[test]
fn protocols() {
    let tree = Tree::new();
    refused(&mut tree.eval(&[("--scales", "0")]), &["--scales 0 is outside 0.1 to 8", "use for example"]);
    refused(&mut tree.eval(&[("--long-side", "0")]), &["--long-side 0", "use at least 1"]);
    refused(&mut tree.eval(&[("--pictures", "0")]), &["--pictures 0", "use at least 1"]);
    assert_nothing_written(&tree);
}

#[test]
fn exports() {
    let tree = Tree::new();
    let (run, scores) = (shared().join("run"), shared().join("scores.json"));
    let out = tree.path("model");
    let card = tree.path("card.json");
    refused(&mut export(&run, &scores, &card, &out), &["card.json: cannot be read"]);
    tree.write("card.json", r#"{"provenance": "random numbers"}"#);
    refused(&mut export(&run, &scores, &card, &out), &["card.json", "missing field `licences`"]);
    assert!(!out.exists());
}
