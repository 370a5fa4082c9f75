//! The names under which published encoders store their weights, each mapped to ours (timm's).
//!
//! Sources of the names: timm `vision_transformer.py` (also DeiT), HuggingFace transformers `modeling_vit.py`, OpenAI
//! CLIP `model.py` (`VisionTransformer`), DINOv2 `vision_transformer.py`.

mod rename;
mod text;

use dalnet::EncoderConfig;

pub use text::import_text_encoder;

use crate::error::WeightsError;
use crate::weights::Tensors;
use rename::Change::{Keep, Part, Rank3};
use rename::{OPENAI_BLOCKS, Rule, rename};

/// A family of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// timm's ViT and DeiT: fused query, key and value.
    Timm,
    /// `ViTModel` of transformers, bare or inside a classifier: separate query, key and value.
    HuggingFace,
    /// The visual tower of OpenAI's CLIP, bare or inside the whole CLIP.
    OpenAiClip,
    /// DINOv2 as Meta published it: timm's names with layer scale and a mask token.
    Dinov2,
}

#[rustfmt::skip]
const TIMM: &[Rule] = &[
    ("cls_token", "cls_token", Keep),
    ("pos_embed", "pos_embed", Keep),
    ("patch_embed.proj.weight", "patch_embed.proj.weight", Keep),
    ("patch_embed.proj.bias", "patch_embed.proj.bias", Keep),
    ("norm_pre.weight", "norm_pre.weight", Keep),
    ("norm_pre.bias", "norm_pre.bias", Keep),
    ("blocks.#.norm1.weight", "blocks.#.norm1.weight", Keep),
    ("blocks.#.norm1.bias", "blocks.#.norm1.bias", Keep),
    ("blocks.#.attn.qkv.weight", "blocks.#.attn.qkv.weight", Keep),
    ("blocks.#.attn.qkv.bias", "blocks.#.attn.qkv.bias", Keep),
    ("blocks.#.attn.proj.weight", "blocks.#.attn.proj.weight", Keep),
    ("blocks.#.attn.proj.bias", "blocks.#.attn.proj.bias", Keep),
    ("blocks.#.ls1.gamma", "blocks.#.ls1.gamma", Keep),
    ("blocks.#.norm2.weight", "blocks.#.norm2.weight", Keep),
    ("blocks.#.norm2.bias", "blocks.#.norm2.bias", Keep),
    ("blocks.#.mlp.fc1.weight", "blocks.#.mlp.fc1.weight", Keep),
    ("blocks.#.mlp.fc1.bias", "blocks.#.mlp.fc1.bias", Keep),
    ("blocks.#.mlp.fc2.weight", "blocks.#.mlp.fc2.weight", Keep),
    ("blocks.#.mlp.fc2.bias", "blocks.#.mlp.fc2.bias", Keep),
    ("blocks.#.ls2.gamma", "blocks.#.ls2.gamma", Keep),
    ("norm.weight", "norm.weight", Keep),
    ("norm.bias", "norm.bias", Keep),
];

#[rustfmt::skip]
const HUGGING_FACE: &[Rule] = &[
    ("embeddings.cls_token", "cls_token", Keep),
    ("embeddings.position_embeddings", "pos_embed", Keep),
    ("embeddings.patch_embeddings.projection.weight", "patch_embed.proj.weight", Keep),
    ("embeddings.patch_embeddings.projection.bias", "patch_embed.proj.bias", Keep),
    ("encoder.layer.#.layernorm_before.weight", "blocks.#.norm1.weight", Keep),
    ("encoder.layer.#.layernorm_before.bias", "blocks.#.norm1.bias", Keep),
    ("encoder.layer.#.attention.attention.query.weight", "blocks.#.attn.qkv.weight", Part),
    ("encoder.layer.#.attention.attention.query.bias", "blocks.#.attn.qkv.bias", Part),
    ("encoder.layer.#.attention.attention.key.weight", "blocks.#.attn.qkv.weight", Part),
    ("encoder.layer.#.attention.attention.key.bias", "blocks.#.attn.qkv.bias", Part),
    ("encoder.layer.#.attention.attention.value.weight", "blocks.#.attn.qkv.weight", Part),
    ("encoder.layer.#.attention.attention.value.bias", "blocks.#.attn.qkv.bias", Part),
    ("encoder.layer.#.attention.output.dense.weight", "blocks.#.attn.proj.weight", Keep),
    ("encoder.layer.#.attention.output.dense.bias", "blocks.#.attn.proj.bias", Keep),
    ("encoder.layer.#.layernorm_after.weight", "blocks.#.norm2.weight", Keep),
    ("encoder.layer.#.layernorm_after.bias", "blocks.#.norm2.bias", Keep),
    ("encoder.layer.#.intermediate.dense.weight", "blocks.#.mlp.fc1.weight", Keep),
    ("encoder.layer.#.intermediate.dense.bias", "blocks.#.mlp.fc1.bias", Keep),
    ("encoder.layer.#.output.dense.weight", "blocks.#.mlp.fc2.weight", Keep),
    ("encoder.layer.#.output.dense.bias", "blocks.#.mlp.fc2.bias", Keep),
    ("layernorm.weight", "norm.weight", Keep),
    ("layernorm.bias", "norm.bias", Keep),
];

