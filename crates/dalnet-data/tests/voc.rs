//! The VOC reader on synthetic trees: what it reads, and each thing that it refuses.

mod common;

use std::fs;

use common::{Tree, assert_says, palette_png};
use dalnet_data::{DataSet, IGNORE, Mask, Voc, voc};
use png::BitDepth;

#[test]
fn reads_ids_labels_and_masks() {
    let tree = Tree::new();
    tree.add("one", [4, 2], &["person", "dog", "person"]);
    tree.add("two", [4, 2], &["tvmonitor"]);
    tree.mask("one", [4, 2], &[0, 12, 12, 255, 15, 15, 0, 20]);
    tree.write("ImageSets/Segmentation/train.txt", "two\r\n\r\n  one \n");
    let samples = tree.open().split("train").unwrap();
    assert_eq!(samples.iter().map(|sample| sample.id.as_str()).collect::<Vec<_>>(), ["two", "one"]);
    let names = |index: usize| samples[index].labels.iter().map(|label| voc::CLASSES[*label]).collect::<Vec<_>>();
    assert_eq!((names(0), names(1)), (vec!["tvmonitor"], vec!["dog", "person"]));
    assert_eq!(samples[1].read_picture().unwrap().dimensions(), (4, 2));
    let mask = samples[1].read_mask([4, 2], 20).unwrap();
    assert_eq!(mask.labels, [0, 12, 12, IGNORE, 15, 15, 0, 20]);
    assert_says(&samples[0].read_mask([4, 2], 20).unwrap_err(), &["\"two\"", "no mask"]);
}

#[test]
fn classes_are_sorted() {
    assert!(voc::CLASSES.is_sorted());
}

#[test]
fn refuses_a_missing_folder() {
    let tree = Tree::new();
    let missing = tree.root().join("nowhere");
    let message = Voc::open(&missing).unwrap_err().to_string();
    assert!(message.starts_with(missing.to_str().unwrap()) && message.contains("VOCdevkit/VOC2012"), "{message}");
    fs::remove_dir(tree.root().join("Annotations")).unwrap();
    assert_says(&Voc::open(tree.root()).unwrap_err(), &["Annotations: there is no such folder"]);
}

#[test]
fn refuses_a_missing_and_an_empty_split() {
    let tree = Tree::new();
    assert_says(&tree.split_error("train"), &["train.txt", "\"train\" is missing", "no split at all"]);
    tree.split("val", &[]);
    tree.split("train_aug", &["  ", ""]);
    assert_says(&tree.split_error("train"), &["this data set has train_aug, val"]);
    assert_says(&tree.split_error("val"), &["val.txt", "lists no picture"]);
    assert_says(&tree.split_error("train_aug"), &["train_aug.txt", "lists no picture"]);
    assert_says(&tree.split_error("../Segmentation/val"), &["is missing"]);
}

#[test]
fn refuses_lines_that_are_no_ids_and_pictures_that_are_missing() {
    let tree = Tree::new();
    tree.add("one", [2, 2], &["cat"]);
    tree.split("deeplab", &["one", "/JPEGImages/one.jpg /SegmentationClassAug/one.png"]);
    assert_says(&tree.split_error("deeplab"), &["deeplab.txt", "line 2", "/JPEGImages/one.jpg"]);
    tree.split("train", &["one", "two"]);
    assert_says(&tree.split_error("train"), &["two.jpg", "missing", "train.txt", "\"two\""]);
}

#[test]
fn refuses_bad_annotations() {
    let tree = Tree::new();
    tree.add("one", [2, 2], &["motorbyke"]);
    tree.split("train", &["one"]);
    assert_says(&tree.split_error("train"), &["one.xml", "\"motorbyke\"", "\"motorbike\""]);
    tree.annotation("one", &[]);
    assert_says(&tree.split_error("train"), &["one.xml", "no object"]);
    tree.write("Annotations/one.xml", "<annotation><object><name>cat</name>");
    assert_says(&tree.split_error("train"), &["one.xml", "ends inside <annotation><object>"]);
    tree.write("Annotations/one.xml", "<annotation></object>");
    assert_says(&tree.split_error("train"), &["one.xml", "no readable VOC annotation"]);
    tree.write("Annotations/one.xml", [0xFF, 0xFE, 0x00]);
    assert_says(&tree.split_error("train"), &["one.xml", "cannot be read"]);
    fs::remove_file(tree.root().join("Annotations/one.xml")).unwrap();
    assert_says(&tree.split_error("train"), &["one.xml", "cannot be read"]);
}

#[test]
fn refuses_bad_masks() {
    let tree = Tree::new();
    tree.add("one", [3, 2], &["cat"]);
    tree.split("val", &["one"]);
    let error = |bytes: &[u8]| {
        tree.write("SegmentationClass/one.png", bytes);
        tree.open().split("val").unwrap()[0].read_mask([3, 2], 20).unwrap_err()
    };
    let good = palette_png([3, 2], BitDepth::Eight, &[0; 6]);
    assert_says(
        &error(&palette_png([3, 2], BitDepth::Eight, &[0, 0, 0, 0, 21, 0])),
        &["one.png", "value 21 in row 1, column 1", "0 to 20 and 255"],
    );
    assert_says(&error(&palette_png([2, 3], BitDepth::Eight, &[0; 6])), &["one.png", "2 x 3", "3 x 2"]);
    assert_says(&error(&good[..good.len() - 20]), &["one.png", "no mask of class indices"]);
    assert_says(&error(b"no picture"), &["one.png", "no mask of class indices"]);
    let mut rgb = Vec::new();
    let mut encoder = png::Encoder::new(&mut rgb, 3, 2);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&[0; 18]).unwrap();
    assert_says(&error(&rgb), &["one.png", "Rgb PNG with 8 bits"]);
}

#[test]
fn reads_masks_of_few_bits_and_grey_ones() {
    let tree = Tree::new();
    // Three values of four bits fill one and a half bytes.
    let path = tree.write("mask.png", palette_png([3, 2], BitDepth::Four, &[0x1F, 0x20, 0x0A, 0x30]));
    let mask = Mask::read(&path, 20).unwrap();
    assert_eq!((mask.width, mask.height, mask.labels), (3, 2, vec![1, 15, 2, 0, 10, 3]));
    let path = tree.write("mask.png", palette_png([9, 1], BitDepth::One, &[0b1010_0001, 0b1000_0000]));
    assert_eq!(Mask::read(&path, 1).unwrap().labels, [1, 0, 1, 0, 0, 0, 0, 1, 1]);
    let mut grey = Vec::new();
    let mut encoder = png::Encoder::new(&mut grey, 2, 1);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[20, 255]).unwrap();
    assert_eq!(Mask::read(&tree.write("mask.png", grey), 20).unwrap().labels, [20, IGNORE]);
}
