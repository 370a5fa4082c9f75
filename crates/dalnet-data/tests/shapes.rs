//! Generated pictures.

use std::collections::BTreeSet;

use dalnet_data::{DataSet, Shapes, shapes};

#[test]
fn tags_are_what_the_masks_show() {
    for (split, pictures) in [("train", 4000), ("val", 200)] {
        let samples = Shapes { seed: 3 }.split(split).unwrap();
        assert_eq!(samples.len(), pictures);
        for sample in samples.iter().take(100) {
            let size = sample.read_picture().unwrap().dimensions().into();
            let mask = sample.read_mask(size, shapes::CLASSES.len()).unwrap();
            let shown = mask.labels.iter().filter(|label| **label > 0).map(|label| usize::from(*label) - 1);
            let shown = shown.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
            assert_eq!(sample.labels, shown, "{}", sample.id);
            let share = mask.labels.iter().filter(|label| **label > 0).count() as f64 / mask.labels.len() as f64;
            assert!((0.02..0.5).contains(&share), "{}: {share} of the picture is object", sample.id);
        }
    }
}

#[test]
fn every_class_is_as_frequent() {
    let samples = Shapes { seed: 0 }.split("train").unwrap();
    for class in 0..shapes::CLASSES.len() {
        let share =
            samples.iter().filter(|sample| sample.labels.contains(&class)).count() as f64 / samples.len() as f64;
        assert!((share - 0.3).abs() < 0.03, "{}: {share}", shapes::CLASSES[class]);
    }
}

#[test]
fn a_seed_gives_one_data_set() {
    let first = |seed: u64, split: &str| Shapes { seed }.split(split).unwrap()[0].read_picture().unwrap();
    assert_eq!(first(1, "train"), first(1, "train"));
    assert_ne!(first(1, "train"), first(2, "train"));
    assert_ne!(first(1, "train"), first(1, "val"), "scoring on pictures of the training");
}

#[test]
fn names_its_splits() {
    let error = Shapes { seed: 0 }.split("test").unwrap_err().to_string();
    assert!(error.contains("\"test\"") && error.contains("train, val"), "{error}");
}
