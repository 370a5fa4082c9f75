//! The presets by name.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A published or measured set of choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Preset {
    /// The paper's for VOC, loss weights and starts of the reference implementation: wants a GPU
    Voc,
    /// The paper's for COCO
    Coco,
    /// For ViT-Ti and a few thousand steps on a CPU: one pass a step, labels on a quarter of the pixels
    Tiny,
    /// For small generated pictures and some minutes on a CPU, from random weights
    Shapes,
}
