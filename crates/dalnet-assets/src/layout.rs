//! The names under which published encoders store their weights, each mapped to ours (timm's).
//!
//! Sources of the names: timm `vision_transformer.py` (also DeiT), HuggingFace transformers `modeling_vit.py`, OpenAI
//! CLIP `model.py` (`VisionTransformer`), DINOv2 `vision_transformer.py`.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use dalnet::EncoderConfig;

use crate::error::{Mismatch, WeightsError};
use crate::weights::Tensors;

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

/// Their name (`#` is the number of the block), our name, and what happens to the values.
type Rule = (&'static str, &'static str, Change);

#[derive(Debug, Clone, Copy)]
enum Change {
    Keep,
    /// Leading axes of length 1 are added: `[D]` or `[1+N, D]` to `[1, ·, D]`.
    Rank3,
    /// One of the tensors that are joined along the first axis, in the order of the table.
    Part,
}
use Change::{Keep, Part, Rank3};

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
    ("transformer.resblocks.#.ln_1.weight", "blocks.#.norm1.weight", Keep),
    ("transformer.resblocks.#.ln_1.bias", "blocks.#.norm1.bias", Keep),
    ("transformer.resblocks.#.attn.in_proj_weight", "blocks.#.attn.qkv.weight", Keep),
    ("transformer.resblocks.#.attn.in_proj_bias", "blocks.#.attn.qkv.bias", Keep),
    ("transformer.resblocks.#.attn.out_proj.weight", "blocks.#.attn.proj.weight", Keep),
    ("transformer.resblocks.#.attn.out_proj.bias", "blocks.#.attn.proj.bias", Keep),
    ("transformer.resblocks.#.ln_2.weight", "blocks.#.norm2.weight", Keep),
    ("transformer.resblocks.#.ln_2.bias", "blocks.#.norm2.bias", Keep),
    ("transformer.resblocks.#.mlp.c_fc.weight", "blocks.#.mlp.fc1.weight", Keep),
    ("transformer.resblocks.#.mlp.c_fc.bias", "blocks.#.mlp.fc1.bias", Keep),
    ("transformer.resblocks.#.mlp.c_proj.weight", "blocks.#.mlp.fc2.weight", Keep),
    ("transformer.resblocks.#.mlp.c_proj.bias", "blocks.#.mlp.fc2.bias", Keep),
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

    fn rules(self) -> &'static [Rule] {
        match self {
            Self::Timm | Self::Dinov2 => TIMM,
            Self::HuggingFace => HUGGING_FACE,
            Self::OpenAiClip => OPENAI_CLIP,
        }
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
/// An unknown layout; [`Mismatch`] in the file's own names when it lacks a tensor that an encoder of this `config`
/// needs, or holds one that it has no use for; query, key and value of different shapes. Shapes are compared with the
/// model's when it is loaded.
pub fn import_encoder(tensors: Tensors, config: &EncoderConfig) -> Result<Tensors, WeightsError> {
    let layout = Layout::detect(tensors.keys().map(String::as_str)).ok_or_else(|| WeightsError::UnknownLayout {
        first: tensors.keys().take(5).cloned().collect::<Vec<_>>().join(", "),
    })?;
    let prefix = layout.prefix(tensors.keys().map(String::as_str));
    let unneeded = layout.unneeded(prefix);
    let mut tensors = tensors;
    tensors.retain(|name, _| !unneeded.iter().any(|entry| matches_entry(name, entry)));

    let mut mismatch = Mismatch::default();
    let mut imported = Tensors::new();
    let mut parts: BTreeMap<String, Vec<TensorData>> = BTreeMap::new();
    for (theirs, ours, change) in expand(layout.rules(), config) {
        let theirs = format!("{prefix}{theirs}");
        let Some(data) = tensors.remove(&theirs) else {
            mismatch.missing.push((theirs, Vec::new()));
            continue;
        };
        match change {
            Keep => drop(imported.insert(ours, data)),
            Rank3 => drop(imported.insert(ours, to_rank_3(data))),
            Part => parts.entry(ours).or_default().push(data),
        }
    }
    mismatch.unexpected = tensors.into_iter().map(|(name, data)| (name, data.shape().to_vec())).collect();
    mismatch.into_result()?;
    for (name, parts) in parts {
        let joined = join(&name, &parts)?;
        imported.insert(name, joined);
    }
    Ok(imported)
}

/// Whether `name` is the whole name `entry`, or begins with it when it ends in a dot.
fn matches_entry(name: &str, entry: &str) -> bool {
    if entry.ends_with('.') { name.starts_with(entry) } else { name == entry }
}

/// The rules that hold for this configuration, with the numbers of its blocks filled in.
fn expand(rules: &[Rule], config: &EncoderConfig) -> Vec<(String, String, Change)> {
    let mut expanded = Vec::new();
    for &(theirs, ours, change) in rules {
        let exists = match ours {
            "patch_embed.proj.bias" => config.patch_bias,
            "norm_pre.weight" | "norm_pre.bias" => config.pre_norm,
            "blocks.#.ls1.gamma" | "blocks.#.ls2.gamma" => config.layer_scale,
            _ => true,
        };
        let copies = match (exists, ours.contains('#')) {
            (false, _) => 0,
            (true, true) => config.depth,
            (true, false) => 1,
        };
        for block in 0..copies {
            let number = block.to_string();
            expanded.push((theirs.replace('#', &number), ours.replace('#', &number), change));
        }
    }
    expanded
}

fn to_rank_3(data: TensorData) -> TensorData {
    let (bytes, shape, dtype) = data.into_parts();
    let mut axes = shape.to_vec();
    while axes.len() < 3 {
        axes.insert(0, 1);
    }
    TensorData::from_bytes(bytes, axes, dtype)
}

fn join(name: &str, parts: &[TensorData]) -> Result<TensorData, WeightsError> {
    let mut shape = parts[0].shape().to_vec();
    if shape.is_empty() || parts.iter().any(|part| part.shape() != parts[0].shape()) {
        let shapes = parts.iter().map(|part| format!("{:?}", part.shape().to_vec())).collect::<Vec<_>>().join(", ");
        return Err(WeightsError::UnequalParts { name: name.to_owned(), shapes });
    }
    shape[0] *= parts.len();
    let values = parts.iter().flat_map(|part| part.iter::<f32>()).collect::<Vec<_>>();
    Ok(TensorData::new(values, shape))
}
