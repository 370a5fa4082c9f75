//! The COCO reader on a small folder: masks equal to pycocotools', and each thing that it refuses.

mod common;

use std::fs;
use std::path::PathBuf;

use common::{assert_says, jpeg};
use dalnet_data::{Coco, DataError, DataSet, Finding, Sample, coco};
use image::RgbImage;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Made by `tests/reference/coco.py` with pycocotools: annotations of four images, and their masks.
const FIXTURE: &str = include_str!("../../../tests/fixtures/coco.json");

struct Folder(TempDir);

impl Folder {
    /// With the pictures of `val2014` and its annotations.
    fn new(annotations: &Value) -> Self {
        let folder = Self(TempDir::new().expect("a temporary folder"));
        for name in ["annotations", "train2014", "val2014"] {
            fs::create_dir(folder.0.path().join(name)).expect("a folder");
        }
        for image in annotations["images"].as_array().into_iter().flatten() {
            let [width, height] =
                [&image["width"], &image["height"]].map(|side| side.as_u64().expect("the test's own data") as u32);
            let name = image["file_name"].as_str().expect("the test's own data");
            for split in ["train2014", "val2014"] {
                let path = folder.0.path().join(split).join(name);
                fs::write(path, jpeg(&RgbImage::new(width, height), None)).expect("a picture");
            }
        }
        folder.annotate("val2014", annotations.to_string());
        folder
    }

    fn annotate(&self, split: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(format!("annotations/instances_{split}.json"));
        fs::write(&path, text).expect("an annotation file");
        path
    }

    fn open(&self) -> Coco {
        Coco::open(self.0.path()).expect("a folder with annotations")
    }

    fn error(&self) -> DataError {
        self.open().split("val").expect_err("the split is broken")
    }
}

fn fixture() -> Value {
    serde_json::from_str(FIXTURE).expect("the fixture is JSON")
}

/// Two images of 4 x 3 pixels, of which the second has no object.
fn small(annotations: &Value) -> Value {
    json!({
        "images": [
            {"id": 7, "file_name": "one.jpg", "width": 4, "height": 3},
            {"id": 8, "file_name": "two.jpg", "width": 4, "height": 3},
        ],
        "annotations": annotations,
        "categories": [{"id": 17, "name": "cat"}, {"id": 90, "name": "toothbrush"}],
    })
}

fn annotation(image: u64, category: u64, segmentation: &Value) -> Value {
    json!({"id": 5, "image_id": image, "category_id": category, "area": 2.0, "segmentation": segmentation})
}

fn mask_of(sample: &Sample) -> Result<Vec<u8>, DataError> {
    let size = sample.read_picture().expect("the test's own data").dimensions().into();
    Ok(sample.read_mask(size, 80)?.labels)
}

#[test]
fn masks_equal_pycocotools() {
    let fixture = fixture();
    let folder = Folder::new(&fixture);
    let samples = folder.open().split("val2014").unwrap();
    assert_eq!(samples.len(), 4);
    for sample in samples {
        let runs = fixture["expected"][format!("{}.jpg", sample.id)].as_array().unwrap();
        let expected = runs.iter().flat_map(|run| {
            let [label, length] = [0, 1].map(|index| run[index].as_u64().unwrap());
            vec![label as u8; length as usize]
        });
        let expected = expected.collect::<Vec<_>>();
        let found = mask_of(&sample).unwrap();
        let wrong = expected.iter().zip(&found).filter(|(one, other)| one != other).count();
        assert_eq!((found.len(), wrong), (expected.len(), 0), "{}", sample.id);
        let shown = expected.iter().filter(|label| **label > 0).map(|label| usize::from(*label) - 1);
        assert!(shown.into_iter().all(|class| sample.labels.contains(&class)), "{}", sample.id);
    }
}

#[test]
fn reads_labels_and_reports_images_without_any() {
    let triangle = json!([[0.0, 0.0, 3.0, 0.0, 0.0, 2.0]]);
    let annotations = json!([annotation(7, 90, &triangle), annotation(7, 17, &triangle), annotation(7, 90, &triangle)]);
    let folder = Folder::new(&small(&annotations));
    let data = folder.open();
    for name in ["val2014", "val"] {
        let samples = data.split(name).unwrap();
        assert_eq!((samples.len(), samples[0].id.as_str()), (1, "one"));
        assert_eq!(samples[0].labels, [15, 79]);
    }
    assert_eq!(data.report().names(Finding::Untagged).first().map(String::as_str), Some("two.jpg"));

    // Training needs no masks: what cannot be drawn does not matter there.
    folder.annotate("train2014", small(&json!([annotation(7, 17, &json!("nonsense"))])).to_string());
    let samples = folder.open().split("train").unwrap();
    assert_eq!((samples.len(), &samples[0].labels, &samples[0].mask), (1, &vec![15], &None));
}

