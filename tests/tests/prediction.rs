//! All views of one pass against the ways to each of them alone.

use burn::tensor::{Device, Tensor, TensorData};
use dalnet::affinity::Affinity;
use dalnet::alignment::{AlignmentConfig, TextSide};
use dalnet::cam::{SCALES, multi_scale_cam};
use dalnet::head::HeadConfig;
use dalnet::prediction::{Sides, join, join_without_maps, multi_scale_predictions, views_on_grid};
use dalnet::resize::Resize;
use dalnet::segmentation::{foreground_maps, fused_maps, multi_scale_segmentation};
use dalnet::similarity::similarity_maps;
use dalnet::{DalNet, DalNetConfig, EncoderConfig};
use dalnet_tests::{Worst, devices};

/// The order of sums differs.
const TOLERANCE: f32 = 1e-4;
const PATCH: usize = 4;
const CLASSES: usize = 5;
const TEXT_DIM: usize = 8;

fn network(device: &Device) -> DalNet {
    device.seed(5);
    let encoder = EncoderConfig::new(PATCH, 24, 2).with_depth(2).with_pretrained_grid(4);
    let mut network = DalNetConfig::new(encoder, CLASSES)
        .with_auxiliary_block(1)
        .with_head(Some(HeadConfig::new().with_hidden(16).with_dilation(2)))
        .with_alignment(Some(AlignmentConfig::new(TEXT_DIM).with_text_side(TextSide::Centred)))
        .init(device);
    let texts = waves([CLASSES + 1, TEXT_DIM], 1.3, device);
    network.alignment = network.alignment.map(|alignment| alignment.with_text(texts));
    network
}

fn waves<const D: usize>(shape: [usize; D], power: f32, device: &Device) -> Tensor<D> {
    let values = (0..shape.iter().product()).map(|index: usize| ((index as f32).powf(power) * 0.7).sin()).collect();
    Tensor::from_data(TensorData::new::<f32, _>(values, shape), device)
}

/// Each picture and each mirror image alone, on the grid of patches of the whole picture.
fn similarity(network: &DalNet, images: &Tensor<4>, scales: &[f64]) -> Tensor<4> {
    let [_, _, height, width] = images.dims();
    let alignment = network.alignment.as_ref().expect("an alignment");
    let views = scales.iter().flat_map(|scale| [(scale, false), (scale, true)]).map(|(scale, mirrored)| {
        let size = [height, width].map(|side| ((side as f64 * scale) as usize).max(PATCH));
        let turn = |maps: Tensor<4>| if mirrored { maps.flip([3]) } else { maps };
        let scaled = Resize::BILINEAR.apply(images.clone(), size);
        let maps = turn(similarity_maps(alignment, &network.encode(turn(scaled), &[])));
        Resize::BILINEAR.apply(maps, [height / PATCH, width / PATCH])
    });
    views.reduce(|sum, view| sum + view).expect("a scale") / (2.0 * scales.len() as f64)
}

/// Calls `check` with one scale, and with several and CAMs that are spread.
fn on_all_devices(what: &str, mut check: impl FnMut(&DalNet, &Tensor<4>, &[f64], Option<&Affinity>, &mut Worst)) {
    for (backend, device) in devices() {
        let network = network(&device);
        let mut worst = Worst::new(format!("{what} on {backend}"), TOLERANCE);
        let affinity = Affinity::of_all_blocks(2);
        for ([height, width], scales, affinity) in [([24, 32], &[1.0][..], None), ([20, 28], &SCALES, Some(&affinity))]
        {
            check(&network, &waves([2, 3, height, width], 1.1, &device), scales, affinity, &mut worst);
        }
        worst.check();
    }
}

