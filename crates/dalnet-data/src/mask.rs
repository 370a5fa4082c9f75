//! Masks of class indices, as VOC writes them: PNG whose palette indices are the classes.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use png::{BitDepth, ColorType, Decoder, Transformations};

use crate::decode::MAX_PIXELS;
use crate::error::DataError;

/// Mask value of pixels that no score counts: the border between objects.
pub const IGNORE: u8 = 255;

/// Class of each pixel of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// `[height * width]`, row by row: 0 background, `1..=classes`, [`IGNORE`].
    pub labels: Vec<u8>,
}

impl Mask {
    /// Reads a palette or grey PNG with the values `0..=classes` and [`IGNORE`].
    ///
    /// # Errors
    /// No such file, no such PNG, or a value that is no class.
    pub fn read(path: &Path, classes: usize) -> Result<Self, DataError> {
        Self::decode(path, &fs::read(path).map_err(DataError::read(path))?, classes)
    }

    /// [`Self::read`] of a PNG in memory; `path` is for error messages.
    pub(crate) fn decode(path: &Path, bytes: &[u8], classes: usize) -> Result<Self, DataError> {
        let format = |reason: String| DataError::MaskFormat { path: path.to_owned(), reason };
        let mut decoder = Decoder::new(Cursor::new(bytes));
        // The palette's colours mean nothing: its indices are the classes.
        decoder.set_transformations(Transformations::IDENTITY);
        let mut reader = decoder.read_info().map_err(|error| format(error.to_string()))?;
        let (width, height) = (reader.info().width, reader.info().height);
        let (colour, depth) = reader.output_color_type();
        if !matches!(colour, ColorType::Indexed | ColorType::Grayscale) || depth == BitDepth::Sixteen {
            return Err(format(format!("it is a {colour:?} PNG with {} bits", depth as u8)));
        }
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            return Err(format(format!("{width} x {height} pixels are more than the {MAX_PIXELS} that are decoded")));
        }
        let size = reader.output_buffer_size().ok_or_else(|| format("it is too large".to_owned()))?;
        let mut packed = vec![0; size];
        let frame = reader.next_frame(&mut packed).map_err(|error| format(error.to_string()))?;
        let labels = unpack(&packed, frame.line_size, width as usize, depth as usize);
        let unknown = |label: &u8| usize::from(*label) > classes && *label != IGNORE;
        if let Some(position) = labels.iter().position(unknown) {
            return Err(DataError::MaskValue {
                path: path.to_owned(),
                value: labels[position],
                row: position / width as usize,
                column: position % width as usize,
                last: classes,
            });
        }
        Ok(Self { width, height, labels })
    }
}

/// One byte for each value of `depth` bits (1, 2, 4 or 8); rows begin on whole bytes.
fn unpack(packed: &[u8], line_size: usize, width: usize, depth: usize) -> Vec<u8> {
    let per_byte = 8 / depth;
    let largest = (u8::MAX) >> (8 - depth);
    packed
        .chunks_exact(line_size)
        .flat_map(|line| {
            (0..width).map(move |column| {
                let shift = 8 - depth * (column % per_byte + 1);
                line[column / per_byte] >> shift & largest
            })
        })
        .collect()
}
