//! The attention affinity and CAMs spread along it, against PyTorch.

use burn::tensor::{Device, Tensor};
use dalnet::affinity::Affinity;
use dalnet::cam::{SCALES, multi_scale_cam, patch_cam};
use dalnet::{DalNet, DalNetConfig};
use dalnet_assets::load_strict;
use dalnet_tests::{Fixture, Worst, devices};

const TOLERANCE: f32 = 1e-4;

fn model(device: &Device) -> DalNet {
    let fixture = Fixture::open("cam");
    let config: DalNetConfig =
        serde_json::from_value(fixture.json("config")).expect("written by the reference program");
    load_strict(config.init(device), fixture.part("weights.")).expect("weights of this shape")
}

#[test]
fn spread_cams() {
    let fixture = Fixture::open("affinity");
    let [height, width]: [usize; 2] = serde_json::from_value(fixture.json("size")).unwrap();
    for (backend, device) in devices() {
        let mut worst = Worst::new(format!("attention affinity on {backend}"), TOLERANCE);
        let model = model(&device);
        let images: Tensor<4> = Fixture::open("cam").tensor("images", &device);
        let images = images.narrow(2, 0, height).narrow(3, 0, width);
        for (case, walk) in fixture.json("walks").as_object().unwrap() {
            let name = |part: &str| format!("{case}.{part}");
            let affinity: Affinity = serde_json::from_value(walk.clone()).unwrap();
            let features = model.encode(images.clone(), &affinity.blocks);
            let between = features.affinity.clone().expect("attention was tapped");
            worst.compare(&name("affinity"), between, fixture.data(&name("affinity")));
            let labels: Tensor<2> = fixture.tensor("labels", &device);
            let of_one_view =
                patch_cam(&model.auxiliary_classifier, &features.block_tokens, &features, labels, Some(&affinity));
            worst.compare(&name("patch_cam"), of_one_view, fixture.data(&name("patch_cam")));
            let cams = multi_scale_cam(&model, images.clone(), &SCALES, Some(&affinity));
            worst.compare(&name("cam"), cams.cam.narrow(0, 0, 1), fixture.data(&name("cam")));
            let auxiliary = cams.auxiliary_cam.narrow(0, 1, 1);
            worst.compare(&name("auxiliary_cam"), auxiliary, fixture.data(&name("auxiliary_cam")));
        }
        worst.check();
    }
}

#[test]
fn all_blocks_once_is_the_default() {
    let fixture = Fixture::open("affinity");
    let all: Affinity = serde_json::from_value(fixture.json("walks")["all"].clone()).unwrap();
    assert_eq!(Affinity::of_all_blocks(3), Affinity { power: 1, ..all });
}
