//! Data sets besides VOC: COCO, folders of tagged photos, tar archives. Each is trained on and scored.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::bad_input::refused;
use crate::fixture::{PICTURES, SCORED, SIZE, Tree, jpeg, mask, program, scene, stderr, succeeds};

/// Where the object of a scene is, in pixels: left, top, right, bottom.
fn object(index: usize) -> [usize; 4] {
    [8 * index, 16, 8 * index + 32, 48]
}

fn tag(index: usize) -> &'static str {
    if index.is_multiple_of(2) { "cat" } else { "dog" }
}

/// The mask of a scene whose object has this label.
fn scene_mask(index: usize, label: u8) -> Vec<u8> {
    let [left, top, right, bottom] = object(index);
    let inside = |x, y| (left..right).contains(&x) && (top..bottom).contains(&y);
    let [width, height] = SIZE.map(|side| side as usize);
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    mask(SIZE, &pixels.map(|(x, y)| if inside(x, y) { label } else { 0 }).collect::<Vec<_>>())
}

/// Labels of `cat` and `dog` where they are the only classes.
fn label(index: usize) -> u8 {
    1 + u8::from(!index.is_multiple_of(2))
}

fn write_coco(tree: &Tree) {
    for (split, count) in [("train2014", PICTURES), ("val2014", SCORED)] {
        let (mut images, mut annotations) = (Vec::new(), Vec::<Value>::new());
        for index in 0..count {
            let name = format!("COCO_{split}_{index:012}.jpg");
            tree.write(&format!("coco/{split}/{name}"), jpeg(&scene(index), None));
            images.push(json!({"id": index, "file_name": name, "width": SIZE[0], "height": SIZE[1]}));
            let [left, top, right, bottom] = object(index);
            annotations.push(json!({
                "id": index, "image_id": index, "category_id": if tag(index) == "cat" { 17 } else { 18 },
                "area": 1024.0, "iscrowd": 0,
                "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
            }));
        }
        let file = json!({"images": images, "annotations": annotations, "categories": [{"id": 17, "name": "cat"}]});
        tree.write(&format!("coco/annotations/instances_{split}.json"), file.to_string());
    }
}

fn write_folder(tree: &Tree) {
    let mut list = "file,tags,split\n".to_owned();
    for index in 0..PICTURES + SCORED {
        let split = if index < PICTURES { "train" } else { "val" };
        tree.write(&format!("photos/p{index}.jpg"), jpeg(&scene(index), None));
        tree.write(&format!("photos/masks/p{index}.png"), scene_mask(index, label(index)));
        list.push_str(&format!("p{index}.jpg,{},{split}\n", tag(index)));
    }
    tree.write("photos/tags.csv", list);
}

fn write_tar(tree: &Tree) {
    tree.write("shards/classes.txt", "cat\ndog\n");
    for (shard, indices, split) in [(0, 0..PICTURES, "train"), (1, PICTURES..PICTURES + SCORED, "val")] {
        let mut archive =
            tar::Builder::new(File::create(tree.path(&format!("shards/{shard}.tar"))).expect("an archive"));
        let mut add = |name: String, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, name, bytes).expect("a member");
        };
        for index in indices {
            add(format!("p{index}.jpg"), &jpeg(&scene(index), None));
            add(format!("p{index}.json"), json!({"tags": [tag(index)], "split": split}).to_string().as_bytes());
            add(format!("p{index}.mask.png"), &scene_mask(index, label(index)));
        }
        archive.into_inner().expect("a whole archive");
    }
}

/// Two steps of the smallest encoder on `data`, which is a kind and a path in `tree`.
fn train(tree: &Tree, data: &str, options: &[&str]) -> Command {
    let (kind, path) = data.split_once(':').expect("a kind and a path");
    let mut command = program("train");
    command.args(["--device", "cpu", "--threads", "1", "--encoder", "tiny-8", "--crop", "32", "--long-side", "96"]);
    command.args(["--batch", "2", "--iterations", "2", "--warm-up", "1", "--log", "bar"]).args(options);
    command.arg("--data").arg(format!("{kind}:{}", tree.path(path).display()));
    command.arg("--out").arg(tree.path("run"));
    command
}

/// Trains and scores; returns the scores.
fn train_and_eval(tree: &Tree, data: &str, expected: &str) -> Value {
    let said = succeeds(&mut train(tree, data, &["--validate-every", "2", "--validation-pictures", "1", "--strict"]));
    assert!(said.contains(expected), "{said}");
    let (kind, path) = data.split_once(':').expect("a kind and a path");
    let scores = tree.path("scores.json");
    let mut command = program("eval");
    command.args(["--device", "cpu", "--scales", "1", "--data", &format!("{kind}:{}", tree.path(path).display())]);
    succeeds(command.arg("--model").arg(tree.path("run")).arg("--json").arg(&scores));
    serde_json::from_slice(&fs::read(scores).expect("scores")).expect("JSON")
}

