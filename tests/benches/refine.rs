//! Times refinement on the CPU beside PyTorch: `python tests/benches/refine.py`.
//!
//! For each number of maps on standard input it prints seconds and the sum of the refined maps.

use std::io::{self, BufRead};
use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use dalnet::refine::Refinement;

const BATCH: usize = 4;
const SIDE: usize = 224;

/// Values 0 to 1 by a rule that the Python side follows as well.
fn planes(channels: usize, steps: usize, device: &Device) -> Tensor<4> {
    let value = |index: usize| {
        let (plane, row, column) = (index / (SIDE * SIDE), index / SIDE % SIDE, index % SIDE);
        ((row * row + 3 * column * column + 7 * row * column) / 64 + 31 * plane) % steps
    };
    let values: Vec<f32> =
        (0..BATCH * channels * SIDE * SIDE).map(|index| value(index) as f32 / (steps - 1) as f32).collect();
    Tensor::from_data(TensorData::new(values, [BATCH, channels, SIDE, SIDE]), device)
}

fn main() {
    let device = Device::flex();
    let (pixels, refinement) = (planes(3, 256, &device), Refinement::default());
    for line in io::stdin().lock().lines() {
        let channels = line.expect("readable input").trim().parse().expect("a number of maps");
        let maps = planes(channels, 1000, &device);
        let start = Instant::now();
        let refined = refinement.refine(pixels.clone(), maps);
        let seconds = start.elapsed().as_secs_f64();
        println!("{seconds} {}", refined.into_data().iter::<f64>().sum::<f64>());
    }
}