#[test]
fn each_view_is_as_alone() {
    on_all_devices("predictions", |network, images, scales, affinity, worst| {
        let [_, _, height, width] = images.dims();
        let all = multi_scale_predictions(network, images.clone(), scales, affinity);
        let cams = multi_scale_cam(network, images.clone(), scales, affinity);
        worst.compare("CAM", all.cams.cam, &cams.cam.into_data());
        worst.compare("auxiliary CAM", all.cams.auxiliary_cam.clone(), &cams.auxiliary_cam.clone().into_data());
        worst.compare("logits", all.cams.logits, &cams.logits.into_data());
        let segmentation = multi_scale_segmentation(network, images.clone(), scales).expect("a head");
        let of_all = all.segmentation.expect("a head");
        let fused = fused_maps(foreground_maps(of_all.logits.clone()), all.cams.auxiliary_cam);
        worst.compare("segmentation", of_all.logits, &segmentation.logits.clone().into_data());
        let [background, classes] = [(0, 1), (1, CLASSES)].map(|(first, count)| {
            segmentation.logits.clone().narrow(1, first, count).into_data().iter::<f32>().collect::<Vec<_>>()
        });
        let auxiliary_cam = cams.auxiliary_cam.into_data();
        let pixels = height * width;
        let mean = classes.iter().zip(auxiliary_cam.iter::<f32>()).enumerate().map(|(index, (logit, cam))| {
            let background = background[index / (CLASSES * pixels) * pixels + index % pixels];
            0.7 * cam + 0.3 / (1.0 + (background - logit).exp())
        });
        let mean = TensorData::new(mean.collect::<Vec<_>>(), [2, CLASSES, height, width]);
        worst.compare("fused", fused, &mean);
        let of_all = all.similarity.expect("an alignment");
        assert_eq!(of_all.dims(), [2, CLASSES + 1, height / PATCH, width / PATCH]);
        worst.compare("similarity", of_all, &similarity(network, images, scales).into_data());
    });
}

/// As two browser workers compute them: the mirror images' half travels as numbers.
#[test]
fn halves_joined_are_the_whole() {
    on_all_devices("halves", |network, images, scales, affinity, worst| {
        let [_, _, height, width] = images.dims();
        let whole = multi_scale_predictions(network, images.clone(), scales, affinity);
        let [own, other] = [Sides::Pictures, Sides::MirrorImages]
            .map(|sides| views_on_grid(network, images.clone(), scales, affinity, sides));
        assert_eq!((own.len(), other.len()), (scales.len(), scales.len()));
        let sent = own.iter().zip(other).map(|(own, other)| {
            let numbers = other.flat();
            assert_eq!(numbers.dims(), [own.count()]);
            own.of_flat(numbers)
        });
        let halves = own.iter().zip(sent).map(|(own, other)| own.clone().beside(other)).collect::<Vec<_>>();
        let joined = join(halves.into_iter(), [height, width], PATCH);
        worst.compare("CAM", joined.cams.cam, &whole.cams.cam.into_data());
        worst.compare("auxiliary CAM", joined.cams.auxiliary_cam, &whole.cams.auxiliary_cam.into_data());
        worst.compare("logits", joined.cams.logits, &whole.cams.logits.into_data());
        let [joined_head, head] =
            [joined.segmentation, whole.segmentation].map(|segmentation| segmentation.expect("a head"));
        worst.compare("segmentation", joined_head.logits, &head.logits.into_data());
        worst.compare("class logits", joined_head.class_logits, &head.class_logits.into_data());
        let similarity = whole.similarity.expect("an alignment").into_data();
        worst.compare("similarity", joined.similarity.expect("an alignment"), &similarity);
    });
}

/// As the engine answers questions: one class after the other, of what was read from the device once.
#[test]
fn classes_joined_alone_are_those_of_the_whole() {
    on_all_devices("classes", |network, images, scales, affinity, worst| {
        let [_, _, height, width] = images.dims();
        let size = [height, width];
        let whole = multi_scale_predictions(network, images.clone(), scales, affinity);
        let views = views_on_grid(network, images.clone(), scales, affinity, Sides::Both);
        let (logits, similarity) = join_without_maps(&views, size, PATCH);
        worst.compare("logits", logits, &whole.cams.logits.into_data());
        let expected = whole.similarity.expect("an alignment").into_data();
        worst.compare("similarity", similarity.expect("an alignment"), &expected);
        let head = whole.segmentation.expect("a head").logits;
        for class in 0..CLASSES {
            let alone = join(views.iter().map(|view| view.of_class(class)), size, PATCH);
            let only = |maps: &Tensor<4>, place: usize| maps.clone().narrow(1, place, 1);
            worst.compare("CAM", alone.cams.cam, &only(&whole.cams.cam, class).into_data());
            worst.compare(
                "auxiliary CAM",
                alone.cams.auxiliary_cam,
                &only(&whole.cams.auxiliary_cam, class).into_data(),
            );
            let expected = Tensor::cat(vec![only(&head, 0), only(&head, class + 1)], 1);
            worst.compare("segmentation", alone.segmentation.expect("a head").logits, &expected.into_data());
            assert!(alone.similarity.is_none());
        }
    });
}
