//! One training step: forward, losses, backward, update.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use anyhow::{Error, Result, anyhow, bail};
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use dalnet::DalNet;
use dalnet::alignment::collapse::Separation;
use dalnet::cam::multi_scale_cam;
use dalnet::objective::{Pass, Term, View};
use dalnet::pixels::denormalise;
use dalnet_data::{Batch, Normalisation};

use super::recipe::Recipe;
use super::schedule::Rates;
use super::teacher::Teacher;
use crate::panics::told_by;

/// Mean losses of a batch by name, without their weights.
pub(crate) type Losses = BTreeMap<Term, f64>;

/// The network with its optimiser and learning rate.
pub(crate) struct Trainer {
    pub(crate) model: DalNet,
    pub(crate) optimiser: ModuleOptimizer,
    rates: Rates,
    recipe: Recipe,
    normalisation: Normalisation,
    replicas: Vec<Device>,
    accumulate: usize,
    teacher: Option<Teacher>,
}

/// What a part of a step's pictures gives.
#[derive(Default)]
pub(super) struct Part {
    pub(super) gradients: GradientsParams,
    /// Weighed by the share of these pictures in the step's.
    pub(super) losses: Losses,
    separation: Option<Separation>,
}

impl Part {
    /// This and another one together. Parts see different pictures; how the alignment separates one of them tells
    /// enough.
    fn with(self, other: Self, model: &DalNet) -> Self {
        let mut gradients = GradientsAccumulator::new();
        gradients.accumulate(model, self.gradients);
        gradients.accumulate(model, other.gradients);
        let mut losses = self.losses;
        for (term, loss) in other.losses {
            *losses.entry(term).or_default() += loss;
        }
        Self { gradients: gradients.grads(), losses, separation: self.separation.or(other.separation) }
    }
}

impl Trainer {
    /// `replicas`: the devices (with autodiff) that share each batch; model and optimiser live on the first, which adds
    /// up the gradients of all. On the CPU a device named twice means two threads.
    pub(crate) fn new(
        model: DalNet,
        recipe: Recipe,
        rates: Rates,
        weight_decay: f64,
        normalisation: Normalisation,
        replicas: Vec<Device>,
    ) -> Self {
        let optimiser = AdamWConfig::new().with_weight_decay(weight_decay as f32).with_epsilon(1e-8).init();
        Self { model, optimiser, rates, recipe, normalisation, replicas, accumulate: 1, teacher: None }
    }

    /// Splits each step's pictures into this many batches that go through the network one after another.
    pub(crate) fn accumulating(self, batches: usize) -> Self {
        Self { accumulate: batches.max(1), ..self }
    }

    /// Takes the maps that labels are made of from a network that was trained before.
    pub(super) fn taught_by(self, teacher: Option<Teacher>) -> Self {
        Self { teacher, ..self }
    }

    /// The pictures that are in memory at once, of as many in a step.
    pub(super) fn batch_of(&self, pictures: usize) -> usize {
        pictures.div_ceil(self.accumulate)
    }

    /// What is trained and how.
    pub(crate) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// A copy of the network with an autodiff graph of its own, and its device.
    pub(super) fn fork(&self) -> (DalNet, Device) {
        let device = self.replicas[0].clone();
        (self.model.clone().fork(&device), device)
    }

    /// Trains on the pictures of one step and returns its losses and, when asked to `measure` it, whether the alignment
    /// still tells the classes apart. `step` counts from 0.
    ///
    /// # Errors
    /// A loss that is not finite: the model is left as it was.
    pub(crate) fn step(&mut self, step: usize, batch: &Batch, measure: bool) -> Result<(Losses, Option<Separation>)> {
        let Part { gradients, losses, separation } = self.backward(step, batch, measure)?;
        if let Some((term, loss)) = losses.iter().find(|(_, loss)| !loss.is_finite()) {
            bail!(
                "loss {term} became {loss} at iteration {step} on pictures {}; the last checkpoint is kept; \
                 start a run with a lower --learning-rate and another --out",
                batch.ids.join(", ")
            );
        }
        self.update(step, gradients);
        Ok((losses, separation))
    }

    /// The optimiser's step.
    pub(super) fn update(&mut self, step: usize, gradients: GradientsParams) {
        self.model = self.optimiser.step(self.rates.at(step), self.model.clone(), gradients);
    }

    /// Losses and gradients of the mean over all pictures of a step, on the first device. Each replica works on an equal
    /// part of each batch.
    pub(super) fn backward(&self, step: usize, batch: &Batch, measure: bool) -> Result<Part> {
        let of_replica = |index: usize, ranges: Vec<Range<usize>>| {
            let parts = ranges
                .into_iter()
                .map(|range| self.part(step, batch, range, &self.replicas[index], measure && index == 0));
            parts.reduce(|sum, part| Ok(sum?.with(part?, &self.model))).transpose()
        };
        let results = thread::scope(|scope| {
            let mut parts = self.parts(batch.ids.len()).into_iter().enumerate();
            let first = parts.next();
            // Collected first: a lazy iterator would run one part after another.
            let others =
                parts.map(|(index, ranges)| scope.spawn(move || of_replica(index, ranges))).collect::<Vec<_>>();
            // On this thread, which is the same at every step: a GPU has a queue and memory of its own for every thread.
            let first = first.map(|(index, ranges)| catch_unwind(AssertUnwindSafe(|| of_replica(index, ranges))));
            first.into_iter().chain(others.into_iter().map(|thread| thread.join())).collect::<Vec<_>>()
        });
        let first = self.replicas[0].clone().without_autodiff();
        let mut whole = Part::default();
        for result in results {
            let part = result.map_err(|reason| self.stopped(step, batch.ids.len(), &told_by(reason.as_ref())))??;
            if let Some(Part { gradients, losses, separation }) = part {
                let gradients = gradients.to_device(&first, &self.model);
                whole = whole.with(Part { gradients, losses, separation }, &self.model);
            }
        }
        Ok(whole)
    }

