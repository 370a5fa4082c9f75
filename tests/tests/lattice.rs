//! The permutohedral lattice: against an independent implementation in float64, and what holds for any Gaussian filter.

use burn::tensor::{Device, Tensor, TensorData};
use dalnet::lattice::Lattice;
use dalnet_tests::{Fixture, Worst, relative_error};

const TOLERANCE: f32 = 1e-4;

/// Numbers in 0..1 that look random.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// Points in a cube of side `extent` around the origin.
fn cloud<const D: usize>(count: usize, extent: f32, seed: u64) -> Vec<[f32; D]> {
    let values = noise(count * D, seed);
    values.as_chunks::<D>().0.iter().map(|point| point.map(|value| extent * (value - 0.5))).collect()
}

fn error(actual: &[f32], expected: &[f32]) -> f32 {
    let data = |values: &[f32]| TensorData::new(values.to_vec(), [values.len()]);
    relative_error(Tensor::<1>::from_data(data(actual), &Device::flex()), &data(expected))
}

fn dot(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
}

fn compare_with_the_reference<const D: usize>(fixture: &Fixture) {
    let name = |part: &str| format!("lattice{D}.{part}");
    let features = fixture.data(&name("features")).try_to_vec::<f32>().expect("a fixture of floats");
    let values = fixture.data(&name("values"));
    let [points, channels] = values.shape().dims();
    let filtered = Lattice::new(features.as_chunks::<D>().0)
        .filter(&values.try_to_vec::<f32>().expect("a fixture of floats"), channels);
    let mut worst = Worst::new(format!("lattice of {D} features"), TOLERANCE);
    let filtered = TensorData::new(filtered, [points, channels]);
    worst.compare("filtered", Tensor::<2>::from_data(filtered, &Device::flex()), fixture.data(&name("filtered")));
    worst.check();
}

#[test]
fn equals_the_reference() {
    let fixture = Fixture::open("energy");
    compare_with_the_reference::<5>(&fixture);
    compare_with_the_reference::<2>(&fixture);
}

#[test]
fn is_linear_and_keeps_channels_apart() {
    let lattice = Lattice::<5>::new(&cloud(300, 4.0, 1));
    let (one, other) = (noise(300, 2), noise(300, 3));
    let together: Vec<f32> = one.iter().zip(&other).map(|(one, other)| 2.0 * one - 3.0 * other).collect();
    // Eleven channels: more than one group, the last one not full.
    let rows = one.iter().zip(&other).zip(&together);
    let rows: Vec<f32> =
        rows.flat_map(|((one, other), both)| [0., *one, 0., 0., 0., 0., 0., 0., *other, 0., *both]).collect();
    let filtered = lattice.filter(&rows, 11);
    let channel = |channel: usize| -> Vec<f32> { filtered.iter().skip(channel).step_by(11).copied().collect() };
    assert!(channel(0).iter().chain(&channel(9)).all(|value| *value == 0.0), "an empty channel stays empty");
    assert_eq!(channel(1), lattice.filter(&one, 1), "a channel does not depend on the others");
    let expected: Vec<f32> = channel(1).iter().zip(channel(8)).map(|(one, other)| 2.0 * one - 3.0 * other).collect();
    assert!(error(&channel(10), &expected) < TOLERANCE);
}

/// Blurs along different axes commute but for vertices that no point has a share in, hence the tolerance.
#[test]
fn is_nearly_symmetric() {
    for extent in [1.0, 4.0, 10.0] {
        let lattice = Lattice::<5>::new(&cloud(400, extent, 4));
        let (one, other) = (noise(400, 5), noise(400, 6));
        let (forth, back) = (dot(&one, &lattice.filter(&other, 1)), dot(&lattice.filter(&one, 1), &other));
        println!("extent {extent}: {forth} and {back}, {:.1e} apart", (forth - back).abs() / forth);
        assert!((forth - back).abs() < 0.01 * forth, "{forth} and {back} for points within {extent}");
    }
}

/// Far from the border of a dense square, the sum over all points is the integral of the Gaussian, `2π` times the
/// density, but for the method's constant factor.
#[test]
fn constant_input_stays_constant() {
    let (side, spacing) = (100, 0.1);
    let features: Vec<[f32; 2]> =
        (0..side * side).map(|index| [(index % side) as f32 * spacing, (index / side) as f32 * spacing]).collect();
    let filtered = Lattice::new(&features).filter(&vec![1.0; side * side], 1);
    let inner = |index: usize| (30..70).contains(&(index % side)) && (30..70).contains(&(index / side));
    let integral = std::f32::consts::TAU / (spacing * spacing);
    for (index, value) in filtered.iter().enumerate().filter(|(index, _)| inner(*index)) {
        let ratio = value / integral;
        assert!((0.86..0.91).contains(&ratio), "{ratio} of the integral at point {index}");
    }
}

#[test]
fn does_not_depend_on_the_origin_or_the_order() {
    let features = cloud::<5>(300, 4.0, 7);
    let values = noise(300, 8);
    let expected = Lattice::new(&features).filter(&values, 1);
    // √3 along the first feature is a step from one point of the lattice to another.
    let moved: Vec<[f32; 5]> = features
        .iter()
        .map(|[x, rest @ ..]| {
            let [y, red, green, blue] = *rest;
            [x + 3.0 * 3.0_f32.sqrt(), y, red, green, blue]
        })
        .collect();
    let shifted = Lattice::new(&moved).filter(&values, 1);
    assert!(error(&shifted, &expected) < 1e-3, "moved by a period of the lattice");

    let reversed: Vec<[f32; 5]> = features.iter().rev().copied().collect();
    let values: Vec<f32> = values.into_iter().rev().collect();
    let mut filtered = Lattice::new(&reversed).filter(&values, 1);
    filtered.reverse();
    assert!(error(&filtered, &expected) < TOLERANCE, "in reverse order");
}

#[test]
fn distant_points_do_not_meet() {
    let mut features = cloud::<5>(100, 1.0, 9);
    let values = noise(100, 10);
    let near = Lattice::new(&features).filter(&values, 1);
    features.extend(cloud::<5>(100, 1.0, 11).iter().map(|point| point.map(|value| value + 20.0)));
    let both = Lattice::new(&features).filter(&[values, noise(100, 12)].concat(), 1);
    assert_eq!(near, both[..100]);
}

#[test]
fn nothing_gives_nothing() {
    let lattice = Lattice::<5>::new(&[]);
    assert_eq!((lattice.points(), lattice.vertices()), (0, 0));
    assert!(lattice.filter(&[], 3).is_empty());
    assert!(Lattice::<5>::new(&cloud(4, 1.0, 1)).filter(&[], 0).is_empty());
}

#[test]
#[should_panic(expected = "too large")]
fn a_feature_beyond_the_coordinates_is_refused() {
    Lattice::<5>::new(&[[0.0, 1e5, 0.0, 0.0, 0.0]]);
}
