//! Where a run begins: fresh, from pre-trained encoder weights, or from its newest checkpoint.

use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use dalnet::{DalNet, DalNetConfig, EncoderConfig};
use dalnet_assets::{
    Checkpoint, Checkpoints, Input, Map, ModelSpec, import_encoder, load_strict, read_safetensors_file, tensors_of,
};
use dalnet_data::Normalisation;

use super::Options;

/// Longer side at which pictures are shown to the network after training, in pixels.
const LONG_SIDE: usize = 352;

/// The state that training goes on from.
pub(super) struct Start {
    pub(super) iteration: usize,
    pub(super) model: DalNet,
    pub(super) spec: ModelSpec,
    /// The optimiser's record, unless it starts anew.
    pub(super) optimizer: Option<Vec<u8>>,
}

/// Begins or resumes the run of `options` on `device` (with autodiff).
pub(super) fn open(options: &Options, checkpoints: &Checkpoints, device: &Device) -> Result<Start> {
    match (checkpoints.latest()?, options.resume) {
        (Some(folder), true) => resume(options, &folder, device),
        (Some(folder), false) => {
            bail!("{} holds a checkpoint already: go on with --resume, or choose another --out", folder.display())
        }
        (None, true) => bail!("{}: no checkpoint to resume; leave --resume out to start", options.out.display()),
        (None, false) => fresh(options, device),
    }
}

fn fresh(options: &Options, device: &Device) -> Result<Start> {
    let classes = options.data.classes();
    let architecture = DalNetConfig::new(EncoderConfig::vit_tiny_16().with_norm_epsilon(1e-12), classes.len());
    device.seed(options.seed);
    let random = architecture.init(device);
    let mut tensors = tensors_of(&random);
    if let Some(path) = &options.weights {
        let (pretrained, _) = read_safetensors_file(path)?;
        let encoder = import_encoder(pretrained, &architecture.encoder)
            .with_context(|| format!("{} is not a ViT-Ti/16 encoder", path.display()))?;
        tensors.extend(encoder.into_iter().map(|(name, tensor)| (format!("encoder.{name}"), tensor)));
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

fn resume(options: &Options, folder: &Path, device: &Device) -> Result<Start> {
    let checkpoint = Checkpoint::<Options>::load(folder)?;
    let differing = differing(&checkpoint.training, options)?;
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
    // Through text, as the saved ones: parsing may change the last bit of a number.
    let asked: serde_json::Value = serde_json::from_str(&serde_json::to_string(asked)?)?;
    let fields = saved.as_object().into_iter().flatten();
    let differing = fields.filter(|(name, value)| asked.get(name.as_str()) != Some(value));
    Ok(differing.map(|(name, value)| format!("--{} {value}, now {}", name.replace('_', "-"), asked[name])).collect())
}
