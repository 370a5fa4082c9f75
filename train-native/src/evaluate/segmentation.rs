//! The labels of the segmentation head, alone, among the tags, and after a dense CRF.

use anyhow::Result;
use burn::tensor::Tensor;
use dalnet::DalNet;
use dalnet::resize::Resize;
use dalnet::segmentation::multi_scale_segmentation;
use dalnet_metrics::strongest;
use image::RgbImage;

use super::protocol::{Fuse, Protocol};

/// With the classes that the head predicts itself.
pub(super) const SEGMENTATION: &str = "segmentation";
/// The same among the classes of the image tags.
pub(super) const SEGMENTATION_WITH_TAGS: &str = "segmentation_with_tags";
/// The two after the CRF.
pub(super) const SEGMENTATION_CRF: &str = "segmentation_crf";
const SEGMENTATION_WITH_TAGS_CRF: &str = "segmentation_with_tags_crf";

/// Labels by name, each `[height, width]` of the `photo`; none without a head.
pub(super) fn segmentations(
    network: &DalNet,
    images: Tensor<4>,
    photo: &RgbImage,
    tags: &[usize],
    protocol: &Protocol,
) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let Some(logits) = fused(network, images, &protocol.segmentation_scales, protocol.fuse) else {
        return Ok(Vec::new());
    };
    let size = [photo.height() as usize, photo.width() as usize];
    let pixels = size[0] * size[1];
    let [_, labels, _, _] = logits.dims();
    let logits = Resize::BILINEAR.apply(logits, size).into_data().try_to_vec::<f32>()?;
    // Bytes hold the labels of every model.
    let all = (0..labels).map(|label| label as u8).collect::<Vec<_>>();
    let tagged = std::iter::once(0).chain(tags.iter().map(|tag| (tag + 1) as u8)).collect::<Vec<_>>();
    let mut named = Vec::new();
    for (labels, plain, after_crf) in
        [(all, SEGMENTATION, SEGMENTATION_CRF), (tagged, SEGMENTATION_WITH_TAGS, SEGMENTATION_WITH_TAGS_CRF)]
    {
        let maps = labels.iter().flat_map(|label| &logits[usize::from(*label) * pixels..][..pixels]);
        let maps = maps.copied().collect::<Vec<_>>();
        named.push((plain, winners(&maps, &labels, pixels)));
        if let Some(crf) = &protocol.crf {
            let refined = crf.refine(&softmax(maps, pixels), photo.as_raw(), size);
            named.push((after_crf, winners(&refined, &labels, pixels)));
        }
    }
    Ok(named)
}

/// Logits `[1, C + 1, h, w]` of all scales together.
fn fused(network: &DalNet, images: Tensor<4>, scales: &[f64], fuse: Fuse) -> Option<Tensor<4>> {
    let of_scales = scales.iter().map(|scale| {
        let segmentation = multi_scale_segmentation(network, images.clone(), &[*scale])?;
        Some(match fuse {
            Fuse::Max => segmentation.logits * 2.0,
            Fuse::Sum => segmentation.logits,
        })
    });
    let of_scales = of_scales.collect::<Option<Vec<_>>>()?;
    of_scales.into_iter().reduce(|one, other| match fuse {
        Fuse::Max => one.max_pair(other),
        Fuse::Sum => one + other,
    })
}

/// The label of the largest of `maps` `[labels.len(), pixels]`, the first on a tie.
fn winners(maps: &[f32], labels: &[u8], pixels: usize) -> Vec<u8> {
    strongest(maps, labels, pixels).into_iter().map(|(_, label)| label).collect()
}

/// Probabilities of `maps` `[labels, pixels]`.
fn softmax(mut maps: Vec<f32>, pixels: usize) -> Vec<f32> {
    let mut largest = vec![f32::NEG_INFINITY; pixels];
    for map in maps.chunks_exact(pixels) {
        largest.iter_mut().zip(map).for_each(|(largest, value)| *largest = largest.max(*value));
    }
    let mut sums = vec![0.0; pixels];
    for map in maps.chunks_exact_mut(pixels) {
        for ((value, largest), sum) in map.iter_mut().zip(&largest).zip(&mut sums) {
            *value = (*value - largest).exp();
            *sum += *value;
        }
    }
    for map in maps.chunks_exact_mut(pixels) {
        map.iter_mut().zip(&sums).for_each(|(value, sum)| *value /= sum);
    }
    maps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_the_largest_probability() {
        let maps = vec![1.0, -2.0, 500.0, 1.0, 3.0, 499.0];
        assert_eq!(winners(&maps, &[0, 7], 3), [0, 7, 0]);
        let probabilities = softmax(maps, 3);
        assert_eq!(winners(&probabilities, &[0, 7], 3), [0, 7, 0]);
        for pixel in 0..3 {
            assert!((probabilities[pixel] + probabilities[3 + pixel] - 1.0).abs() < 1e-6);
        }
        assert!((probabilities[2] / probabilities[5] - std::f32::consts::E).abs() < 1e-4);
    }
}
