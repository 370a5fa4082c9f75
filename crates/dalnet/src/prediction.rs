//! Everything the network says of pictures, of the same passes of the encoder.

use burn::tensor::Tensor;

use crate::affinity::Affinity;
use crate::cam::Cams;
use crate::model::DalNet;
use crate::resize::Resize;
use crate::segmentation::Segmentation;
use crate::similarity::similarity_maps;
use crate::views::{aligned_halves, mean_of_halves, views};

/// What the views of a batch say together.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// As [`multi_scale_cam`](crate::cam::multi_scale_cam) gives them.
    pub cams: Cams,
    /// As [`multi_scale_segmentation`](crate::segmentation::multi_scale_segmentation) gives it; `None` without a head.
    pub segmentation: Option<Segmentation>,
    /// Cosines of patches and texts `[B, C + 1, h, w]` on the grid of patches of the pictures as they are, background
    /// last, mean over scales and mirror images; `None` without an alignment.
    pub similarity: Option<Tensor<4>>,
}

/// Shows `images` `[B, 3, H, W]` to every part of the network, one pass of the encoder for each of the `scales`; an
/// `affinity` spreads the CAMs.
///
/// # Panics
/// When there is no scale.
pub fn multi_scale_predictions(
    network: &DalNet,
    images: Tensor<4>,
    scales: &[f64],
    affinity: Option<&Affinity>,
) -> Predictions {
    let [_, _, height, width] = images.dims();
    let size = [height, width];
    let patch = network.encoder.patch_size();
    let grid = size.map(|side| (side / patch).max(1));
    let of_views = views(images, scales, patch).map(|view| {
        let outputs = network.forward(view, Affinity::blocks(affinity));
        Predictions {
            cams: Cams::of_view(network, &outputs, size, affinity),
            segmentation: network.head.as_ref().map(|head| Segmentation::of_view(head, &outputs, size)),
            similarity: network.alignment.as_ref().map(|alignment| {
                let maps = mean_of_halves(aligned_halves(similarity_maps(alignment, &outputs.features)));
                Resize::BILINEAR.apply(maps, grid)
            }),
        }
    });
    of_views.reduce(Predictions::plus).expect("there is at least one scale").of_views(scales.len())
}

impl Predictions {
    fn plus(self, view: Self) -> Self {
        Self {
            cams: self.cams.plus(view.cams),
            segmentation: self.segmentation.zip(view.segmentation).map(|(sum, more)| sum.plus(more)),
            similarity: self.similarity.zip(view.similarity).map(|(sum, more)| sum + more),
        }
    }

    fn of_views(self, count: usize) -> Self {
        Self {
            cams: self.cams.of_views(count),
            segmentation: self.segmentation.map(|sum| sum.of_views(count)),
            similarity: self.similarity.map(|sum| sum / count as f64),
        }
    }
}
