use burn::tensor::{Device, Tensor, TensorData};
use dalnet::resize::Resize;

use super::{Encoding, Options, Segmentation, interpolate, taps};
use crate::error::EngineError;
use crate::fixture::spec;

/// CAMs of three classes on a picture of 4 x 1 pixels, one value for each pixel.
const CAM: [[f32; 4]; 3] = [[0.5, 0.51, 0.9, 0.0], [0.1, 0.8, 0.9, 0.2], [1.0, 0.0, 0.0, 0.4]];
/// The first two classes are predicted, the second the more probable one.
const LOGITS: [f32; 3] = [0.0, 2.0, -1.0];

fn encoding() -> Encoding {
    Encoding::new(&spec(), [1, 4], [1, 4], CAM.concat(), &LOGITS, Vec::new())
}

fn ask(classes: Option<&[usize]>, background_threshold: Option<f32>) -> Result<Segmentation, EngineError> {
    encoding().ask(&Options { classes: classes.map(<[usize]>::to_vec), background_threshold })
}

#[test]
fn interpolation_is_that_of_the_network() {
    let device = Device::flex();
    for ([height, width], [to_height, to_width]) in
        [([3, 5], [48, 80]), ([24, 18], [375, 281]), ([9, 7], [4, 3]), ([1, 1], [6, 5]), ([4, 6], [4, 6])]
    {
        // Multiples of an irrational number: no two neighbours alike.
        let map = (0..height * width).map(|index| (index as f32 * 0.618_034).fract()).collect::<Vec<_>>();
        let tensor = Tensor::<4>::from_data(TensorData::new(map.clone(), [1, 1, height, width]), &device);
        let expected = Resize::BILINEAR.apply(tensor, [to_height, to_width]).into_data();
        let expected = expected.try_to_vec::<f32>().unwrap();

        let columns = taps(width, to_width);
        let mut row = vec![0.0; to_width];
        for (tap, expected) in taps(height, to_height).into_iter().zip(expected.chunks_exact(to_width)) {
            interpolate(&map, width, tap, &columns, &mut row);
            for (value, expected) in row.iter().zip(expected) {
                assert!((value - expected).abs() < 1e-5, "{value} for {expected}, {height} x {width}");
            }
        }
    }
}

#[test]
fn a_pixel_is_of_a_class_strictly_above_the_threshold() {
    // The third pixel is a tie, which the smaller label wins.
    assert_eq!(ask(None, None).unwrap().labels, [0, 2, 1, 0]);
    assert_eq!(ask(None, Some(0.499)).unwrap().labels, [1, 2, 1, 0]);
    assert_eq!(ask(None, Some(0.0)).unwrap().labels, [1, 2, 1, 2]);
    assert_eq!(ask(Some(&[1, 2, 3]), Some(1.0)).unwrap().labels, [0; 4]);
}

#[test]
fn only_the_classes_asked_for_appear() {
    assert_eq!(ask(Some(&[1]), None).unwrap().labels, [0, 1, 1, 0]);
    assert_eq!(ask(Some(&[3]), Some(0.3)).unwrap().labels, [3, 0, 0, 3]);
    // In whatever order and however often.
    assert_eq!(ask(Some(&[2, 1, 2]), None).unwrap().labels, ask(None, None).unwrap().labels);
    assert_eq!(ask(Some(&[2, 1, 2]), None).unwrap().classes, ask(None, None).unwrap().classes);
}

#[test]
fn without_classes_everything_is_background() {
    let segmentation = ask(Some(&[]), Some(0.0)).unwrap();
    assert_eq!(segmentation.labels, [0; 4]);
    assert_eq!(segmentation.confidence, [255; 4]);
    assert!(segmentation.classes.is_empty());
}

#[test]
fn confidence_is_the_cam_or_what_is_missing_to_it() {
    // Pixels: background beside 0.5, 0.8, 0.9, background beside 0.2.
    assert_eq!(ask(None, None).unwrap().confidence, [128, 204, 230, 204]);
}

#[test]
fn classes_come_by_probability_with_their_share() {
    let Segmentation { width, height, classes, .. } = ask(Some(&[1, 2, 3]), Some(0.3)).unwrap();
    assert_eq!((width, height), (4, 1));
    let found = classes.iter().map(|class| (class.index, class.name.as_str(), class.share)).collect::<Vec<_>>();
    // Labels 3 2 1 3.
    assert_eq!(found, [(2, "dog", 0.25), (1, "cat", 0.25), (3, "sheep", 0.5)]);
    assert!((classes.iter().map(|class| class.share).sum::<f32>() - 1.0).abs() < 1e-6);
    for (class, expected) in classes.iter().zip([0.880_797, 0.5, 0.268_941]) {
        assert!((class.score - expected).abs() < 1e-6, "{class:?}");
    }
}

/// Shares and background together are the whole picture, on maps smaller than it too.
#[test]
fn shares_and_background_are_the_picture() {
    let cam = (0..3 * 4 * 5).map(|index| (index as f32 * 0.618_034).fract()).collect::<Vec<_>>();
    let segmentation =
        Encoding::new(&spec(), [37, 50], [4, 5], cam, &LOGITS, Vec::new()).ask(&Options::default()).unwrap();
    assert_eq!([segmentation.labels.len(), segmentation.confidence.len()], [37 * 50; 2]);
    let background = segmentation.labels.iter().filter(|label| **label == 0).count() as f32 / (37.0 * 50.0);
    let shares = segmentation.classes.iter().map(|class| class.share).sum::<f32>();
    assert!(background > 0.0 && shares > 0.0 && (background + shares - 1.0).abs() < 1e-6, "{background} + {shares}");
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    for class in [0, 4, usize::MAX] {
        let error = ask(Some(&[1, class]), None).unwrap_err();
        assert!(matches!(error, EngineError::UnknownClass { last: 3, .. }), "{error}");
        assert!(error.to_string().contains(&class.to_string()), "{error}");
    }
    for threshold in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
        let error = ask(None, Some(threshold)).unwrap_err();
        assert!(matches!(error, EngineError::Threshold(_)), "{error}");
    }
}
