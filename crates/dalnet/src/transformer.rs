//! One transformer block: attention and MLP, each behind a layer norm and around a residual. The image encoder and
//! CLIP's text encoder are stacks of it.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};

use crate::activation::Activation;
use crate::product::{linear, product};

mod host;

/// Shape of a block.
#[derive(Debug, Clone, Copy)]
pub struct BlockConfig {
    /// Width of a token, `D`.
    pub dim: usize,
    /// Number of attention heads; divides `dim`.
    pub heads: usize,
    /// Width of the MLP's hidden layer.
    pub hidden: usize,
    /// Epsilon of both layer norms.
    pub norm_epsilon: f64,
    /// Non-linearity of the MLP.
    pub activation: Activation,
    /// Learnt scale of each residual branch (DINOv2).
    pub layer_scale: bool,
}

impl BlockConfig {
    /// A block with random weights.
    pub fn init(&self, device: &Device) -> Block {
        let norm = || LayerNormConfig::new(self.dim).with_epsilon(self.norm_epsilon).init(device);
        // DINOv2 starts its residual branches near the identity.
        let scale = || {
            self.layer_scale.then(|| LayerScale { gamma: Param::from_tensor(Tensor::full([self.dim], 1e-5, device)) })
        };
        Block {
            norm1: norm(),
            attn: Attention {
                qkv: LinearConfig::new(self.dim, 3 * self.dim).init(device),
                proj: LinearConfig::new(self.dim, self.dim).init(device),
                heads: self.heads,
            },
            ls1: scale(),
            norm2: norm(),
            mlp: Mlp {
                fc1: LinearConfig::new(self.dim, self.hidden).init(device),
                fc2: LinearConfig::new(self.hidden, self.dim).init(device),
                activation: self.activation,
            },
            ls2: scale(),
            norm_epsilon: self.norm_epsilon,
        }
    }
}

/// `x + ls1(attn(norm1(x)))`, then `x + ls2(mlp(norm2(x)))`.
#[derive(Module, Debug)]
pub struct Block {
    norm1: LayerNorm,
    attn: Attention,
    ls1: Option<LayerScale>,
    norm2: LayerNorm,
    mlp: Mlp,
    ls2: Option<LayerScale>,
    #[module(skip)]
    norm_epsilon: f64,
}

impl Block {
    /// `tokens` and result `[B, T, D]`. `mask` `[T, T]` is added to the attention's logits: 0, or -∞ where a token
    /// (row) must not see another (column).
    pub fn forward(&self, tokens: Tensor<3>, mask: Option<Tensor<2>>) -> Tensor<3> {
        if mask.is_none() && host::is_faster(&tokens.device()) {
            return self.forward_on_host(tokens);
        }
        self.attend(tokens, mask).0
    }

    /// As [`Self::forward`], with the attention weights `[B, heads, T, T]`; each row sums to 1.
    pub fn attend(&self, tokens: Tensor<3>, mask: Option<Tensor<2>>) -> (Tensor<3>, Tensor<4>) {
        let (branch, weights) = self.attn.forward(self.norm1.forward(tokens.clone()), mask);
        let tokens = tokens + scaled(&self.ls1, branch);
        let branch = self.mlp.forward(self.norm2.forward(tokens.clone()));
        (tokens + scaled(&self.ls2, branch), weights)
    }
}

#[derive(Module, Debug)]
struct LayerScale {
    gamma: Param<Tensor<1>>,
}

fn scaled(scale: &Option<LayerScale>, branch: Tensor<3>) -> Tensor<3> {
    match scale {
        Some(scale) => branch * scale.gamma.val().unsqueeze(),
        None => branch,
    }
}

#[derive(Module, Debug)]
struct Attention {
    qkv: Linear,
    proj: Linear,
    heads: usize,
}

impl Attention {
    fn forward(&self, tokens: Tensor<3>, mask: Option<Tensor<2>>) -> (Tensor<3>, Tensor<4>) {
        let [batch, count, dim] = tokens.dims();
        let width = dim / self.heads;
        let qkv = linear(&self.qkv, tokens).reshape([batch, count, 3, self.heads, width]).permute([2, 0, 3, 1, 4]);
        let part = |index: usize| qkv.clone().narrow(0, index, 1).squeeze_dim::<4>(0);
        let query = part(0) * (width as f64).powf(-0.5);
        let logits = product(query, part(1).transpose());
        let logits = match mask {
            Some(mask) => logits + mask.unsqueeze(),
            None => logits,
        };
        let weights = softmax(logits, 3);
        let mixed = product(weights.clone(), part(2));
        (linear(&self.proj, mixed.swap_dims(1, 2).reshape([batch, count, dim])), weights)
    }
}

#[derive(Module, Debug)]
struct Mlp {
    fc1: Linear,
    fc2: Linear,
    #[module(skip)]
    activation: Activation,
}

impl Mlp {
    fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        linear(&self.fc2, self.activation.forward(linear(&self.fc1, tokens)))
    }
}
