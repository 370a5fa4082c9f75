//! Patch-token contrast, and the CAMs and crop boxes on the patch grid that its labels come from, against PyTorch.

use burn::tensor::{Device, Int, Tensor, TensorData};
use dalnet::Features;
use dalnet::cam::patch_cam;
use dalnet::classifier::Classifier;
use dalnet::label::{Thresholds, boxes_on_grid, cam_to_label};
use dalnet::patch_contrast::patch_token_contrast;
use dalnet_assets::load_strict;
use dalnet_tests::{Fixture, Worst, devices};

const TOLERANCE: f32 = 1e-4;
const GRADIENT_TOLERANCE: f32 = 1e-3;
const LEVELS: Thresholds = Thresholds { background: 0.5, uncertain: Some((0.25, 0.7)) };

fn strings(fixture: &Fixture, key: &str) -> Vec<String> {
    serde_json::from_value(fixture.json(key)).expect("written by the reference program")
}

fn labels(fixture: &Fixture, name: &str, device: &Device) -> Tensor<2, Int> {
    fixture.tensor::<2>(name, device).int()
}

fn boxes(data: &TensorData) -> Vec<[usize; 4]> {
    let values: Vec<usize> = data.iter::<f32>().map(|value| value as usize).collect();
    values.as_chunks::<4>().0.to_vec()
}

/// Also all-zero tokens and batches without a single pair, where a careless gradient is not a number.
#[test]
fn loss_and_gradient() {
    let fixture = Fixture::open("patch_contrast");
    for (backend, device) in devices() {
        let device = device.autodiff();
        let mut values = Worst::new(format!("patch contrast on {backend}"), TOLERANCE);
        let mut gradients = Worst::new(format!("gradient of patch contrast on {backend}"), GRADIENT_TOLERANCE);
        for case in strings(&fixture, "cases") {
            let name = |part: &str| format!("{case}.{part}");
            let tokens: Tensor<3> = fixture.tensor(&name("tokens"), &device).require_grad();
            let loss = patch_token_contrast(tokens.clone(), labels(&fixture, &name("labels"), &device));
            values.compare(&case, loss.clone(), fixture.data(&name("loss")));
            let gradient = tokens.grad(&loss.backward()).expect("the loss depends on the tokens");
            gradients.compare(&case, gradient, fixture.data(&name("gradient")));
        }
        values.check();
        gradients.check();
    }
}

/// From tokens over CAM, boxes and label map to the loss, as a training step does it.
#[test]
fn labels_from_the_patch_cam() {
    let fixture = Fixture::open("patch_contrast");
    let grid: [usize; 2] = serde_json::from_value(fixture.json("grid")).expect("written by the reference program");
    let boxes = boxes(fixture.data("cam.boxes"));
    for (backend, device) in devices() {
        let device = device.autodiff();
        let mut worst = Worst::new(format!("patch CAM on {backend}"), TOLERANCE);
        let [classes, dim] = fixture.tensor::<2>("cam.weight", &device).dims();
        let weight = [("linear.weight".to_owned(), fixture.data("cam.weight").clone())].into();
        let classifier = load_strict(Classifier::new(dim, classes, &device), weight).unwrap();
        let tokens: Tensor<3> = fixture.tensor("cam.tokens", &device).require_grad();

        let features = Features {
            class_token: Tensor::zeros([1, dim], &device),
            patch_tokens: tokens.clone(),
            block_tokens: tokens.clone(),
            grid,
            affinity: None,
        };
        let cam = patch_cam(&classifier, &tokens, &features, fixture.tensor("cam.labels", &device), None);
        worst.compare("cam", cam.clone(), fixture.data("cam.cam"));
        let label_map = cam_to_label(cam.clone(), LEVELS, Some(&boxes)).flatten::<2>(1, 2);
        assert_eq!(
            label_map.clone().into_data().iter::<i64>().collect::<Vec<_>>(),
            fixture.data("cam.label_map").iter::<f32>().map(|label| label as i64).collect::<Vec<_>>(),
            "label map on {backend}"
        );
        worst.compare("loss", patch_token_contrast(tokens.clone(), label_map), fixture.data("cam.loss"));
        worst.check();

        let gradients = (cam.sum() + tokens.clone().sum()).backward();
        let of_tokens = tokens.grad(&gradients).expect("the sum depends on the tokens");
        assert!(of_tokens.into_data().iter::<f32>().all(|value| value == 1.0), "a CAM sends gradients on {backend}");
        assert!(classifier.weight().val().grad(&gradients).is_none(), "a CAM trains the classifier on {backend}");
    }
}

#[test]
fn crop_boxes_on_the_grid() {
    let fixture = Fixture::open("patch_contrast");
    let boxes: Vec<[usize; 4]> = serde_json::from_value(fixture.json("boxes")).unwrap();
    let on_grid = fixture.json("boxes_on_grid");
    for (patch, expected) in on_grid.as_object().unwrap() {
        let expected: Vec<[usize; 4]> = serde_json::from_value(expected.clone()).unwrap();
        assert_eq!(boxes_on_grid(&boxes, patch.parse().unwrap()), expected, "patches of {patch} pixels");
    }
}
