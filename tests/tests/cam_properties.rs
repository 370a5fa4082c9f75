//! What holds for multi-scale CAMs whatever the weights are.

use burn::tensor::{Device, Tensor};
use dalnet::cam::{Cams, SCALES, multi_scale_cam, valid_cam};
use dalnet::label::{Thresholds, cam_to_label};
use dalnet::{DalNet, DalNetConfig};
use dalnet_assets::load_strict;
use dalnet_tests::{Fixture, Worst, devices};

/// The order of sums differs between a batch and its pictures.
const TOLERANCE: f32 = 1e-4;

fn model(fixture: &Fixture, device: &Device) -> DalNet {
    let config: DalNetConfig =
        serde_json::from_value(fixture.json("config")).expect("written by the reference program");
    load_strict(config.init(device), fixture.part("weights.")).expect("written by the reference program")
}

fn compare(worst: &mut Worst, name: &str, actual: Cams, expected: Cams) {
    worst.compare(&format!("{name}: cam"), actual.cam, &expected.cam.into_data());
    worst.compare(&format!("{name}: auxiliary cam"), actual.auxiliary_cam, &expected.auxiliary_cam.into_data());
    worst.compare(&format!("{name}: logits"), actual.logits, &expected.logits.into_data());
}

#[test]
fn a_batch_gives_what_its_pictures_give() {
    let fixture = Fixture::open("cam");
    for (backend, device) in devices() {
        let mut worst = Worst::new(format!("batch on {backend}"), TOLERANCE);
        let model = model(&fixture, &device);
        let images: Tensor<4> = fixture.tensor("images", &device);
        let together = multi_scale_cam(&model, images.clone(), &SCALES, None);
        for picture in 0..images.dims()[0] {
            let alone = multi_scale_cam(&model, images.clone().narrow(0, picture, 1), &SCALES, None);
            let of_batch = Cams {
                cam: together.cam.clone().narrow(0, picture, 1),
                auxiliary_cam: together.auxiliary_cam.clone().narrow(0, picture, 1),
                logits: together.logits.clone().narrow(0, picture, 1),
            };
            compare(&mut worst, &format!("picture {picture}"), of_batch, alone);
        }
        worst.check();
    }
}

#[test]
fn a_mirrored_picture_gives_the_mirrored_cam() {
    let fixture = Fixture::open("cam");
    for (backend, device) in devices() {
        let mut worst = Worst::new(format!("mirror image on {backend}"), TOLERANCE);
        let model = model(&fixture, &device);
        let images: Tensor<4> = fixture.tensor("images", &device);
        let cams = multi_scale_cam(&model, images.clone(), &SCALES, None);
        let mirrored = multi_scale_cam(&model, images.flip([3]), &SCALES, None);
        let back = Cams {
            cam: mirrored.cam.flip([3]),
            auxiliary_cam: mirrored.auxiliary_cam.flip([3]),
            logits: mirrored.logits,
        };
        compare(&mut worst, "mirrored", back, cams);
        worst.check();
    }
}

/// A picture of one colour without any class, whose maps are flat where nothing is positive.
#[test]
fn a_picture_without_classes_is_background() {
    let fixture = Fixture::open("cam");
    let thresholds = Thresholds { background: 0.5, uncertain: Some((0.25, 0.7)) };
    for (backend, device) in devices() {
        let model = model(&fixture, &device);
        let cams = multi_scale_cam(&model, Tensor::zeros([1, 3, 24, 32], &device), &SCALES, None);
        for cam in [cams.cam, cams.auxiliary_cam] {
            let [batch, classes, _, _] = cam.dims();
            let values = cam.clone().into_data();
            assert!(values.iter::<f32>().all(|value| (0.0..=1.0).contains(&value)), "CAM outside 0..1 on {backend}");
            let absent = Tensor::zeros([batch, classes], &device);
            let labels = cam_to_label(valid_cam(cam, absent), thresholds, None).into_data();
            assert!(labels.iter::<i64>().all(|label| label == 0), "a label without a class on {backend}");
        }
    }
}

#[test]
fn a_picture_of_one_patch_has_a_cam_at_every_scale() {
    let fixture = Fixture::open("cam");
    for (backend, device) in devices() {
        let model = model(&fixture, &device);
        let images: Tensor<4> = fixture.tensor("images", &device);
        for [height, width] in [[4, 32], [24, 4], [4, 4]] {
            let picture = images.clone().narrow(2, 0, height).narrow(3, 0, width);
            let cams = multi_scale_cam(&model, picture, &SCALES, None);
            assert_eq!(cams.cam.dims()[2..], [height, width], "on {backend}");
            let values = cams.cam.into_data();
            assert!(values.iter::<f32>().all(f32::is_finite), "{height} x {width} on {backend}");
        }
    }
}
