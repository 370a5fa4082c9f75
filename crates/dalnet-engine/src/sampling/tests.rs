use burn::tensor::{Device, Tensor, TensorData};
use dalnet::resize::Resize;

use super::{interpolate, taps};

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
