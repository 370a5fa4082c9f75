//! From the names of a published file to ours, with nothing left over.

use std::collections::BTreeMap;

use burn::tensor::TensorData;

use crate::error::{Mismatch, WeightsError};
use crate::strict::transpose;
use crate::weights::Tensors;

/// Their name (`#` is the number of the block), our name, and what happens to the values.
pub(super) type Rule = (&'static str, &'static str, Change);

#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Keep,
    /// Leading axes of length 1 are added: `[D]` or `[1+N, D]` to `[1, ·, D]`.
    Rank3,
    /// A matrix that is multiplied from the right becomes a linear layer's weight.
    Transpose,
    /// One of the tensors that are joined along the first axis, in the order of the table.
    Part,
}

/// The blocks of both of CLIP's towers in OpenAI's and open_clip's files.
#[rustfmt::skip]
pub(super) const OPENAI_BLOCKS: &[Rule] = &[
    ("transformer.resblocks.#.ln_1.weight", "blocks.#.norm1.weight", Change::Keep),
    ("transformer.resblocks.#.ln_1.bias", "blocks.#.norm1.bias", Change::Keep),
    ("transformer.resblocks.#.attn.in_proj_weight", "blocks.#.attn.qkv.weight", Change::Keep),
    ("transformer.resblocks.#.attn.in_proj_bias", "blocks.#.attn.qkv.bias", Change::Keep),
    ("transformer.resblocks.#.attn.out_proj.weight", "blocks.#.attn.proj.weight", Change::Keep),
    ("transformer.resblocks.#.attn.out_proj.bias", "blocks.#.attn.proj.bias", Change::Keep),
    ("transformer.resblocks.#.ln_2.weight", "blocks.#.norm2.weight", Change::Keep),
    ("transformer.resblocks.#.ln_2.bias", "blocks.#.norm2.bias", Change::Keep),
    ("transformer.resblocks.#.mlp.c_fc.weight", "blocks.#.mlp.fc1.weight", Change::Keep),
    ("transformer.resblocks.#.mlp.c_fc.bias", "blocks.#.mlp.fc1.bias", Change::Keep),
    ("transformer.resblocks.#.mlp.c_proj.weight", "blocks.#.mlp.fc2.weight", Change::Keep),
    ("transformer.resblocks.#.mlp.c_proj.bias", "blocks.#.mlp.fc2.bias", Change::Keep),
];

/// The tensors under our names, by `rules` whose names follow `prefix` in the file, for a model of `depth` blocks. Those
/// that `unneeded` names are dropped: whole names, prefix included, or beginnings when they end in a dot.
///
/// # Errors
/// [`Mismatch`] in the file's names; parts that cannot be joined.
pub(super) fn rename<'a>(
    mut tensors: Tensors,
    prefix: &str,
    unneeded: &[&str],
    rules: impl Iterator<Item = &'a Rule>,
    depth: usize,
) -> Result<Tensors, WeightsError> {
    tensors.retain(|name, _| !unneeded.iter().any(|entry| matches_entry(name, entry)));
    let mut mismatch = Mismatch::default();
    let mut renamed = Tensors::new();
    let mut parts: BTreeMap<String, Vec<TensorData>> = BTreeMap::new();
    for (theirs, ours, change) in expand(rules, depth) {
        let theirs = format!("{prefix}{theirs}");
        let Some(data) = tensors.remove(&theirs) else {
            mismatch.missing.push((theirs, Vec::new()));
            continue;
        };
        match change {
            Change::Keep => drop(renamed.insert(ours, data)),
            Change::Rank3 => drop(renamed.insert(ours, to_rank_3(data))),
            // Another rank shows as a wrong shape when the model is loaded.
            Change::Transpose if data.shape().len() != 2 => drop(renamed.insert(ours, data)),
            Change::Transpose => drop(renamed.insert(ours, transpose(&data))),
            Change::Part => parts.entry(ours).or_default().push(data),
        }
    }
    mismatch.unexpected = tensors.into_iter().map(|(name, data)| (name, data.shape().to_vec())).collect();
    mismatch.into_result()?;
    for (name, parts) in parts {
        let joined = join(&name, &parts)?;
        renamed.insert(name, joined);
    }
    Ok(renamed)
}

/// Whether `name` is the whole name `entry`, or begins with it when it ends in a dot.
fn matches_entry(name: &str, entry: &str) -> bool {
    if entry.ends_with('.') { name.starts_with(entry) } else { name == entry }
}

/// The rules with the numbers of the blocks filled in.
fn expand<'a>(rules: impl Iterator<Item = &'a Rule>, depth: usize) -> Vec<(String, String, Change)> {
    let mut expanded = Vec::new();
    for &(theirs, ours, change) in rules {
        for block in 0..if ours.contains('#') { depth } else { 1 } {
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
