//! Where a run begins: fresh, from pre-trained encoder weights, or from its newest checkpoint.

use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::{Device, Tensor};
use dalnet::alignment::AlignmentConfig;
use dalnet::objective::Term;
use dalnet::{DalNet, DalNetConfig, EncoderConfig};
use dalnet_assets::{
    Checkpoint, Checkpoints, Input, Map, ModelSpec, Tensors, import_encoder, load_strict, read_safetensors_file,
    tensors_of,
};
use dalnet_data::Normalisation;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::options::{Options, Training};
use super::text::class_texts;
use crate::source::Data;

/// Longer side at which pictures are shown to the network after training, in pixels.
const LONG_SIDE: usize = 352;

/// What the names of the encoder's parameters begin with.
const ENCODER: &str = "encoder.";
/// Name of the text embeddings among the parameters.
const TEXTS: &str = "alignment.text";

/// The state that training goes on from.
pub(super) struct Start {
    pub(super) iteration: usize,
    pub(super) model: DalNet,
    pub(super) spec: ModelSpec,
    /// The optimiser's record, unless it starts anew.
    pub(super) optimizer: Option<Vec<u8>>,
}

/// Begins or resumes the run of `options` with the classes of `data` on `device` (with autodiff).
pub(super) fn open(options: &Options, data: &Data, checkpoints: &Checkpoints, device: &Device) -> Result<Start> {
    match (checkpoints.latest()?, options.resume) {
        (Some(folder), true) => resume(options, &folder, device),
        (Some(folder), false) => {
            bail!("{} holds a checkpoint already: go on with --resume, or choose another --out", folder.display())
        }
        (None, true) => bail!("{}: no checkpoint to resume; leave --resume out to start", options.out.display()),
        (None, false) => fresh(options, data, device),
    }
}

fn fresh(options: &Options, data: &Data, device: &Device) -> Result<Start> {
    let classes = data.classes();
    let encoder = EncoderConfig::vit_tiny_16().with_norm_epsilon(1e-12);
    let recipe = options.recipe(encoder.depth)?;
    let counts = |terms: [Term; 2]| terms.iter().any(|term| recipe.objective.terms.contains_key(term));
    let text = counts([Term::Im, Term::Ex])
        .then(|| class_texts(options.text.as_deref(), &options.data, &classes))
        .transpose()?;
    let alignment = text.as_ref().map(|text| {
        AlignmentConfig::new(text.shape()[1]).with_shared_dim(recipe.shared_dim).with_text_side(recipe.text_side)
    });
    let head = counts([Term::Seg, Term::Reg]).then_some(recipe.head);
    let architecture = DalNetConfig::new(encoder, classes.len()).with_head(head).with_alignment(alignment);
    device.seed(options.seed);
    let mut random = architecture.init(device);
    if let Some(text) = text {
        let text = Tensor::from_data(text, device);
        random.alignment = random.alignment.map(|alignment| alignment.with_text(text));
    }
    let mut tensors = tensors_of(&random);
    if let Some(path) = &options.weights {
        pretrained(path, &architecture, &mut tensors)?;
    }
    let model = load_strict(random, tensors)?;
    let normalisation = dalnet_assets::Normalisation { mean: Normalisation::HALF.mean, std: Normalisation::HALF.std };
    let spec = ModelSpec {
        architecture,
        classes,
        normalisation,
        input: Input { long_side: LONG_SIDE, scales: vec![1.0], affinity: None, map: Map::default() },
        background_threshold: 0.5,
        class_threshold: 0.5,
    };
    Ok(Start { iteration: 0, model, spec, optimizer: None })
}

/// Replaces random `tensors` by those of a file: of an encoder, or of a whole network whose other parts are taken as far
/// as they have the same name and shape.
fn pretrained(path: &Path, architecture: &DalNetConfig, tensors: &mut Tensors) -> Result<()> {
    let (mut pretrained, _) = read_safetensors_file(path)?;
    if !pretrained.keys().any(|name| name.starts_with(ENCODER)) {
        let encoder = import_encoder(pretrained, &architecture.encoder)
            .with_context(|| format!("{} is not a ViT-Ti/16 encoder", path.display()))?;
        pretrained = encoder.into_iter().map(|(name, tensor)| (format!("{ENCODER}{name}"), tensor)).collect();
    }
    for (name, tensor) in tensors {
        match pretrained.remove(name).filter(|found| found.shape() == tensor.shape()) {
            // The texts are those that were asked for.
            Some(found) if name != TEXTS => *tensor = found,
            None if name.starts_with(ENCODER) => {
                bail!("{}: {name} is missing or of another shape; give weights of a ViT-Ti/16", path.display())
            }
            _ => (),
        }
    }
    Ok(())
}

fn resume(options: &Options, folder: &Path, device: &Device) -> Result<Start> {
    let checkpoint = Checkpoint::<Training>::load(folder)?;
    let Training { options: saved, recipe } = checkpoint.training;
    let mut differing = differing(&saved, options)?;
    let asked = options.recipe(checkpoint.spec.architecture.encoder.depth)?;
    if differing.is_empty() && recipe != through_text(&asked)? {
        differing.push("another recipe by the same options, of another version of this program".to_owned());
    }
    if !differing.is_empty() {
        bail!(
            "{} was written with other options: {}; resume with the same ones, or choose another --out",
            folder.display(),
            differing.join(", ")
        );
    }
    let model = load_strict(checkpoint.spec.architecture.init(device), checkpoint.tensors)
        .with_context(|| folder.display().to_string())?;
    Ok(Start {
        iteration: usize::try_from(checkpoint.iteration)?,
        model,
        spec: checkpoint.spec,
        optimizer: Some(checkpoint.optimizer),
    })
}

/// The options that make `asked` another training than `saved`. A run's folder may be moved, so it is none of them.
fn differing(saved: &Options, asked: &Options) -> Result<Vec<String>> {
    let saved = serde_json::to_value(Options { out: asked.out.clone(), ..saved.clone() })?;
    let asked: serde_json::Value = through_text(asked)?;
    let fields = saved.as_object().into_iter().flatten();
    let differing = fields.filter(|(name, value)| asked.get(name.as_str()) != Some(value));
    Ok(differing.map(|(name, value)| format!("--{} {value}, now {}", name.replace('_', "-"), asked[name])).collect())
}

/// A value as it was saved and read again: parsing may change the last bit of a number.
fn through_text<T: DeserializeOwned>(value: &impl Serialize) -> Result<T> {
    Ok(serde_json::from_str(&serde_json::to_string(value)?)?)
}
