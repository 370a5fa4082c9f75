//! What the network says about one picture, at the size of its mask.

use anyhow::Result;
use burn::tensor::{Device, Int, Tensor, TensorData};
use dalnet::DalNet;
use dalnet::cam::{Cams, multi_scale_cam};
use dalnet::pixels::denormalise;
use dalnet::refine::Refinement;
use dalnet::resize::Resize;
use dalnet::similarity::{nearest_class, similarity_maps};
use dalnet_assets::ModelSpec;
use dalnet_data::Sample;

use super::Protocol;
use crate::network::{input_of, label_bytes};

/// Maps of one picture; `truth`, CAMs and segmentations have the pixels of its mask.
pub(super) struct Maps {
    pub(super) truth: Vec<u8>,
    /// `[height, width]` of the mask.
    pub(super) size: [usize; 2],
    /// `[present classes, height, width]`, 0..1.
    pub(super) cam: Vec<f32>,
    pub(super) auxiliary_cam: Vec<f32>,
    /// `[C]`.
    pub(super) logits: Vec<f32>,
    /// Labels of the head, without and with the image tags; `None` without a head.
    pub(super) segmentation: Option<[Vec<u8>; 2]>,
    /// The label of the nearest class text of each patch, and the grid; `None` without an alignment.
    pub(super) nearest: Option<(Vec<u8>, [usize; 2])>,
}

/// Shows a sample to the network.
pub(super) fn maps_of(network: &DalNet, spec: &ModelSpec, sample: &Sample, protocol: &Protocol) -> Result<Maps> {
    let picture = sample.read_picture()?;
    let truth = sample.read_mask(picture.dimensions().into(), spec.classes.len())?;
    let device = network.classifier.weight().val().device();
    let (images, size) = input_of(picture, spec, &device)?;
    let Cams { cam, auxiliary_cam, logits } =
        multi_scale_cam(network, images.clone(), &protocol.scales, protocol.affinity.as_ref());
    let present = present_classes(&sample.labels, &device);
    let pixels = denormalise(images.clone(), spec.normalisation.mean, spec.normalisation.std);
    let at_mask_size = |cam: Tensor<4>| -> Result<Vec<f32>> {
        let cam = cam.select(1, present.clone());
        let cam = if protocol.refine { Refinement::default().refine(pixels.clone(), cam) } else { cam };
        Ok(Resize::BILINEAR.apply(cam, size).into_data().try_to_vec::<f32>()?)
    };
    let (cam, auxiliary_cam) = (at_mask_size(cam)?, at_mask_size(auxiliary_cam)?);
    let (segmentation, nearest) = dense(network, images, size, &sample.labels)?;
    Ok(Maps {
        truth: truth.labels,
        size,
        cam,
        auxiliary_cam,
        logits: logits.into_data().try_to_vec()?,
        segmentation,
        nearest,
    })
}

type Dense = (Option<[Vec<u8>; 2]>, Option<(Vec<u8>, [usize; 2])>);

/// What head and alignment say of picture and mirror image together, at scale 1.
fn dense(network: &DalNet, images: Tensor<4>, size: [usize; 2], tags: &[usize]) -> Result<Dense> {
    if network.head.is_none() && network.alignment.is_none() {
        return Ok((None, None));
    }
    let features = network.encode(Tensor::cat(vec![images.clone(), images.flip([3])], 0), &[]);
    let both = |maps: Tensor<4>| maps.clone().narrow(0, 0, 1) + maps.narrow(0, 1, 1).flip([3]);
    let segmentation = match &network.head {
        Some(head) => {
            let logits = head.forward(features.patch_tokens.clone(), features.grid);
            let logits = Resize::BILINEAR.apply(both(logits), size);
            let [_, labels, _, _] = logits.dims();
            let absent = (1..labels).filter(|label| !tags.contains(&(label - 1))).map(|label| label as i32);
            let absent = absent.collect::<Vec<_>>();
            let mut shift = vec![0.0_f32; labels];
            absent.iter().for_each(|label| shift[*label as usize] = f32::MIN / 2.0);
            let shift = Tensor::<1>::from_floats(shift.as_slice(), &logits.device()).reshape([1, labels, 1, 1]);
            Some([label_bytes(logits.clone().argmax(1))?, label_bytes((logits + shift).argmax(1))?])
        }
        None => None,
    };
    let nearest = match &network.alignment {
        Some(alignment) => {
            let nearest = nearest_class(both(similarity_maps(alignment, &features)));
            Some((label_bytes(nearest + 1)?, features.grid))
        }
        None => None,
    };
    Ok((segmentation, nearest))
}

fn present_classes(labels: &[usize], device: &Device) -> Tensor<1, Int> {
    let indices = labels.iter().map(|label| *label as i32).collect::<Vec<_>>();
    Tensor::from_data(TensorData::new(indices, [labels.len()]), device)
}