    /// The pictures of each replica, of a step with so many: a part of every batch, one after another.
    fn parts(&self, pictures: usize) -> Vec<Vec<Range<usize>>> {
        let batch = self.batch_of(pictures);
        let part = batch.div_ceil(self.replicas.len());
        let of_replica = |replica: usize| {
            let parts = (0..pictures).step_by(batch).map(move |first| {
                let end = (first + batch).min(pictures);
                (first + replica * part).min(end)..(first + (replica + 1) * part).min(end)
            });
            parts.filter(|range| !range.is_empty()).collect()
        };
        (0..self.replicas.len()).map(of_replica).collect()
    }

    /// Why a step of so many pictures gave nothing. Drivers and backends panic when memory runs out, each in its own
    /// words.
    pub(super) fn stopped(&self, step: usize, pictures: usize, reason: &str) -> Error {
        let batch = self.batch_of(pictures);
        let remedy = match batch / 2 {
            0 => "a smaller --crop".to_owned(),
            half => format!("--batch {half} --accumulate {} (the same pictures a step)", pictures.div_ceil(half)),
        };
        anyhow!(
            "iteration {step} with --batch {batch} cannot be computed ({reason}); if memory ran out, start a run with \
             {remedy} and another --out"
        )
    }

    /// Forward and backward of some pictures of a step, on one device.
    fn part(&self, step: usize, batch: &Batch, pictures: Range<usize>, device: &Device, measure: bool) -> Result<Part> {
        let share = pictures.len() as f64 / batch.ids.len() as f64;
        // A fork has leaves of its own: replicas must not meet in one autodiff graph.
        let model = self.model.clone().fork(device);
        let view = self.view(&model, batch, pictures, device)?;
        let objective = &self.recipe.objective;
        let pass = Pass::new(objective, &model, &view);
        let losses = pass.losses(step);
        let separation = measure.then(|| pass.separation()).flatten();
        let (terms, values): (Vec<_>, Vec<_>) = losses.iter().map(|(term, loss)| (*term, loss.clone().inner())).unzip();
        let weighted = losses.into_iter().map(|(term, loss)| loss * (share * objective.weight(term, step)));
        let Some(total) = weighted.reduce(|sum, loss| sum + loss) else {
            return Ok(Part { separation, ..Part::default() });
        };
        let gradients = GradientsParams::from_grads(total.backward(), &model);
        // Read together, and last: until then a GPU computes without anyone who waits for it.
        let values = Tensor::cat(values, 0).into_data();
        let losses = terms.into_iter().zip(values.iter::<f64>().map(|value| share * value)).collect();
        Ok(Part { gradients, losses, separation })
    }

    /// A part of a batch on the device, with the maps for its labels where they come from a teacher, or by the recipe from
    /// CAMs of several scales.
    pub(super) fn view<'a>(
        &self,
        model: &DalNet,
        batch: &'a Batch,
        pictures: Range<usize>,
        device: &Device,
    ) -> Result<View<'a>> {
        let count = batch.ids.len();
        let (image, classes) = (batch.images.len() / count, batch.labels.len() / count);
        let side = (image / 3).isqrt();
        let values = batch.images[pictures.start * image..pictures.end * image].to_vec();
        let labels = batch.labels[pictures.start * classes..pictures.end * classes].to_vec();
        let images = Tensor::<4>::from_data(TensorData::new(values, [pictures.len(), 3, side, side]), device);
        let pixels = denormalise(images.clone(), self.normalisation.mean, self.normalisation.std);
        let scales = &self.recipe.label_scales;
        let cams = match &self.teacher {
            Some(teacher) => {
                let maps = teacher.maps(images.clone().inner())?;
                Some((maps.clone(), maps))
            }
            None if scales.is_empty() => None,
            None => {
                let affinity = self.recipe.objective.affinity.as_ref();
                let cams = multi_scale_cam(&model.valid(), images.clone().inner(), scales, affinity);
                Some((cams.cam, cams.auxiliary_cam))
            }
        };
        let cams = cams.map(|(cam, auxiliary)| (Tensor::from_inner(cam), Tensor::from_inner(auxiliary)));
        Ok(View {
            images,
            pixels,
            labels: Tensor::from_data(TensorData::new(labels, [pictures.len(), classes]), device),
            crop_boxes: &batch.crop_boxes[pictures],
            cams,
        })
    }
}
