//! The dense conditional random field: against all pairs of pixels in float64, and what the lattice changes.

use burn::tensor::{Device, Tensor, TensorData};
use dalnet::crf::DenseCrf;
use dalnet::energy::Filter;
use dalnet_tests::{Fixture, Worst};

/// Ten steps in single precision.
const TOLERANCE: f32 = 1e-4;

/// Numbers in -1..1 that look random.
fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

fn exact() -> DenseCrf {
    DenseCrf { filter: Filter::Exact, ..DenseCrf::default() }
}

#[test]
fn equals_the_reference() {
    let fixture = Fixture::open("crf");
    let mut worst = Worst::new("dense CRF over all pairs", TOLERANCE);
    for (name, values) in fixture.json("cases").as_object().expect("a case for each name") {
        let value = |key: &str| values[key].as_f64().expect("a number") as f32;
        let crf = DenseCrf {
            iterations: value("iterations") as usize,
            position_weight: value("position_weight"),
            position_sigma: value("position_sigma"),
            bilateral_weight: value("bilateral_weight"),
            bilateral_sigma_xy: value("bilateral_sigma_xy"),
            bilateral_sigma_rgb: value("bilateral_sigma_rgb"),
            filter: Filter::Exact,
        };
        if name == "reference" {
            assert_eq!(crf, exact(), "the default is the reference's");
        }
        let floats = |part: &str| fixture.data(&format!("{name}.{part}")).try_to_vec::<f32>().expect("floats");
        let expected = fixture.data(&format!("{name}.refined"));
        let [labels, height, width] = expected.shape().dims();
        let rgb: Vec<u8> = floats("rgb").into_iter().map(|level| level as u8).collect();
        let refined = crf.refine(&floats("probabilities"), &rgb, [height, width]);
        let refined = TensorData::new(refined, [labels, height, width]);
        worst.compare(name, Tensor::<3>::from_data(refined, &Device::flex()), expected);
    }
    worst.check();
}

/// A disc on a background of another colour, with noise; the probabilities say the same disc, displaced by `shift`.
struct Scene {
    size: [usize; 2],
    rgb: Vec<u8>,
    truth: Vec<usize>,
    probabilities: Vec<f32>,
}

impl Scene {
    fn new(size: [usize; 2], shift: usize) -> Self {
        let [height, width] = size;
        let mut next = noise(7);
        let inside = |row: usize, column: usize| {
            let (y, x) = (row as f32 - height as f32 / 2.0, column as f32 - width as f32 / 2.0);
            (x * x + y * y).sqrt() < height as f32 / 3.0
        };
        let (mut rgb, mut truth, mut object) = (Vec::new(), Vec::new(), Vec::new());
        for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
            let disc = inside(row, column);
            truth.push(usize::from(disc));
            let colour = if disc { [190.0, 70.0, 60.0] } else { [60.0, 110.0, 150.0] };
            rgb.extend(colour.map(|level: f32| (level + 6.0 * next()) as u8));
            let said = column >= shift && inside(row, column - shift);
            object.push((if said { 0.75 } else { 0.25 }) + 0.15 * next());
        }
        let background = object.iter().map(|value| 1.0 - value);
        let probabilities = background.chain(object.iter().copied()).collect();
        Self { size, rgb, truth, probabilities }
    }

    /// Share of pixels at which the larger of two maps is that of `labels`.
    fn agreement(&self, maps: &[f32], labels: &[usize]) -> f64 {
        let winners = winners(maps, self.truth.len());
        winners.iter().zip(labels).filter(|(one, other)| one == other).count() as f64 / labels.len() as f64
    }
}

fn winners(maps: &[f32], pixels: usize) -> Vec<usize> {
    (0..pixels).map(|pixel| usize::from(maps[pixels + pixel] > maps[pixel])).collect()
}

/// The lattice is an approximation whose kernel is a little wider and lower; normalisation takes the height out of it,
/// and what is left moves probabilities near borders, seldom labels.
#[test]
fn the_lattice_gives_the_same_labels() {
    let scene = Scene::new([48, 64], 4);
    let over_pairs = exact().refine(&scene.probabilities, &scene.rgb, scene.size);
    let on_lattice = DenseCrf::default().refine(&scene.probabilities, &scene.rgb, scene.size);
    let same = scene.agreement(&on_lattice, &winners(&over_pairs, scene.truth.len()));
    let difference = over_pairs.iter().zip(&on_lattice).map(|(one, other)| f64::from((one - other).abs()));
    let difference = difference.sum::<f64>() / over_pairs.len() as f64;
    println!("{:.2} % of labels alike, probabilities {difference:.4} apart", 100.0 * same);
    assert!(same > 0.99, "{same} of the labels alike");
    assert!(difference < 0.02, "probabilities differ by {difference}");
}

#[test]
fn borders_move_to_those_of_the_picture() {
    let scene = Scene::new([60, 80], 4);
    let before = scene.agreement(&scene.probabilities, &scene.truth);
    for crf in [exact(), DenseCrf::default()] {
        let refined = crf.refine(&scene.probabilities, &scene.rgb, scene.size);
        let after = scene.agreement(&refined, &scene.truth);
        println!("{:?}: {:.1} % right before, {:.1} % after", crf.filter, 100.0 * before, 100.0 * after);
        assert!(before < 0.96 && after > 0.99, "{before} right before, {after} after, {:?}", crf.filter);
        let pixels = scene.truth.len();
        for pixel in 0..pixels {
            let sum = refined[pixel] + refined[pixels + pixel];
            assert!((sum - 1.0).abs() < 1e-5, "probabilities of a pixel sum to {sum}");
        }
    }
}

#[test]
fn labels_without_probability_change_nothing() {
    let scene = Scene::new([30, 40], 3);
    let pixels = scene.truth.len();
    let two = DenseCrf::default().refine(&scene.probabilities, &scene.rgb, scene.size);
    let (background, object) = scene.probabilities.split_at(pixels);
    let four = [background, &vec![0.0; pixels], object, &vec![9e-4; pixels]].concat();
    let four = DenseCrf::default().refine(&four, &scene.rgb, scene.size);
    assert_eq!(four[..pixels], two[..pixels]);
    assert_eq!(four[2 * pixels..3 * pixels], two[pixels..]);
    assert!(four[pixels..2 * pixels].iter().chain(&four[3 * pixels..]).all(|value| *value == 0.0));
    let nothing = DenseCrf::default().refine(&vec![0.0; pixels], &scene.rgb, scene.size);
    assert!(nothing.iter().all(|value| *value == 0.0));
}
