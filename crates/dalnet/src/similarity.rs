//! Patch-text similarity as maps (DALNet Fig. 6): where in a picture a text is meant.

use burn::tensor::{Int, Tensor};

use crate::alignment::Alignment;
use crate::encoder::Features;

/// Cosine of every patch with every text, `[B, C + 1, h, w]` in -1..1, background last.
pub fn similarity_maps(alignment: &Alignment, features: &Features) -> Tensor<4> {
    let similarity = alignment.similarity(features.patch_tokens.clone());
    let ([batch, _, texts], [rows, columns]) = (similarity.dims(), features.grid);
    similarity.swap_dims(1, 2).reshape([batch, texts, rows, columns])
}

/// The class, 0..C, whose text is nearest to each patch, the background not asked: `[B, h, w]` from maps `[B, C + 1, h, w]`.
pub fn nearest_class(maps: Tensor<4>) -> Tensor<3, Int> {
    let [_, texts, _, _] = maps.dims();
    maps.narrow(1, 0, texts - 1).argmax(1).squeeze_dim(1)
}
