//! A second round: every label comes from the maps of networks that were trained before.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use dalnet::DalNet;
use dalnet_assets::{Input, ModelSpec};
use dalnet_engine::Maps;

use crate::model::open_model;

/// Trained networks, whose maps teach: each its own, and together their mean.
#[derive(Debug, Clone)]
pub(super) struct Teacher {
    networks: Vec<(DalNet, Input)>,
}

impl Teacher {
    /// The models, checkpoints or runs at `paths`, for a network of `spec`, on `device` (without autodiff).
    ///
    /// # Errors
    /// No model, or one that cannot be opened, knows other classes, or wants its pictures normalised in another way.
    pub(super) fn open(paths: &[PathBuf], spec: &ModelSpec, device: &Device) -> Result<Self> {
        if paths.is_empty() {
            bail!("--teacher names no model; leave it out, or name at least one");
        }
        let fitting =
            |path: &PathBuf| fitting(path, spec, device).with_context(|| format!("--teacher {}", path.display()));
        Ok(Self { networks: paths.iter().map(fitting).collect::<Result<_>>()? })
    }

    /// Maps `[B, C, H, W]`, 0..1, of normalised `images` `[B, 3, H, W]`, on their device (both without autodiff).
    ///
    /// # Errors
    /// A network that lacks the part that its manifest asks for.
    pub(super) fn maps(&self, images: Tensor<4>) -> Result<Tensor<4>> {
        let of_network = |(network, input): &(DalNet, Input)| {
            let network = network.clone().fork(&images.device());
            Ok(Maps::of(&network, images.clone(), input).get(input.map)?)
        };
        let of_networks = self.networks.iter().map(of_network);
        let sum =
            of_networks.reduce(|sum: Result<Tensor<4>>, more| Ok(sum? + more?)).context("there is no teacher")??;
        Ok(sum / self.networks.len() as f64)
    }
}

fn fitting(path: &Path, spec: &ModelSpec, device: &Device) -> Result<(DalNet, Input)> {
    let model = open_model(path)?;
    let ModelSpec { classes, normalisation, input, .. } = model.spec.clone();
    if classes != spec.classes {
        bail!(
            "it knows the classes {}, the data set has {}; train on the data set it was made for",
            classes.join(", "),
            spec.classes.join(", ")
        );
    }
    if normalisation != spec.normalisation {
        bail!("it normalises pictures in another way than --encoder does; choose one that fits it");
    }
    Ok((model.build(device)?, input))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use dalnet::objective::{Pass, Term};
    use dalnet_assets::Map;

    use super::super::ablation::{network, pictures, recipe, trainer};
    use super::super::recipe::AlignmentForm;
    use super::super::step::Losses;
    use super::*;

    #[test]
    fn labels_stay_those_of_the_teacher_while_the_network_learns() {
        let recipe = recipe(AlignmentForm::Contrastive);
        let device = Device::flex();
        let input = Input { map: Map::AuxiliaryCam, ..Input::of_long_side(32) };
        let teacher = Teacher { networks: vec![(network(&recipe, &device), input)] };
        let autodiff = device.autodiff();
        let batch = pictures();
        let labels = |teacher: Option<Teacher>, losses: &mut BTreeMap<usize, Losses>| {
            let mut trainer = trainer(&recipe, vec![autodiff.clone()]).taught_by(teacher);
            [0, 12].map(|step| {
                if step > 0 {
                    losses.extend((0..step).map(|step| (step, trainer.step(step, &batch, false).unwrap().0)));
                }
                let (model, device) = trainer.fork();
                let view = trainer.view(&model, &batch, 0..batch.ids.len(), &device).unwrap();
                let cam = Pass::new(&recipe.objective, &model, &view).cam(true);
                cam.into_data().iter::<f32>().collect::<Vec<_>>()
            })
        };
        let (mut taught, mut alone) = (BTreeMap::new(), BTreeMap::new());
        let [before, after] = labels(Some(teacher), &mut taught);
        assert_eq!(before, after);
        assert!(before.iter().any(|value| *value > 0.5), "maps that say something");
        let [before, after] = labels(None, &mut alone);
        assert_ne!(before, after);
        // Both begin as the same network, whose losses of the tags alone a teacher does not change.
        assert_eq!(taught[&0][&Term::Cls], alone[&0][&Term::Cls]);
        assert_ne!(taught[&0][&Term::Ptc], alone[&0][&Term::Ptc]);
    }
}
