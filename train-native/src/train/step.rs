//! One training step: forward, losses, backward, update.

use std::collections::BTreeMap;
use std::ops::Range;
use std::thread;

use anyhow::{Result, bail};
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer, MultiGradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use dalnet::DalNet;
use dalnet::alignment::collapse::Separation;
use dalnet::cam::multi_scale_cam;
use dalnet::objective::{Pass, Term, View};
use dalnet::pixels::denormalise;
use dalnet_data::{Batch, Normalisation};

use super::recipe::Recipe;
use super::schedule::Polynomial;
use crate::panics::told_by;

/// Mean losses of a batch by name, without their weights.
pub(crate) type Losses = BTreeMap<Term, f64>;

/// The network with its optimiser and learning rate.
pub(crate) struct Trainer {
    pub(crate) model: DalNet,
    pub(crate) optimiser: ModuleOptimizer,
    schedule: Polynomial,
    recipe: Recipe,
    normalisation: Normalisation,
    replicas: Vec<Device>,
}

/// What a part of a batch gives.
struct Part {
    gradients: GradientsParams,
    losses: Losses,
    separation: Option<Separation>,
    /// Of the batch.
    share: f64,
}

impl Trainer {
    /// `replicas`: the devices (with autodiff) that share each batch; the model lives on the first. On the CPU a
    /// device named twice means two threads.
    pub(crate) fn new(
        model: DalNet,
        recipe: Recipe,
        schedule: Polynomial,
        weight_decay: f64,
        normalisation: Normalisation,
        replicas: Vec<Device>,
    ) -> Self {
        let optimiser = AdamWConfig::new().with_weight_decay(weight_decay as f32).with_epsilon(1e-8).init();
        Self { model, optimiser, schedule, recipe, normalisation, replicas }
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

    /// Trains on one batch and returns its losses and, when asked to `measure` it, whether the alignment still tells
    /// the classes apart. `step` counts from 0.
    ///
    /// # Errors
    /// A loss that is not finite: the model is left as it was.
    pub(crate) fn step(&mut self, step: usize, batch: &Batch, measure: bool) -> Result<(Losses, Option<Separation>)> {
        let parts = self.parts(step, batch, measure)?;
        let mut total = Losses::new();
        let mut separation = None;
        let mut grads = Vec::with_capacity(parts.len());
        for (part, device) in parts.into_iter().zip(&self.replicas) {
            for (term, loss) in part.losses {
                *total.entry(term).or_default() += part.share * loss;
            }
            // Parts see different pictures of one batch; one of them tells enough.
            separation = separation.or(part.separation);
            grads.push((part.gradients, device.clone()));
        }
        if let Some((term, loss)) = total.iter().find(|(_, loss)| !loss.is_finite()) {
            bail!(
                "loss {term} became {loss} at iteration {step} on pictures {}; the last checkpoint is kept; \
                 start a run with a lower --learning-rate and another --out",
                batch.ids.join(", ")
            );
        }
        let gradients = MultiGradientsParams { grads };
        self.model = self.optimiser.step_multi(self.schedule.rates(step), self.model.clone(), gradients);
        Ok((total, separation))
    }

    /// Gradients of the mean loss over the batch; each replica works on an equal part.
    fn parts(&self, step: usize, batch: &Batch, measure: bool) -> Result<Vec<Part>> {
        let pictures = batch.ids.len();
        let part = pictures.div_ceil(self.replicas.len());
        let parts = (0..pictures).step_by(part).map(|first| first..(first + part).min(pictures)).collect::<Vec<_>>();
        let results = thread::scope(|scope| {
            let running = parts.iter().zip(&self.replicas).enumerate().map(|(index, (range, device))| {
                scope.spawn(move || self.backward(step, batch, range.clone(), device, measure && index == 0))
            });
            // Collected first: a lazy iterator would run one part after another.
            let running = running.collect::<Vec<_>>();
            running.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
        });
        let joined = results.into_iter().collect::<Result<Vec<_>, _>>();
        joined.or_else(|reason| {
            bail!(
                "iteration {step} cannot be computed ({}); if memory ran out, start a run with a smaller --batch or --crop and another --out",
                told_by(reason.as_ref())
            )
        })
    }

    /// Forward and backward of some pictures of a batch, on one device.
    fn backward(&self, step: usize, batch: &Batch, pictures: Range<usize>, device: &Device, measure: bool) -> Part {
        let share = pictures.len() as f64 / batch.ids.len() as f64;
        // A fork has leaves of its own: replicas must not meet in one autodiff graph.
        let model = self.model.clone().fork(device);
        let view = self.view(&model, batch, pictures, device);
        let objective = &self.recipe.objective;
        let pass = Pass::new(objective, &model, &view);
        let losses = pass.losses(step);
        let values = losses.iter().map(|(term, loss)| (*term, f64::from(loss.clone().into_scalar::<f32>()))).collect();
        let separation = measure.then(|| pass.separation()).flatten();
        let weighted = losses.into_iter().map(|(term, loss)| loss * (share * objective.weight(term, step)));
        let gradients = match weighted.reduce(|sum, loss| sum + loss) {
            Some(total) => GradientsParams::from_grads(total.backward(), &model),
            None => GradientsParams::new(),
        };
        Part { gradients, losses: values, separation, share }
    }

    /// A part of a batch on the device, with the CAMs for its labels where the recipe takes them from several scales.
    pub(super) fn view<'a>(
        &self,
        model: &DalNet,
        batch: &'a Batch,
        pictures: Range<usize>,
        device: &Device,
    ) -> View<'a> {
        let count = batch.ids.len();
        let (image, classes) = (batch.images.len() / count, batch.labels.len() / count);
        let side = (image / 3).isqrt();
        let values = batch.images[pictures.start * image..pictures.end * image].to_vec();
        let labels = batch.labels[pictures.start * classes..pictures.end * classes].to_vec();
        let images = Tensor::<4>::from_data(TensorData::new(values, [pictures.len(), 3, side, side]), device);
        let pixels = denormalise(images.clone(), self.normalisation.mean, self.normalisation.std);
        let scales = &self.recipe.label_scales;
        let cams = (!scales.is_empty()).then(|| {
            let affinity = self.recipe.objective.affinity.as_ref();
            let cams = multi_scale_cam(&model.valid(), images.clone().inner(), scales, affinity);
            (Tensor::from_inner(cams.cam), Tensor::from_inner(cams.auxiliary_cam))
        });
        View {
            images,
            pixels,
            labels: Tensor::from_data(TensorData::new(labels, [pictures.len(), classes]), device),
            crop_boxes: &batch.crop_boxes[pictures],
            cams,
        }
    }
}
