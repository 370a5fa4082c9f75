//! The segmentation head and its balanced cross-entropy against PyTorch.

use burn::tensor::{Int, Tensor};
use dalnet::head::{HeadConfig, balanced_cross_entropy};
use dalnet_assets::{load_strict, tensors_of};
use dalnet_tests::{Fixture, Worst, devices, gradients_of};

const TOLERANCE: f32 = 1e-4;
const GRADIENT_TOLERANCE: f32 = 1e-3;

/// Also on maps so small that most taps lie outside.
#[test]
fn logits_and_gradients() {
    let fixture = Fixture::open("head");
    let shape = fixture.json("shape");
    let size = |key: &str| shape[key].as_u64().unwrap() as usize;
    for (backend, device) in devices() {
        let device = device.autodiff();
        let mut values = Worst::new(format!("head on {backend}"), TOLERANCE);
        let mut gradients = Worst::new(format!("gradients of the head on {backend}"), GRADIENT_TOLERANCE);
        for (case, map) in fixture.json("grids").as_object().unwrap() {
            let grid: [usize; 2] = serde_json::from_value(map["grid"].clone()).unwrap();
            let config =
                HeadConfig::new().with_hidden(size("hidden")).with_dilation(map["dilation"].as_u64().unwrap() as usize);
            let head = config.init(size("dim"), size("classes"), &device);
            let head = load_strict(head, fixture.part(&format!("{case}.weights."))).unwrap();
            let tokens: Tensor<3> = fixture.tensor(&format!("{case}.tokens"), &device).require_grad();
            let logits = head.forward(tokens.clone(), grid);
            values.compare(case, logits.clone(), fixture.data(&format!("{case}.logits")));
            let pull: Tensor<4> = fixture.tensor(&format!("{case}.pull"), &device);
            let of_all = (logits * pull).sum().backward();
            let of_tokens = tokens.grad(&of_all).unwrap();
            gradients.compare(&format!("{case}: tokens"), of_tokens, fixture.data(&format!("{case}.gradient.tokens")));
            for (name, gradient) in gradients_of(head, &of_all) {
                let gradient: Tensor<4> = Tensor::from_data(gradient, &device);
                let expected = fixture.data(&format!("{case}.gradient.weights.{name}"));
                gradients.compare(&format!("{case}: {name}"), gradient, expected);
            }
        }
        values.check();
        gradients.check();
    }
}

#[test]
fn balanced_cross_entropies() {
    let fixture = Fixture::open("head");
    let cases: Vec<String> = serde_json::from_value(fixture.json("cases")).unwrap();
    for (backend, device) in devices() {
        let device = device.autodiff();
        let mut values = Worst::new(format!("balanced cross-entropy on {backend}"), TOLERANCE);
        let mut gradients = Worst::new(format!("its gradient on {backend}"), GRADIENT_TOLERANCE);
        for case in &cases {
            let name = |part: &str| format!("loss.{case}.{part}");
            let logits: Tensor<4> = fixture.tensor(&name("logits"), &device).require_grad();
            let labels: Tensor<3, Int> = fixture.tensor::<3>(&name("labels"), &device).int();
            let loss = balanced_cross_entropy(logits.clone(), labels);
            values.compare(case, loss.clone(), fixture.data(&name("loss")));
            gradients.compare(case, logits.grad(&loss.backward()).unwrap(), fixture.data(&name("gradient")));
        }
        values.check();
        gradients.check();
    }
}

/// PyTorch's default: uniform in ±1/√fan_in, whose standard deviation is a √3rd of the bound.
#[test]
fn fresh_weights() {
    for (_, device) in devices() {
        for (name, weights) in tensors_of(&HeadConfig::new().with_hidden(64).init(48, 20, &device)) {
            let fan_in: usize = weights.shape()[1..].iter().product();
            let bound = (fan_in as f32).powf(-0.5);
            let values: Vec<f32> = weights.iter().collect();
            let largest = values.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
            assert!((0.98 * bound..=bound).contains(&largest), "{name} reaches {largest}, not {bound}");
            let deviation = (values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32).sqrt();
            assert!((deviation * 3_f32.sqrt() / bound - 1.0).abs() < 0.05, "{name} deviates by {deviation}");
        }
    }
}
