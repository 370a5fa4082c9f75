//! Resizing against PyTorch's `interpolate`, values and gradients.

use burn::tensor::Tensor;
use dalnet::resize::{Kernel, Resize};
use dalnet_tests::{Fixture, Worst, devices};

const TOLERANCE: f32 = 1e-5;

#[test]
fn equals_interpolate_forward_and_backward() {
    let fixture = Fixture::open("resize");
    let cases = fixture.json("cases");
    for (backend, device) in devices() {
        let device = device.autodiff();
        let mut values = Worst::new(format!("resize on {backend}"), TOLERANCE);
        let mut gradients = Worst::new(format!("gradient of resize on {backend}"), TOLERANCE);
        for (number, case) in cases.as_array().unwrap().iter().enumerate() {
            let kernel: Kernel = serde_json::from_value(case["kernel"].clone()).unwrap();
            let size: [usize; 2] = serde_json::from_value(case["size"].clone()).unwrap();
            let resize = match (case["align_corners"] == true, case["antialias"] == true) {
                (true, _) => Resize::new(kernel).align_corners(),
                (_, true) => Resize::new(kernel).antialias(),
                _ => Resize::new(kernel),
            };
            let name = |part: &str| format!("{number}.{part}");
            let images: Tensor<4> = fixture.tensor(&name("input"), &device).require_grad();
            let upstream: Tensor<4> = fixture.tensor(&name("upstream"), &device);
            let output = resize.apply(images.clone(), size);
            values.compare(&format!("{case}"), output.clone(), fixture.data(&name("output")));
            let loss = (output * upstream).sum();
            let gradient = images.grad(&loss.backward()).unwrap();
            gradients.compare(&format!("{case}"), gradient, fixture.data(&name("gradient")));
        }
        values.check();
        gradients.check();
    }
}
