//! The image encoder: a Vision Transformer by configuration.
//!
//! Covers ViT/DeiT (timm, HuggingFace), CLIP's visual tower (pre-norm, QuickGELU, no patch bias) and DINOv2 (layer
//! scale). Field names are timm's, so the code documents the weights. Architecture: Dosovitskiy et al. 2021; the
//! position embedding is resampled to the input's grid with the class position kept apart (DALNet section 4.1:
//! bilinear; ToCo `model/backbone/vit.py`: bicubic).

use burn::config::Config;
use burn::module::{Initializer, Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor};

use crate::activation::Activation;
use crate::product::{biased, product};
use crate::resize::{Kernel, Resize};
use crate::transformer::{Block, BlockConfig};

/// Shape of a Vision Transformer.
#[derive(Config, Debug, PartialEq)]
pub struct EncoderConfig {
    /// Side of a square patch, in pixels.
    pub patch_size: usize,
    /// Width of a token, `D`.
    pub dim: usize,
    /// Number of attention heads; divides `dim`.
    pub heads: usize,
    /// Number of blocks.
    #[config(default = 12)]
    pub depth: usize,
    /// Side of the (square) position embedding of the pre-trained weights, in patches.
    #[config(default = 14)]
    pub pretrained_grid: usize,
    /// Width of the hidden layer of a block's MLP, in multiples of `dim`.
    #[config(default = 4)]
    pub mlp_ratio: usize,
    /// Epsilon of every layer norm.
    #[config(default = 1e-6)]
    pub norm_epsilon: f64,
    /// Non-linearity of the MLP.
    #[config(default = "Activation::Gelu")]
    pub activation: Activation,
    /// Learnt scale of each residual branch (DINOv2).
    #[config(default = false)]
    pub layer_scale: bool,
    /// Layer norm before the first block (CLIP).
    #[config(default = false)]
    pub pre_norm: bool,
    /// Bias of the patch embedding (CLIP has none).
    #[config(default = true)]
    pub patch_bias: bool,
    /// How the position embedding is resampled to another grid.
    #[config(default = "Kernel::Bilinear")]
    pub position_kernel: Kernel,
}

impl EncoderConfig {
    /// ViT-Ti/16, 5.5 M parameters.
    pub fn vit_tiny_16() -> Self {
        Self::new(16, 192, 3)
    }

    /// ViT-S/16, 22 M parameters.
    pub fn vit_small_16() -> Self {
        Self::new(16, 384, 6)
    }

    /// ViT-B/16, 86 M parameters: the paper's encoder.
    pub fn vit_base_16() -> Self {
        Self::new(16, 768, 12)
    }

    /// CLIP ViT-B/16, visual tower.
    pub fn clip_vit_base_16() -> Self {
        Self::vit_base_16()
            .with_norm_epsilon(1e-5)
            .with_activation(Activation::QuickGelu)
            .with_pre_norm(true)
            .with_patch_bias(false)
    }

    /// DINOv2 ViT-S/14, pre-trained at 518².
    pub fn dinov2_small_14() -> Self {
        Self::new(14, 384, 6).with_pretrained_grid(37).with_layer_scale(true)
    }

    /// DINOv2 ViT-B/14, pre-trained at 518².
    pub fn dinov2_base_14() -> Self {
        Self::new(14, 768, 12).with_pretrained_grid(37).with_layer_scale(true)
    }

    /// An encoder with random weights: truncated normal of 0.02 for the embeddings, burn's defaults elsewhere.
    pub fn init(&self, device: &Device) -> Encoder {
        assert_eq!(self.dim % self.heads, 0, "dim {} is not a multiple of heads {}", self.dim, self.heads);
        let embedding = Initializer::Normal { mean: 0.0, std: 0.02 };
        let norm = || LayerNormConfig::new(self.dim).with_epsilon(self.norm_epsilon).init(device);
        let block = BlockConfig {
            dim: self.dim,
            heads: self.heads,
            hidden: self.dim * self.mlp_ratio,
            norm_epsilon: self.norm_epsilon,
            activation: self.activation,
            layer_scale: self.layer_scale,
        };
        Encoder {
            cls_token: embedding.init([1, 1, self.dim], device),
            pos_embed: embedding.init([1, 1 + self.pretrained_grid.pow(2), self.dim], device),
            patch_embed: PatchEmbed {
                proj: Conv2dConfig::new([3, self.dim], [self.patch_size; 2])
                    .with_stride([self.patch_size; 2])
                    .with_bias(self.patch_bias)
                    .init(device),
            },
            norm_pre: self.pre_norm.then(norm),
            blocks: (0..self.depth).map(|_| block.init(device)).collect(),
            norm: norm(),
            position_kernel: self.position_kernel,
        }
    }
}

/// A Vision Transformer; see [`EncoderConfig`].
#[derive(Module, Debug)]
pub struct Encoder {
    /// Class token `[1, 1, D]`.
    pub cls_token: Param<Tensor<3>>,
    /// Position embedding `[1, 1 + grid², D]`, the class position first.
    pub pos_embed: Param<Tensor<3>>,
    patch_embed: PatchEmbed,
    norm_pre: Option<LayerNorm>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    #[module(skip)]
    position_kernel: Kernel,
}

#[derive(Module, Debug)]
struct PatchEmbed {
    proj: Conv2d,
}

