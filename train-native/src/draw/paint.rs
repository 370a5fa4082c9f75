//! Maps and masks as colours.

use image::{Rgb, RgbImage};

use super::{BLACK, mix};
use crate::palette;

/// Colours of 0 to 1 in equal steps, each lighter than the one before: also in grey the strong places are the bright ones.
const GLOW: [Rgb<u8>; 5] = [BLACK, Rgb([80, 18, 123]), Rgb([182, 54, 121]), Rgb([251, 136, 97]), Rgb([252, 253, 191])];
/// Share of the heat's colour over the photo.
const OPACITY: f32 = 0.65;

/// The colour of `value` (0 to 1) on a scale of colours in equal steps.
pub(super) fn on_scale(colours: &[Rgb<u8>], value: f32) -> Rgb<u8> {
    let position = value.clamp(0.0, 1.0) * (colours.len() - 1) as f32;
    let below = (position as usize).min(colours.len() - 2);
    mix(colours[below], colours[below + 1], position - below as f32)
}

/// `values` `[height, width]` of 0 to 1 as a glow over the `photo` in grey. Missing values are 0.
pub(crate) fn heat(photo: &RgbImage, values: &[f32]) -> RgbImage {
    let mut picture = photo.clone();
    let values = values.iter().copied().chain(std::iter::repeat(0.0));
    for (pixel, value) in picture.pixels_mut().zip(values) {
        let [red, green, blue] = pixel.0.map(f32::from);
        let grey = (0.299 * red + 0.587 * green + 0.114 * blue).round() as u8;
        *pixel = mix(Rgb([grey; 3]), on_scale(&GLOW, value), OPACITY);
    }
    picture
}

/// `labels` in the colours of VOC. Pixels without a label are background.
pub(crate) fn mask(labels: &[u8], [width, height]: [u32; 2]) -> RgbImage {
    let mut picture = RgbImage::new(width, height);
    for (pixel, label) in picture.pixels_mut().zip(labels) {
        *pixel = Rgb(palette::colour(*label));
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::WHITE;

    #[test]
    fn scales_run_from_end_to_end() {
        for (value, colour) in [(-1.0, BLACK), (0.0, BLACK), (0.5, GLOW[2]), (1.0, GLOW[4]), (f32::NAN, BLACK)] {
            assert_eq!(on_scale(&GLOW, value), colour, "{value}");
        }
        assert_eq!(on_scale(&[BLACK, WHITE], 0.2), Rgb([51; 3]));
    }

    #[test]
    fn strong_places_glow() {
        let photo = RgbImage::from_pixel(3, 1, Rgb([100, 120, 90]));
        let heated = heat(&photo, &[0.0, 0.5, 1.0]);
        let light = |x: u32| heated.get_pixel(x, 0).0.iter().map(|value| u32::from(*value)).sum::<u32>();
        assert!(light(0) < light(1) && light(1) < light(2));
        assert_eq!(mask(&[0, 15], [2, 1]).get_pixel(1, 0), &Rgb([192, 128, 128]));
    }
}
