use burn::tensor::Device;

use super::{MAX_PIXELS, MIN_SIDE, Picture};
use crate::error::EngineError;
use crate::fixture::spec;

fn refusal(width: usize, height: usize, bytes: usize) -> EngineError {
    Picture::new(width, height, &vec![0; bytes]).unwrap_err()
}

#[test]
fn small_pictures_are_refused() {
    for (width, height) in [(0, 0), (1, 1), (MIN_SIDE - 1, 500), (500, MIN_SIDE - 1)] {
        let pixels = vec![0; width * height * 4];
        let error = Picture::new(width, height, &pixels).and_then(|picture| picture.check_sides()).unwrap_err();
        assert!(matches!(error, EngineError::PictureTooSmall { .. }), "{width} x {height}: {error}");
        assert!(error.to_string().contains(&format!("{width} x {height}")), "{error}");
    }
    Picture::new(MIN_SIDE, MIN_SIDE, &[0; MIN_SIDE * MIN_SIDE * 4]).unwrap().check_sides().unwrap();
}

#[test]
fn large_pictures_are_refused_before_their_bytes_are_counted() {
    for (width, height) in [(12_000, 9_000), (MAX_PIXELS / 100 + 1, 100), (usize::MAX, usize::MAX)] {
        let error = refusal(width, height, 0);
        assert!(matches!(error, EngineError::PictureTooLarge { .. }), "{width} x {height}: {error}");
    }
    // Exactly as large as allowed: only its bytes are wrong.
    assert!(matches!(refusal(MAX_PIXELS / 100, 100, 0), EngineError::PictureBytes { .. }));
}

#[test]
fn bytes_that_are_not_the_pictures_are_refused() {
    for bytes in [0, 20 * 30 * 3, 20 * 30 * 4 - 1, 20 * 30 * 4 + 4] {
        let error = refusal(20, 30, bytes);
        assert!(matches!(error, EngineError::PictureBytes { .. }), "{error}");
        assert!(error.to_string().contains(&format!("{bytes} bytes")), "{error}");
    }
}

#[test]
fn transparent_pixels_show_the_backdrop() {
    let pixels = [[255, 0, 10, 255], [255, 0, 10, 0], [255, 0, 127, 128], [255, 255, 255, 254]];
    let rgba = pixels.iter().cycle().take(16 * 16).flatten().copied().collect::<Vec<u8>>();
    let rgb = Picture::new(16, 16, &rgba).unwrap().opaque();
    assert_eq!(rgb.len(), 16 * 16 * 3);
    assert_eq!(rgb[..12], [255, 0, 10, 127, 127, 127, 191, 63, 127, 254, 254, 254]);
}

fn input_size(width: usize, height: usize, long_side: usize) -> [usize; 2] {
    let mut spec = spec();
    spec.input.long_side = long_side;
    Picture::new(width, height, &vec![0; width * height * 4]).unwrap().input_size(&spec)
}

/// `[height, width]` of the network's input.
#[test]
fn sides_are_whole_patches() {
    assert_eq!(input_size(640, 480, 384), [288, 384]);
    assert_eq!(input_size(480, 640, 384), [384, 288]);
    // 298.4 and 100 pixels go to the nearest multiple of 16.
    assert_eq!(input_size(500, 333, 448), [304, 448]);
    assert_eq!(input_size(500, 500, 100), [96, 96]);
    // Small pictures are enlarged, narrow ones keep a patch.
    assert_eq!(input_size(16, 16, 64), [64, 64]);
    assert_eq!(input_size(16, 1000, 384), [384, 16]);
}

#[test]
fn values_are_normalised_by_channel() {
    let rgba = [255, 51, 0, 255].repeat(32 * 16);
    let input = Picture::new(32, 16, &rgba).unwrap().input(&spec(), &Device::flex());
    assert_eq!(input.dims(), [1, 3, 32, 64]);
    let values = input.into_data().try_to_vec::<f32>().unwrap();
    for (channel, expected) in values.chunks_exact(32 * 64).zip([1.0, -0.8, -1.5]) {
        assert!(channel.iter().all(|value| (value - expected).abs() < 1e-6), "{} for {expected}", channel[0]);
    }
}
