//! Text in a picture, in the monospaced Noto Sans.

use image::{Rgb, RgbImage};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use super::mix;

const WEIGHT: FontWeight = FontWeight::Regular;
const SIZE: RasterHeight = RasterHeight::Size16;

/// Height of a line in pixels.
pub(super) const HEIGHT: u32 = 16;

/// Width of a text of one line in pixels.
pub(super) fn width(text: &str) -> u32 {
    letter() * text.chars().count() as u32
}

/// The beginning of a text that fits into `width` pixels; two dots stand for what is left out.
pub(super) fn fitting(text: &str, width: u32) -> String {
    let room = (width / letter()) as usize;
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(2)).chain("..".chars().take(room)).collect()
}

/// Writes one line with its upper left corner at `[x, y]`, as far as it lies inside the picture. A letter that the font
/// does not have is a question mark.
pub(super) fn write(picture: &mut RgbImage, [x, y]: [u32; 2], text: &str, colour: Rgb<u8>) {
    for (place, letter_of_text) in text.chars().enumerate() {
        let Some(raster) = get_raster(letter_of_text, WEIGHT, SIZE).or_else(|| get_raster('?', WEIGHT, SIZE)) else {
            continue;
        };
        let left = x + place as u32 * letter();
        for (row, line) in raster.rows().enumerate() {
            for (column, intensity) in line.iter().enumerate() {
                if let Some(pixel) = picture.get_pixel_mut_checked(left + column as u32, y + row as u32) {
                    *pixel = mix(*pixel, colour, f32::from(*intensity) / 255.0);
                }
            }
        }
    }
}

/// Width of a letter.
fn letter() -> u32 {
    get_raster_width(WEIGHT, SIZE) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::{BLACK, WHITE};

    #[test]
    fn writes_inside_its_box_and_nowhere_else() {
        let mut picture = RgbImage::from_pixel(60, 40, WHITE);
        write(&mut picture, [10, 12], "Åg", BLACK);
        let inked = |x: u32, y: u32| picture.get_pixel(x, y).0[0] < 128;
        let inside = |x: u32, y: u32| (10..10 + width("Åg")).contains(&x) && (12..12 + HEIGHT).contains(&y);
        let pixels = || (0..40).flat_map(|y| (0..60).map(move |x| (x, y)));
        assert!(pixels().filter(|(x, y)| inked(*x, *y)).count() > 20, "letters have ink");
        assert!(pixels().all(|(x, y)| inside(x, y) || picture.get_pixel(x, y) == &WHITE));
        // Beyond the edge, and of a letter that no font of Latin has.
        write(&mut picture, [55, 35], "語語", BLACK);
    }

    #[test]
    fn shortens_what_does_not_fit() {
        let room = width("potted plant");
        assert_eq!(fitting("potted plant", room), "potted plant");
        assert_eq!(fitting("potted plant", room - 1), "potted pl..");
        assert_eq!(fitting("potted plant", 1), "");
        assert!(width(&fitting("potted plant", 30)) <= 30);
    }
}