#[rustfmt::skip]
const OPENAI_CLIP: &[Rule] = &[
    ("class_embedding", "cls_token", Rank3),
    ("positional_embedding", "pos_embed", Rank3),
    ("conv1.weight", "patch_embed.proj.weight", Keep),
    ("ln_pre.weight", "norm_pre.weight", Keep),
    ("ln_pre.bias", "norm_pre.bias", Keep),
    ("ln_post.weight", "norm.weight", Keep),
    ("ln_post.bias", "norm.bias", Keep),
];

impl Layout {
    const ALL: [Self; 4] = [Self::Dinov2, Self::Timm, Self::HuggingFace, Self::OpenAiClip];

    /// The layout that a set of names belongs to, if it is known.
    pub fn detect<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let names: Vec<&str> = names.into_iter().collect();
        Self::ALL.into_iter().find(|layout| {
            let prefix = layout.prefix(names.iter().copied());
            names.iter().any(|name| name.strip_prefix(prefix) == Some(layout.mark()))
        })
    }

    /// A name that only this layout has; DINOv2 is asked before timm, whose names it shares.
    fn mark(self) -> &'static str {
        match self {
            Self::Timm => "blocks.0.attn.qkv.weight",
            Self::HuggingFace => "embeddings.patch_embeddings.projection.weight",
            Self::OpenAiClip => "class_embedding",
            Self::Dinov2 => "blocks.0.ls1.gamma",
        }
    }

    fn rules(self) -> impl Iterator<Item = &'static Rule> {
        let (rules, blocks): (&[Rule], &[Rule]) = match self {
            Self::Timm | Self::Dinov2 => (TIMM, &[]),
            Self::HuggingFace => (HUGGING_FACE, &[]),
            Self::OpenAiClip => (OPENAI_CLIP, OPENAI_BLOCKS),
        };
        rules.iter().chain(blocks)
    }

    /// What stands before every name of the encoder when it is a part of a larger model.
    fn prefix<'a>(self, mut names: impl Iterator<Item = &'a str>) -> &'static str {
        let candidates: &[&str] = match self {
            Self::Timm | Self::Dinov2 => &[],
            Self::HuggingFace => &["vit.", "deit."],
            Self::OpenAiClip => &["visual."],
        };
        names.find_map(|name| candidates.iter().find(|prefix| name.starts_with(**prefix))).copied().unwrap_or("")
    }

    /// Names that such files hold and an encoder does not need: beginnings, or whole names without a final dot. They
    /// are whole names in the file, prefix included.
    fn unneeded(self, prefix: &str) -> &'static [&'static str] {
        match self {
            // Everything behind the final norm: the classifier, and the layer before it in models of ImageNet-21k.
            Self::Timm => &["head.", "pre_logits.fc."],
            Self::HuggingFace => &["classifier.", "pooler.", "vit.pooler.", "deit.pooler."],
            Self::OpenAiClip if prefix.is_empty() => &["proj"],
            // The text tower, and the projection into the common space.
            Self::OpenAiClip => &[
                "visual.proj",
                "transformer.",
                "token_embedding.",
                "positional_embedding",
                "ln_final.",
                "text_projection",
                "logit_scale",
                "input_resolution",
                "context_length",
                "vocab_size",
            ],
            // The mask token serves pre-training by masked patches only.
            Self::Dinov2 => &["mask_token", "head."],
        }
    }
}

/// An encoder's tensors under our names, ready for [`load_strict`](crate::load_strict), from a file of any known layout.
///
/// # Errors
/// An unknown layout; [`Mismatch`](crate::Mismatch) in the file's own names when it lacks a tensor that an encoder of
/// this `config` needs, or holds one that it has no use for; query, key and value of different shapes. Shapes are
/// compared with the model's when it is loaded.
pub fn import_encoder(tensors: Tensors, config: &EncoderConfig) -> Result<Tensors, WeightsError> {
    let layout = Layout::detect(tensors.keys().map(String::as_str))
        .ok_or_else(|| WeightsError::unknown_layout("timm, HuggingFace, OpenAI CLIP, DINOv2", tensors.keys()))?;
    let prefix = layout.prefix(tensors.keys().map(String::as_str));
    let exists = |ours: &str| match ours {
        "patch_embed.proj.bias" => config.patch_bias,
        "norm_pre.weight" | "norm_pre.bias" => config.pre_norm,
        "blocks.#.ls1.gamma" | "blocks.#.ls2.gamma" => config.layer_scale,
        _ => true,
    };
    let rules = layout.rules().filter(|(_, ours, _)| exists(ours));
    rename(tensors, prefix, layout.unneeded(prefix), rules, config.depth)
}
