//! The network: encoder, classifiers, segmentation head, alignment with texts.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::alignment::{Alignment, AlignmentConfig};
use crate::classifier::Classifier;
use crate::encoder::{Encoder, EncoderConfig, Features, Taps};
use crate::head::{HeadConfig, SegmentationHead};

/// Shape of the network.
#[derive(Config, Debug, PartialEq)]
pub struct DalNetConfig {
    /// The image encoder.
    pub encoder: EncoderConfig,
    /// Number of classes without background, `C`.
    pub classes: usize,
    /// Block, counted from 0, whose raw output feeds the auxiliary classifier; 9 is the paper's 10th.
    #[config(default = 9)]
    pub auxiliary_block: usize,
    /// The segmentation head, if there is one.
    #[config(default = "None")]
    pub head: Option<HeadConfig>,
    /// The space shared with the class texts, if there is one.
    #[config(default = "None")]
    pub alignment: Option<AlignmentConfig>,
}

impl DalNetConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> DalNet {
        DalNet {
            encoder: self.encoder.init(device),
            classifier: Classifier::new(self.encoder.dim, self.classes, device),
            auxiliary_classifier: Classifier::new(self.encoder.dim, self.classes, device),
            head: self.head.as_ref().map(|head| head.init(self.encoder.dim, self.classes, device)),
            alignment: self.alignment.as_ref().map(|space| space.init(self.encoder.dim, self.classes, device)),
            auxiliary_block: self.auxiliary_block,
        }
    }
}

/// DALNet; see [`DalNetConfig`].
#[derive(Module, Debug)]
pub struct DalNet {
    /// The image encoder.
    pub encoder: Encoder,
    /// Classifies the final patch tokens.
    pub classifier: Classifier,
    /// Classifies the patch tokens of an intermediate block.
    pub auxiliary_classifier: Classifier,
    /// Labels the final patch tokens.
    pub head: Option<SegmentationHead>,
    /// Compares tokens with texts.
    pub alignment: Option<Alignment>,
    auxiliary_block: usize,
}

/// Everything one forward pass gives.
#[derive(Debug, Clone)]
pub struct Outputs {
    /// The encoder's tokens.
    pub features: Features,
    /// Logits of the classifier `[B, C]`.
    pub logits: Tensor<2>,
    /// Logits of the auxiliary classifier `[B, C]`.
    pub auxiliary_logits: Tensor<2>,
}

impl DalNet {
    /// Runs the network on normalised `images` `[B, 3, H, W]`, averaging the attention of the blocks in `attention`.
    pub fn forward(&self, images: Tensor<4>, attention: &[usize]) -> Outputs {
        let features = self.encode(images, attention);
        Outputs {
            logits: self.classifier.forward(features.patch_tokens.clone()),
            auxiliary_logits: self.auxiliary_classifier.forward(features.block_tokens.clone()),
            features,
        }
    }

    /// The encoder alone, tapped at the auxiliary block.
    pub fn encode(&self, images: Tensor<4>, attention: &[usize]) -> Features {
        self.encoder.forward(images, Taps { block: self.auxiliary_block, attention })
    }
}
