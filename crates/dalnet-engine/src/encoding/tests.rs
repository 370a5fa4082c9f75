use burn::tensor::{Device, Tensor, TensorData};
use dalnet::refine::Refinement;
use dalnet_assets::{Map, ModelSpec};

use super::{Encoding, MapValues, Options, Segmentation};
use crate::error::EngineError;
use crate::fixture::spec;

/// CAMs of three classes on a picture of 4 x 1 pixels, one value for each pixel.
const CAM: [[f32; 4]; 3] = [[0.5, 0.51, 0.9, 0.0], [0.1, 0.8, 0.9, 0.2], [1.0, 0.0, 0.0, 0.4]];
/// The head's maps of the same picture.
const SEGMENTATION: [[f32; 4]; 3] = [[0.45, 0.5, 0.55, 0.0], [0.0, 0.6, 0.0, 0.0], [0.9, 0.0, 0.0, 0.49]];
/// The first two classes are predicted, the second the more probable one.
const LOGITS: [f32; 3] = [0.0, 2.0, -1.0];

fn encoding() -> Encoding {
    of_maps([1, 4], [1, 4], vec![(Map::Cam, CAM.concat()), (Map::Segmentation, SEGMENTATION.concat())])
}

fn of_maps(size: [usize; 2], map_size: [usize; 2], values: Vec<(Map, Vec<f32>)>) -> Encoding {
    Encoding::new(&spec(), size, grey(map_size, values), &LOGITS, None, Vec::new())
}

/// Maps of a picture without edges.
fn grey(size: [usize; 2], values: Vec<(Map, Vec<f32>)>) -> MapValues {
    MapValues::of_values(size, vec![127; 3 * size[0] * size[1]], Refinement::default(), values)
}

fn ask(classes: Option<&[usize]>, background_threshold: Option<f32>) -> Result<Segmentation, EngineError> {
    encoding().ask(&Options { classes: classes.map(<[usize]>::to_vec), background_threshold, ..Options::default() })
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
    let segmentation = of_maps([37, 50], [4, 5], vec![(Map::Cam, cam)]).ask(&Options::default()).unwrap();
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
    for error in [
        encoding().ask(&Options { map: Some(Map::AuxiliaryCam), ..Options::default() }).unwrap_err(),
        encoding().heat(1, Some(Map::AuxiliaryCam), None).unwrap_err(),
    ] {
        assert_eq!(error.to_string(), "this model has no map auxiliary_cam; it has cam, segmentation");
    }
    assert!(matches!(encoding().heat(0, None, None), Err(EngineError::UnknownClass { class: 0, last: 3 })));
    for threshold in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
        let error = ask(None, Some(threshold)).unwrap_err();
        assert!(matches!(error, EngineError::Threshold(_)), "{error}");
    }
}

#[test]
fn every_map_answers_at_its_own_threshold() {
    let of = |map: Map, background_threshold: Option<f32>| {
        let options =
            Options { classes: Some(vec![1, 2, 3]), background_threshold, map: Some(map), ..Options::default() };
        encoding().ask(&options).unwrap().labels
    };
    assert_eq!(of(Map::Cam, None), ask(Some(&[1, 2, 3]), None).unwrap().labels);
    assert_eq!(of(Map::Segmentation, None), [3, 2, 1, 0]);
    assert_eq!(of(Map::Segmentation, Some(0.4)), [3, 2, 1, 3]);
    // The model's own threshold is that of its own map: the head's stays one half.
    let mut spec = spec();
    spec.background_threshold = 0.0;
    let maps = grey([1, 4], vec![(Map::Segmentation, SEGMENTATION.concat())]);
    let encoding = |spec: &ModelSpec| Encoding::new(spec, [1, 4], maps.clone(), &LOGITS, None, Vec::new());
    let options = Options { classes: Some(vec![1]), map: Some(Map::Segmentation), ..Options::default() };
    assert_eq!(encoding(&spec).ask(&options).unwrap().labels, [0, 0, 1, 0]);
    spec.input.map = Map::Segmentation;
    assert_eq!(encoding(&spec).ask(&options).unwrap().labels, [1, 1, 1, 0]);
}

