//! A model description that the tests of this crate share.

use dalnet::{DalNetConfig, EncoderConfig};
use dalnet_assets::{Input, ModelSpec, Normalisation};

/// Three classes, patches of 16 pixels, pictures of 64 pixels shown at two scales.
pub(crate) fn spec() -> ModelSpec {
    let encoder = EncoderConfig::new(16, 24, 2).with_depth(3).with_pretrained_grid(4);
    ModelSpec {
        architecture: DalNetConfig::new(encoder, 3).with_auxiliary_block(1),
        classes: ["cat", "dog", "sheep"].map(str::to_owned).to_vec(),
        normalisation: Normalisation { mean: [0.5, 0.4, 0.3], std: [0.5, 0.25, 0.2] },
        input: Input { scales: vec![1.0, 0.5], ..Input::of_long_side(64) },
        background_threshold: 0.5,
        class_threshold: 0.5,
    }
}
