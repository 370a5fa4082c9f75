//! Classification, its losses and gradients, and CAMs against PyTorch.

use burn::tensor::{Device, Int, Tensor, TensorData};
use dalnet::cam::{SCALES, multi_scale_cam, valid_cam};
use dalnet::classifier::{Classifier, multilabel_soft_margin};
use dalnet::label::{Thresholds, cam_to_label};
use dalnet::{DalNet, DalNetConfig};
use dalnet_assets::load_strict;
use dalnet_tests::{Fixture, Worst, devices};

const TOLERANCE: f32 = 1e-5;
/// A CAM has passed the encoder, whose own tolerance this is.
const CAM_TOLERANCE: f32 = 1e-4;

fn model(fixture: &Fixture, device: &Device) -> DalNet {
    let config: DalNetConfig =
        serde_json::from_value(fixture.json("config")).expect("written by the reference program");
    load_strict(config.init(device), fixture.part("weights.")).expect("weights of this shape")
}

#[test]
fn losses_and_gradients() {
    let fixture = Fixture::open("cam");
    for (backend, device) in devices() {
        let device = device.autodiff();
        let model = model(&fixture, &device);
        let check = |name: &str, classifier: &Classifier| {
            let mut worst = Worst::new(format!("{name} on {backend}"), TOLERANCE);
            let part = |part: &str| format!("{name}.{part}");
            let tokens: Tensor<3> = fixture.tensor(&part("tokens"), &device).require_grad();
            let logits = classifier.forward(tokens.clone());
            let loss = multilabel_soft_margin(logits.clone(), fixture.tensor("labels", &device));
            worst.compare("logits", logits, fixture.data(&part("logits")));
            worst.compare("loss", loss.clone(), fixture.data(&part("loss")));
            let gradients = loss.backward();
            let of_tokens = tokens.grad(&gradients).unwrap();
            worst.compare("gradient of tokens", of_tokens, fixture.data(&part("gradient.tokens")));
            // PyTorch's weight is the transpose of burn's.
            let of_weight = classifier.weight().val().grad(&gradients).unwrap().transpose();
            worst.compare("gradient of weight", of_weight, fixture.data(&part("gradient.weight")));
            worst.check();
        };
        check("classifier", &model.classifier);
        check("auxiliary_classifier", &model.auxiliary_classifier);
    }
}

#[test]
fn logits_of_pictures() {
    let fixture = Fixture::open("cam");
    for (backend, device) in devices() {
        let mut worst = Worst::new(format!("logits on {backend}"), CAM_TOLERANCE);
        let outputs = model(&fixture, &device).forward(fixture.tensor("images", &device), &[]);
        worst.compare("logits", outputs.logits, fixture.data("classifier.logits"));
        worst.compare("auxiliary logits", outputs.auxiliary_logits, fixture.data("auxiliary_classifier.logits"));
        worst.check();
    }
}

#[test]
fn multi_scale_cams() {
    let fixture = Fixture::open("cam");
    for (backend, device) in devices() {
        let mut worst = Worst::new(format!("CAM on {backend}"), CAM_TOLERANCE);
        let cams = multi_scale_cam(&model(&fixture, &device), fixture.tensor("images", &device), &SCALES, None);
        let valid = valid_cam(cams.cam.clone(), fixture.tensor("labels", &device));
        worst.compare("cam", cams.cam, fixture.data("cam"));
        worst.compare("auxiliary cam", cams.auxiliary_cam, fixture.data("auxiliary_cam"));
        worst.compare("valid cam", valid, fixture.data("valid_cam"));
        worst.check();
    }
}

/// Labels are compared exactly, on CAMs that hold the thresholds themselves too.
#[test]
fn labels_of_cams() {
    let fixture = Fixture::open("cam");
    let plain = Thresholds { background: 0.5, uncertain: None };
    let uncertain = Thresholds { background: 0.5, uncertain: Some((0.25, 0.7)) };
    for (backend, device) in devices() {
        for source in ["valid", "edge"] {
            let name = |part: &str| format!("label.{source}.{part}");
            let boxes = crop_boxes(fixture.data(&name("boxes")));
            for (case, thresholds, boxes) in [
                ("plain", plain, None),
                ("uncertain", uncertain, None),
                ("boxed", plain, Some(boxes.as_slice())),
                ("uncertain_boxed", uncertain, Some(boxes.as_slice())),
            ] {
                let labels = cam_to_label(fixture.tensor(&name("cam"), &device), thresholds, boxes);
                assert_eq!(values(labels), expected(fixture.data(&name(case))), "{source} {case} on {backend}");
            }
        }
    }
}

fn crop_boxes(data: &TensorData) -> Vec<[usize; 4]> {
    let values: Vec<usize> = data.iter::<f32>().map(|value| value as usize).collect();
    values.as_chunks::<4>().0.to_vec()
}

fn values(labels: Tensor<3, Int>) -> Vec<i64> {
    labels.into_data().iter::<i64>().collect()
}

fn expected(data: &TensorData) -> Vec<i64> {
    data.iter::<f32>().map(|value| value as i64).collect()
}
