//! A step gives the same, however its pictures are shared among batches, devices and kinds of memory.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use dalnet::objective::Term;
use dalnet_assets::tensors_of;

use super::ablation::{pictures, recipe, trainer};
use super::freeze::Freeze;
use super::recipe::{AlignmentForm, Recipe};
use super::step::{Losses, Trainer};

/// Classification alone: its losses are means over pictures and classes.
fn classification() -> Recipe {
    let mut recipe = recipe(AlignmentForm::Contrastive);
    recipe.objective.terms.retain(|term, _| matches!(term, Term::Cls | Term::Inter));
    recipe
}

fn cpu() -> Device {
    Device::flex().autodiff()
}

struct Collector<'a> {
    gradients: &'a GradientsParams,
    found: Vec<Vec<f32>>,
}

impl ModuleVisitor for Collector<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.gradients.get::<D>(param.id);
        self.found.push(gradient.map_or(Vec::new(), |gradient| gradient.into_data().iter::<f32>().collect()));
    }
}

/// Losses of a step, and the gradients of all parameters in their order.
fn backward(trainer: &Trainer, step: usize) -> (Losses, Vec<Vec<f32>>) {
    let part = trainer.backward(step, &pictures(), false).unwrap();
    let mut collector = Collector { gradients: &part.gradients, found: Vec::new() };
    trainer.model.visit(&mut collector);
    (part.losses, collector.found)
}

/// Within `tolerance` of the largest number of each tensor.
fn assert_close(one: &[Vec<f32>], other: &[Vec<f32>], tolerance: f32) {
    assert_eq!(one.len(), other.len());
    for (index, (one, other)) in one.iter().zip(other).enumerate() {
        assert_eq!(one.len(), other.len(), "parameter {index}");
        let largest = one.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        for (one, other) in one.iter().zip(other) {
            assert!((one - other).abs() <= tolerance * largest, "parameter {index}: {one} and {other} of {largest}");
        }
    }
}

fn assert_losses(one: &Losses, other: &Losses, tolerance: f64) {
    assert!(one.keys().eq(other.keys()) && !one.is_empty(), "{one:?} {other:?}");
    for (term, loss) in one {
        assert!((loss - other[term]).abs() <= tolerance * loss.abs(), "{term}: {loss} and {}", other[term]);
    }
}

#[test]
fn accumulated_classification_is_that_of_the_whole_batch() {
    let (losses, gradients) = backward(&trainer(&classification(), vec![cpu()]), 0);
    assert!(gradients.iter().filter(|gradient| gradient.iter().any(|value| *value != 0.0)).count() > 30);
    for (batches, replicas) in [(2, 1), (3, 2), (4, 1), (6, 1)] {
        let split = trainer(&classification(), vec![cpu(); replicas]).accumulating(batches);
        let (parts, added) = backward(&split, 0);
        assert_losses(&losses, &parts, 1e-6);
        assert_close(&gradients, &added, 1e-5);
    }
}

#[test]
fn two_devices_train_as_one() {
    let train = |replicas| {
        let mut trainer = trainer(&classification(), replicas);
        let losses = (0..8).map(|step| trainer.step(step, &pictures(), false).unwrap().0).collect::<Vec<_>>();
        let weights = tensors_of(&trainer.model).into_values().map(|tensor| tensor.iter::<f32>().collect()).collect();
        (losses, weights)
    };
    let (losses, weights): (Vec<_>, Vec<Vec<f32>>) = train(vec![cpu()]);
    let (shared, same): (Vec<_>, Vec<Vec<f32>>) = train(vec![cpu(); 2]);
    losses.iter().zip(&shared).for_each(|(one, other)| assert_losses(one, other, 1e-4));
    // Adam divides by the gradients' own size, so that rounding shows where a gradient is almost 0.
    assert_close(&weights, &same, 1e-3);
}

#[test]
fn gradient_checkpointing_changes_nothing_but_memory() {
    let recipe = recipe(AlignmentForm::Contrastive);
    let step = 150;
    let (losses, gradients) = backward(&trainer(&recipe, vec![cpu()]), step);
    assert!(losses.contains_key(&Term::Reg), "{losses:?}");
    let (again, recomputed) = backward(&trainer(&recipe, vec![cpu().gradient_checkpointing()]), step);
    assert_losses(&losses, &again, 1e-6);
    assert_close(&gradients, &recomputed, 1e-5);
}

#[test]
fn what_is_frozen_stays_and_the_rest_learns() {
    for (freeze, frozen) in [
        (Freeze::Patch, &["encoder.cls_token", "encoder.pos_embed", "encoder.patch_embed."][..]),
        (
            Freeze::Blocks(2),
            &[
                "encoder.cls_token",
                "encoder.pos_embed",
                "encoder.patch_embed.",
                "encoder.blocks.0.",
                "encoder.blocks.1.",
            ],
        ),
        (Freeze::Encoder, &["encoder."]),
    ] {
        let mut trainer = trainer(&classification(), vec![cpu()]);
        trainer.model = freeze.apply(trainer.model);
        let before = tensors_of(&trainer.model);
        for step in 0..3 {
            trainer.step(step, &pictures(), false).unwrap();
        }
        let after = tensors_of(&trainer.model);
        for (name, tensor) in
            before.iter().filter(|(name, _)| name.starts_with("encoder.") || name.contains("classifier"))
        {
            let held = frozen.iter().any(|part| name.starts_with(part));
            assert_eq!(*tensor == after[name], held, "{freeze}: {name}");
        }
    }
}

#[test]
fn memory_that_ran_out_says_which_batch_fits() {
    let split = trainer(&classification(), vec![cpu()]).accumulating(2);
    let said = split.stopped(7, 16, "out of memory").to_string();
    assert!(said.contains("--batch 8 cannot be computed (out of memory)"), "{said}");
    assert!(said.contains("--batch 4 --accumulate 4"), "{said}");
    let one = trainer(&classification(), vec![cpu()]).stopped(7, 1, "out of memory").to_string();
    assert!(one.contains("a smaller --crop") && !one.contains("--accumulate"), "{one}");
}
