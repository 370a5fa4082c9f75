//! The encoders that can be trained: the `--encoder` argument.

use clap::ValueEnum;
use dalnet::EncoderConfig;
use dalnet_assets::Layout;
use dalnet_data::Normalisation;
use serde::{Deserialize, Serialize};

/// An encoder by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum EncoderChoice {
    /// ViT-Ti/16, 5.5 M parameters
    #[value(name = "vit-tiny-16")]
    #[serde(rename = "vit-tiny-16")]
    VitTiny16,
    /// ViT-S/16, 22 M parameters
    #[value(name = "vit-small-16")]
    #[serde(rename = "vit-small-16")]
    VitSmall16,
    /// ViT-B/16, 86 M parameters: the paper's, wants a GPU
    #[value(name = "vit-base-16")]
    #[serde(rename = "vit-base-16")]
    VitBase16,
    /// ViT-S/14 of DINOv2, 22 M parameters on patches of 14 pixels
    #[value(name = "vit-small-14")]
    #[serde(rename = "vit-small-14")]
    VitSmall14,
    /// Six blocks on patches of 8 pixels, 0.7 M parameters: learns simple pictures from random weights
    #[value(name = "tiny-8")]
    #[serde(rename = "tiny-8")]
    Tiny8,
}

impl EncoderChoice {
    /// As papers write it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::VitTiny16 => "ViT-Ti/16",
            Self::VitSmall16 => "ViT-S/16",
            Self::VitBase16 => "ViT-B/16",
            Self::VitSmall14 => "DINOv2 ViT-S/14",
            Self::Tiny8 => "tiny-8",
        }
    }

    /// Its shape for crops of `crop` pixels a side, and for weights of this `layout` if they are of a known one.
    pub(crate) fn config(self, crop: usize, layout: Option<Layout>) -> EncoderConfig {
        let config = match self {
            Self::VitTiny16 => EncoderConfig::vit_tiny_16().with_norm_epsilon(1e-12),
            Self::VitSmall16 => EncoderConfig::vit_small_16(),
            Self::VitBase16 => EncoderConfig::vit_base_16(),
            Self::VitSmall14 => EncoderConfig::dinov2_small_14(),
            Self::Tiny8 => EncoderConfig::new(8, 96, 3).with_depth(6).with_pretrained_grid(crop / 8),
        };
        // No file of weights says with which epsilon they were trained, but each library has its own.
        match layout {
            Some(Layout::HuggingFace) => config.with_norm_epsilon(1e-12),
            Some(Layout::Timm | Layout::Dinov2) => config.with_norm_epsilon(1e-6),
            Some(Layout::OpenAiClip) | None => config,
        }
    }

    /// Side of a patch in pixels.
    pub(crate) fn patch_size(self) -> usize {
        self.config(0, None).patch_size
    }

    /// What its published weights expect: the ViTs of timm's augreg -1..1, DINOv2 the statistics of ImageNet.
    pub(crate) fn normalisation(self) -> Normalisation {
        match self {
            Self::VitSmall14 => Normalisation::IMAGENET,
            Self::VitTiny16 | Self::VitSmall16 | Self::VitBase16 | Self::Tiny8 => Normalisation::HALF,
        }
    }
}

/// The block whose tokens feed the auxiliary classifier, of an encoder with `depth` of them: after four fifths of the
/// way, the paper's tenth of twelve.
pub(crate) fn auxiliary_block(depth: usize) -> usize {
    depth * 4 / 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auxiliary_blocks_are_the_papers_and_its_counterpart() {
        assert_eq!([12, 6].map(auxiliary_block), [9, 4]);
    }

    #[test]
    fn epsilon_follows_the_library_of_the_weights() {
        let epsilon = |layout| EncoderChoice::VitTiny16.config(224, layout).norm_epsilon;
        assert_eq!(epsilon(None), 1e-12);
        assert_eq!(epsilon(Some(Layout::HuggingFace)), 1e-12);
        assert_eq!(epsilon(Some(Layout::Timm)), 1e-6);
        assert_eq!(EncoderChoice::VitSmall16.config(224, Some(Layout::HuggingFace)).norm_epsilon, 1e-12);
    }

    #[test]
    fn positions_of_generated_pictures_follow_the_crop() {
        assert_eq!(EncoderChoice::Tiny8.config(96, None).pretrained_grid, 12);
        assert_eq!(EncoderChoice::VitSmall14.patch_size(), 14);
    }
}
