//! Refined pseudo labels: what the segmentation head learns, from CAMs refined under two levels of background.
//!
//! What stays foreground against a high background is foreground, what is background even against a low one is
//! background, and what lies between is ignored. Source: ToCo `utils/camutils.py` (`refine_cams_with_bkg_v2`).

use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::host::values;
use crate::label::{IGNORE, boxes_at, outside_of};
use crate::refine::Refinement;
use crate::resize::Resize;

/// How CAMs become labels. The default is ToCo's for VOC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefinedLabels {
    /// Score of the background, 0 to 1, that a class must beat to be foreground.
    pub high: f32,
    /// Score of the background, 0 to 1, that no class may beat where there is background.
    pub low: f32,
    /// Side of the picture over side of the maps that are refined, at least 1.
    pub down_scale: usize,
    /// The refinement.
    pub refinement: Refinement,
}

impl Default for RefinedLabels {
    fn default() -> Self {
        Self { high: 0.7, low: 0.25, down_scale: 2, refinement: Refinement::default() }
    }
}

impl RefinedLabels {
    /// ToCo's for COCO: a class must beat 0.65.
    pub fn coco() -> Self {
        Self { high: 0.65, ..Self::default() }
    }

    /// Labels `[B, size]` of 0 for background, `1..=C` and [`IGNORE`].
    ///
    /// `pixels` `[B, 3, H, W]` and `cam` `[B, C, h, w]`, 0 to 1 both, are brought to the working size `H / down_scale`
    /// by `W / down_scale`; the CAM may be smaller than the picture. `labels` `[B, C]` are 1 for the classes that a
    /// picture shows and 0 for others, whose maps do not matter. Pixels that lie entirely outside their picture's
    /// `[top, bottom, left, right]` of `crop_boxes`, in pixels of `H x W`, are ignored.
    ///
    /// Under each level the background and the classes present (with temperature 1) go through a softmax, are refined,
    /// resized to `size`, and the largest wins. A picture without classes is background inside its box.
    ///
    /// # Panics
    /// When the batches of the arguments differ.
    pub fn pseudo_labels(
        &self,
        pixels: Tensor<4>,
        cam: Tensor<4>,
        labels: Tensor<2>,
        crop_boxes: &[[usize; 4]],
        size: [usize; 2],
    ) -> Tensor<3, Int> {
        let [batch, _, height, width] = pixels.dims();
        assert_eq!(crop_boxes.len(), batch, "one crop box for each picture of the batch");
        let working = [height, width].map(|side| (side / self.down_scale).max(1));
        let pixels = Resize::BILINEAR.apply(pixels.detach(), working);
        let Candidates { cam, present, classes } = Candidates::of(cam.detach(), labels.detach());
        let channels = cam.dims()[1] + 1;

        // A softmax over the present classes alone: the others' powers are 0, and refinement leaves 0 as it is, so
        // that they never win against the background. Powers of 0 to 1 need no shift to stay finite.
        let powers = Resize::BILINEAR.apply(cam, working).exp() * present.unsqueeze_dims::<4>(&[2, 3]);
        let foreground = powers.clone().sum_dim(1);
        let stack = |background: f32| {
            let background = foreground.full_like(background.exp());
            let total = foreground.clone() + background.clone();
            Tensor::cat(vec![background, powers.clone()], 1) / total
        };
        // As channels of one batch both stacks share the weights of their pictures.
        let stacks = Tensor::cat(vec![stack(self.high), stack(self.low)], 1);
        let refined = Resize::BILINEAR.apply(self.refinement.refine(pixels, stacks), size);
        let winner = |stack: usize| refined.clone().narrow(1, stack * channels, channels).argmax(1).squeeze_dim::<3>(1);
        let (against_high, against_low) = (winner(0), winner(1));

        let uncertain = against_high.clone().equal_elem(0).bool_and(against_low.not_equal_elem(0));
        let device = against_high.device();
        let labels = classes.gather(1, against_high.flatten::<2>(1, 2)).reshape([batch, size[0], size[1]]);
        let outside = outside_of(&boxes_at(crop_boxes, [height, width], size), size, &device);
        labels.mask_fill(uncertain.bool_or(outside.equal_elem(1)), IGNORE)
    }
}

/// The maps that may win.
struct Candidates {
    /// `[B, S, h, w]`.
    cam: Tensor<4>,
    /// 1 for maps of classes that the picture shows, 0 for others `[B, S]`.
    present: Tensor<2>,
    /// The labels of background and maps `[B, 1 + S]`.
    classes: Tensor<2, Int>,
}

impl Candidates {
    /// As many maps as the fullest picture has classes: to refine all of them takes longer than to wait for a device that
    /// has the labels.
    fn of(cam: Tensor<4>, labels: Tensor<2>) -> Self {
        let device = cam.device();
        let [batch, classes] = labels.dims();
        let values = values(labels.clone());
        // Present classes first; those after them fill up the pictures that show fewer.
        let ordered: Vec<Vec<usize>> = values
            .chunks_exact(classes)
            .map(|row| {
                let (present, absent): (Vec<usize>, Vec<usize>) = (0..classes).partition(|class| row[*class] != 0.0);
                present.into_iter().chain(absent).collect()
            })
            .collect();
        let count = |row: &[f32]| row.iter().filter(|value| **value != 0.0).count();
        let kept = values.chunks_exact(classes).map(count).max().unwrap_or(0).max(1);
        let [_, _, height, width] = cam.dims();
        let order = ordered.iter().flat_map(|order| &order[..kept]).map(|class| *class as i64).collect();
        let order = Tensor::<2, Int>::from_data(TensorData::new(order, [batch, kept]), &device);
        let places = order.clone().unsqueeze_dims::<4>(&[2, 3]).expand([batch, kept, height, width]);
        Self {
            cam: cam.gather(1, places),
            present: labels.gather(1, order.clone()),
            classes: Tensor::cat(vec![Tensor::zeros([batch, 1], &device), order + 1], 1),
        }
    }
}
