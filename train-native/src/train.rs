//! `train-native train`: from pictures with image tags to a network whose CAMs localise.

mod progress;
mod schedule;
mod start;
mod step;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result, bail};
use burn::tensor::{Bytes, Device};
use clap::Args;
use dalnet_assets::{Checkpoint, Checkpoints, ModelSpec, tensors_of};
use dalnet_data::{AugmentConfig, BatchConfig, BatchSource, ColourJitter, Loader, Normalisation, Sample};
use serde::{Deserialize, Serialize};

use crate::device::DeviceChoice;
use crate::evaluate::{self, Protocol};
use crate::source::Source;
use progress::Progress;
use schedule::Polynomial;
use step::Trainer;

/// Checkpoints that stay on the disk.
const KEEP: usize = 3;

/// The options of a training run; they are saved with every checkpoint.
#[derive(Debug, Clone, PartialEq, Args, Serialize, Deserialize)]
pub(crate) struct Options {
    /// Data set with image tags, voc:DIR with a VOCdevkit/VOC2012 folder
    #[arg(long)]
    data: Source,
    /// Splits to train on
    #[arg(long, value_delimiter = ',', default_value = "train_aug")]
    splits: Vec<String>,
    /// Encoder weights to start from (safetensors of ViT-Ti/16 in timm or HuggingFace naming)
    #[arg(long)]
    weights: Option<PathBuf>,
    /// Folder of the run: checkpoints, metrics.jsonl
    #[arg(long)]
    out: PathBuf,
    /// Go on from the newest checkpoint in --out
    #[arg(long)]
    #[serde(skip)]
    resume: bool,
    /// Side of the square crop in pixels, a multiple of 16
    #[arg(long, default_value_t = 256)]
    crop: usize,
    /// Pictures in a step
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Steps of the whole training
    #[arg(long, default_value_t = 2400)]
    iterations: usize,
    /// Vary brightness, contrast, saturation, hue and greyness of the crops
    #[arg(long)]
    colour_jitter: bool,
    /// Peak learning rate of the encoder; the classifiers learn ten times as fast
    #[arg(long, default_value_t = 1e-4)]
    learning_rate: f64,
    /// Steps of linear warm-up
    #[arg(long, default_value_t = 120)]
    warm_up: usize,
    /// Decoupled weight decay of every parameter
    #[arg(long, default_value_t = 0.01)]
    weight_decay: f64,
    /// Seed of order, augmentation and initial classifiers
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to run: auto, cpu or gpu
    #[arg(long, default_value = "auto")]
    #[serde(skip)]
    device: DeviceChoice,
    /// Threads that share a batch on the CPU [default: all cores]
    #[arg(long)]
    #[serde(skip)]
    threads: Option<usize>,
    /// Steps between checkpoints
    #[arg(long, default_value_t = 200)]
    checkpoint_every: usize,
    /// Steps between scores of the CAM on --validation-split; 0 for never
    #[arg(long, default_value_t = 600)]
    validate_every: usize,
    /// Split with masks for these scores
    #[arg(long, default_value = "val")]
    validation_split: String,
    /// How many of its pictures, from the first
    #[arg(long, default_value_t = 120)]
    validation_pictures: usize,
}

