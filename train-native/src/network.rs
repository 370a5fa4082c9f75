//! What goes into a network and comes out of it, the same for every subcommand.

use anyhow::{Context, Result, bail};
use burn::tensor::{Device, Int, Tensor};
use dalnet_assets::ModelSpec;
use dalnet_engine::Picture;
use image::{DynamicImage, RgbImage};

/// Refuses scales, given as `option`, that are too small to see anything or too large for memory.
pub(crate) fn check_scales(option: &str, scales: &[f64]) -> Result<()> {
    if let Some(scale) = scales.iter().find(|scale| !(0.1..=8.0).contains(*scale)) {
        bail!("{option} {scale} is outside 0.1 to 8; use for example {option} 1,0.5,1.5");
    }
    Ok(())
}

/// A decoded picture as `spec` wants to see it, `[1, 3, h, w]`, and its own size `[height, width]`.
pub(crate) fn input_of(picture: RgbImage, spec: &ModelSpec, device: &Device) -> Result<(Tensor<4>, [usize; 2])> {
    let (width, height) = picture.dimensions();
    let size = [height as usize, width as usize];
    let rgba = DynamicImage::ImageRgb8(picture).into_rgba8();
    Ok((Picture::new(size[1], size[0], rgba.as_raw())?.input(spec, device), size))
}

/// Labels as bytes, row by row.
pub(crate) fn label_bytes<const D: usize>(labels: Tensor<D, Int>) -> Result<Vec<u8>> {
    labels.into_data().iter::<i64>().map(|label| u8::try_from(label).context("a label above 255")).collect()
}
