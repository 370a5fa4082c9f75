//! CLIP's text transformer: causal blocks over at most 77 tokens, read out where the text ends.

use std::collections::BTreeMap;
use std::iter::repeat;

use burn::config::Config;
use burn::module::{Initializer, Module, Param};
use burn::nn::{Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use dalnet::activation::Activation;
use dalnet::cosine::unit;
use dalnet::transformer::{Block, BlockConfig};

use crate::error::TextError;
use crate::tokenizer::{CONTEXT_LENGTH, VOCABULARY};

/// Added to the attention's logits where a token must not look. Finite, since GPU shaders may not know infinity; its
/// exponential is 0 all the same.
const UNSEEN: f32 = -1e30;

/// Width of an attention head in every CLIP (OpenAI `model.py`: `transformer_heads = transformer_width // 64`).
const HEAD_WIDTH: usize = 64;

/// Shape of a text encoder.
#[derive(Config, Debug, PartialEq)]
pub struct TextEncoderConfig {
    /// Width of a token, `D`.
    pub dim: usize,
    /// Number of attention heads; divides `dim`.
    pub heads: usize,
    /// Width of the embedding, `d_t`.
    pub embedding_dim: usize,
    /// Number of blocks.
    #[config(default = 12)]
    pub depth: usize,
    /// Number of tokens, the end token being the last.
    #[config(default = "VOCABULARY")]
    pub vocabulary: usize,
    /// Most tokens of a text.
    #[config(default = "CONTEXT_LENGTH")]
    pub context: usize,
    /// Width of the hidden layer of a block's MLP, in multiples of `dim`.
    #[config(default = 4)]
    pub mlp_ratio: usize,
    /// Epsilon of every layer norm.
    #[config(default = 1e-5)]
    pub norm_epsilon: f64,
    /// Non-linearity of the MLP: QuickGELU in OpenAI's models, GELU in most of open_clip's.
    #[config(default = "Activation::QuickGelu")]
    pub activation: Activation,
}

impl TextEncoderConfig {
    /// The text encoder of CLIP ViT-B/16 (and of ViT-B/32), 63 M parameters.
    pub fn clip_vit_base_16() -> Self {
        Self::new(512, 8, 512)
    }

    /// The shape that `weights` (under the names of [`TextEncoder`]'s parameters, in PyTorch's orientation) tell, as
    /// CLIP's own loader reads it off them. What they do not tell is `activation`.
    ///
    /// # Errors
    /// [`TextError::Weights`] when the tensors that tell it are missing, not matrices, or no multiple of a head wide.
    pub fn of_weights(weights: &BTreeMap<String, TensorData>, activation: Activation) -> Result<Self, TextError> {
        let matrix = |name: &str| match weights.get(name).map(|data| data.shape().to_vec()).as_deref() {
            Some(&[rows, columns]) => Ok([rows, columns]),
            Some(shape) => Err(TextError::Weights(format!("{name} has the shape {shape:?} and not two axes"))),
            None => Err(TextError::Weights(format!("there is no {name}"))),
        };
        let [vocabulary, dim] = matrix("token_embedding.weight")?;
        let [context, _] = matrix("positional_embedding")?;
        let [embedding_dim, _] = matrix("text_projection.weight")?;
        let [hidden, _] = matrix("blocks.0.mlp.fc1.weight")?;
        if dim == 0 || !dim.is_multiple_of(HEAD_WIDTH) || !hidden.is_multiple_of(dim) {
            return Err(TextError::Weights(format!(
                "tokens {dim} wide with {hidden} hidden values: CLIP's are a multiple of {HEAD_WIDTH}, and of that"
            )));
        }
        let depth = (0..).take_while(|block| weights.contains_key(&format!("blocks.{block}.norm1.weight"))).count();
        Ok(Self::new(dim, dim / HEAD_WIDTH, embedding_dim)
            .with_depth(depth)
            .with_vocabulary(vocabulary)
            .with_context(context)
            .with_mlp_ratio(hidden / dim)
            .with_activation(activation))
    }

    /// An encoder with random weights: normal of 0.02 for the embeddings, burn's defaults elsewhere.
    ///
    /// # Panics
    /// If `heads` does not divide `dim`.
    pub fn init(&self, device: &Device) -> TextEncoder {
        assert_eq!(self.dim % self.heads, 0, "dim {} is not a multiple of heads {}", self.dim, self.heads);
        let embedding = Initializer::Normal { mean: 0.0, std: 0.02 };
        let block = BlockConfig {
            dim: self.dim,
            heads: self.heads,
            hidden: self.dim * self.mlp_ratio,
            norm_epsilon: self.norm_epsilon,
            activation: self.activation,
            layer_scale: false,
        };
        TextEncoder {
            token_embedding: EmbeddingConfig::new(self.vocabulary, self.dim)
                .with_initializer(embedding.clone())
                .init(device),
            positional_embedding: embedding.init([self.context, self.dim], device),
            blocks: (0..self.depth).map(|_| block.init(device)).collect(),
            norm: LayerNormConfig::new(self.dim).with_epsilon(self.norm_epsilon).init(device),
            text_projection: LinearConfig::new(self.dim, self.embedding_dim).with_bias(false).init(device),
        }
    }
}

/// CLIP's text encoder; see [`TextEncoderConfig`].
#[derive(Module, Debug)]
pub struct TextEncoder {
    token_embedding: Embedding,
    positional_embedding: Param<Tensor<2>>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    text_projection: Linear,
}

impl TextEncoder {
    /// Unit-norm embeddings `[B, d_t]` of `texts`, each the ids of one text from the start to the end token, without
    /// padding (what [`ClipTokenizer::encode`](crate::ClipTokenizer::encode) gives). As in OpenAI's `encode_text`, the
    /// text is read out at its first largest id, which is the end token's.
    ///
    /// # Panics
    /// If there is no text, or one that is empty or longer than the context.
    pub fn forward(&self, texts: &[Vec<u32>]) -> Tensor<2> {
        let positions = self.positional_embedding.val();
        let device = positions.device();
        let [context, dim] = positions.dims();
        // Tokens see none behind them: padding to more than the longest text would change nothing.
        let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
        assert!((1..=context).contains(&longest), "texts of up to {longest} tokens in a context of {context}");
        let padded = |ids: &Vec<u32>| ids.iter().copied().chain(repeat(0)).take(longest).collect::<Vec<_>>();
        let ids: Vec<i32> = texts.iter().flat_map(padded).map(|id| id as i32).collect();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [texts.len(), longest]), &device);
        let mut tokens = self.token_embedding.forward(ids) + positions.narrow(0, 0, longest).unsqueeze();
        let mask = causal_mask(longest, &device);
        for block in &self.blocks {
            tokens = block.forward(tokens, Some(mask.clone()));
        }
        let ends: Vec<i32> =
            texts.iter().enumerate().map(|(text, ids)| (text * longest + end_of(ids)) as i32).collect();
        let ends = Tensor::<1, Int>::from_data(TensorData::new(ends, [texts.len()]), &device);
        let ends = tokens.reshape([texts.len() * longest, dim]).select(0, ends);
        unit(self.text_projection.forward(self.norm.forward(ends)))
    }
}

/// The first position of the largest id.
fn end_of(ids: &[u32]) -> usize {
    let largest = ids.iter().max();
    ids.iter().position(|id| Some(id) == largest).expect("a text has at least one token")
}

/// `[T, T]`: a token (row) sees itself and those before it.
fn causal_mask(count: usize, device: &Device) -> Tensor<2> {
    let values = (0..count * count).map(|index| if index % count > index / count { UNSEEN } else { 0.0 });
    Tensor::from_data(TensorData::new(values.collect::<Vec<f32>>(), [count, count]), device)
}
