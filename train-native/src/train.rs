//! `train-native train`: from pictures with image tags to a network whose CAMs localise.

#[cfg(test)]
mod ablation;
mod options;
mod profile;
mod progress;
mod recipe;
mod schedule;
mod start;
mod step;
mod text;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use burn::module::Module;
use burn::tensor::Bytes;
use dalnet_assets::{Checkpoint, Checkpoints, ModelSpec, tensors_of};
use dalnet_data::{BatchSource, Loader};

use crate::evaluate::{self, Protocol};
use crate::files::write_json;
use options::Training;
use progress::Progress;
use step::Trainer;

pub(crate) use options::Options;

/// Checkpoints that stay on the disk.
const KEEP: usize = 3;

/// Trains, or goes on training.
pub(crate) fn run(options: &Options) -> Result<()> {
    options.check()?;
    let stop = stop_on_interrupt()?;
    let (device, device_name) = options.device.open()?;
    let replicas = options.replicas(device_name, &device);
    let data = options.data.open()?;
    let samples = data.samples(&options.splits)?;
    let pictures = samples.len();
    let batches = options.batches(data.classes().len());
    let source = Arc::new(BatchSource::new(samples, batches)?);
    let checkpoints = Checkpoints::of_run(&options.out);
    let validation = options.validation_samples(&data)?;
    let start = start::open(options, &data, &checkpoints, &replicas[0])?;
    let recipe = options.recipe(start.spec.architecture.encoder.depth)?;
    let mut trainer =
        Trainer::new(start.model, recipe, options.schedule(), options.weight_decay, batches.normalisation, replicas);
    if let Some(record) = start.optimizer {
        let bytes = Bytes::from_bytes_vec(record);
        trainer.optimiser = trainer.optimiser.from_bytes(bytes).context("the checkpoint's optimiser cannot be read")?;
    }
    if let Some(repeats) = options.profile {
        println!("{}", profile::profile(&mut trainer, &source.batch(0)?, repeats.max(1))?);
        return Ok(());
    }
    let mut progress = Progress::new(&options.out, start.iteration, options.iterations, options.batch)?;
    write_json(&options.out.join("recipe.json"), trainer.recipe())?;
    progress.say(&format!(
        "{pictures} pictures, {} classes, {device_name}, iterations {} to {}",
        start.spec.classes.len(),
        start.iteration,
        options.iterations
    ));
    let mut loader = Loader::start(source, start.iteration as u64, 2)?;
    for iteration in start.iteration..options.iterations {
        let batch = loader.next_batch()?;
        let done = iteration + 1;
        let due = done % options.checkpoint_every == 0 || done == options.iterations;
        let (losses, separation) = trainer.step(iteration, &batch, progress.is_due(due))?;
        progress.step(&losses, loader.take_wait());
        let stopping = stop.load(Ordering::Relaxed);
        progress.log(done, options.schedule().at(iteration), separation, due || stopping)?;
        if due || stopping {
            save(options, &checkpoints, &start.spec, &trainer, done)?;
        }
        if stopping {
            progress.say(&format!("stopped after iteration {done}; the same command with --resume goes on"));
            return Ok(());
        }
        if !validation.is_empty() && (done % options.validate_every == 0 || done == options.iterations) {
            let model = trainer.model.valid();
            let report = evaluate::score(&model, &start.spec, &validation, &Protocol::default(), |_| ())?;
            progress.validation(done, &report)?;
        }
    }
    progress.say(&format!(
        "done; next: train-native eval --data {} --split val --model {} --json scores.json",
        String::from(options.data.clone()),
        options.out.display()
    ));
    Ok(())
}

/// A flag that Ctrl-C sets, so that the step in work is finished and saved.
fn stop_on_interrupt() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(stop)
}

/// Writes a checkpoint, unless a weight is not a number: the one before stays the newest then.
fn save(
    options: &Options,
    checkpoints: &Checkpoints,
    spec: &ModelSpec,
    trainer: &Trainer,
    iteration: usize,
) -> Result<()> {
    let optimizer = trainer.optimiser.into_bytes().context("the optimiser's state cannot be written")?;
    let tensors = tensors_of(&trainer.model);
    if let Some((name, _)) = tensors.iter().find(|(_, data)| data.iter::<f32>().any(|value| !value.is_finite())) {
        bail!(
            "{name} is no longer finite after iteration {iteration}; the last checkpoint is kept; \
             start a run with a lower --learning-rate and another --out"
        );
    }
    let checkpoint = Checkpoint {
        iteration: iteration as u64,
        spec: spec.clone(),
        tensors,
        optimizer: optimizer.to_vec(),
        training: Training { options: options.clone(), recipe: trainer.recipe().clone() },
    };
    checkpoints.save(&checkpoint, KEEP)?;
    Ok(())
}
