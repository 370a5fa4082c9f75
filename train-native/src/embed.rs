//! `train-native embed`: class names to the text embeddings that training aligns patches with.

mod classes;
mod clip;
mod published;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use burn::tensor::TensorData;
use clap::{ArgGroup, Args, ValueEnum};
use dalnet::activation::Activation;
use dalnet_assets::FileEntry;

const EXAMPLES: &str = "\
With CLIP's weights, for any classes:
  train-native embed --clip clip-vit-base-patch16/model.safetensors --classes names.txt --out text.safetensors
Without them, for classes whose embeddings were published:
  train-native embed --embeddings clip_vitb16_text_embeddings.safetensors \\
      --names clip_vitb16_text_embeddings.names.json --classes voc --out text.safetensors
The embeddings of voc and coco are a part of this program already.";

/// Options of `train-native embed`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("origin").required(true).args(["clip", "embeddings"]))]
pub(crate) struct Options {
    /// Safetensors of a whole CLIP or of its text encoder, named as by OpenAI, open_clip or HuggingFace
    #[arg(long, value_name = "FILE")]
    clip: Option<PathBuf>,
    /// Classes in the order of the labels, without background: a file with one name on each line, or voc, or coco
    #[arg(long, value_name = "FILE")]
    classes: String,
    /// Prompt of a class; {} is its name
    #[arg(long, default_value = "a photo of {}", conflicts_with = "embeddings")]
    template: String,
    /// Prompt of the background
    #[arg(long, default_value = "a photo of background", conflicts_with = "embeddings")]
    background: String,
    /// Non-linearity of the CLIP: OpenAI's models have quick-gelu, most of open_clip's own gelu. The weights do not tell,
    /// and the wrong one gives wrong embeddings without a warning
    #[arg(long, value_enum, default_value = "quick-gelu", conflicts_with = "embeddings")]
    activation: ActivationChoice,
    /// Published embeddings: safetensors with lists of vectors, their prompt in the metadata. The background is the mean
    /// of the 91 stuff classes of COCO-Stuff
    #[arg(long, value_name = "FILE", requires = "names")]
    embeddings: Option<PathBuf>,
    /// JSON with the class names of each list in --embeddings
    #[arg(long, value_name = "FILE", requires = "embeddings")]
    names: Option<PathBuf>,
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ActivationChoice {
    QuickGelu,
    Gelu,
}

impl From<ActivationChoice> for Activation {
    fn from(choice: ActivationChoice) -> Self {
        match choice {
            ActivationChoice::QuickGelu => Self::QuickGelu,
            ActivationChoice::Gelu => Self::Gelu,
        }
    }
}

/// Makes the embeddings and writes them.
pub(crate) fn run(options: &Options) -> Result<()> {
    let classes = classes::read(&options.classes)?;
    let embeddings = match (&options.clip, &options.embeddings, &options.names) {
        (Some(clip), _, _) => {
            let prompts = clip::Prompts::new(&options.template, &options.background, &classes)?;
            clip::encode(clip, options.activation.into(), classes, prompts)?
        }
        (None, Some(vectors), Some(names)) => published::pick(vectors, names, classes)?,
        _ => bail!("give --clip, or --embeddings with --names"),
    };
    embeddings.write(&options.out)?;
    println!(
        "{}: {} classes and background, {} wide; background: {}",
        options.out.display(),
        embeddings.classes.len(),
        embeddings.dim(),
        embeddings.background
    );
    Ok(())
}

/// A file's content, and its entry among the sources.
fn read_source(path: &Path, remedy: &str) -> Result<(Vec<u8>, FileEntry)> {
    let bytes = fs::read(path).with_context(|| format!("{}: cannot be read; {remedy}", path.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let entry = FileEntry::new(name, &bytes);
    Ok((bytes, entry))
}

/// Vectors `[rows, width]` brought to norm 1.
fn unit_vectors(rows: &[Vec<f64>]) -> TensorData {
    let width = rows.first().map_or(0, Vec::len);
    let values = rows.iter().flat_map(|row| {
        let norm = row.iter().map(|value| value * value).sum::<f64>().sqrt();
        row.iter().map(move |value| (value / norm) as f32)
    });
    TensorData::new(values.collect::<Vec<f32>>(), [rows.len(), width])
}