#[test]
fn classes_are_those_of_the_categories() {
    assert!(coco::CATEGORIES.is_sorted());
    let classes = Folder::new(&small(&json!([]))).open().classes();
    assert_eq!((classes.len(), classes[15].as_str(), classes[79].as_str()), (80, "cat", "toothbrush"));
}

#[test]
fn outlines_of_fewer_than_three_corners_cover_nothing() {
    let folder = Folder::new(&small(&json!([annotation(7, 17, &json!([[0.0, 0.0, 4.0, 3.0], []]))])));
    assert_eq!(mask_of(&folder.open().split("val").unwrap()[0]).unwrap(), [0; 12]);
}

#[test]
fn refuses_missing_files() {
    let folder = TempDir::new().unwrap();
    assert_says(
        &Coco::open(folder.path()).unwrap_err(),
        &["annotations: does not exist", "holds annotations, train2014"],
    );
    let folder = Folder::new(&small(&json!([])));
    assert_says(&folder.error(), &["instances_val2014.json", "lists no picture"]);
    assert_says(&folder.open().split("train").unwrap_err(), &["instances_train2014.json", "cannot be read"]);
    assert_says(&folder.open().split("test").unwrap_err(), &["\"test\" is missing", "train2014, val2014"]);
    let folder = Folder::new(&small(&json!([annotation(7, 17, &json!([]))])));
    fs::remove_file(folder.0.path().join("val2014/one.jpg")).unwrap();
    assert_says(&folder.error(), &["val2014/one.jpg", "missing", "instances_val2014.json"]);
}

#[test]
fn refuses_broken_annotation_files() {
    let folder = Folder::new(&small(&json!([])));
    let remedy = "unpack annotations_trainval2014.zip again";
    folder.annotate("val2014", &FIXTURE[..FIXTURE.len() / 2]);
    assert_says(&folder.error(), &["instances_val2014.json", "EOF", "line 1", remedy]);
    folder.annotate("val2014", "[]");
    assert_says(&folder.error(), &["no annotation file of COCO", remedy]);
    let mut other = small(&json!([]));
    other["categories"] = json!([{"id": 17, "name": "lynx"}]);
    folder.annotate("val2014", other.to_string());
    assert_says(&folder.error(), &["category 17 \"lynx\"", "none of COCO's 80", "folder:DIR"]);
    for (annotation, parts) in [
        (annotation(9, 17, &json!([])), ["annotation 5 is of image 9", "does not list"]),
        (annotation(7, 12, &json!([])), ["annotation 5 has the category 12", "none of COCO's 80"]),
        (annotation(7, 17, &json!("text")), ["string \"text\"", "a list of polygons, or an RLE"]),
        (annotation(7, 17, &json!({"size": [3, 4]})), ["missing field `counts`", "line 1"]),
        (annotation(7, 17, &json!({"size": [3, 4], "counts": [-1]})), ["the counts of an RLE", "whole numbers"]),
    ] {
        folder.annotate("val2014", small(&json!([annotation])).to_string());
        assert_says(&folder.error(), &["instances_val2014.json", parts[0], parts[1], remedy]);
    }
}

#[test]
fn refuses_masks_that_cannot_be_drawn() {
    for (segmentation, part) in [
        (json!([[0.0, 0.0, 3.0, 0.0, 0.0, 2.0, 1.0]]), "outline that cannot be drawn"),
        (json!({"size": [4, 3], "counts": [12]}), "runs for 3 x 4 pixels, its image has 4 x 3"),
        (json!({"size": [3, 4], "counts": [5, 6]}), "runs of 11 pixels, its image has 4 x 3"),
        (json!({"size": [3, 4], "counts": "~~"}), "runs that cannot be read"),
    ] {
        let folder = Folder::new(&small(&json!([annotation(7, 17, &segmentation)])));
        let error = mask_of(&folder.open().split("val").unwrap()[0]).unwrap_err();
        assert_says(&error, &["instances_val2014.json", "annotation 5", part]);
    }
    let mut other = small(&json!([annotation(7, 17, &json!([]))]));
    let folder = Folder::new(&other);
    other["images"][0]["width"] = json!(5);
    folder.annotate("val2014", other.to_string());
    let sample = &folder.open().split("val").unwrap()[0];
    assert_says(&mask_of(sample).unwrap_err(), &["5 x 3 pixels but its picture 4 x 3", "make both the same size"]);
    other["images"][0]["width"] = json!(4_000_000_000_u32);
    folder.annotate("val2014", other.to_string());
    let sample = &folder.open().split("val").unwrap()[0];
    assert_says(&mask_of(sample).unwrap_err(), &["4000000000 x 3 pixels are more than"]);
}
