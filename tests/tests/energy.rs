//! Dense energy regularisation against PyTorch, finite differences, and what the lattice changes.

use std::collections::BTreeMap;

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use dalnet::energy::{EnergyConfig, Filter, dense_energy};
use dalnet::label::IGNORE;
use dalnet_tests::{Fixture, Worst, devices, relative_error};
use serde_json::Value;

const TOLERANCE: f32 = 1e-4;
const GRADIENT_TOLERANCE: f32 = 1e-3;

/// The inputs of a case besides its probabilities.
struct Case {
    pixels: Tensor<4>,
    labels: Tensor<3, Int>,
    boxes: Vec<[usize; 4]>,
    config: EnergyConfig,
}

impl Case {
    fn open(fixture: &Fixture, name: &str, case: &Value, device: &Device) -> Self {
        let text = |key: &str| case[key].as_str().expect("written by the reference program");
        Self {
            pixels: fixture.tensor(&format!("{}.pixels", text("pixels")), device),
            labels: fixture.tensor::<3>(&format!("{name}.labels"), device).int(),
            boxes: serde_json::from_value(case["boxes"].clone()).expect("written by the reference program"),
            config: EnergyConfig {
                scale: case["scale"].as_f64().expect("written by the reference program"),
                filter: Filter::Exact,
                ..EnergyConfig::default()
            },
        }
    }

    fn loss(&self, probabilities: Tensor<4>) -> Tensor<1> {
        dense_energy(probabilities, self.pixels.clone(), self.labels.clone(), &self.boxes, &self.config)
    }

    /// Without pseudo labels, hence with a gate of 1.
    fn unlabelled(self) -> Self {
        let labels = self.labels.zeros_like() + IGNORE;
        Self { labels, ..self }
    }

    fn with(self, filter: Filter) -> Self {
        Self { config: EnergyConfig { filter, ..self.config }, ..self }
    }
}

fn cases(fixture: &Fixture) -> BTreeMap<String, Value> {
    serde_json::from_value(fixture.json("cases")).expect("written by the reference program")
}

/// The logits of a case.
fn logits(fixture: &Fixture, case: &Value, device: &Device) -> Tensor<4> {
    fixture.tensor(&format!("{}.logits", case["logits"].as_str().expect("written by the reference program")), device)
}

fn scalar(loss: Tensor<1>) -> f64 {
    f64::from(loss.into_scalar::<f32>())
}

/// Also pictures without labels, with an empty crop and with odd sides, and maps smaller than the picture.
#[test]
fn exact_loss_and_gradients() {
    let fixture = Fixture::open("energy");
    for (backend, device) in devices() {
        let device = device.autodiff();
        let mut values = Worst::new(format!("dense energy on {backend}"), TOLERANCE);
        let mut gradients = Worst::new(format!("gradients of the dense energy on {backend}"), GRADIENT_TOLERANCE);
        for (name, case) in cases(&fixture) {
            let inputs = Case::open(&fixture, &name, &case, &device);
            let logits = logits(&fixture, &case, &device).require_grad();
            let probabilities = softmax(logits.clone(), 1);
            let leaf = probabilities.clone().detach().require_grad();

            let loss = inputs.loss(probabilities);
            values.compare(&name, loss.clone(), fixture.data(&format!("{name}.loss")));
            let gradient = logits.grad(&loss.backward()).expect("the loss depends on the logits");
            gradients.compare(&format!("{name}, logits"), gradient, fixture.data(&format!("{name}.logit_gradient")));
            let gradient = leaf.grad(&inputs.loss(leaf.clone()).backward()).expect("the loss depends on the map");
            gradients.compare(&name, gradient, fixture.data(&format!("{name}.gradient")));
        }
        values.check();
        gradients.check();
    }
}

/// Where the gate is 1 the closed form is the derivative. The loss is then quadratic in the probabilities: a central
/// difference is exact but for rounding.
#[test]
fn gradient_is_the_finite_difference() {
    let fixture = Fixture::open("energy");
    let cases = cases(&fixture);
    for (backend, device) in devices() {
        let device = device.autodiff();
        // The lattice is symmetric only nearly.
        for (filter, tolerance) in [(Filter::Exact, 1e-3), (Filter::Lattice, 2e-2)] {
            for name in ["ordinary", "coarse", "odd"] {
                let inputs = Case::open(&fixture, name, &cases[name], &device).unlabelled().with(filter);
                let leaf = softmax(logits(&fixture, &cases[name], &device), 1).require_grad();
                let direction = logits(&fixture, &cases[name], &device).sin() + 0.5;
                let gradient = leaf.grad(&inputs.loss(leaf.clone()).backward()).expect("the loss depends on the map");
                let slope = scalar((gradient * direction.clone().inner()).sum());
                let at = |step: f64| scalar(inputs.loss(leaf.clone().detach() + direction.clone() * step));
                let difference = (at(0.5) - at(-0.5)) / 1.0;
                println!("{backend}, {filter:?}, {name}: slope {slope:.6e}, difference {difference:.6e}");
                assert!(
                    (slope - difference).abs() < tolerance * difference.abs(),
                    "{backend}, {filter:?}, {name}: slope {slope} but difference {difference}"
                );
            }
        }
    }
}

