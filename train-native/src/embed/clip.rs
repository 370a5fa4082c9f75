//! Embeddings by CLIP's own text encoder, on the CPU.

use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use dalnet::activation::Activation;
use dalnet_assets::{TextEmbeddings, import_text_encoder, load_strict, read_safetensors};
use dalnet_text::{ClipTokenizer, TextEncoderConfig};
use indicatif::{ProgressBar, ProgressStyle};

use super::{read_source, unit_vectors};

const REMEDY: &str =
    "give the safetensors file of a CLIP, for example model.safetensors of openai/clip-vit-base-patch16";

/// What is encoded.
pub(super) struct Prompts {
    template: String,
    classes: Vec<String>,
    background: String,
}

impl Prompts {
    /// The `template` with each class's name in the place of `{}`.
    pub(super) fn new(template: &str, background: &str, classes: &[String]) -> Result<Self> {
        if template.matches("{}").count() != 1 {
            bail!("--template {template:?} must hold {{}} once; write for example \"a photo of {{}}\"");
        }
        if background.trim().is_empty() {
            bail!("--background is empty; write for example \"a photo of background\"");
        }
        let classes = classes.iter().map(|class| template.replace("{}", class)).collect();
        Ok(Self { template: template.to_owned(), classes, background: background.to_owned() })
    }
}

/// Encodes the prompts with the text encoder in the file `path`.
pub(super) fn encode(
    path: &Path,
    activation: Activation,
    classes: Vec<String>,
    prompts: Prompts,
) -> Result<TextEmbeddings> {
    let tokenizer = ClipTokenizer::new()?;
    let texts = prompts.classes.iter().chain([&prompts.background]).map(|prompt| tokenizer.encode(prompt));
    let texts = texts.collect::<Result<Vec<_>, _>>()?;

    eprintln!("reading {}", path.display());
    let (bytes, source) = read_source(path, REMEDY)?;
    let unsuitable = || format!("{}: no CLIP text encoder; {REMEDY}", path.display());
    let (tensors, _) = read_safetensors(&bytes).with_context(unsuitable)?;
    drop(bytes);
    let weights = import_text_encoder(tensors).with_context(unsuitable)?;
    let config = TextEncoderConfig::of_weights(&weights, activation).with_context(unsuitable)?;
    if let Some(id) = texts.iter().flatten().find(|id| **id as usize >= config.vocabulary) {
        bail!("{}: its vocabulary of {} lacks token {id}; {REMEDY}", path.display(), config.vocabulary);
    }
    if let Some(text) = texts.iter().find(|text| text.len() > config.context) {
        bail!("{}: it has {} positions and a prompt {} tokens; shorten it", path.display(), config.context, text.len());
    }
    let encoder = load_strict(config.init(&Device::flex()), weights).with_context(unsuitable)?;

    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} prompts, {eta} left")?;
    let bar = ProgressBar::new(texts.len() as u64).with_style(style);
    let mut vectors = Vec::with_capacity(texts.len());
    for text in &texts {
        let vector = encoder.forward(std::slice::from_ref(text)).into_data();
        vectors.push(vector.iter::<f64>().collect());
        bar.inc(1);
    }
    bar.finish_and_clear();
    let provenance = format!(
        "CLIP text encoder of {} ({} wide, {} blocks, {:?}) on CLIP's byte-level BPE (OpenAI, MIT), template {:?}; the \
         licence is that of the encoder's weights",
        source.path, config.dim, config.depth, config.activation, prompts.template
    );
    Ok(TextEmbeddings {
        classes,
        prompts: prompts.classes,
        background: format!("prompt {:?}", prompts.background),
        provenance,
        sources: vec![source],
        vectors: unit_vectors(&vectors),
    })
}
