//! Pictures that show results: sheets of named cells, heat maps, masks in colour, confusion matrices.

mod matrix;
mod paint;
mod sheet;
mod text;

use std::io::Cursor;

use anyhow::Result;
use image::{ImageFormat, Rgb, RgbImage};

pub(crate) use matrix::confusion;
pub(crate) use paint::{heat, mask};
pub(crate) use sheet::{Cell, Name, Row, Sheet};

const WHITE: Rgb<u8> = Rgb([255; 3]);
const BLACK: Rgb<u8> = Rgb([0; 3]);

/// A picture as the bytes of a PNG file.
pub(crate) fn png(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
    Ok(bytes)
}

/// Fills a rectangle, as far as it lies inside the picture.
fn fill(picture: &mut RgbImage, [left, top]: [u32; 2], [width, height]: [u32; 2], colour: Rgb<u8>) {
    let (right, bottom) = ((left + width).min(picture.width()), (top + height).min(picture.height()));
    for y in top..bottom {
        for x in left..right {
            picture.put_pixel(x, y, colour);
        }
    }
}

/// The mixture of two colours; `share` 0 to 1 is that of `other`.
fn mix(one: Rgb<u8>, other: Rgb<u8>, share: f32) -> Rgb<u8> {
    let value = |channel: usize| {
        let (one, other) = (f32::from(one.0[channel]), f32::from(other.0[channel]));
        (one + (other - one) * share).round() as u8
    };
    Rgb([0, 1, 2].map(value))
}
