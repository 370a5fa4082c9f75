//! Masks as the PASCAL VOC development kit stores them: PNG with a palette, the index is the label.

use anyhow::Result;

/// Colour of a label: its bits, from the lowest, spread over the highest bits of red, green and blue (VOC devkit,
/// `VOClabelcolormap.m`).
pub(crate) fn colour(label: u8) -> [u8; 3] {
    let mut colour = [0_u8; 3];
    for bit in 0..8 {
        colour[bit % 3] |= ((label >> bit) & 1) << (7 - bit / 3);
    }
    colour
}

/// A PNG of `labels` `[height, width]`.
pub(crate) fn indexed_png(labels: &[u8], [width, height]: [u32; 2]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette((0..=255).flat_map(colour).collect::<Vec<_>>());
    let mut writer = encoder.write_header()?;
    writer.write_image_data(labels)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::colour;

    #[test]
    fn has_the_colours_of_the_devkit() {
        // Aeroplane, person and the outline (255) of published masks.
        assert_eq!(colour(1), [128, 0, 0]);
        assert_eq!(colour(15), [192, 128, 128]);
        assert_eq!(colour(255), [224, 224, 192]);
    }
}
