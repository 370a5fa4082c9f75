//! The labels of the segmentation head, alone, among the tags, and after a dense CRF.

use anyhow::Result;
use burn::tensor::{Tensor, TensorData};
use dalnet::DalNet;
use dalnet::refine::Refinement;
use dalnet::resize::Resize;
use dalnet::segmentation::{foreground_maps, multi_scale_segmentation};
use dalnet_assets::Map;
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

/// Labels by name, each `[height, width]` of the `photo`; none without a head. `images` have these `pixels`, 0..1.
pub(super) fn segmentations(
    network: &DalNet,
    images: Tensor<4>,
    pixels: &Tensor<4>,
    photo: &RgbImage,
    tags: &[usize],
    protocol: &Protocol,
) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let Some(logits) = fused(network, images, &protocol.segmentation_scales, protocol.fuse) else {
        return Ok(Vec::new());
    };
    let size = [photo.height() as usize, photo.width() as usize];
    let area = size[0] * size[1];
    let [_, labels, _, _] = logits.dims();
    let of_one_view = match protocol.fuse {
        Fuse::Max => 2.0,
        Fuse::Sum => protocol.segmentation_scales.len() as f64,
    };
    let foreground = || foreground_maps(logits.clone() / of_one_view);
    let along_edges = protocol.refine.then(|| AlongEdges::new(&foreground(), pixels, size)).transpose()?;
    let logits = Resize::BILINEAR.apply(logits, size).into_data().try_to_vec::<f32>()?;
    // Bytes hold the labels of every model.
    let all = (0..labels).map(|label| label as u8).collect::<Vec<_>>();
    let tagged = std::iter::once(0).chain(tags.iter().map(|tag| (tag + 1) as u8)).collect::<Vec<_>>();
    let mut named = Vec::new();
    for (labels, plain, after_crf) in
        [(all, SEGMENTATION, SEGMENTATION_CRF), (tagged, SEGMENTATION_WITH_TAGS, SEGMENTATION_WITH_TAGS_CRF)]
    {
        let maps = labels.iter().flat_map(|label| &logits[usize::from(*label) * area..][..area]);
        let maps = maps.copied().collect::<Vec<_>>();
        let found = match &along_edges {
            Some(along_edges) => along_edges.among(&labels),
            None => winners(&maps, &labels, area),
        };
        named.push((plain, found));
        if let Some(crf) = &protocol.crf {
            let after = crf.refine(&softmax(maps, area), photo.as_raw(), size);
            named.push((after_crf, winners(&after, &labels, area)));
        }
    }
    Ok(named)
}

/// The head's maps along the picture's edges, as the engine has them, of every label that may win a pixel.
struct AlongEdges {
    labels: Vec<u8>,
    /// `[labels.len(), area]`, 0..1.
    maps: Vec<f32>,
    area: usize,
}

impl AlongEdges {
    /// Of `foreground` maps `[1, C, h, w]`, at `size`.
    fn new(foreground: &Tensor<4>, pixels: &Tensor<4>, size: [usize; 2]) -> Result<Self> {
        let [_, _, height, width] = foreground.dims();
        let mut found = Self { labels: Vec::new(), maps: Vec::new(), area: size[0] * size[1] };
        let largest = foreground.clone().reshape([0, -1, (height * width) as i32]).max_dim(2).into_data();
        let largest = largest.try_to_vec::<f32>()?.into_iter().enumerate();
        // Refinement takes means: what is nowhere above one half does not get there.
        let classes = largest.filter(|(_, largest)| *largest > Map::HEAD_THRESHOLD).map(|(class, _)| class as i32);
        let classes = classes.collect::<Vec<_>>();
        if classes.is_empty() {
            return Ok(found);
        }
        found.labels = classes.iter().map(|class| (class + 1) as u8).collect();
        let classes = Tensor::from_data(TensorData::new(classes, [found.labels.len()]), &foreground.device());
        let maps = Refinement::default().refine_within_range(pixels.clone(), foreground.clone().select(1, classes));
        found.maps = Resize::BILINEAR.apply(maps, size).into_data().try_to_vec::<f32>()?;
        Ok(found)
    }

    /// Of `labels` that of the largest map above one half, else the background, pixel by pixel.
    fn among(&self, labels: &[u8]) -> Vec<u8> {
        let maps = self.labels.iter().copied().zip(self.maps.chunks_exact(self.area));
        let (labels, maps): (Vec<u8>, Vec<&[f32]>) = maps.filter(|(label, _)| labels.contains(label)).unzip();
        let strongest = strongest(&maps.concat(), &labels, self.area).into_iter();
        strongest.map(|(value, label)| if value > Map::HEAD_THRESHOLD { label } else { 0 }).collect()
    }
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

    /// The head sees the first class two columns too far on a picture of a dark and a bright half.
    #[test]
    fn labels_follow_the_pictures_edges() {
        let size @ [height, width] = [24, 32];
        let map =
            |value: &dyn Fn(usize) -> f32| (0..height * width).map(|pixel| value(pixel % width)).collect::<Vec<_>>();
        let half = map(&|column| if column < 16 { 0.1 } else { 0.9 });
        let tensor = |maps: &[Vec<f32>]| {
            Tensor::<4>::from_data(TensorData::new(maps.concat(), [1, maps.len(), height, width]), &Default::default())
        };
        let pixels = tensor(&[half.clone(), half.clone(), half]);
        let weak = map(&|_| 0.5);
        let first = map(&|column| if column < 18 { 0.9 } else { 0.2 });
        let foreground = tensor(&[weak, first]);
        let along_edges = AlongEdges::new(&foreground, &pixels, size).unwrap();
        let labels = along_edges.among(&[0, 1, 2]);
        let expected = map(&|column| if column < 16 { 2.0 } else { 0.0 });
        let wrong = labels.iter().zip(&expected).filter(|(label, side)| f32::from(**label) != **side).count();
        assert!(wrong < height / 2, "{wrong} pixels, where {} were wrong before", 2 * height);
        assert_eq!(along_edges.among(&[0, 1]), vec![0; height * width]);
    }
}