/// Two flat objects on a slope, with noise, `[2, 3, 48, 64]`, and smooth probabilities of 5 classes.
fn scene(device: &Device) -> (Tensor<4>, Tensor<4>) {
    let (height, width, classes) = (48, 64, 5);
    let grid = |channels: usize, value: &dyn Fn(usize, usize, f32, f32) -> f32| {
        let values: Vec<f32> = (0..2 * channels * height * width)
            .map(|index| {
                let (row, column) = (index / width % height, index % width);
                let plane = index / (height * width);
                value(plane / channels, plane % channels, row as f32, column as f32)
            })
            .collect();
        Tensor::<4>::from_data(TensorData::new(values, [2, channels, height, width]), device)
    };
    let pixels = grid(3, &|picture, channel, row, column| {
        let object = if picture == 0 { (row - 20.0).hypot(column - 30.0) < 14.0 } else { row + column > 60.0 };
        let colour = if object { [190.0, 120.0, 60.0] } else { [70.0, 100.0, 130.0] };
        let texture = 9.0 * (row * 12.9 + column * 78.2 + channel as f32 * 3.7).sin();
        colour[channel] + 0.8 * row + texture
    });
    let logits = grid(classes, &|picture, class, row, column| {
        let phase = (picture * 3 + class) as f32;
        3.0 * (row / 13.0 + phase).sin() * (column / 17.0 - 2.0 * phase).cos()
    });
    (softmax(logits, 1), pixels)
}

/// The lattice's energy is nearly proportional to the exact one. It is smaller: values leave for vertices that no
/// pixel has a share in.
#[test]
fn lattice_is_nearly_proportional_to_exact() {
    for (backend, device) in devices() {
        let device = device.autodiff();
        let (probabilities, pixels) = scene(&device);
        let labels = Tensor::<3, Int>::zeros([2, 48, 64], &device).slice_fill([0..2, 10..30, 20..64], IGNORE);
        let leaf = probabilities.require_grad();
        let run = |filter| {
            let config = EnergyConfig { filter, ..EnergyConfig::default() };
            let boxes = [[0, 48, 0, 64], [4, 44, 6, 60]];
            let loss = dense_energy(leaf.clone(), pixels.clone(), labels.clone(), &boxes, &config);
            let gradient = leaf.grad(&loss.clone().backward()).expect("the loss depends on the map");
            (scalar(loss), gradient)
        };
        let ((exact_loss, exact), (lattice_loss, lattice)) = (run(Filter::Exact), run(Filter::Lattice));
        let dot = |one: &Tensor<4>, other: &Tensor<4>| scalar((one.clone() * other.clone()).sum());
        let cosine = dot(&exact, &lattice) / (dot(&exact, &exact) * dot(&lattice, &lattice)).sqrt();
        let ratio = lattice_loss / exact_loss;
        println!("{backend}: lattice / exact {ratio:.3}, cosine of the gradients {cosine:.4}");
        assert!((0.5..0.8).contains(&ratio), "{backend}: the lattice's loss is {ratio} of the exact one");
        assert!(cosine > 0.99, "{backend}: the gradients' cosine is {cosine}");
    }
}

/// The order of pictures and of classes does not matter, nor what lies outside the crop.
#[test]
fn order_and_padding_change_nothing() {
    for (backend, device) in devices() {
        let (probabilities, pixels) = scene(&device);
        let labels = Tensor::<3, Int>::zeros([2, 48, 64], &device).slice_fill([0..1, 10..30, 20..64], IGNORE);
        let boxes = [[0, 48, 0, 64], [4, 44, 6, 60]];
        for filter in [Filter::Exact, Filter::Lattice] {
            let config = EnergyConfig { filter, ..EnergyConfig::default() };
            let expected = dense_energy(probabilities.clone(), pixels.clone(), labels.clone(), &boxes, &config);
            let expected = expected.into_data();
            let mut worst = Worst::new(format!("{filter:?} on {backend}"), TOLERANCE);
            let swapped = dense_energy(
                probabilities.clone().flip([0, 1]),
                pixels.clone().flip([0]),
                labels.clone().flip([0]),
                &[boxes[1], boxes[0]],
                &config,
            );
            worst.compare("order", swapped, &expected);
            if filter == Filter::Exact {
                // Below and right of the picture, in a colour of its own.
                let pad = |images: Tensor<4>, value: f32| images.pad((0, 16, 0, 8), value);
                let padded_labels = pad(labels.clone().float().unsqueeze_dim(1), 3.0).squeeze_dim::<3>(1).int();
                let padded = dense_energy(
                    pad(probabilities.clone(), 0.2),
                    pad(pixels.clone(), 100.0),
                    padded_labels,
                    &boxes,
                    &config,
                );
                worst.compare("padding", padded, &expected);
            }
            worst.check();
        }
    }
}

/// Pseudo labels and pictures need not live where the probabilities do.
#[test]
fn gradients_reach_the_probabilities_alone() {
    for (backend, device) in devices() {
        let autodiff = device.clone().autodiff();
        let (probabilities, _) = scene(&autodiff);
        let (_, pixels) = scene(&device);
        let labels = Tensor::<3, Int>::zeros([2, 48, 64], &device);
        let leaf = probabilities.require_grad();
        let boxes = [[8, 40, 10, 50], [0, 0, 0, 0]];
        for filter in [Filter::Exact, Filter::Lattice] {
            let config = EnergyConfig { filter, ..EnergyConfig::default() };
            let loss = dense_energy(leaf.clone(), pixels.clone(), labels.clone(), &boxes, &config);
            let gradient = leaf.grad(&loss.backward()).expect("the loss depends on the map");
            let outside = gradient.clone().slice_fill([0..1, 0..5, 8..40, 10..50], 0.0);
            assert_eq!(
                relative_error(outside.clone(), &outside.zeros_like().into_data()),
                0.0,
                "{filter:?}, {backend}"
            );
            assert!(gradient.abs().max().into_scalar::<f32>() > 0.0, "{filter:?} on {backend}: no gradient at all");
        }
    }
}
