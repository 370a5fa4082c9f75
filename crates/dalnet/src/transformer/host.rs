//! A block in loops over plain values, for burn-flex in WebAssembly: there, the products of [`RightFactor`] are twice as
//! fast as burn's, and what stands between them takes as long again when every operation passes over memory by itself.

use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Device, Tensor, TensorData};

use super::{Attention, Block, LayerScale};
use crate::host::product::{RightFactor, Rows};
use crate::host::{exp, largest, on_host, sum, values};

/// Tokens that pass through the block together: their hidden layer and their attention stay in the cache.
const TOKENS: usize = 32;

/// Whether [`Block::forward_on_host`] is the fastest way on `device`: natively burn's products know wider vectors.
pub(super) fn is_faster(device: &Device) -> bool {
    cfg!(target_family = "wasm") && on_host(device) && !device.is_autodiff()
}

impl Block {
    /// As [`Block::forward`] without mask, of tokens that lie on the host, without gradients.
    pub(super) fn forward_on_host(&self, tokens: Tensor<3>) -> Tensor<3> {
        let ([batch, count, dim], device) = (tokens.dims(), tokens.device());
        let mut tokens = values(tokens);
        self.add_attention(&mut tokens, count, dim);
        self.add_mlp(&mut tokens, dim);
        Tensor::from_data(TensorData::new(tokens, [batch, count, dim]), &device)
    }

    /// `x + ls1(attn(norm1(x)))` of pictures with `count` tokens each.
    fn add_attention(&self, tokens: &mut [f32], count: usize, dim: usize) {
        let (norm, qkv) = (Norm::new(&self.norm1, self.norm_epsilon), Layer::new(&self.attn.qkv));
        let (proj, scale) = (Layer::new(&self.attn.proj), Scale::new(&self.ls1));
        let mut projections = vec![0.0; count * 3 * dim];
        let mut mixed = vec![0.0; count * dim];
        for picture in tokens.chunks_exact_mut(count * dim) {
            qkv.forward(Rows::new(&norm.forward(picture), dim), |row, values| {
                projections[row * 3 * dim..][..3 * dim].copy_from_slice(values);
            });
            self.attn.mix(Rows::new(&projections, 3 * dim), &mut mixed);
            proj.forward(Rows::new(&mixed, dim), |row, values| scale.add(values, &mut picture[row * dim..][..dim]));
        }
    }

    /// `x + ls2(mlp(norm2(x)))`.
    fn add_mlp(&self, tokens: &mut [f32], dim: usize) {
        let (norm, scale) = (Norm::new(&self.norm2, self.norm_epsilon), Scale::new(&self.ls2));
        let (fc1, fc2) = (Layer::new(&self.mlp.fc1), Layer::new(&self.mlp.fc2));
        let width = fc1.bias.len();
        let mut hidden = vec![0.0; TOKENS * width];
        for tokens in tokens.chunks_mut(TOKENS * dim) {
            let hidden = &mut hidden[..tokens.len() / dim * width];
            fc1.forward(Rows::new(&norm.forward(tokens), dim), |row, values| {
                self.mlp.activation.apply(values);
                hidden[row * width..][..width].copy_from_slice(values);
            });
            fc2.forward(Rows::new(hidden, width), |row, values| scale.add(values, &mut tokens[row * dim..][..dim]));
        }
    }
}

impl Attention {
    /// Every head's values mixed by its attention, side by side `[T, D]`, from the `projections` `[T, 3 D]` of a picture.
    fn mix(&self, projections: Rows<'_>, mixed: &mut [f32]) {
        let dim = projections.width() / 3;
        let (count, width) = (mixed.len() / dim, dim / self.heads);
        let scale = (width as f32).powf(-0.5);
        let mut weights = vec![0.0; TOKENS * count];
        for head in 0..self.heads {
            let part = |index: usize| projections.columns(index * dim + head * width, width);
            let (keys, head_values) = (RightFactor::transposed(part(1)), RightFactor::new(part(2)));
            for (chunk, queries) in part(0).chunks(TOKENS).enumerate() {
                let weights = &mut weights[..queries.count() * count];
                keys.multiply(queries, |row, logits| {
                    softmax(logits, scale);
                    weights[row * count..][..count].copy_from_slice(logits);
                });
                head_values.multiply(Rows::new(weights, count), |row, values| {
                    let token = (chunk * TOKENS + row) * dim + head * width;
                    mixed[token..][..width].copy_from_slice(values);
                });
            }
        }
    }
}