#[test]
fn heat_is_one_map_at_the_pictures_size() {
    let heat = encoding().heat(2, None, None).unwrap();
    assert_eq!((heat.width, heat.height), (4, 1));
    assert_eq!(heat.values, [26, 204, 230, 51]);
    assert_eq!(encoding().heat(3, Some(Map::Segmentation), None).unwrap().values, [230, 0, 0, 125]);
    // Half-pixel centres: a quarter of the way from one sample to the other.
    let heat =
        of_maps([1, 4], [1, 2], vec![(Map::Cam, vec![0.0, 1.0, 0.0, 0.0, 0.0, 0.0])]).heat(1, None, None).unwrap();
    assert_eq!(heat.values, [0, 64, 191, 255]);
}

/// A dark and a bright half, and maps of two classes that end beside their border, one on either side.
#[test]
fn refined_maps_follow_the_pictures_edges() {
    let size @ [height, width] = [24, 32];
    let of_pixels = |value: &dyn Fn(usize, usize) -> f32| {
        (0..height * width).map(|index| value(index / width, index % width)).collect::<Vec<_>>()
    };
    let pixels = of_pixels(&|row, column| if column < 16 { 20.0 } else { 220.0 } + ((row * 7 + column * 3) % 5) as f32);
    let bytes = pixels.iter().flat_map(|value| [*value as u8; 3]).collect::<Vec<_>>();
    let left = of_pixels(&|_, column| if column < 18 { 0.9 } else { 0.1 });
    let right = of_pixels(&|_, column| if column < 18 { 0.1 } else { 0.8 });
    let absent = vec![0.0; height * width];
    let refinement = Refinement { dilations: vec![1, 2, 4], ..Refinement::default() };
    let values = vec![(Map::Cam, [left.clone(), right, absent].concat())];
    let maps = MapValues::of_values(size, bytes, refinement.clone(), values);
    let mut spec = spec();
    let encoding = |spec: &ModelSpec| Encoding::new(spec, size, maps.clone(), &LOGITS, None, Vec::new());
    let ask = |encoding: &Encoding, classes: &[usize], refine| {
        let classes = Some(classes.to_vec());
        encoding.ask(&Options { classes, refine, ..Options::default() }).unwrap().labels
    };
    let expected = of_pixels(&|_, column| if column < 16 { 1.0 } else { 2.0 });
    let wrong =
        |labels: &[u8]| labels.iter().zip(&expected).filter(|(label, side)| f32::from(**label) != **side).count();
    let plain = encoding(&spec);
    assert_eq!(wrong(&ask(&plain, &[1, 2], None)), 2 * height, "two columns beyond the border");
    let refined = ask(&plain, &[1, 2], Some(true));
    assert!(wrong(&refined) < height / 2, "{} pixels beyond the border", wrong(&refined));
    // As the refinement itself has it, whatever was asked for before.
    let channels = pixels.iter().map(|value| value.trunc() / 255.0).collect::<Vec<_>>().repeat(3);
    let tensor = |values, channels| {
        Tensor::<4>::from_data(TensorData::new::<f32, _>(values, [1, channels, height, width]), &Device::flex())
    };
    let direct = refinement.refine_within_range(tensor(channels, 3), tensor(left, 1)).into_data();
    let direct = direct.iter::<f32>().map(|value| u8::from(value > 0.5)).collect::<Vec<_>>();
    for encoding in [plain, encoding(&spec)] {
        assert_eq!(ask(&encoding, &[1], Some(true)), direct);
        assert_eq!(ask(&encoding, &[2, 1], Some(true)), refined);
        assert_eq!(wrong(&ask(&encoding, &[1, 2], Some(false))), 2 * height);
    }
    spec.input.refinement = Some(refinement);
    let own = encoding(&spec);
    assert_eq!(ask(&own, &[1, 2], None), refined);
    assert_eq!(wrong(&ask(&own, &[1, 2], Some(false))), 2 * height);
}
