//! Refined pseudo labels against PyTorch, and their degenerate cases.

use burn::tensor::{Device, Int, Tensor};
use dalnet::label::IGNORE;
use dalnet::pseudo_label::RefinedLabels;
use dalnet_tests::{Fixture, devices};

const SIZE: [usize; 2] = [24, 28];

fn list(labels: Tensor<3, Int>) -> Vec<i64> {
    labels.into_data().iter::<i64>().collect()
}

fn boxes(fixture: &Fixture) -> Vec<[usize; 4]> {
    let values: Vec<usize> = fixture.data("boxes").iter::<f32>().map(|value| value as usize).collect();
    values.as_chunks::<4>().0.to_vec()
}

/// With classes that differ between pictures, a picture without any, and an empty box.
#[test]
fn label_maps() {
    let fixture = Fixture::open("pseudo_label");
    let boxes = boxes(&fixture);
    for (backend, device) in devices() {
        let [pixels, full, grid] = ["pixels", "full.cam", "grid.cam"].map(|name| fixture.tensor::<4>(name, &device));
        let present: Tensor<2> = fixture.tensor("labels", &device);
        for (levels, settings) in [("voc", RefinedLabels::default()), ("coco", RefinedLabels::coco())] {
            for (name, cam) in [("full", &full), ("grid", &grid)] {
                let labels = settings.pseudo_labels(pixels.clone(), cam.clone(), present.clone(), &boxes, SIZE);
                assert_eq!(labels.dims(), [4, 24, 28]);
                let expected = fixture.data(&format!("{name}.{levels}")).iter::<f32>().map(|label| label as i64);
                assert!(list(labels) == expected.collect::<Vec<_>>(), "{name}, {levels} on {backend}");
            }
        }
    }
}

#[test]
fn neither_the_order_of_pictures_nor_of_classes_matters() {
    let fixture = Fixture::open("pseudo_label");
    let (forth, back) = (boxes(&fixture), boxes(&fixture).into_iter().rev().collect::<Vec<_>>());
    let settings = RefinedLabels::default();
    for (backend, device) in devices() {
        let (pixels, cam): (Tensor<4>, Tensor<4>) =
            (fixture.tensor("pixels", &device), fixture.tensor("full.cam", &device));
        let present: Tensor<2> = fixture.tensor("labels", &device);
        let plain = settings.pseudo_labels(pixels.clone(), cam.clone(), present.clone(), &forth, SIZE).flip([0]);
        // Of four classes the first becomes the last.
        let renamed = list(plain).into_iter().map(|label| if (1..=4).contains(&label) { 5 - label } else { label });
        let (pixels, cam, present) = (pixels.flip([0]), cam.flip([0, 1]), present.flip([0, 1]));
        let turned = list(settings.pseudo_labels(pixels, cam, present, &back, SIZE));
        assert!(turned == renamed.collect::<Vec<_>>(), "on {backend}");
    }
}

/// One pixel; boxes that are empty, turned over or beyond the picture; results of another size, with their boxes.
#[test]
fn degenerate_pictures_and_boxes() {
    let settings = RefinedLabels::default();
    for (backend, device) in devices() {
        let label = |score: f32, crop_box: [usize; 4]| {
            let pixels = Tensor::full([1, 3, 1, 1], 0.5, &device);
            let cam = Tensor::full([1, 2, 1, 1], score, &device);
            list(settings.pseudo_labels(pixels, cam, one_of_two(&device), &[crop_box], [1, 1]))
        };
        assert_eq!(label(0.9, [0, 1, 0, 1]), [2], "{backend}");
        assert_eq!(label(0.5, [0, 1, 0, 1]), [IGNORE], "{backend}");
        assert_eq!(label(0.0, [0, 1, 0, 1]), [0], "{backend}");
        assert_eq!(label(0.9, [0, 0, 0, 1]), [IGNORE], "{backend}");
        assert_eq!(label(0.9, [1, 0, 1, 0]), [IGNORE], "{backend}");
        assert_eq!(label(0.9, [0, 9, 0, 9]), [2], "{backend}");

        let (pixels, cam) = (Tensor::full([1, 3, 8, 8], 0.5, &device), Tensor::ones([1, 2, 4, 4], &device));
        let small = settings.pseudo_labels(pixels, cam, one_of_two(&device), &[[3, 8, 0, 4]], [4, 4]);
        let outside = IGNORE;
        let row = [2, 2, outside, outside];
        assert_eq!(list(small), [[outside; 4], row, row, row].concat(), "{backend}");
    }
}

fn one_of_two(device: &Device) -> Tensor<2> {
    Tensor::from_floats([[0.0, 1.0]], device)
}
