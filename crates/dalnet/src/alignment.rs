//! Dense image-text alignment (DALNet sections 3.2 and 3.3): image tokens and class texts in one space.
//!
//! [`global`] aligns the class token (GIA, Eq. 3), [`local`] the patch tokens (LEA with cross-contrastive learning,
//! Eq. 2 and 4-6), [`collapse`] watches whether the space still tells the classes apart: as printed, both losses are met
//! by a text projection that sends every class to one point.

pub mod collapse;
pub mod global;
pub mod local;

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::cosine::unit;
use crate::product::{linear, product};

/// How the fixed text embeddings enter the shared space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextSide {
    /// Through a learnt projection: the paper's.
    Projected,
    /// As they are, their mean subtracted. Nothing that is learnt can bring two classes together, and the centring
    /// spreads the embeddings, which for CLIP have a mean cosine of about 0.8.
    Centred,
}

/// Which texts a token is pushed away from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Negatives {
    /// The background's alone: the paper's.
    Background,
    /// Every text that the token is not drawn to, those of absent classes too.
    All,
}

/// Shape of the shared space.
#[derive(Config, Debug, PartialEq)]
pub struct AlignmentConfig {
    /// Width of the text embeddings, `d_t`.
    pub text_dim: usize,
    /// Width of the space when the texts are projected; the space of centred texts has theirs.
    #[config(default = 512)]
    pub shared_dim: usize,
    /// How the texts enter.
    #[config(default = "TextSide::Projected")]
    pub text_side: TextSide,
}

impl AlignmentConfig {
    /// Random projections (no biases, so that a masked token stays zero) of tokens of width `dim`, and zero texts for
    /// `classes` classes, to be replaced ([`Alignment::with_text`]) or loaded.
    pub fn init(&self, dim: usize, classes: usize, device: &Device) -> Alignment {
        let projection = |from: usize, to: usize| LinearConfig::new(from, to).with_bias(false).init(device);
        let text = Tensor::zeros([classes + 1, self.text_dim], device);
        let (text_projection, shared) = match self.text_side {
            TextSide::Projected => (Some(projection(self.text_dim, self.shared_dim)), self.shared_dim),
            TextSide::Centred => (None, self.text_dim),
        };
        Alignment {
            image_projection: projection(dim, shared),
            text_projection,
            text: Param::from_tensor(text).set_require_grad(false),
        }
    }
}

/// The shared space of images and texts; see [`AlignmentConfig`].
#[derive(Module, Debug)]
pub struct Alignment {
    image_projection: Linear,
    text_projection: Option<Linear>,
    text: Param<Tensor<2>>,
}

impl Alignment {
    /// The same projections with the text embeddings `[C + 1, d_t]`, background last; they are not trained.
    ///
    /// # Panics
    /// When their shape is another one.
    pub fn with_text(self, embeddings: Tensor<2>) -> Self {
        assert_eq!(self.text.val().dims(), embeddings.dims(), "the alignment was made for other text embeddings");
        Self { text: Param::from_tensor(embeddings).set_require_grad(false), ..self }
    }

    /// The texts in the shared space, unit vectors `[C + 1, d]`, background last.
    pub fn texts(&self) -> Tensor<2> {
        let text = self.text.val();
        unit(match &self.text_projection {
            Some(projection) => projection.forward(text),
            None => text.clone() - text.mean_dim(0),
        })
    }

    /// Cosines `[B, N, C + 1]` of image tokens `[B, N, D]` with every text, background last; 0 for an all-zero token.
    pub fn similarity(&self, tokens: Tensor<3>) -> Tensor<3> {
        product(unit(linear(&self.image_projection, tokens)), self.texts().transpose().unsqueeze())
    }

    /// The same for class tokens `[B, D]`: `[B, C + 1]`.
    pub fn class_token_similarity(&self, class_token: Tensor<2>) -> Tensor<2> {
        self.similarity(class_token.unsqueeze_dim(1)).squeeze_dim(1)
    }
}
