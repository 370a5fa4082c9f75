//! The names under which published CLIPs store their text encoder, each mapped to `dalnet-text`'s.
//!
//! Sources of the names: OpenAI CLIP `model.py` (`CLIP`), open_clip `model.py` (`CLIP` and `CustomTextCLIP`),
//! HuggingFace transformers `modeling_clip.py` (`CLIPModel`, `CLIPTextModelWithProjection`).

use super::rename::Change::{Keep, Part, Transpose};
use super::rename::{OPENAI_BLOCKS, Rule, rename};
use crate::error::WeightsError;
use crate::weights::Tensors;

#[rustfmt::skip]
const OPENAI: &[Rule] = &[
    ("token_embedding.weight", "token_embedding.weight", Keep),
    ("positional_embedding", "positional_embedding", Keep),
    ("ln_final.weight", "norm.weight", Keep),
    ("ln_final.bias", "norm.bias", Keep),
    ("text_projection", "text_projection.weight", Transpose),
];

#[rustfmt::skip]
const HUGGING_FACE: &[Rule] = &[
    ("text_model.embeddings.token_embedding.weight", "token_embedding.weight", Keep),
    ("text_model.embeddings.position_embedding.weight", "positional_embedding", Keep),
    ("text_model.encoder.layers.#.layer_norm1.weight", "blocks.#.norm1.weight", Keep),
    ("text_model.encoder.layers.#.layer_norm1.bias", "blocks.#.norm1.bias", Keep),
    ("text_model.encoder.layers.#.self_attn.q_proj.weight", "blocks.#.attn.qkv.weight", Part),
    ("text_model.encoder.layers.#.self_attn.q_proj.bias", "blocks.#.attn.qkv.bias", Part),
    ("text_model.encoder.layers.#.self_attn.k_proj.weight", "blocks.#.attn.qkv.weight", Part),
    ("text_model.encoder.layers.#.self_attn.k_proj.bias", "blocks.#.attn.qkv.bias", Part),
    ("text_model.encoder.layers.#.self_attn.v_proj.weight", "blocks.#.attn.qkv.weight", Part),
    ("text_model.encoder.layers.#.self_attn.v_proj.bias", "blocks.#.attn.qkv.bias", Part),
    ("text_model.encoder.layers.#.self_attn.out_proj.weight", "blocks.#.attn.proj.weight", Keep),
    ("text_model.encoder.layers.#.self_attn.out_proj.bias", "blocks.#.attn.proj.bias", Keep),
    ("text_model.encoder.layers.#.layer_norm2.weight", "blocks.#.norm2.weight", Keep),
    ("text_model.encoder.layers.#.layer_norm2.bias", "blocks.#.norm2.bias", Keep),
    ("text_model.encoder.layers.#.mlp.fc1.weight", "blocks.#.mlp.fc1.weight", Keep),
    ("text_model.encoder.layers.#.mlp.fc1.bias", "blocks.#.mlp.fc1.bias", Keep),
    ("text_model.encoder.layers.#.mlp.fc2.weight", "blocks.#.mlp.fc2.weight", Keep),
    ("text_model.encoder.layers.#.mlp.fc2.bias", "blocks.#.mlp.fc2.bias", Keep),
    ("text_model.final_layer_norm.weight", "norm.weight", Keep),
    ("text_model.final_layer_norm.bias", "norm.bias", Keep),
    ("text_projection.weight", "text_projection.weight", Keep),
];

/// A family of names, and what stands before them.
struct TextLayout {
    prefix: &'static str,
    /// A name that only this layout has, prefix included.
    mark: &'static str,
    /// What stands before the number of a block, prefix included.
    blocks: &'static str,
    rules: [&'static [Rule]; 2],
    /// Whole names, or beginnings with a final dot, that such files hold and a text encoder does not need.
    unneeded: &'static [&'static str],
}

const LAYOUTS: &[TextLayout] = &[
    TextLayout {
        prefix: "",
        mark: "token_embedding.weight",
        blocks: "transformer.resblocks.",
        rules: [OPENAI, OPENAI_BLOCKS],
        unneeded: &[
            "visual.",
            "logit_scale",
            "logit_bias",
            "attn_mask",
            "input_resolution",
            "context_length",
            "vocab_size",
        ],
    },
    // open_clip's CustomTextCLIP.
    TextLayout {
        prefix: "text.",
        mark: "text.token_embedding.weight",
        blocks: "text.transformer.resblocks.",
        rules: [OPENAI, OPENAI_BLOCKS],
        unneeded: &["visual.", "logit_scale", "logit_bias", "text.attn_mask"],
    },
    TextLayout {
        prefix: "",
        mark: "text_model.embeddings.token_embedding.weight",
        blocks: "text_model.encoder.layers.",
        rules: [HUGGING_FACE, &[]],
        unneeded: &["vision_model.", "visual_projection.", "logit_scale"],
    },
];

/// A CLIP text encoder's tensors under our names, ready for [`load_strict`](crate::load_strict), from the file of a whole
/// CLIP or of its text encoder in the layout of OpenAI, open_clip or HuggingFace. Blocks are counted by the highest
/// number in the file.
///
/// # Errors
/// An unknown layout; [`Mismatch`](crate::Mismatch) in the file's own names when it lacks a tensor, or holds one that a
/// text encoder has no use for; query, key and value of different shapes. Shapes are compared with the model's when it
/// is loaded.
pub fn import_text_encoder(tensors: Tensors) -> Result<Tensors, WeightsError> {
    let layout = LAYOUTS.iter().find(|layout| tensors.contains_key(layout.mark)).ok_or_else(|| {
        WeightsError::unknown_layout("text encoders of OpenAI CLIP, open_clip, HuggingFace CLIP", tensors.keys())
    })?;
    let number = |name: &str| name.strip_prefix(layout.blocks)?.split('.').next()?.parse::<usize>().ok();
    // A number beyond any real model would only make the list of what is missing endless.
    let depth = tensors.keys().filter_map(|name| number(name)).filter(|&number| number < 1000).max();
    let depth = depth.map_or(0, |last| last + 1);
    rename(tensors, layout.prefix, layout.unneeded, layout.rules.into_iter().flatten(), depth)
}
