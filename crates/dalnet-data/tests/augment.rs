//! The training view: which pixels go where, and what the crop box says of it.

use dalnet_data::{AugmentConfig, Augmenter, ColourJitter, Normalisation};
use image::{Rgb, RgbImage};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn plain(crop_size: usize, scale: [f64; 2], flip_probability: f64) -> AugmentConfig {
    AugmentConfig { crop_size, scale, flip_probability, colour_jitter: None, blur_probability: 0.0 }
}

fn view(config: AugmentConfig, picture: &RgbImage, seed: u64) -> (Vec<f32>, [usize; 4]) {
    let mut values = vec![f32::NAN; 3 * config.crop_size * config.crop_size];
    let mut augmenter = Augmenter::new(config, Normalisation::HALF).expect("settings in range");
    let crop_box = augmenter
        .augment(picture, &mut ChaCha8Rng::seed_from_u64(seed), &mut values)
        .expect("a view of the right length");
    (values, crop_box)
}

/// The byte that a value of the view was.
fn byte(value: f32) -> u8 {
    ((value + 1.0) * 127.5).round() as u8
}

/// Each pixel tells its own position.
fn numbered(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 200]))
}

#[test]
fn a_padded_picture_is_whole_inside_its_box() {
    let picture = numbered(9, 7);
    let mut starts = std::collections::BTreeSet::new();
    for seed in 0..60 {
        for flip in [false, true] {
            let (values, [top, bottom, left, right]) =
                view(plain(16, [1.0; 2], f64::from(u8::from(flip))), &picture, seed);
            assert_eq!((bottom - top, right - left), (7, 9));
            starts.insert((top, left));
            for (index, value) in values.iter().enumerate() {
                let (channel, row, column) = (index / 256, index / 16 % 16, index % 16);
                if !(top..bottom).contains(&row) || !(left..right).contains(&column) {
                    assert_eq!(*value, 0.0, "padding at {row}, {column}");
                    continue;
                }
                let x = if flip { right - 1 - column } else { column - left };
                assert_eq!(byte(*value), [x as u8, (row - top) as u8, 200][channel], "seed {seed}");
            }
        }
    }
    assert!(starts.len() > 30, "the picture lies at random places");
}

#[test]
fn a_cut_picture_fills_the_view() {
    let picture = numbered(40, 30);
    let mut corners = std::collections::BTreeSet::new();
    for seed in 0..60 {
        for flip in [false, true] {
            let (values, crop_box) = view(plain(8, [1.0; 2], f64::from(u8::from(flip))), &picture, seed);
            assert_eq!(crop_box, [0, 8, 0, 8]);
            let x0 = byte(values[if flip { 7 } else { 0 }]);
            let y0 = byte(values[64]);
            corners.insert((x0, y0));
            for row in 0..8 {
                for column in 0..8 {
                    let x = x0 + if flip { 7 - column } else { column } as u8;
                    assert_eq!(byte(values[row * 8 + column]), x);
                    assert_eq!(byte(values[64 + row * 8 + column]), y0 + row as u8);
                }
            }
        }
    }
    assert!(corners.len() > 30, "the crop lies at random places");
}

#[test]
fn one_axis_is_padded_while_the_other_is_cut() {
    let (values, [top, bottom, left, right]) = view(plain(16, [1.0; 2], 0.0), &numbered(40, 6), 3);
    assert_eq!((bottom - top, left, right), (6, 0, 16));
    let outside = values.chunks_exact(16).enumerate().filter(|(row, _)| !(top..bottom).contains(&(row % 16)));
    assert!(outside.flat_map(|(_, line)| line).all(|value| *value == 0.0));
}

#[test]
fn a_scaled_marker_stays_in_its_place() {
    // A bright square in the middle, a quarter of each side: at any scale in the middle quarter of the crop box.
    let picture = RgbImage::from_fn(64, 64, |x, y| {
        if (24..40).contains(&x) && (24..40).contains(&y) { Rgb([255; 3]) } else { Rgb([0; 3]) }
    });
    for (seed, scale) in [0.5, 0.77, 1.0, 1.3, 1.9].into_iter().enumerate() {
        let (values, [top, bottom, left, right]) = view(plain(128, [scale; 2], 0.5), &picture, seed as u64);
        let side = (64.0 * scale) as usize;
        assert_eq!((bottom - top, right - left), (side, side));
        for row in 0..128 {
            for column in 0..128 {
                let inside = |position: usize, start: usize| {
                    let share = (position as f64 + 0.5 - start as f64) / side as f64;
                    ((share - 0.5).abs() - 0.125) * side as f64
                };
                // Pixels from the square's border, negative inside; the filter blurs the border itself.
                let distance = inside(row, top).max(inside(column, left));
                let value = values[row * 128 + column];
                if distance < -2.0 {
                    assert_eq!(value, 1.0, "scale {scale} at {row}, {column}");
                } else if distance > 2.0 && (top..bottom).contains(&row) && (left..right).contains(&column) {
                    assert_eq!(value, -1.0, "scale {scale} at {row}, {column}");
                }
            }
        }
    }
}

