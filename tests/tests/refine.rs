//! Pixel-adaptive refinement against PyTorch, and what follows from its weights.

use std::collections::BTreeMap;

use burn::tensor::{Device, Distribution, Tensor};
use dalnet::refine::Refinement;
use dalnet_tests::{Fixture, Worst, devices, relative_error};

const TOLERANCE: f32 = 1e-4;

fn random(shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::random(shape, Distribution::Uniform(0.0, 1.0), device)
}

#[test]
fn refined_maps() {
    let fixture = Fixture::open("refine");
    let cases: BTreeMap<String, Refinement> = serde_json::from_value(fixture.json("cases")).unwrap();
    assert_eq!(cases["ordinary"], Refinement::default());
    for (backend, device) in devices() {
        let device = device.autodiff();
        let mut worst = Worst::new(format!("refinement on {backend}"), TOLERANCE);
        for (case, refinement) in &cases {
            let input = |part: &str| fixture.tensor::<4>(&format!("{case}.{part}"), &device).require_grad();
            let maps = input("maps");
            let refined = refinement.refine(input("pixels"), maps.clone());
            worst.compare(case, refined.clone(), fixture.data(&format!("{case}.refined")));
            let gradients = (refined.sum() + maps.clone().sum()).backward();
            let gradient = maps.grad(&gradients).unwrap();
            assert!(gradient.into_data().iter::<f32>().all(|value| value == 1.0), "refinement sends gradients");
        }
        worst.check();
    }
}

/// The weights of a pixel sum to 1 + w2.
#[test]
fn constant_maps_grow_by_w2_and_empty_ones_stay_empty() {
    for (backend, device) in devices() {
        for iterations in [1, 4] {
            let refinement = Refinement { iterations, ..Refinement::default() };
            let pixels = random([2, 3, 9, 18], &device);
            let maps =
                Tensor::cat(vec![Tensor::ones([2, 1, 9, 18], &device), Tensor::zeros([2, 1, 9, 18], &device)], 1);
            let within = refinement.refine_within_range(pixels.clone(), maps.clone());
            assert!(relative_error(within, &maps.clone().into_data()) < 1e-5, "a constant map changes on {backend}");
            let refined = refinement.refine(pixels, maps.clone());
            let expected = (maps.clone() * 1.01_f32.powi(iterations as i32)).into_data();
            assert!(relative_error(refined.clone(), &expected) < 1e-5, "{iterations} iterations on {backend}");
            let empty = refined.narrow(1, 1, 1).into_data();
            assert!(empty.iter::<f32>().all(|value| value == 0.0), "an empty map fills on {backend}");
        }
    }
}

#[test]
fn neither_the_order_of_pictures_nor_of_maps_matters() {
    let refinement = Refinement { iterations: 3, ..Refinement::default() };
    for (backend, device) in devices() {
        let (pixels, maps) = (random([3, 3, 11, 17], &device), random([3, 4, 11, 17], &device));
        let plain = refinement.refine(pixels.clone(), maps.clone()).flip([0, 1]).into_data();
        let flipped = refinement.refine(pixels.flip([0]), maps.flip([0, 1]));
        assert!(relative_error(flipped, &plain) < 1e-6, "on {backend}");
    }
}
