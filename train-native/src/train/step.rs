//! One training step: forward, losses, backward, update.

use std::thread;

use anyhow::{Result, bail};
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer, MultiGradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use dalnet::cam::{Thresholds, boxes_on_grid, cam_to_label, patch_cam};
use dalnet::classifier::multilabel_soft_margin;
use dalnet::patch_contrast::patch_token_contrast;
use dalnet::{DalNet, Outputs};
use dalnet_data::Batch;
use serde::Serialize;

use super::schedule::Polynomial;

/// The losses of a step by name (Eq. 7, as far as it is built).
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Losses {
    /// `L_cls`, classification from the final tokens.
    pub(crate) cls: f64,
    /// `L_inter`, classification from the auxiliary block's tokens.
    pub(crate) inter: f64,
    /// `L_ptc`, patch-token contrast, without its weight.
    pub(crate) ptc: f64,
}

/// Weight of `L_ptc` (Eq. 7, λ_p).
const PTC_WEIGHT: f64 = 0.2;
/// Background up to the first, ignored up to the second: labels that patch-token contrast learns from (ToCo, VOC).
const PTC_LEVELS: Thresholds = Thresholds { background: 0.5, uncertain: Some((0.25, 0.7)) };

impl Losses {
    /// Every loss with its name.
    pub(crate) fn named(&self) -> [(&'static str, f64); 3] {
        [("cls", self.cls), ("inter", self.inter), ("ptc", self.ptc)]
    }

    /// Adds `share` of the losses of another batch, or of a part of this one.
    pub(crate) fn add(&mut self, other: &Self, share: f64) {
        self.cls += share * other.cls;
        self.inter += share * other.inter;
        self.ptc += share * other.ptc;
    }
}

/// The network with its optimiser and learning rate.
pub(crate) struct Trainer {
    pub(crate) model: DalNet,
    pub(crate) optimiser: ModuleOptimizer,
    schedule: Polynomial,
    replicas: Vec<Device>,
}

impl Trainer {
    /// `replicas`: the devices (with autodiff) that share each batch; the model lives on the first. On the CPU a
    /// device named twice means two threads.
    pub(crate) fn new(model: DalNet, schedule: Polynomial, weight_decay: f64, replicas: Vec<Device>) -> Self {
        let optimiser = AdamWConfig::new().with_weight_decay(weight_decay as f32).with_epsilon(1e-8).init();
        Self { model, optimiser, schedule, replicas }
    }

    /// Trains on one batch and returns its losses. `step` counts from 0.
    ///
    /// # Errors
    /// A loss that is not finite: the model is left as it was.
    pub(crate) fn step(&mut self, step: usize, batch: &Batch) -> Result<Losses> {
        let (gradients, losses) = self.gradients(batch)?;
        for (name, value) in losses.named() {
            if !value.is_finite() {
                bail!(
                    "loss {name} became {value} at iteration {step} on pictures {}; the last checkpoint is kept; \
                     start a run with a lower --learning-rate and another --out",
                    batch.ids.join(", ")
                );
            }
        }
        self.model = self.optimiser.step_multi(self.schedule.rates(step), self.model.clone(), gradients);
        Ok(losses)
    }

    /// Gradients of the mean loss over the batch; each replica works on an equal part.
    fn gradients(&self, batch: &Batch) -> Result<(MultiGradientsParams, Losses)> {
        let pictures = batch.ids.len();
        let part = pictures.div_ceil(self.replicas.len());
        let parts = (0..pictures).step_by(part).map(|first| first..(first + part).min(pictures)).collect::<Vec<_>>();
        let results = thread::scope(|scope| {
            let running = parts.iter().zip(&self.replicas).map(|(range, device)| {
                let share = range.len() as f64 / pictures as f64;
                scope.spawn(move || {
                    let (gradients, losses) = backward(&self.model, batch, range.clone(), share, device);
                    (gradients, losses, share)
                })
            });
            // Collected first: a lazy iterator would run one part after another.
            let running = running.collect::<Vec<_>>();
            running.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
        });
        let mut total = Losses::default();
        let mut grads = Vec::with_capacity(results.len());
        for (result, device) in results.into_iter().zip(&self.replicas) {
            let Ok((gradients, losses, share)) = result else { bail!("a training thread panicked; see above") };
            total.add(&losses, share);
            grads.push((gradients, device.clone()));
        }
        Ok((MultiGradientsParams { grads }, total))
    }
}

/// Forward and backward of some pictures of a batch, on one device.
fn backward(
    model: &DalNet,
    batch: &Batch,
    pictures: std::ops::Range<usize>,
    share: f64,
    device: &Device,
) -> (GradientsParams, Losses) {
    // A fork has leaves of its own: replicas must not meet in one autodiff graph.
    let model = model.clone().fork(device);
    let (images, labels) = tensors(batch, pictures.clone(), device);
    let Outputs { features, logits, auxiliary_logits } = model.forward(images, &[]);
    let cls = multilabel_soft_margin(logits, labels.clone());
    let inter = multilabel_soft_margin(auxiliary_logits, labels.clone());
    let auxiliary_cam = patch_cam(&model.auxiliary_classifier, &features.block_tokens, &features, labels, None);
    let boxes = boxes_on_grid(&batch.crop_boxes[pictures], model.encoder.patch_size());
    let pseudo_labels = cam_to_label(auxiliary_cam, PTC_LEVELS, Some(&boxes)).flatten(1, 2);
    let ptc = patch_token_contrast(features.patch_tokens, pseudo_labels);
    let losses = Losses { cls: value(&cls), inter: value(&inter), ptc: value(&ptc) };
    let gradients = ((cls + inter + ptc * PTC_WEIGHT) * share).backward();
    (GradientsParams::from_grads(gradients, &model), losses)
}

/// Pictures `[B, 3, S, S]` and labels `[B, C]` of a part of a batch.
fn tensors(batch: &Batch, pictures: std::ops::Range<usize>, device: &Device) -> (Tensor<4>, Tensor<2>) {
    let count = batch.ids.len();
    let (image, classes) = (batch.images.len() / count, batch.labels.len() / count);
    let side = (image / 3).isqrt();
    let images = batch.images[pictures.start * image..pictures.end * image].to_vec();
    let labels = batch.labels[pictures.start * classes..pictures.end * classes].to_vec();
    (
        Tensor::from_data(TensorData::new(images, [pictures.len(), 3, side, side]), device),
        Tensor::from_data(TensorData::new(labels, [pictures.len(), classes]), device),
    )
}

fn value(loss: &Tensor<1>) -> f64 {
    f64::from(loss.clone().into_scalar::<f32>())
}
