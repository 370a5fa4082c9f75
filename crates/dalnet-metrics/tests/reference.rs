//! mIoU and Boundary IoU against those that `tests/reference/miou.py` computed with numpy on the same masks.

use dalnet_metrics::{BoundaryIou, ConfusionMatrix, Outlined};
use serde::Deserialize;

const FIXTURE: &str = include_str!("../../../tests/fixtures/scores.json");

#[derive(Deserialize)]
struct Fixture {
    classes: usize,
    iou: Vec<Option<f64>>,
    miou: f64,
    boundary_iou: Vec<Option<f64>>,
    boundary_miou: f64,
    pictures: Vec<Picture>,
}

#[derive(Deserialize)]
struct Picture {
    size: [usize; 2],
    truth: Vec<u8>,
    prediction: Vec<u8>,
}

/// Counts are whole numbers on both sides: only the last division may round.
fn assert_same(actual: &[Option<f64>], expected: &[Option<f64>]) {
    assert_eq!(actual.len(), expected.len());
    for (class, pair) in actual.iter().zip(expected).enumerate() {
        match pair {
            (Some(actual), Some(expected)) => {
                assert!((actual - expected).abs() < 1e-12, "class {class}: {actual}, expected {expected}");
            }
            pair => assert_eq!(pair.0, pair.1, "class {class}"),
        }
    }
}

#[test]
fn scores_are_those_of_numpy() {
    let fixture: Fixture = serde_json::from_str(FIXTURE).unwrap();
    let mut matrix = ConfusionMatrix::new(fixture.classes).unwrap();
    let mut boundaries = BoundaryIou::new(fixture.classes).unwrap();
    for Picture { size, truth, prediction } in &fixture.pictures {
        matrix.add(truth, prediction).unwrap();
        let outlined = |labels| Outlined::new(labels, *size).unwrap();
        boundaries.add(&outlined(truth), &outlined(prediction)).unwrap();
    }
    assert_same(&matrix.iou(), &fixture.iou);
    assert_same(&[matrix.miou()], &[Some(fixture.miou)]);
    assert_same(&boundaries.iou(), &fixture.boundary_iou);
    assert_same(&[boundaries.miou()], &[Some(fixture.boundary_miou)]);
}
