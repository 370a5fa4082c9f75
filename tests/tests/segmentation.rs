//! What holds for multi-scale segmentation whatever the weights are.

use burn::tensor::{Device, Int, Tensor, TensorData};
use dalnet::cam::SCALES;
use dalnet::head::HeadConfig;
use dalnet::resize::Resize;
use dalnet::segmentation::{Segmentation, foreground_maps, multi_scale_segmentation};
use dalnet::{DalNet, DalNetConfig, EncoderConfig};
use dalnet_tests::{Worst, devices};

/// The order of sums differs.
const TOLERANCE: f32 = 1e-4;
const PATCH: usize = 4;

fn config() -> DalNetConfig {
    let encoder = EncoderConfig::new(PATCH, 24, 2).with_depth(2).with_pretrained_grid(4);
    let head = HeadConfig::new().with_hidden(16).with_dilation(2);
    DalNetConfig::new(encoder, 5).with_auxiliary_block(1).with_head(Some(head))
}

fn network(device: &Device) -> DalNet {
    device.seed(3);
    config().init(device)
}

/// Two pictures of waves `[2, 3, height, width]`, whose sides need not be whole patches at a smaller scale.
fn images([height, width]: [usize; 2], device: &Device) -> Tensor<4> {
    let values = (0..2 * 3 * height * width).map(|index| ((index as f32).powf(1.3) * 0.11).sin()).collect();
    Tensor::from_data(TensorData::new::<f32, _>(values, [2, 3, height, width]), device)
}

fn segment(network: &DalNet, images: Tensor<4>, scales: &[f64]) -> Segmentation {
    multi_scale_segmentation(network, images, scales).expect("a network with a head")
}

/// The views one after the other, each picture and each mirror image alone, resized before the mean.
fn composed(network: &DalNet, images: Tensor<4>, scales: &[f64]) -> Segmentation {
    let [_, _, height, width] = images.dims();
    let head = network.head.as_ref().expect("a head");
    let mut sum: Option<Segmentation> = None;
    for scale in scales {
        let size = [height, width].map(|side| ((side as f64 * scale) as usize).max(PATCH));
        let scaled = Resize::BILINEAR.apply(images.clone(), size);
        for mirrored in [false, true] {
            let turn = |maps: Tensor<4>| if mirrored { maps.flip([3]) } else { maps };
            let outputs = network.forward(turn(scaled.clone()), &[]);
            let on_grid = head.forward(outputs.features.patch_tokens, outputs.features.grid);
            let logits = turn(Resize::BILINEAR.apply(on_grid, [height, width]));
            sum = Some(match sum {
                Some(sum) => {
                    Segmentation { logits: sum.logits + logits, class_logits: sum.class_logits + outputs.logits }
                }
                None => Segmentation { logits, class_logits: outputs.logits },
            });
        }
    }
    let (sum, count) = (sum.expect("the test's own data"), 2.0 * scales.len() as f64);
    Segmentation { logits: sum.logits / count, class_logits: sum.class_logits / count }
}

fn compare(worst: &mut Worst, name: &str, actual: Segmentation, expected: Segmentation) {
    worst.compare(&format!("{name}: logits"), actual.logits, &expected.logits.into_data());
    worst.compare(&format!("{name}: class logits"), actual.class_logits, &expected.class_logits.into_data());
}

#[test]
fn the_mean_over_scales_and_mirror_images() {
    for (backend, device) in devices() {
        let network = network(&device);
        let mut worst = Worst::new(format!("segmentation on {backend}"), TOLERANCE);
        // The last picture is half a patch high at scale 0.5, and shown as a whole one.
        for (size, scales) in [([24, 32], &[1.0][..]), ([20, 28], &SCALES), ([4, 32], &SCALES)] {
            let images = images(size, &device);
            let actual = segment(&network, images.clone(), scales);
            assert_eq!(actual.logits.dims(), [2, 6, size[0], size[1]], "on {backend}");
            compare(&mut worst, &format!("{size:?} at {scales:?}"), actual, composed(&network, images, scales));
        }
        worst.check();
    }
}

#[test]
fn a_mirrored_picture_gives_the_mirrored_segmentation() {
    for (backend, device) in devices() {
        let network = network(&device);
        let mut worst = Worst::new(format!("mirrored segmentation on {backend}"), TOLERANCE);
        let images = images([20, 28], &device);
        let expected = segment(&network, images.clone(), &SCALES);
        let Segmentation { logits, class_logits } = segment(&network, images.flip([3]), &SCALES);
        compare(&mut worst, "mirrored", Segmentation { logits: logits.flip([3]), class_logits }, expected);
        worst.check();
    }
}

/// As the engine reads maps: a pixel has the class of the largest value above 0.5, else it is background.
#[test]
fn foreground_maps_at_one_half_are_the_heads_own_labels() {
    for (backend, device) in devices() {
        let logits = segment(&network(&device), images([20, 28], &device), &[1.0]).logits;
        // Random weights prefer one label everywhere and say little: each label gets places, as clearly as when trained.
        let logits = logits.clone() - logits.mean_dims(&[2, 3]);
        let logits = logits.clone() * (6.0 / logits.abs().max().into_scalar::<f32>());
        let maps = foreground_maps(logits.clone());
        let values = maps.clone().into_data();
        assert!(values.iter::<f32>().all(|value| (0.0..=1.0).contains(&value)), "outside 0..1 on {backend}");
        let above: Tensor<4, Int> = maps.clone().max_dim(1).greater_elem(0.5).int();
        let labels = (maps.argmax(1) + 1) * above;
        let expected = logits.argmax(1).into_data().iter::<i64>().collect::<Vec<_>>();
        assert!(expected.contains(&0) && expected.iter().any(|label| *label > 0), "labels of both kinds on {backend}");
        assert_eq!(labels.into_data().iter::<i64>().collect::<Vec<_>>(), expected, "on {backend}");
    }
}

#[test]
fn without_a_head_there_is_no_segmentation() {
    let device = Device::flex();
    let network = config().with_head(None).init(&device);
    assert!(multi_scale_segmentation(&network, images([8, 8], &device), &[1.0]).is_none());
}