/// `softmax(scale · x)` in place, for a positive `scale`.
// Not inlined, as all that is called for each row: see `RightFactor::multiply_few`.
#[inline(never)]
fn softmax(logits: &mut [f32], scale: f32) {
    let largest = largest(logits);
    logits.iter_mut().for_each(|logit| *logit = exp((*logit - largest) * scale));
    let share = 1.0 / sum(logits, |value| value);
    logits.iter_mut().for_each(|logit| *logit *= share);
}

/// A layer norm's parameters.
struct Norm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    fn new(norm: &LayerNorm, epsilon: f64) -> Self {
        let gamma = values(norm.gamma.val());
        let beta = norm.beta.as_ref().map_or_else(|| vec![0.0; gamma.len()], |beta| values(beta.val()));
        Self { gamma, beta, epsilon: epsilon as f32 }
    }

    /// Each token to mean 0 and variance 1, then scaled and moved.
    fn forward(&self, tokens: &[f32]) -> Vec<f32> {
        let mut result = tokens.to_vec();
        result.chunks_exact_mut(self.gamma.len()).for_each(|token| self.apply(token));
        result
    }

    #[inline(never)]
    fn apply(&self, token: &mut [f32]) {
        let mean = sum(token, |value| value) / token.len() as f32;
        token.iter_mut().for_each(|value| *value -= mean);
        let squares = sum(token, |value| value * value);
        let factor = 1.0 / (squares / token.len() as f32 + self.epsilon).sqrt();
        for ((value, gamma), beta) in token.iter_mut().zip(&self.gamma).zip(&self.beta) {
            *value = *value * factor * gamma + beta;
        }
    }
}

/// A linear layer's parameters, as the product wants them.
struct Layer {
    weight: RightFactor,
    bias: Vec<f32>,
}

impl Layer {
    fn new(linear: &Linear) -> Self {
        let weight = linear.weight.val();
        let [_, outputs] = weight.dims();
        let bias = linear.bias.as_ref().map_or_else(|| vec![0.0; outputs], |bias| values(bias.val()));
        Self { weight: RightFactor::new(Rows::new(&values(weight), outputs)), bias }
    }

    /// Hands the result of every row to `take`, with its number.
    fn forward(&self, rows: Rows<'_>, mut take: impl FnMut(usize, &mut [f32])) {
        self.weight.multiply(rows, |row, values| {
            values.iter_mut().zip(&self.bias).for_each(|(value, bias)| *value += bias);
            take(row, values);
        });
    }
}

/// How a branch is added to the tokens.
struct Scale(Option<Vec<f32>>);

impl Scale {
    fn new(scale: &Option<LayerScale>) -> Self {
        Self(scale.as_ref().map(|scale| values(scale.gamma.val())))
    }

    fn add(&self, branch: &[f32], token: &mut [f32]) {
        match &self.0 {
            Some(scale) => {
                let scaled = branch.iter().zip(scale).map(|(value, scale)| value * scale);
                token.iter_mut().zip(scaled).for_each(|(sum, value)| *sum += value);
            }
            None => token.iter_mut().zip(branch).for_each(|(sum, value)| *sum += value),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, Tolerance};

    use super::*;
    use crate::activation::Activation;
    use crate::transformer::BlockConfig;

    #[test]
    fn a_block_on_the_host_is_that_of_tensor_operations() {
        let device = Device::flex();
        device.seed(7);
        for (activation, layer_scale) in [(Activation::Gelu, true), (Activation::QuickGelu, false)] {
            let config = BlockConfig { dim: 30, heads: 3, hidden: 52, norm_epsilon: 1e-6, activation, layer_scale };
            let mut block = config.init(&device);
            // As loaded, the two branches are all but switched off.
            if let Some(scale) = &mut block.ls1 {
                scale.gamma = scale.gamma.clone().map(|gamma| gamma.random_like(Distribution::Uniform(0.5, 2.0)));
            }
            // More than one chunk, and a remainder.
            let tokens = Tensor::<3>::random([2, TOKENS + 5, 30], Distribution::Normal(0.0, 2.0), &device);
            let (expected, _) = block.attend(tokens.clone(), None);
            let tolerance = Tolerance::<f32>::absolute(2e-5);
            block.forward_on_host(tokens).into_data().assert_approx_eq(&expected.into_data(), tolerance);
        }
    }
}
