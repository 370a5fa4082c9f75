//! The object-aware mask against a walk over every patch.

use burn::tensor::TensorData;
use dalnet::object_mask::{ObjectLevels, object_mask};
use dalnet_tests::{Fixture, devices};

fn values(data: &TensorData) -> Vec<i64> {
    data.iter::<f32>().map(|value| value as i64).collect()
}

/// Compared exactly, on a CAM that holds the levels themselves too; the class only where there is an object.
#[test]
fn sides_and_classes() {
    let fixture = Fixture::open("alignment");
    let boxes = values(fixture.data("boxes"));
    let boxes: Vec<[usize; 4]> = boxes.as_chunks::<4>().0.iter().map(|place| place.map(|side| side as usize)).collect();
    for (name, levels) in fixture.json("levels").as_object().unwrap() {
        let levels: ObjectLevels = serde_json::from_value(levels.clone()).unwrap();
        let expected = |part: &str| values(fixture.data(&format!("mask.{name}.{part}")));
        for (backend, device) in devices() {
            let mask = object_mask(fixture.tensor("cam", &device), levels, &boxes);
            let foreground = values(&mask.foreground.into_data());
            assert_eq!(foreground, expected("foreground"), "object at {name} on {backend}");
            assert_eq!(
                values(&mask.background.into_data()),
                expected("background"),
                "background at {name} on {backend}"
            );
            let at_objects = |classes: Vec<i64>| -> Vec<i64> {
                classes.into_iter().zip(&foreground).filter(|(_, side)| **side == 1).map(|(class, _)| class).collect()
            };
            let classes: Vec<i64> = mask.class.into_data().iter::<i64>().collect();
            assert_eq!(at_objects(classes), at_objects(expected("class")), "class at {name} on {backend}");
        }
    }
}
