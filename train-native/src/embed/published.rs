//! Embeddings from published vectors, for where CLIP's weights are not at hand.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::TensorData;
use dalnet_assets::{Metadata, TextEmbeddings, read_safetensors};

use super::{read_source, unit_vectors};

/// Ending of the lists whose vectors are of the one prompt in the metadata; others are means over prompts that are not
/// recorded.
const SINGLE: &str = ".single";
/// The list whose rows from [`FIRST_STUFF`] on are COCO-Stuff's stuff classes: walls, sky, grass and the like.
const STUFF_LIST: &str = "coco_stuff171.single";
const FIRST_STUFF: usize = 80;
const REMEDY: &str = "give clip_vitb16_text_embeddings.safetensors, and its .names.json as --names";

/// Vectors with their names.
struct List<'a> {
    key: &'a str,
    names: &'a [String],
    vectors: &'a TensorData,
}

impl<'a> List<'a> {
    fn new(key: &'a str, names: &'a [String], vectors: &'a TensorData) -> Result<Self> {
        let shape = vectors.shape().to_vec();
        if shape.len() != 2 || shape[0] != names.len() {
            bail!("{key} has the shape {shape:?} and --names {} names for it; {REMEDY}", names.len());
        }
        Ok(Self { key, names, vectors })
    }

    fn row(&self, index: usize) -> Vec<f64> {
        let width = self.vectors.shape()[1];
        self.vectors.iter::<f64>().skip(index * width).take(width).collect()
    }

    fn position(&self, class: &str) -> Option<usize> {
        self.names.iter().position(|name| name == class)
    }

    fn missing(&self, classes: &[String]) -> Vec<String> {
        classes.iter().filter(|class| self.position(class).is_none()).cloned().collect()
    }
}

/// The vectors of `classes`, all from one list; the background is the mean of the stuff classes.
pub(super) fn pick(vectors_path: &Path, names_path: &Path, classes: Vec<String>) -> Result<TextEmbeddings> {
    let (bytes, vectors_entry) = read_source(vectors_path, REMEDY)?;
    let within = || vectors_path.display().to_string();
    let (tensors, metadata) = read_safetensors(&bytes).with_context(within)?;
    let (bytes, names_entry) = read_source(names_path, REMEDY)?;
    let names: BTreeMap<String, Vec<String>> = serde_json::from_slice(&bytes)
        .with_context(|| format!("{}: no JSON of lists of class names; {REMEDY}", names_path.display()))?;

    let lists = names.iter().filter(|(key, _)| key.ends_with(SINGLE)).filter_map(|(key, names)| {
        let vectors = tensors.get(key)?;
        Some(List::new(key, names, vectors))
    });
    let mut lists = lists.collect::<Result<Vec<_>>>().with_context(within)?;
    // The shorter list is the one that was made for these classes.
    lists.sort_by_key(|list| (list.missing(&classes).len(), list.names.len()));
    let Some(list) = lists.first() else {
        bail!("{}: none of its tensors is a list {SINGLE} of --names; {REMEDY}", within())
    };
    let missing = list.missing(&classes);
    if !missing.is_empty() {
        bail!(
            "{}: {} lacks the classes {}; use names it has, or make the embeddings with --clip",
            within(),
            list.key,
            missing.join(", ")
        );
    }
    let Some(stuff) = lists.iter().find(|list| list.key == STUFF_LIST && list.names.len() > FIRST_STUFF) else {
        bail!("{}: it has no {STUFF_LIST}, whose stuff classes make the background; {REMEDY}", within())
    };
    let mut rows: Vec<_> = classes.iter().filter_map(|class| list.position(class)).map(|row| list.row(row)).collect();
    rows.push(background(stuff));
    if rows.iter().any(|row| row.len() != rows[0].len() || row.iter().any(|value| !value.is_finite())) {
        bail!("{}: lists of different widths, or values that are no numbers; {REMEDY}", within());
    }
    let text = |key: &str| field(&metadata, key).with_context(within);
    let (model, prompt, source) = (text("model")?, text("prompt")?, text("source")?);
    let provenance = format!(
        "{model} (OpenAI, MIT): vectors of the list {} of {} as published by {source}, brought to norm 1",
        list.key, vectors_entry.path
    );
    let background = format!(
        "mean of {} stuff classes ({} to {}) of {STUFF_LIST}, each with the prompt {prompt:?}, brought to norm 1; stands \
         in for a prompt of its own, which needs CLIP's text encoder",
        stuff.names.len() - FIRST_STUFF,
        stuff.names[FIRST_STUFF],
        stuff.names[stuff.names.len() - 1]
    );
    Ok(TextEmbeddings {
        prompts: classes.iter().map(|class| prompt.replace("{class}", class)).collect(),
        classes,
        background,
        provenance,
        sources: vec![vectors_entry, names_entry],
        vectors: unit_vectors(&rows),
    })
}

fn background(stuff: &List<'_>) -> Vec<f64> {
    let rows: Vec<_> = (FIRST_STUFF..stuff.names.len()).map(|row| stuff.row(row)).collect();
    (0..rows[0].len()).map(|column| rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64).collect()
}

fn field<'a>(metadata: &'a Metadata, key: &str) -> Result<&'a str> {
    metadata.get(key).map(String::as_str).with_context(|| format!("its metadata has no {key:?}; {REMEDY}"))
}
