//! Decoding of JPEG and PNG pictures to RGB, upright.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use crate::error::DataError;

/// The most pixels that are decoded; a picture of 12,000 x 9,000 has 108 million.
pub const MAX_PIXELS: u64 = 200_000_000;
/// Grey under transparent pixels, near the mean of photographs, so that a cut-out looks like neither class nor frame.
pub const ALPHA_BACKDROP: u8 = 127;
/// Enough for [`MAX_PIXELS`] of 16-bit RGBA.
const MAX_BYTES: u64 = MAX_PIXELS * 8 + (64 << 20);

/// Reads and decodes the picture at `path`; see [`decode_bytes`].
///
/// # Errors
/// An unreadable file, and the errors of [`decode_bytes`].
pub fn decode_file(path: &Path) -> Result<RgbImage, DataError> {
    let bytes = fs::read(path).map_err(DataError::read(path))?;
    decode_bytes(&path.display().to_string(), &bytes)
}

/// Decodes a JPEG or PNG of any bit depth to 8-bit RGB, turned upright by its EXIF orientation, transparency over
/// [`ALPHA_BACKDROP`]. The content decides the format, not the ending; `name` is for error messages.
///
/// # Errors
/// Another format, a picture over [`MAX_PIXELS`], a JPEG without its end (which decoders would fill with grey), and
/// whatever the decoder refuses.
pub fn decode_bytes(name: &str, bytes: &[u8]) -> Result<RgbImage, DataError> {
    let format = match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png)) => format,
        other => {
            let found = other.map_or_else(|_| beginning(bytes), |format| format!("it is {format:?}"));
            return Err(DataError::NotAPicture { name: name.to_owned(), found });
        }
    };
    if format == ImageFormat::Jpeg && !has_end_of_image(bytes) {
        return Err(DataError::Truncated { name: name.to_owned(), bytes: bytes.len() });
    }
    let undecodable =
        |error: image::ImageError| DataError::Undecodable { name: name.to_owned(), reason: error.to_string() };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(undecodable)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(DataError::TooLarge { name: name.to_owned(), width, height, limit: MAX_PIXELS });
    }
    let orientation = decoder.orientation().map_err(undecodable)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    picture.apply_orientation(orientation);
    Ok(if picture.color().has_alpha() { over_backdrop(&picture) } else { picture.into_rgb8() })
}

fn over_backdrop(picture: &DynamicImage) -> RgbImage {
    let rgba = picture.to_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (target, source) in rgb.pixels_mut().zip(rgba.pixels()) {
        let [red, green, blue, alpha] = source.0.map(u16::from);
        let mix = |value: u16| ((value * alpha + u16::from(ALPHA_BACKDROP) * (255 - alpha) + 127) / 255) as u8;
        target.0 = [mix(red), mix(green), mix(blue)];
    }
    rgb
}

/// Says what an unknown file begins with.
fn beginning(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "it is empty".to_owned();
    }
    let shown: String = String::from_utf8_lossy(&bytes[..bytes.len().min(16)])
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    format!("it begins with \"{}\"", shown.trim())
}

/// Whether a JPEG reaches its end-of-image marker. Walks the segments, since a thumbnail inside one has a marker of its
/// own.
fn has_end_of_image(bytes: &[u8]) -> bool {
    let mut position = 2;
    loop {
        let Some(offset) = bytes.get(position..).and_then(|rest| rest.iter().position(|byte| *byte == 0xFF)) else {
            return false;
        };
        position += offset + 1;
        let Some(marker) = bytes.get(position) else {
            return false;
        };
        match marker {
            0xD9 => return true,
            // Stuffed byte, temporary marker, restarts and start have no length; a fill byte precedes another marker.
            0x00 | 0x01 | 0xD0..=0xD8 => position += 1,
            0xFF => {}
            _ => {
                let Some([high, low]) = bytes.get(position + 1..position + 3) else {
                    return false;
                };
                position += 1 + usize::from(u16::from_be_bytes([*high, *low])).max(2);
            }
        }
    }
}
