//! What the network says about one picture, at the size of its mask.

use std::collections::BTreeMap;

use anyhow::Result;
use burn::tensor::{Device, Int, Tensor, TensorData};
use dalnet::DalNet;
use dalnet::pixels::denormalise;
use dalnet::refine::Refinement;
use dalnet::resize::Resize;
use dalnet::similarity::{nearest_class, similarity_maps};
use dalnet_assets::{Input, ModelSpec};
use dalnet_data::Sample;
use dalnet_engine::Maps as NetworkMaps;
use image::RgbImage;

use super::protocol::{CAMS, Protocol};
use super::segmentation::segmentations;
use crate::network::{input_of, label_bytes};
use crate::pseudo_label::refined_labels;

/// Maps of one picture; `truth`, CAMs and segmentations have the pixels of its mask.
pub(super) struct Maps {
    pub(super) truth: Vec<u8>,
    /// `[height, width]` of the mask.
    pub(super) size: [usize; 2],
    /// Those of [`CAMS`], each `[present classes, height, width]`, 0..1.
    pub(super) cams: BTreeMap<&'static str, Vec<f32>>,
    /// `[C]`.
    pub(super) logits: Vec<f32>,
    /// Labels of the head by name; none without a head.
    pub(super) segmentations: Vec<(&'static str, Vec<u8>)>,
    /// 255 is uncertain; `None` when the protocol wants none.
    pub(super) pseudo_labels: Option<Vec<u8>>,
    /// The label of the nearest class text of each patch, and the grid; `None` without an alignment.
    pub(super) nearest: Option<(Vec<u8>, [usize; 2])>,
}

/// Shows a sample, of which `photo` is the picture, to the network.
pub(super) fn maps_of(
    network: &DalNet,
    spec: &ModelSpec,
    sample: &Sample,
    photo: &RgbImage,
    protocol: &Protocol,
) -> Result<Maps> {
    let truth = sample.read_mask(photo.dimensions().into(), spec.classes.len())?;
    let device = network.classifier.weight().val().device();
    let (images, size) = input_of(photo.clone(), spec, &device)?;
    let (scales, affinity) = (protocol.scales.clone(), protocol.affinity.clone());
    let input = Input { scales, affinity, exponents: Vec::new(), ..spec.input.clone() };
    let mut maps = NetworkMaps::of(network, images.clone(), &input);
    let exponents = protocol.exponents(spec);
    for map in CAMS {
        maps.raise(map, exponents.get(map.name()).map_or(&[], Vec::as_slice));
    }
    let pseudo_labels = protocol.pseudo_labels.as_ref().map(|refined| {
        let cam = maps.get(protocol.label_cam(spec))?;
        refined_labels(refined, spec, images.clone(), cam, &sample.labels, size)
    });
    let present = present_classes(&sample.labels, &device);
    let pixels = denormalise(images.clone(), spec.normalisation.mean, spec.normalisation.std);
    let at_mask_size = |cam: Tensor<4>| -> Result<Vec<f32>> {
        let cam = cam.select(1, present.clone());
        let cam = if protocol.refine { Refinement::default().refine_within_range(pixels.clone(), cam) } else { cam };
        Ok(Resize::BILINEAR.apply(cam, size).into_data().try_to_vec::<f32>()?)
    };
    let scored = maps.maps.iter().filter(|(map, _)| CAMS.contains(map));
    let cams = scored.map(|(map, values)| Ok((map.name(), at_mask_size(values.clone())?))).collect::<Result<_>>()?;
    let segmentations = segmentations(network, images.clone(), &pixels, photo, &sample.labels, protocol)?;
    Ok(Maps {
        truth: truth.labels,
        size,
        cams,
        logits: maps.logits.into_data().try_to_vec()?,
        segmentations,
        pseudo_labels: pseudo_labels.transpose()?,
        nearest: nearest_texts(network, images)?,
    })
}

/// The label of the nearest class text of each patch, of picture and mirror image together at scale 1.
fn nearest_texts(network: &DalNet, images: Tensor<4>) -> Result<Option<(Vec<u8>, [usize; 2])>> {
    let Some(alignment) = &network.alignment else { return Ok(None) };
    let features = network.encode(Tensor::cat(vec![images.clone(), images.flip([3])], 0), &[]);
    let maps = similarity_maps(alignment, &features);
    let both = maps.clone().narrow(0, 0, 1) + maps.narrow(0, 1, 1).flip([3]);
    Ok(Some((label_bytes(nearest_class(both) + 1)?, features.grid)))
}

fn present_classes(labels: &[usize], device: &Device) -> Tensor<1, Int> {
    let indices = labels.iter().map(|label| *label as i32).collect::<Vec<_>>();
    Tensor::from_data(TensorData::new(indices, [labels.len()]), device)
}
