//! Patch-token contrast (PTC, `L_ptc`): tokens with the same pseudo label are drawn together, others apart.
//!
//! The deep tokens of a Vision Transformer grow alike; the block-10 CAM still tells objects apart and serves as their
//! teacher. Source: ToCo `model/losses.py`, `utils/camutils.py` (`label_to_aff_mask`).

use burn::tensor::{Bool, Int, Tensor};

use crate::cosine::unit;
use crate::label::IGNORE;

/// `½(1 - Σ|cos|/(pairs + 1))` over pairs of tokens with the same label, plus `½Σ|cos|/(pairs + 1)` over pairs with
/// different labels; both sums over the whole batch. Pairs with an [`IGNORE`]d token, and a token with itself, do not
/// count. `tokens` `[B, N, D]`, `labels` `[B, N]` as of [`cam_to_label`](crate::label::cam_to_label); result `[1]`, 0 to 1.
///
/// An all-zero token has cosine and gradient 0.
pub fn patch_token_contrast(tokens: Tensor<3>, labels: Tensor<2, Int>) -> Tensor<1> {
    let directions = unit(tokens);
    let similarity = directions.clone().matmul(directions.transpose()).abs();
    let (same, different) = affinity(labels);
    let mean = |mask: Tensor<3, Bool>| {
        let mask = mask.float();
        let pairs = mask.clone().sum() + 1.0;
        (similarity.clone() * mask).sum() / pairs
    };
    (-mean(same) + 1.0) * 0.5 + mean(different) * 0.5
}

/// Which pairs of tokens have the same label, and which have different ones: `[B, N, N]` each.
fn affinity(labels: Tensor<2, Int>) -> (Tensor<3, Bool>, Tensor<3, Bool>) {
    let [batch, count] = labels.dims();
    let rows = labels.clone().reshape([batch, count, 1]).expand([batch, count, count]);
    let columns = labels.reshape([batch, 1, count]).expand([batch, count, count]);
    let itself = Tensor::<2>::eye(count, &rows.device()).equal_elem(1).unsqueeze::<3>().expand([batch, count, count]);
    let counts = rows.clone().equal_elem(IGNORE).bool_or(columns.clone().equal_elem(IGNORE)).bool_or(itself).bool_not();
    let same = rows.equal(columns);
    (same.clone().bool_and(counts.clone()), same.bool_not().bool_and(counts))
}
