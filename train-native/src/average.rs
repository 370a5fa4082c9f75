//! `train-native average`: the mean of the weights of models that were trained from one another.
//!
//! Such models lie in one valley of the loss, and the middle of it is often better than its edges ("Model soups", Wortsman
//! et al. 2022; "Robust fine-tuning of zero-shot models", Wortsman et al. 2022).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use burn::tensor::TensorData;
use clap::Args;
use dalnet_assets::manifest::FORMAT_VERSION;
use dalnet_assets::{Manifest, Model, Precision, Quality, Tensors, write_model};

use crate::model::open_model;

/// Options of `train-native average`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Models, runs or checkpoints, two or more; how to show pictures is taken from the first
    #[arg(required = true, num_args = 2..)]
    models: Vec<PathBuf>,
    /// Folder for the mean, a model in 32-bit floats that --model takes everywhere
    #[arg(long)]
    out: PathBuf,
}

/// Writes the mean of the models.
pub(crate) fn run(options: &Options) -> Result<()> {
    let models = options.models.iter().map(|path| open_model(path)).collect::<Result<Vec<_>>>()?;
    for (path, model) in options.models.iter().zip(&models).skip(1) {
        same_network(&options.models[0], &models[0], path, model)?;
    }
    let precision = Precision::F32;
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        spec: models[0].spec.clone(),
        precision,
        files: Vec::new(),
        checkpoint_sha256: sources(&models),
        provenance: format!("The mean of the weights of {} models.", models.len()),
        licences: Vec::new(),
        quality: Quality { protocol: "not scored".to_owned(), pictures: 0, miou: BTreeMap::new() },
    };
    write_model(&options.out, manifest, &mean(&models)?, precision)?;
    println!(
        "{} models averaged; next: train-native eval --model {} --data … --json scores.json",
        models.len(),
        options.out.display()
    );
    Ok(())
}

/// # Errors
/// Models whose weights do not mean the same.
fn same_network(first: &Path, one: &Model, second: &Path, other: &Model) -> Result<()> {
    let differs = if one.spec.architecture != other.spec.architecture {
        "architecture"
    } else if one.spec.classes != other.spec.classes {
        "classes"
    } else if one.spec.normalisation != other.spec.normalisation {
        "normalisation"
    } else {
        return Ok(());
    };
    bail!(
        "{} and {} differ in their {differs}: only models trained from one another can be averaged",
        first.display(),
        second.display()
    )
}

/// The checkpoints behind the models, as far as all are known.
fn sources(models: &[Model]) -> Option<String> {
    let sources = models.iter().map(|model| model.checkpoint_sha256.as_deref());
    Some(sources.collect::<Option<Vec<_>>>()?.join("+"))
}

/// In 64-bit floats, so that equal weights stay what they are.
///
/// # Errors
/// A tensor that only one of them has, or that has two shapes.
fn mean(models: &[Model]) -> Result<Tensors> {
    let of_tensor = |(name, tensor): (&String, &TensorData)| {
        let mut sums = vec![0.0_f64; tensor.num_elements()];
        for model in models {
            let Some(same) = model.tensors.get(name).filter(|same| same.shape() == tensor.shape()) else {
                bail!("{name}: not all of the models have this tensor in one shape; their files do not fit together");
            };
            sums.iter_mut().zip(same.iter::<f64>()).for_each(|(sum, value)| *sum += value);
        }
        let means = sums.into_iter().map(|sum| (sum / models.len() as f64) as f32).collect::<Vec<_>>();
        Ok((name.clone(), TensorData::new(means, tensor.shape().clone())))
    };
    models[0].tensors.iter().map(of_tensor).collect()
}
