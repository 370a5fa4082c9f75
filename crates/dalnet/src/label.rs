//! Label maps: 0 for background, `1..=C` for classes, [`IGNORE`]; and the crop boxes outside of which nothing is known.
//!
//! Source: ToCo `utils/camutils.py` (`cam_to_label`).

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Label of pixels that no loss looks at.
pub const IGNORE: i64 = 255;

/// Where a CAM counts as background, and optionally as neither.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// At or below: background. Without [`Self::uncertain`] this is the only bound.
    pub background: f32,
    /// `(low, high)`: at or below `low` background, up to `high` [`IGNORE`], above foreground.
    pub uncertain: Option<(f32, f32)>,
}

/// Turns a valid CAM `[B, C, H, W]` into labels `[B, H, W]`: 0 background, `1..=C` classes, [`IGNORE`]. Pixels outside
/// the crop boxes `[top, bottom, left, right]` (one per picture, in pixels of the CAM) are [`IGNORE`].
pub fn cam_to_label(cam: Tensor<4>, thresholds: Thresholds, crop_boxes: Option<&[[usize; 4]]>) -> Tensor<3, Int> {
    let [batch, _, height, width] = cam.dims();
    let (value, class) = cam.max_dim_with_indices(1);
    let (value, class) = (value.squeeze_dim::<3>(1), class.squeeze_dim::<3>(1));
    let labels = class + 1;
    let labels = labels.mask_fill(value.clone().lower_equal_elem(thresholds.background), 0);
    let labels = match thresholds.uncertain {
        None => labels,
        Some((low, high)) => {
            labels.mask_fill(value.clone().lower_equal_elem(high), IGNORE).mask_fill(value.lower_equal_elem(low), 0)
        }
    };
    match crop_boxes {
        None => labels,
        Some(boxes) => {
            assert_eq!(boxes.len(), batch, "one crop box for each picture of the batch");
            let outside = outside_of(boxes, [height, width], &labels.device());
            labels.mask_fill(outside.equal_elem(1), IGNORE)
        }
    }
}

/// 1 outside each box, 0 inside: `[B, H, W]`.
pub(crate) fn outside_of(boxes: &[[usize; 4]], [height, width]: [usize; 2], device: &Device) -> Tensor<3, Int> {
    let mut outside = vec![1_i32; boxes.len() * height * width];
    for (plane, [top, bottom, left, right]) in outside.chunks_exact_mut(height * width).zip(boxes) {
        for row in plane.chunks_exact_mut(width).take((*bottom).min(height)).skip(*top) {
            if let Some(inside) = row.get_mut(*left..(*right).min(width)) {
                inside.fill(0);
            }
        }
    }
    Tensor::from_data(TensorData::new(outside, [boxes.len(), height, width]), device)
}

/// Crop boxes `[top, bottom, left, right]` in pixels, on the grid of patches: every patch that shows a part of the
/// picture. ToCo applies the pixel boxes to the grid unscaled, which ignores all of a padded picture.
pub fn boxes_on_grid(boxes: &[[usize; 4]], patch_size: usize) -> Vec<[usize; 4]> {
    boxes_at(boxes, [patch_size; 2], [1; 2])
}

/// Boxes in pixels of `from` as boxes in pixels of `to`: every pixel that shows a part of the box.
pub(crate) fn boxes_at(boxes: &[[usize; 4]], from: [usize; 2], to: [usize; 2]) -> Vec<[usize; 4]> {
    let scale = |[top, bottom, left, right]: &[usize; 4]| {
        [
            top * to[0] / from[0],
            (bottom * to[0]).div_ceil(from[0]),
            left * to[1] / from[1],
            (right * to[1]).div_ceil(from[1]),
        ]
    };
    boxes.iter().map(scale).collect()
}
