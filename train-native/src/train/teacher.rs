//! A second round: every label comes from the maps of networks that were trained before.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use dalnet::DalNet;
use dalnet_assets::{Input, Map, Model, ModelSpec};
use dalnet_engine::Maps;

use crate::model::open_model;

/// Trained networks, whose maps teach: together their mean.
#[derive(Debug, Clone)]
pub(super) struct Teacher {
    networks: Vec<Taught>,
}

/// What one network teaches.
#[derive(Debug, Clone)]
struct Taught {
    network: DalNet,
    input: Input,
    /// Of one pass: several where models differ in nothing else.
    maps: Vec<Map>,
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
        let mut models: Vec<(Model, Vec<Map>)> = Vec::new();
        for path in paths {
            let model = fitting(path, spec).with_context(|| format!("--teacher {}", path.display()))?;
            let map = model.spec.input.map;
            match models.iter_mut().find(|(other, _)| share_a_pass(other, &model)) {
                Some((_, maps)) => maps.push(map),
                None => models.push((model, vec![map])),
            }
        }
        let taught = |(model, maps): (Model, Vec<Map>)| {
            let input = model.spec.input.clone();
            Ok(Taught { network: model.build(device)?, input, maps })
        };
        Ok(Self { networks: models.into_iter().map(taught).collect::<Result<_>>()? })
    }

    /// Maps `[B, C, H, W]`, 0..1, of normalised `images` `[B, 3, H, W]`, on their device (both without autodiff).
    ///
    /// # Errors
    /// A network that lacks the part that its manifest asks for.
    pub(super) fn maps(&self, images: Tensor<4>) -> Result<Tensor<4>> {
        let mut all = Vec::new();
        for Taught { network, input, maps } in &self.networks {
            let of_network = Maps::of(&network.clone().fork(&images.device()), images.clone(), input);
            for map in maps {
                all.push(of_network.get(*map)?);
            }
        }
        let count = all.len();
        let sum = all.into_iter().reduce(|sum, more| sum + more).context("there is no teacher")?;
        Ok(sum / count as f64)
    }
}

/// Whether one pass of a network makes the maps of both: the exponents of a model are those of its own map alone.
fn share_a_pass(one: &Model, other: &Model) -> bool {
    let shown = |model: &Model| Input { map: Map::default(), ..model.spec.input.clone() };
    one.spec.architecture == other.spec.architecture
        && shown(one) == shown(other)
        && one.spec.input.exponents.is_empty()
        && one.tensors == other.tensors
}

/// The model at `path`, if it can teach one of `spec`.
fn fitting(path: &Path, spec: &ModelSpec) -> Result<Model> {
    let model = open_model(path)?;
    let ModelSpec { classes, normalisation, .. } = &model.spec;
    if *classes != spec.classes {
        bail!(
            "it knows the classes {}, the data set has {}; train on the data set it was made for",
            classes.join(", "),
            spec.classes.join(", ")
        );
    }
    if *normalisation != spec.normalisation {
        bail!("it normalises pictures in another way than --encoder does; choose one that fits it");
    }
    Ok(model)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use burn::tensor::{TensorData, Tolerance};
    use dalnet::objective::{Pass, Term};
    use dalnet::{DalNetConfig, EncoderConfig};
    use dalnet_assets::{Normalisation, tensors_of};

    use super::super::ablation::{network, pictures, recipe, trainer};
    use super::super::recipe::AlignmentForm;
    use super::super::step::Losses;
    use super::*;

    #[test]
    fn labels_stay_those_of_the_teacher_while_the_network_learns() {
        let recipe = recipe(AlignmentForm::Contrastive);
        let device = Device::flex();
        let input = Input { map: Map::AuxiliaryCam, ..Input::of_long_side(32) };
        let maps = vec![input.map];
        let teacher = Teacher { networks: vec![Taught { network: network(&recipe, &device), input, maps }] };
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

    #[test]
    fn models_that_differ_in_the_map_alone_share_a_pass() {
        let device = Device::flex();
        let network = network(&recipe(AlignmentForm::Contrastive), &device);
        let input = |map| Input { map, ..Input::of_long_side(32) };
        let model = |input: Input| {
            let spec = ModelSpec {
                architecture: DalNetConfig::new(EncoderConfig::new(8, 24, 2), 3),
                classes: ["disc", "square", "stripes"].map(str::to_owned).to_vec(),
                normalisation: Normalisation { mean: [0.5; 3], std: [0.5; 3] },
                input,
                background_threshold: 0.5,
                class_threshold: 0.5,
            };
            Model { spec, tensors: tensors_of(&network), checkpoint_sha256: None }
        };
        let cam = model(input(Map::Cam));
        assert!(share_a_pass(&cam, &model(input(Map::AuxiliaryCam))));
        assert!(!share_a_pass(&cam, &model(Input { scales: vec![1.0, 1.5], ..input(Map::Cam) })));
        let raised = model(Input { exponents: vec![0.5, 1.0, 2.0], ..input(Map::Cam) });
        assert!(!share_a_pass(&raised, &raised), "a power is of the model's own map alone");
        let mut other = model(input(Map::AuxiliaryCam));
        let name = other.tensors.keys().next().unwrap().clone();
        let moved = other.tensors[&name].iter::<f32>().map(|value| value + 1.0).collect::<Vec<_>>();
        let shape = other.tensors[&name].shape().clone();
        other.tensors.insert(name, TensorData::new(moved, shape));
        assert!(!share_a_pass(&cam, &other));

        let taught = |maps: &[Map]| Taught { network: network.clone(), input: input(maps[0]), maps: maps.to_vec() };
        let together = Teacher { networks: vec![taught(&[Map::Cam, Map::AuxiliaryCam])] };
        let apart = Teacher { networks: vec![taught(&[Map::Cam]), taught(&[Map::AuxiliaryCam])] };
        let pictures = pictures();
        let images = Tensor::from_data(TensorData::new(pictures.images, [6, 3, 48, 48]), &device);
        let [together, apart] = [together, apart].map(|teacher| teacher.maps(images.clone()).unwrap().into_data());
        together.assert_approx_eq::<f32>(&apart, Tolerance::absolute(1e-6));
        assert!(together.iter::<f32>().any(|value| value > 0.5));
    }
}
