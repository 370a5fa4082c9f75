//! Where a run begins: fresh, from pre-trained encoder weights, or from its newest checkpoint.

use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::{Device, Tensor};
use dalnet::alignment::AlignmentConfig;
use dalnet::objective::Term;
use dalnet::{DalNet, DalNetConfig};
use dalnet_assets::{
    Checkpoint, Checkpoints, Input, Layout, ModelSpec, Normalisation, Tensors, import_encoder, load_strict,
    read_safetensors_file, tensors_of,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::best::{self, Best};
use super::options::{FREE_TO_CHANGE, Options, Training};
use super::text::class_texts;
use crate::source::Data;

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
    /// The best checkpoint so far.
    pub(super) best: Option<Best>,
}

/// Begins or resumes the run of `options` with the classes of `data` on `device` (with autodiff).
pub(super) fn open(
    options: &Options,
    go_on: bool,
    data: &Data,
    checkpoints: &Checkpoints,
    device: &Device,
) -> Result<Start> {
    match (checkpoints.latest()?, go_on) {
        (Some(folder), true) => resume(options, data, checkpoints, &folder, device),
        (Some(folder), false) => {
            bail!("{} holds a checkpoint already: go on with --resume, or choose another --out", folder.display())
        }
        (None, true) => bail!("{}: no checkpoint to resume; leave --resume out to start", options.out.display()),
        (None, false) => fresh(options, data, device),
    }
}

fn fresh(options: &Options, data: &Data, device: &Device) -> Result<Start> {
    let classes = data.classes();
    let weights =
        options.weights.as_deref().map(|path| read_safetensors_file(path).map(|(tensors, _)| (path, tensors)));
    let weights = weights.transpose()?;
    let layout = weights.as_ref().and_then(|(_, tensors)| Layout::detect(tensors.keys().map(String::as_str)));
    let encoder = options.encoder.config(options.crop, layout);
    let recipe = options.recipe(encoder.depth)?;
    let counts = |terms: [Term; 2]| terms.iter().any(|term| recipe.objective.terms.contains_key(term));
    let text = counts([Term::Im, Term::Ex])
        .then(|| class_texts(options.text.as_deref(), &options.data, &classes))
        .transpose()?;
    let alignment = text.as_ref().map(|text| {
        AlignmentConfig::new(text.shape()[1]).with_shared_dim(recipe.shared_dim).with_text_side(recipe.text_side)
    });
    let head = counts([Term::Seg, Term::Reg]).then_some(recipe.head);
    let architecture = DalNetConfig::new(encoder.clone(), classes.len())
        .with_auxiliary_block(options.auxiliary_index(encoder.depth))
        .with_head(head)
        .with_alignment(alignment);
    device.seed(options.seed);
    let mut random = architecture.init(device);
    if let Some(text) = text {
        let text = Tensor::from_data(text, device);
        random.alignment = random.alignment.map(|alignment| alignment.with_text(text));
    }
    let mut tensors = tensors_of(&random);
    if let Some((path, weights)) = weights {
        pretrained(path, weights, options.encoder.title(), &architecture, &mut tensors)?;
    }
    let model = load_strict(random, tensors)?;
    let normalisation = options.encoder.normalisation();
    let normalisation = Normalisation { mean: normalisation.mean, std: normalisation.std };
    let spec = ModelSpec {
        architecture,
        classes,
        normalisation,
        input: Input::of_long_side(options.long_side),
        background_threshold: 0.5,
        class_threshold: 0.5,
    };
    Ok(Start { iteration: 0, model, spec, optimizer: None, best: None })
}

/// Replaces random `tensors` by those of a file: of an encoder, or of a whole network whose other parts are taken as far
/// as they have the same name and shape. `title` is what the encoder is called.
fn pretrained(
    path: &Path,
    mut pretrained: Tensors,
    title: &str,
    architecture: &DalNetConfig,
    tensors: &mut Tensors,
) -> Result<()> {
    if !pretrained.keys().any(|name| name.starts_with(ENCODER)) {
        let encoder = import_encoder(pretrained, &architecture.encoder)
            .with_context(|| format!("{} is not a {title} encoder", path.display()))?;
        pretrained = encoder.into_iter().map(|(name, tensor)| (format!("{ENCODER}{name}"), tensor)).collect();
    }
    for (name, tensor) in tensors {
        match pretrained.remove(name).filter(|found| found.shape() == tensor.shape()) {
            // The texts are those that were asked for.
            Some(found) if name != TEXTS => *tensor = found,
            None if name.starts_with(ENCODER) => {
                bail!(
                    "{}: {name} is missing or of another shape; give weights of a {title}, or another --encoder",
                    path.display()
                )
            }
            _ => (),
        }
    }
    Ok(())
}

fn resume(options: &Options, data: &Data, checkpoints: &Checkpoints, folder: &Path, device: &Device) -> Result<Start> {
    let checkpoint = Checkpoint::<serde_json::Value>::load(folder)?;
    let training = serde_json::from_value::<Training>(checkpoint.training).with_context(|| {
        format!(
            "{} was written by another version of this program; finish the run with that one, or choose another --out",
            folder.display()
        )
    })?;
    let Training { options: saved, recipe, best } = training;
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
    data.check_classes(&checkpoint.spec.classes, folder)?;
    let model = load_strict(checkpoint.spec.architecture.init(device), checkpoint.tensors)
        .with_context(|| folder.display().to_string())?;
    Ok(Start {
        iteration: usize::try_from(checkpoint.iteration)?,
        model,
        spec: checkpoint.spec,
        optimizer: Some(checkpoint.optimizer),
        best: best::remembered(best, checkpoints)?,
    })
}

/// The options that make `asked` another training than `saved`.
fn differing(saved: &Options, asked: &Options) -> Result<Vec<String>> {
    let saved = serde_json::to_value(saved)?;
    let asked: serde_json::Value = through_text(asked)?;
    let fields = saved.as_object().into_iter().flatten();
    let fields = fields.filter(|(name, _)| !FREE_TO_CHANGE.contains(&name.as_str()));
    let differing = fields.filter(|(name, value)| asked.get(name.as_str()) != Some(value));
    Ok(differing.map(|(name, value)| format!("--{name} {value}, now {}", asked[name])).collect())
}

/// A value as it was saved and read again: parsing may change the last bit of a number.
fn through_text<T: DeserializeOwned>(value: &impl Serialize) -> Result<T> {
    Ok(serde_json::from_str(&serde_json::to_string(value)?)?)
}