#[test]
fn coco() {
    let tree = Tree::new();
    write_coco(&tree);
    let scores = train_and_eval(&tree, "coco:coco", "8 pictures, 80 classes");
    assert_eq!(scores["pictures"], 3, "{scores}");
    tree.write("coco/annotations/instances_train2014.json", "{\"images\": [");
    fs::remove_dir_all(tree.path("run")).unwrap();
    refused(
        &mut train(&tree, "coco:coco", &[]),
        &["instances_train2014.json", "EOF", "unpack annotations_trainval2014.zip again"],
    );
    refused(
        &mut train(&tree, "coco:voc", &[]),
        &["annotations: does not exist", "give the folder that holds annotations"],
    );
    assert!(!tree.path("run").exists());
}

#[test]
fn folders_and_archives_of_tagged_photos_score_alike() {
    let tree = Tree::new();
    write_folder(&tree);
    write_tar(&tree);
    let folder = train_and_eval(&tree, "folder:photos", "8 pictures, 2 classes");
    assert_eq!(folder["pictures"], 3, "{folder}");
    fs::remove_dir_all(tree.path("run")).unwrap();
    let tar = train_and_eval(&tree, "tar:shards", "8 pictures, 2 classes");
    assert_eq!(folder, tar, "the same photos, tags and masks");
}

#[test]
fn one_folder_for_each_tag_is_labelled() {
    let tree = Tree::new();
    for index in 0..PICTURES {
        tree.write(&format!("photos/{}/p{index}.jpg", tag(index)), jpeg(&scene(index), None));
    }
    tree.write("photos/loose.jpg", jpeg(&scene(9), None));
    refused(&mut train(&tree, "folder:photos", &[]), &["split \"val\"", "--validate-every 0", "a third column, split"]);
    let options = ["--validate-every", "0"];
    let mut command = train(&tree, "folder:photos", &options);
    let said = stderr(&command.arg("--strict").output().unwrap());
    assert!(said.contains("without tags, left out: 1 (loose.jpg)"), "{said}");
    refused(&mut command, &["not as it should be", "leave --strict out"]);
    assert!(!tree.path("run").exists());
    let said = succeeds(&mut train(&tree, "folder:photos", &options));
    assert!(said.contains("loose.jpg") && said.contains("8 pictures, 2 classes"), "{said}");

    let mut command = program("pseudo-label");
    command.args(["--device", "cpu", "--data", &format!("folder:{}", tree.path("photos").display())]);
    command.env_remove("SLURM_ARRAY_TASK_ID").env_remove("JOB_COMPLETION_INDEX");
    succeeds(command.arg("--model").arg(tree.path("run")).arg("--out").arg(tree.path("pseudo")));
    let written = |name: &str| tree.path("pseudo/SegmentationClassPseudo").join(Path::new(name)).is_file();
    assert!(written("cat/p0.png") && written("dog/p1.png"));
}

#[test]
fn what_no_data_set_can_be_made_of_is_refused() {
    let tree = Tree::new();
    refused(&mut train(&tree, "folder:nowhere", &[]), &["nowhere: does not exist", "give a folder with tags.csv"]);
    tree.write("photos/tags.csv", "file;tags\n");
    refused(&mut train(&tree, "folder:photos", &[]), &["tags.csv: line 1", "\"file;tags\"", "begin the file with"]);
    tree.write("photos/tags.csv", "file,tags\na.jpg,tardigrade\nb.jpg,cat\n");
    for (index, name) in ["photos/a.jpg", "photos/b.jpg"].into_iter().enumerate() {
        tree.write(name, jpeg(&scene(index), None));
    }
    let quick = ["--validate-every", "0"];
    refused(&mut train(&tree, "folder:photos", &quick), &["\"tardigrade\"", "train-native embed", "--without im,ex"]);
    succeeds(&mut train(&tree, "folder:photos", &[&quick[..], &["--without", "im,ex"]].concat()));
    tree.write("photos.tar.gz", [0x1F, 0x8B, 8, 0]);
    refused(&mut train(&tree, "tar:photos.tar.gz", &[]), &["compressed (gzip)", "unpack it with gunzip"]);
    let tags = (0..300).map(|index| format!("tag{index}")).collect::<Vec<_>>().join(";");
    tree.write("photos/tags.csv", format!("file,tags\na.jpg,{tags}\n"));
    refused(&mut train(&tree, "folder:photos", &quick), &["300 classes are more than the 254", "use fewer tags"]);
}
