//! The object-aware mask `M_obj` (DALNet section 3.3): which patches show an object, by the CAM of the auxiliary block.

use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::label::outside_of;

/// Where a CAM in 0..1 counts as object and as background.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectLevels {
    /// Above: object. The paper's β.
    pub foreground: f32,
    /// At or below: background. The paper has no level of its own and takes β; a smaller one leaves out what is neither.
    pub background: f32,
}

impl ObjectLevels {
    /// The paper's: β = 0.5 on both sides.
    pub const PAPER: Self = Self { foreground: 0.5, background: 0.5 };
}

/// Object and background patches of a batch, without gradients.
#[derive(Debug, Clone)]
pub struct ObjectMask {
    /// 1 for object, else 0: `[B, N]`.
    pub foreground: Tensor<2>,
    /// 1 for background, else 0: `[B, N]`. Patches of the padding are on neither side.
    pub background: Tensor<2>,
    /// The class, 0..C, with the largest CAM at each patch: `[B, N]`. Says something at object patches only.
    pub class: Tensor<2, Int>,
}

/// The mask that a valid CAM `[B, C, h, w]` (0..1, absent classes 0) gives: object where the largest class is above its
/// level, all present classes together as in the paper. `crop_boxes` are on the patch grid
/// ([`boxes_on_grid`](crate::label::boxes_on_grid)), one for each picture.
pub fn object_mask(cam: Tensor<4>, levels: ObjectLevels, crop_boxes: &[[usize; 4]]) -> ObjectMask {
    let [batch, _, rows, columns] = cam.dims();
    let (value, class) = cam.detach().max_dim_with_indices(1);
    let flat = [batch, rows * columns];
    let inside = outside_of(crop_boxes, [rows, columns], &value.device()).equal_elem(0).reshape(flat);
    let value = value.reshape(flat);
    ObjectMask {
        foreground: value.clone().greater_elem(levels.foreground).bool_and(inside.clone()).float(),
        background: value.lower_equal_elem(levels.background).bool_and(inside).float(),
        class: class.reshape(flat),
    }
}
