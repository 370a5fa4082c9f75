//! Where a run begins: fresh, from pre-trained encoder weights, or from its newest checkpoint.

use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use dalnet::{DalNet, DalNetConfig, EncoderConfig};
use dalnet_assets::{
    Checkpoint, Checkpoints, InputSize, ModelSpec, import_encoder, load_strict, read_safetensors_file, tensors_of,
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
        (Some(folder), false) => bail!(
            "{} holds a checkpoint already: go on with --resume, or choose another --out",
            folder.display()
        ),
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
        input: InputSize { long_side: LONG_SIDE },
        background_threshold: 0.5,
        class_threshold: 0.5,
    };
    Ok(Start { iteration: 0, model, spec, optimizer: None })
}

fn resume(options: &Options, folder: &Path, device: &Device) -> Result<Start> {
    let checkpoint = Checkpoint::<Options>::load(folder)?;
    let saved = Options { resume: false, device: options.device, threads: options.threads, ..checkpoint.training };
    let asked = Options { resume: false, ..options.clone() };
    if saved != asked {
        bail!(
            "{} was written by a run with other options, and going on would mix the two.\n  it: {saved:?}\n  now: {asked:?}",
            folder.display()
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
