//! `train-native train`: from pictures with image tags to a network whose CAMs localise.

#[cfg(test)]
mod ablation;
mod arguments;
mod best;
mod curves;
mod encoder;
mod freeze;
mod memory;
mod options;
mod preset;
mod presets;
mod profile;
mod progress;
mod recipe;
mod scale_range;
mod schedule;
mod settings;
#[cfg(test)]
mod sharing;
mod start;
mod step;
mod teacher;
mod text;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use burn::module::Module;
use burn::tensor::Bytes;
use dalnet_assets::files::write_atomically;
use dalnet_assets::{Checkpoint, Checkpoints, ModelSpec, tensors_of};
use dalnet_data::{BatchSource, Loader};

use crate::device::cores;
use crate::evaluate;
use crate::files::write_json;
use best::Best;
use options::{Options, Training};
use progress::Progress;
use step::Trainer;
use teacher::Teacher;

pub(crate) use arguments::Arguments;
pub(crate) use presets::table as presets;

/// Newest checkpoints that stay on the disk, beside the best one.
const KEEP: usize = 3;
/// Threads that make batches at most: each holds two of them.
const WORKERS: usize = 12;

/// Trains, or goes on training. Whether all of it is done: Ctrl-C stops before.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let options = &arguments.resolve()?;
    options.check()?;
    let stop = stop_on_interrupt()?;
    let (replicas, device_name) = options.replicas()?;
    let data = options.data.open()?;
    let samples = data.samples(&options.splits)?;
    let pictures = samples.len();
    let batches = options.batches(data.classes().len());
    let source = Arc::new(BatchSource::new(samples, batches)?);
    let checkpoints = Checkpoints::of_run(&options.out);
    let validation = options.validation_samples(&data)?;
    data.show_report(arguments.strict)?;
    let start = start::open(options, arguments.resume, &data, &checkpoints, &replicas[0])?;
    let depth = start.spec.architecture.encoder.depth;
    let on_first = replicas[0].clone().without_autodiff();
    let teacher = options.teacher.as_deref().map(|paths| Teacher::open(paths, &start.spec, &on_first)).transpose()?;
    let model = match options.freeze {
        Some(freeze) => freeze.apply(start.model),
        None => start.model,
    };
    let (recipe, rates) = (options.recipe(depth)?, options.rates(depth));
    let mut trainer = Trainer::new(model, recipe, rates, options.weight_decay, batches.normalisation, replicas)
        .accumulating(options.accumulate)
        .taught_by(teacher);
    if let Some(record) = start.optimizer {
        let bytes = Bytes::from_bytes_vec(record);
        trainer.optimiser = trainer.optimiser.from_bytes(bytes).context("the checkpoint's optimiser cannot be read")?;
    }
    if let Some(repeats) = arguments.profile {
        println!("{}", profile::profile(&mut trainer, &source.batch(0)?, repeats.max(1))?);
        return Ok(true);
    }
    let mut progress =
        Progress::new(&options.out, options.log, start.iteration, options.iterations, options.step_pictures())?;
    write_json(&options.out.join("recipe.json"), trainer.recipe())?;
    write_atomically(&options.out.join("config.toml"), toml::to_string(options)?.as_bytes())?;
    progress.say(&format!(
        "{pictures} pictures, {} classes, {device_name}, iterations {} to {}",
        start.spec.classes.len(),
        start.iteration,
        options.iterations
    ));
    let protocol = trainer.recipe().validation();
    let mut best = start.best;
    let mut loader = Loader::start(source, start.iteration as u64, cores().clamp(2, WORKERS))?;
    for iteration in start.iteration..options.iterations {
        let batch = loader.next_batch()?;
        let done = iteration + 1;
        let due = options.saves(done);
        let (losses, separation) = trainer.step(iteration, &batch, progress.is_due(due))?;
        progress.step(&losses, loader.take_wait());
        let stopping = stop.load(Ordering::Relaxed);
        progress.log(done, options.schedule().at(iteration), separation, due || stopping)?;
        // Before the checkpoint, which remembers the best score: a resumed run then goes on from the same one.
        if options.validates(done) {
            let model = trainer.model.valid();
            let report = evaluate::score(&model, &start.spec, &validation, &protocol, |_| ())?;
            report.write_sheet(&options.out)?;
            progress.validation(done, &report)?;
            best = best::better(best, Best::of(&report, done as u64));
        }
        if due || stopping {
            save(options, &checkpoints, &start.spec, &trainer, done, best.as_ref())?;
            progress.draw()?;
        }
        if stopping {
            progress.say(&format!("stopped after iteration {done}; the same command with --resume goes on"));
            return Ok(false);
        }
    }
    progress.say(&format!(
        "done; next: train-native eval --data {} --split val --model {} --json scores.json",
        options.data,
        options.out.display()
    ));
    Ok(true)
}

/// A flag that Ctrl-C or a termination signal sets, so that the step in work is finished and saved.
fn stop_on_interrupt() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .context("cannot listen for signals")?;
    Ok(stop)
}

/// Writes a checkpoint, unless a weight is not a number: the one before stays the newest then.
fn save(
    options: &Options,
    checkpoints: &Checkpoints,
    spec: &ModelSpec,
    trainer: &Trainer,
    iteration: usize,
    best: Option<&Best>,
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
        training: Training { options: options.clone(), recipe: trainer.recipe().clone(), best: best.cloned() },
    };
    checkpoints.save(&checkpoint, KEEP, best.map(|best| best.iteration))?;
    // Last, so that it never names a checkpoint that is not there.
    best.map_or(Ok(()), |best| best.write(&options.out))
}
