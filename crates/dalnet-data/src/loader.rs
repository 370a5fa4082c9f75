//! Batches: a pure function of seed and number, made ahead by worker threads.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::augment::{AugmentConfig, Augmenter};
use crate::error::DataError;
use crate::normalisation::Normalisation;
use crate::sample::Sample;

/// What a batch is made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchConfig {
    /// Pictures in a batch, at least 1.
    pub batch_size: usize,
    /// Classes without the background.
    pub classes: usize,
    /// Decides order and augmentation.
    pub seed: u64,
    /// The training view.
    pub augment: AugmentConfig,
    /// Of the encoder.
    pub normalisation: Normalisation,
}

/// Pictures and labels of one training step: `B` pictures of `S` x `S` pixels, `C` classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Its number from the beginning of the training.
    pub number: u64,
    /// `[B, 3, S, S]`, normalised, 0 where a picture is padded.
    pub images: Vec<f32>,
    /// `[B, C]`, 0 or 1.
    pub labels: Vec<f32>,
    /// `[top, bottom, left, right]` of each picture in pixels of its view, ends exclusive.
    pub crop_boxes: Vec<[usize; 4]>,
    /// The pictures' names.
    pub ids: Vec<String>,
}

/// Makes any batch of a training, in any order. Each epoch shows every picture once in a new order, except for a rest
/// that fills no batch.
#[derive(Debug)]
pub struct BatchSource {
    samples: Vec<Sample>,
    config: BatchConfig,
}

impl BatchSource {
    /// Over `samples`, which are not empty.
    ///
    /// # Errors
    /// A setting outside its range, fewer samples than one batch needs, a sample without labels or with one that is no
    /// class.
    pub fn new(samples: Vec<Sample>, config: BatchConfig) -> Result<Self, DataError> {
        Augmenter::new(config.augment, config.normalisation)?;
        if config.batch_size == 0 || config.batch_size > samples.len() {
            return Err(DataError::Setting {
                setting: "batch size",
                value: format!("{} for {} pictures", config.batch_size, samples.len()),
                allowed: "at least 1 and at most the number of pictures",
            });
        }
        let wrong = |labels: &[usize]| labels.is_empty() || labels.iter().any(|label| *label >= config.classes);
        if let Some(sample) = samples.iter().find(|sample| wrong(&sample.labels)) {
            return Err(DataError::Labels {
                id: sample.id.clone(),
                labels: sample.labels.clone(),
                last: config.classes.saturating_sub(1),
            });
        }
        Ok(Self { samples, config })
    }

    /// Batches in one epoch.
    pub fn batches_per_epoch(&self) -> u64 {
        (self.samples.len() / self.config.batch_size) as u64
    }

    /// The batch of this number, decoded and augmented on the calling thread.
    ///
    /// # Errors
    /// The first picture that cannot be decoded.
    pub fn batch(&self, number: u64) -> Result<Batch, DataError> {
        let BatchConfig { batch_size, classes, augment, normalisation, .. } = self.config;
        let mut augmenter = Augmenter::new(augment, normalisation)?;
        let view = 3 * augment.crop_size * augment.crop_size;
        let mut batch = Batch {
            number,
            images: vec![0.0; batch_size * view],
            labels: vec![0.0; batch_size * classes],
            crop_boxes: Vec::with_capacity(batch_size),
            ids: Vec::with_capacity(batch_size),
        };
        let order = self.order(number / self.batches_per_epoch());
        let first = (number % self.batches_per_epoch()) as usize * batch_size;
        for (slot, index) in order[first..first + batch_size].iter().enumerate() {
            let sample = &self.samples[*index];
            let picture = sample.read_picture()?;
            let mut rng = self.rng(number * batch_size as u64 + slot as u64);
            let target = &mut batch.images[slot * view..(slot + 1) * view];
            batch.crop_boxes.push(augmenter.augment(&picture, &mut rng, target)?);
            for label in &sample.labels {
                batch.labels[slot * classes + label] = 1.0;
            }
            batch.ids.push(sample.id.clone());
        }
        Ok(batch)
    }

    fn order(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.samples.len()).collect();
        // Samples count their random streams from below, epochs from above: they never meet.
        order.shuffle(&mut self.rng(u64::MAX - epoch));
        order
    }

    fn rng(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.config.seed);
        rng.set_stream(stream);
        rng
    }
}

/// Batches in order, made ahead by threads. Worker `w` of `W` makes every `W`-th batch, so the order never depends on
/// timing. Dropping the loader ends the threads.
#[derive(Debug)]
pub struct Loader {
    receivers: Vec<Receiver<Result<Batch, DataError>>>,
    threads: Vec<JoinHandle<()>>,
    next: u64,
    turn: usize,
    wait: Duration,
}

impl Loader {
    /// Starts at batch `first` with `workers` threads, each of which keeps one finished batch ready and works on the
    /// next one.
    ///
    /// # Errors
    /// No worker, or a thread that the system refuses.
    pub fn start(source: Arc<BatchSource>, first: u64, workers: usize) -> Result<Self, DataError> {
        if workers == 0 {
            return Err(DataError::Setting {
                setting: "number of loader workers",
                value: "0".to_owned(),
                allowed: "at least 1",
            });
        }
        let mut loader =
            Self { receivers: Vec::new(), threads: Vec::new(), next: first, turn: 0, wait: Duration::ZERO };
        for worker in 0..workers {
            let (sender, receiver) = sync_channel(1);
            let source = Arc::clone(&source);
            let numbers = (first + worker as u64..).step_by(workers);
            let thread = thread::Builder::new()
                .name(format!("data-{worker}"))
                .spawn(move || {
                    for number in numbers {
                        if sender.send(source.batch(number)).is_err() {
                            return;
                        }
                    }
                })
                .map_err(|error| DataError::Worker(error.to_string()))?;
            loader.receivers.push(receiver);
            loader.threads.push(thread);
        }
        Ok(loader)
    }

    /// The next batch; there is always one.
    ///
    /// # Errors
    /// What [`BatchSource::batch`] says of this batch. The one after it can be asked for all the same.
    pub fn next_batch(&mut self) -> Result<Batch, DataError> {
        let asked = Instant::now();
        let received = self.receivers[self.turn].recv();
        self.wait += asked.elapsed();
        let number = self.next;
        self.turn = (self.turn + 1) % self.receivers.len();
        self.next += 1;
        received.map_err(|_| DataError::Worker(format!("it panicked at or before batch {number}")))?
    }

    /// Number of the batch that [`Self::next_batch`] gives.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// How long [`Self::next_batch`] has waited for data since the last call of this.
    pub fn take_wait(&mut self) -> Duration {
        std::mem::take(&mut self.wait)
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // A worker that waits to hand over its batch gives up when nobody listens any more.
        self.receivers.clear();
        for thread in self.threads.drain(..) {
            // A panic was reported where its batch was asked for.
            let _ = thread.join();
        }
    }
}
