//! Attention affinity: a CAM spread along the encoder's own attention.
//!
//! Patches of one object attend to one another, so a random walk with the mean attention as its transition matrix
//! carries a CAM's peak over the object. No training is needed. The idea of AFA (CVPR 2022), here with the attention as
//! it is.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::encoder::Features;
use crate::product::product;

/// How a CAM is spread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Affinity {
    /// Blocks, counted from 0, whose attention is averaged over them and their heads.
    pub blocks: Vec<usize>,
    /// How often the mean attention is applied.
    pub power: usize,
}

impl Affinity {
    /// With the attention of all blocks of an encoder, applied once: what localised best with a trained ViT-Ti. The last
    /// blocks alone are no guide, their attention is not local.
    pub fn of_all_blocks(depth: usize) -> Self {
        Self { blocks: (0..depth).collect(), power: 1 }
    }

    /// The blocks to tap; none without an affinity.
    pub fn blocks(affinity: Option<&Self>) -> &[usize] {
        affinity.map_or(&[], |affinity| &affinity.blocks)
    }

    /// Spreads `maps` `[B, C, N]`, not negative, over the patches that `features` tapped the attention of. The largest
    /// value of a map never grows.
    pub fn spread(&self, maps: Tensor<3>, features: &Features) -> Tensor<3> {
        let affinity = features.affinity.clone().expect("the attention of Affinity::blocks was tapped");
        let walk = affinity.transpose();
        (0..self.power).fold(maps, |maps, _| product(maps, walk.clone()))
    }
}
