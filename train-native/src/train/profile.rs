//! `train --profile`: what a training step spends its time and memory on.

use std::time::{Duration, Instant};

use anyhow::Result;
use burn::tensor::Tensor;
use dalnet::Features;
use dalnet::affinity::Affinity;
use dalnet::classifier::multilabel_soft_margin;
use dalnet::head::balanced_cross_entropy;
use dalnet::objective::Pass;
use dalnet_data::Batch;

use super::memory::{peak, reset_peak};
use super::step::Trainer;

/// One part of a step: the shortest of its runs, and by how much it raised the peak of the process's memory.
struct Row {
    part: &'static str,
    time: Duration,
    megabytes: Option<f64>,
}

/// Measures every part of a step alone, forward and backward down to the tokens that it starts from, `repeats` times,
/// then the optimiser's update and whole steps; a table. Every loss counts, whenever it starts. Each part runs on the
/// whole batch, while a step on the CPU shares it among threads.
pub(super) fn profile(trainer: &mut Trainer, batch: &Batch, repeats: usize) -> Result<String> {
    let (model, device) = trainer.fork();
    let pictures = trainer.batch_of(batch.ids.len());
    let view = trainer.view(&model, batch, 0..pictures, &device)?;
    let objective = trainer.recipe().objective.clone();
    let mut pass = Pass::new(&objective, &model, &view);
    let leaf = |tokens: &Tensor<3>| tokens.clone().detach().require_grad();
    let Features { class_token, patch_tokens, block_tokens, .. } = &mut pass.outputs.features;
    (*patch_tokens, *block_tokens) = (leaf(patch_tokens), leaf(block_tokens));
    *class_token = class_token.clone().detach().require_grad();
    let features = pass.outputs.features.clone();
    let step = usize::MAX;
    let mut rows = Vec::new();
    let mut measure = |part, run: &dyn Fn()| rows.push(Row::measure(part, repeats, run));

    let attention = Affinity::blocks(objective.affinity.as_ref().filter(|_| view.cams.is_none()));
    measure("encoder", &|| {
        let features = model.encode(view.images.clone(), attention);
        back(features.class_token.sum() + features.patch_tokens.sum() + features.block_tokens.sum());
    });
    if view.cams.is_some() {
        measure("maps for labels", &|| {
            let view = trainer.view(&model, batch, 0..pictures, &device);
            drop(view.map(|view| view.cams.map(|(last, auxiliary)| (last.into_data(), auxiliary.into_data()))));
        });
    }
    measure("CAMs of the pass", &|| drop((pass.cam(true).into_data(), pass.cam(false).into_data())));
    measure("cls, inter", &|| {
        let loss = |logits| multilabel_soft_margin(logits, view.labels.clone());
        let logits = model.classifier.forward(features.patch_tokens.clone());
        back(loss(logits) + loss(model.auxiliary_classifier.forward(features.block_tokens.clone())));
    });
    if model.alignment.is_some() {
        measure("im, ex", &|| {
            let aligned = pass.aligned();
            let global = objective.global.loss(aligned.class_token, view.labels.clone());
            back(global + objective.local.loss(aligned.patches, view.labels.clone(), &aligned.mask));
        });
    }
    measure("ptc", &|| back(pass.patch_contrast()));
    if model.head.is_some() {
        let labels = pass.pseudo_labels(step);
        let logits = pass.segmentation().detach().require_grad();
        measure("pseudo labels", &|| drop(pass.pseudo_labels(step).into_data()));
        measure("head, seg", &|| back(balanced_cross_entropy(pass.segmentation(), labels.clone())));
        measure("reg", &|| back(pass.dense_energy(logits.clone(), labels.clone())));
    }
    drop(pass);
    let (mut update, mut whole) = (Row::of("update"), Row::of("whole step"));
    for _ in 0..repeats {
        let gradients = trainer.backward(step, batch, false)?.gradients;
        device.sync()?;
        update.run(|| {
            trainer.update(step, gradients);
            device.sync()
        })?;
        whole.run(|| trainer.step(step, batch, false).and_then(|_| Ok(device.sync()?)))?;
    }
    rows.push(update);
    Ok(table(&rows, &whole))
}

/// Backward, waiting for it.
fn back(loss: Tensor<1>) {
    let value = loss.clone();
    drop(loss.backward());
    drop(value.into_data());
}

impl Row {
    fn of(part: &'static str) -> Self {
        Self { part, time: Duration::MAX, megabytes: None }
    }

    fn measure(part: &'static str, repeats: usize, run: &dyn Fn()) -> Self {
        let mut row = Self::of(part);
        for _ in 0..repeats {
            row.run(run);
        }
        row
    }

    fn run<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let before = reset_peak();
        let start = Instant::now();
        let result = run();
        self.time = self.time.min(start.elapsed());
        let grown = before.zip(peak()).map(|(before, peak)| (peak - before).max(0.0));
        self.megabytes = grown.map(|grown| grown.max(self.megabytes.unwrap_or_default())).or(self.megabytes);
        result
    }
}

fn table(rows: &[Row], whole: &Row) -> String {
    let sum = rows.iter().map(|row| row.time.as_secs_f64()).sum::<f64>();
    let line = |row: &Row| {
        let memory = row.megabytes.map_or("-".to_owned(), |megabytes| format!("{megabytes:.0}"));
        let seconds = row.time.as_secs_f64();
        format!("{:<32}{seconds:>10.3}{:>8.1} %{memory:>12}", row.part, 100.0 * seconds / sum)
    };
    let mut text = format!("{:<32}{:>10}{:>10}{:>12}", "part", "seconds", "share", "peak MB");
    for row in rows.iter().chain([whole]) {
        text.push('\n');
        text.push_str(&line(row));
    }
    text
}