/// Trains, or goes on training.
pub(crate) fn run(options: &Options) -> Result<()> {
    options.check()?;
    let stop = stop_on_interrupt()?;
    let (device, device_name) = options.device.open()?;
    let replicas = options.replicas(device_name, &device);
    let samples = options.data.samples(&options.splits)?;
    let pictures = samples.len();
    let source = Arc::new(BatchSource::new(samples, options.batches())?);
    let checkpoints = Checkpoints::of_run(&options.out);
    let validation = options.validation_samples()?;
    let start = start::open(options, &checkpoints, &replicas[0])?;
    let mut trainer = Trainer::new(start.model, options.schedule(), options.weight_decay, replicas);
    if let Some(record) = start.optimizer {
        let bytes = Bytes::from_bytes_vec(record);
        trainer.optimiser = trainer.optimiser.from_bytes(bytes).context("the checkpoint's optimiser cannot be read")?;
    }
    let mut progress = Progress::new(&options.out, start.iteration, options.iterations, options.batch)?;
    progress.say(&format!(
        "{pictures} pictures, {} classes, {device_name}, iterations {} to {}",
        start.spec.classes.len(),
        start.iteration,
        options.iterations
    ));
    let mut loader = Loader::start(source, start.iteration as u64, 2)?;
    for iteration in start.iteration..options.iterations {
        let batch = loader.next_batch()?;
        let losses = trainer.step(iteration, &batch)?;
        progress.step(&losses, loader.take_wait());
        let done = iteration + 1;
        let stopping = stop.load(Ordering::Relaxed);
        let saving = stopping || done % options.checkpoint_every == 0 || done == options.iterations;
        progress.log(done, options.schedule().at(iteration), saving)?;
        if saving {
            options.save(&checkpoints, &start.spec, &trainer, done)?;
        }
        if stopping {
            progress.say(&format!("stopped after iteration {done}; the same command with --resume goes on"));
            return Ok(());
        }
        if !validation.is_empty() && (done % options.validate_every == 0 || done == options.iterations) {
            let model = burn::module::Module::valid(&trainer.model);
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

impl Options {
    fn check(&self) -> Result<()> {
        if self.crop == 0 || !self.crop.is_multiple_of(16) {
            let below = (self.crop / 16 * 16).max(16);
            bail!("--crop {} is not a multiple of the patch size 16; use {below} or {}", self.crop, below + 16);
        }
        for (name, value) in [("batch", self.batch), ("iterations", self.iterations)] {
            if value == 0 {
                bail!("--{name} 0 trains nothing; use at least 1");
            }
        }
        if self.checkpoint_every == 0 {
            bail!("--checkpoint-every 0: write one at least every some hundred steps");
        }
        Ok(())
    }

    fn schedule(&self) -> Polynomial {
        Polynomial { peak: self.learning_rate, warm_up: self.warm_up, total: self.iterations, power: 0.9 }
    }

    fn batches(&self) -> BatchConfig {
        BatchConfig {
            batch_size: self.batch,
            classes: self.data.classes().len(),
            seed: self.seed,
            augment: AugmentConfig {
                colour_jitter: self.colour_jitter.then(ColourJitter::default),
                ..AugmentConfig::new(self.crop)
            },
            normalisation: Normalisation::HALF,
        }
    }

    /// One device for each part of a batch: the GPU once, the CPU once for each thread.
    fn replicas(&self, name: &str, device: &Device) -> Vec<Device> {
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let count = if name.starts_with("CPU") { self.threads.unwrap_or_else(cores) } else { 1 };
        vec![device.clone().autodiff(); count.clamp(1, self.batch)]
    }

    fn save(&self, checkpoints: &Checkpoints, spec: &ModelSpec, trainer: &Trainer, iteration: usize) -> Result<()> {
        let optimizer = trainer.optimiser.into_bytes().context("the optimiser's state cannot be written")?;
        let checkpoint = Checkpoint {
            iteration: iteration as u64,
            spec: spec.clone(),
            tensors: tensors_of(&trainer.model),
            optimizer: optimizer.to_vec(),
            training: self.clone(),
        };
        checkpoints.save(&checkpoint, KEEP)?;
        Ok(())
    }

    /// What the CAM is scored on now and then; none if it never is.
    fn validation_samples(&self) -> Result<Vec<Sample>> {
        if self.validate_every == 0 {
            return Ok(Vec::new());
        }
        let samples = self.data.samples(std::slice::from_ref(&self.validation_split));
        let mut samples = samples.context("--validation-split (not needed with --validate-every 0)")?;
        samples.truncate(self.validation_pictures);
        Ok(samples)
    }
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