#[test]
fn colours_change_inside_the_box_alone_and_stay_in_range() {
    let config = AugmentConfig {
        colour_jitter: Some(ColourJitter { probability: 1.0, ..ColourJitter::default() }),
        ..plain(32, [1.0; 2], 0.0)
    };
    let picture = RgbImage::from_fn(20, 20, |x, y| Rgb([x as u8 * 12, y as u8 * 12, 128]));
    let mut changed = 0;
    for seed in 0..20 {
        let (values, [top, bottom, left, right]) = view(config, &picture, seed);
        for (index, value) in values.iter().enumerate() {
            let (row, column) = (index / 32 % 32, index % 32);
            if (top..bottom).contains(&row) && (left..right).contains(&column) {
                assert!((-1.0..=1.0).contains(value));
                let original = [(column - left) as u8 * 12, (row - top) as u8 * 12, 128][index / 1024];
                changed += usize::from(byte(*value).abs_diff(original) > 3);
            } else {
                assert_eq!(*value, 0.0);
            }
        }
    }
    assert!(changed > 20 * 1200 / 2, "{changed}");
}

#[test]
fn blur_takes_detail_and_keeps_the_mean() {
    // A checkerboard: what blurs it takes its contrast, not its brightness.
    let picture = RgbImage::from_fn(32, 32, |x, y| Rgb([if (x + y) % 2 == 0 { 255 } else { 55 }; 3]));
    let blurred = AugmentConfig { blur_probability: 1.0, ..plain(32, [1.0; 2], 0.0) };
    let mut weakest = f64::INFINITY;
    for seed in 0..20 {
        let contrast_and_mean = |config| {
            let (values, _) = view(config, &picture, seed);
            let inner = |row: usize| values[32 * row + 8..32 * row + 24].iter().map(|value| f64::from(*value));
            let inner = (8..24).flat_map(inner).collect::<Vec<_>>();
            let mean = inner.iter().sum::<f64>() / inner.len() as f64;
            (inner.iter().map(|value| (value - mean).abs()).sum::<f64>() / inner.len() as f64, mean)
        };
        let (sharp, mean) = contrast_and_mean(plain(32, [1.0; 2], 0.0));
        let (soft, soft_mean) = contrast_and_mean(blurred);
        assert!(soft <= sharp + 1e-6 && (mean - soft_mean).abs() < 0.02, "{soft} {sharp} {mean} {soft_mean}");
        weakest = weakest.min(soft / sharp);
    }
    assert!(weakest < 0.05, "{weakest}");
}

#[test]
fn extreme_pictures_and_seeds() {
    let config = AugmentConfig::new(16);
    for (seed, (width, height)) in [(1, 1), (1, 3000), (3000, 1), (5000, 4000)].into_iter().enumerate() {
        let (values, [top, bottom, left, right]) = view(config, &RgbImage::new(width, height), seed as u64);
        assert!(top < bottom && bottom <= 16 && left < right && right <= 16);
        assert!(values.iter().all(|value| value.is_finite()));
    }
    let picture = numbered(30, 20);
    assert_eq!(view(config, &picture, 5), view(config, &picture, 5));
    assert_ne!(view(config, &picture, 5), view(config, &picture, 6));
}

#[test]
fn refuses_settings_outside_their_range() {
    let refused = |config: AugmentConfig| Augmenter::new(config, Normalisation::HALF).unwrap_err().to_string();
    assert!(refused(AugmentConfig::new(0)).contains("crop size is 0"));
    assert!(refused(plain(8, [2.0, 0.5], 0.5)).contains("scale is [2.0, 0.5]"));
    assert!(refused(plain(8, [f64::NAN, 0.5], 0.5)).contains("NaN"));
    assert!(refused(plain(8, [1.0, 1.0], 1.5)).contains("flip probability is 1.5"));
    let blurred = AugmentConfig { blur_probability: -0.1, ..AugmentConfig::new(8) };
    assert!(refused(blurred).contains("blur probability is -0.1"));
    let jitter = Some(ColourJitter { hue: 0.7, ..ColourJitter::default() });
    assert!(refused(AugmentConfig { colour_jitter: jitter, ..AugmentConfig::new(8) }).contains("hue: 0.7"));
    let mut augmenter = Augmenter::new(AugmentConfig::new(8), Normalisation::HALF).unwrap();
    let error = augmenter.augment(&RgbImage::new(2, 2), &mut ChaCha8Rng::seed_from_u64(0), &mut [0.0; 4]);
    assert!(error.unwrap_err().to_string().contains("length of the view is 4"));
}