impl PatchEmbed {
    /// Tokens `[B, N, D]` of `images` `[B, 3, H, W]`, row by row, and the grid that they form. Patches do not overlap, so
    /// the convolution is one product, for which every device has a faster kernel.
    fn forward(&self, images: Tensor<4>) -> (Tensor<3>, [usize; 2]) {
        let weight = self.proj.weight.val();
        let ([batch, channels, height, width], [dim, _, side, _]) = (images.dims(), weight.dims());
        let [rows, columns] = [height / side, width / side];
        assert!(rows > 0 && columns > 0, "the picture is smaller than one patch");
        let whole = images.narrow(2, 0, rows * side).narrow(3, 0, columns * side);
        let patches = whole.reshape([batch, channels, rows, side, columns, side]).permute([0, 2, 4, 1, 3, 5]);
        let values = channels * side * side;
        let patches = patches.reshape([batch * rows * columns, values]);
        let tokens = product(patches, weight.reshape([dim, values]).transpose()).reshape([batch, rows * columns, dim]);
        (biased(tokens, self.proj.bias.as_ref()), [rows, columns])
    }
}

/// What the encoder gives for a batch of pictures.
#[derive(Debug, Clone)]
pub struct Features {
    /// Class token after the final norm `[B, D]`.
    pub class_token: Tensor<2>,
    /// Patch tokens after the final norm `[B, N, D]`, row by row.
    pub patch_tokens: Tensor<3>,
    /// Patch tokens as the tapped block put them out, without norm `[B, N, D]`.
    pub block_tokens: Tensor<3>,
    /// Rows and columns of the patch grid.
    pub grid: [usize; 2],
    /// How much each patch (row) attends to each other one, mean over heads and the tapped blocks, `[B, N, N]` with rows
    /// that sum to 1 and without gradients; `None` when no block's attention was tapped.
    pub affinity: Option<Tensor<3>>,
}

/// What the encoder shows of its inside; blocks count from 0.
#[derive(Debug, Clone, Copy)]
pub struct Taps<'a> {
    /// The block whose tokens feed the auxiliary classifier: 9 is the paper's 10th.
    pub block: usize,
    /// The blocks whose attention is averaged; none is the fastest.
    pub attention: &'a [usize],
}

impl Encoder {
    /// Encodes `images` `[B, 3, H, W]`, normalised as the weights expect. `H` and `W` are floored to whole patches.
    ///
    /// # Panics
    /// If a side is smaller than a patch, or a tapped block does not exist.
    pub fn forward(&self, images: Tensor<4>, taps: Taps<'_>) -> Features {
        let last = taps.attention.iter().fold(taps.block, |last, block| last.max(*block));
        assert!(last < self.blocks.len(), "tapped block {last} of an encoder with {} blocks", self.blocks.len());
        let (patches, [rows, columns]) = self.patch_embed.forward(images);
        let [batch, _, dim] = patches.dims();
        let class_token = self.cls_token.val().expand([batch, 1, dim]);
        let mut tokens = Tensor::cat(vec![class_token, patches], 1) + self.positions([rows, columns]);
        if let Some(norm) = &self.norm_pre {
            tokens = norm.forward(tokens);
        }
        let (mut block_tokens, mut attention) = (None, None);
        for (index, block) in self.blocks.iter().enumerate() {
            if taps.attention.contains(&index) {
                let (attended, weights) = block.attend(tokens, None);
                let weights = weights.detach().mean_dim(1).squeeze_dim::<3>(1);
                attention = Some(attention.map_or(weights.clone(), |sum: Tensor<3>| sum + weights));
                tokens = attended;
            } else {
                tokens = block.forward(tokens, None);
            }
            if index == taps.block {
                block_tokens = Some(tokens.clone().narrow(1, 1, rows * columns));
            }
        }
        let tokens = self.norm.forward(tokens);
        Features {
            class_token: tokens.clone().narrow(1, 0, 1).squeeze_dim(1),
            patch_tokens: tokens.narrow(1, 1, rows * columns),
            block_tokens: block_tokens.expect("the tapped block was checked to exist"),
            grid: [rows, columns],
            affinity: attention.map(between_patches),
        }
    }

    /// Number of blocks.
    pub fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// Side of a patch in pixels.
    pub fn patch_size(&self) -> usize {
        self.patch_embed.proj.stride[0]
    }

    /// The position embedding on another grid, `[1, 1 + rows·columns, D]`; the class position is not resampled.
    fn positions(&self, [rows, columns]: [usize; 2]) -> Tensor<3> {
        let positions = self.pos_embed.val();
        let [_, count, dim] = positions.dims();
        let side = (count - 1).isqrt();
        if [rows, columns] == [side, side] {
            return positions;
        }
        let class_position = positions.clone().narrow(1, 0, 1);
        let grid = positions.narrow(1, 1, count - 1).reshape([1, side, side, dim]).permute([0, 3, 1, 2]);
        let grid = Resize::new(self.position_kernel).apply(grid, [rows, columns]);
        let grid = grid.reshape([1, dim, rows * columns]).swap_dims(1, 2);
        Tensor::cat(vec![class_position, grid], 1)
    }
}

/// Attention `[B, 1 + N, 1 + N]` (any positive multiple of it) without the class token, rows summing to 1: `[B, N, N]`.
fn between_patches(attention: Tensor<3>) -> Tensor<3> {
    let [_, count, _] = attention.dims();
    let patches = attention.narrow(1, 1, count - 1).narrow(2, 1, count - 1);
    patches.clone() / patches.sum_dim(2)
}
