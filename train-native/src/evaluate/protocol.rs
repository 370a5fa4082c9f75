//! How pictures are shown to the network and maps are scored.

use clap::ValueEnum;
use dalnet::affinity::Affinity;
use dalnet::cam::SCALES;
use dalnet::crf::DenseCrf;
use dalnet::object_mask::ObjectLevels;
use dalnet::pseudo_label::RefinedLabels;
use dalnet_assets::{Map, ModelSpec};

use super::exponents::Exponents;

/// Scales at which the head segments, as ToCo's `tools/infer_seg_voc.py` and `infer_seg_coco_ddp.py` have them.
pub(super) const SEGMENTATION_SCALES: [f64; 3] = [1.0, 1.25, 1.5];

/// The maps that are swept over background thresholds, as far as a network has them.
pub(crate) const CAMS: [Map; 3] = [Map::Cam, Map::AuxiliaryCam, Map::Fused];

/// Levels of the object mask: those of the contrastive alignment.
pub(crate) const OBJECT_LEVELS: ObjectLevels = ObjectLevels { foreground: 0.5, background: 0.25 };

/// What the head's logits at several scales become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fuse {
    /// The largest, of sums over picture and mirror image: ToCo's for VOC.
    Max,
    /// The sum, of means over picture and mirror image: ToCo's for COCO, which takes the larger of these two instead.
    Sum,
}

impl Fuse {
    fn name(self) -> &'static str {
        match self {
            Self::Max => "largest",
            Self::Sum => "summed",
        }
    }
}

/// How pictures are shown to the network and maps are scored.
#[derive(Debug, Clone)]
pub(crate) struct Protocol {
    /// Longer side in pixels; `None` for the model's own.
    pub(crate) long_side: Option<usize>,
    /// Scales of the CAM, each with its mirror image.
    pub(crate) scales: Vec<f64>,
    /// Spreads the CAM before it is scored.
    pub(crate) affinity: Option<Affinity>,
    /// Refines the maps by the picture's pixels before they are scored.
    pub(crate) refine: bool,
    /// Of every map; `None` for the model's own.
    pub(crate) exponents: Option<Exponents>,
    /// Background thresholds of which the best is reported.
    pub(crate) thresholds: Vec<f32>,
    /// Makes pseudo labels of a CAM, to be scored as well.
    pub(crate) pseudo_labels: Option<RefinedLabels>,
    /// Of which; `None` for the model's own.
    pub(crate) label_cam: Option<Map>,
    /// Scales of the segmentation, each with its mirror image.
    pub(crate) segmentation_scales: Vec<f64>,
    /// What its logits become.
    pub(crate) fuse: Fuse,
    /// Scores the segmentation after this as well.
    pub(crate) crf: Option<DenseCrf>,
    /// Measures Boundary IoU: that of CAMs takes as long as the network's pass.
    pub(crate) boundaries: bool,
    /// Pictures that are shown on the sheet, evenly spaced.
    pub(crate) examples: usize,
    /// Levels of the object mask on the sheet.
    pub(crate) object: ObjectLevels,
}

/// What training can wait for: CAMs at all scales, the segmentation at one.
impl Default for Protocol {
    fn default() -> Self {
        Self {
            long_side: None,
            scales: SCALES.to_vec(),
            affinity: None,
            refine: false,
            exponents: None,
            thresholds: (2..=18).map(|step| step as f32 / 20.0).collect(),
            pseudo_labels: None,
            label_cam: None,
            segmentation_scales: vec![1.0],
            fuse: Fuse::Max,
            crf: None,
            boundaries: false,
            examples: 0,
            object: OBJECT_LEVELS,
        }
    }
}

impl Protocol {
    /// The CAM that pseudo labels are made of.
    pub(super) fn label_cam(&self, spec: &ModelSpec) -> Map {
        self.label_cam.unwrap_or(spec.input.map.cam())
    }

    /// Of the maps, by name.
    pub(super) fn exponents(&self, spec: &ModelSpec) -> Exponents {
        let own = || Exponents::from([(spec.input.map.name().to_owned(), spec.input.exponents.clone())]);
        self.exponents.clone().unwrap_or_else(own)
    }

    /// In words.
    pub(super) fn describe(&self, spec: &ModelSpec) -> String {
        let affinity = self.affinity.as_ref().map_or(String::new(), |affinity| {
            format!(", CAMs spread {} times by the attention of {} blocks", affinity.power, affinity.blocks.len())
        });
        let exponents = self.exponents(spec).into_iter().filter(|(_, exponents)| !exponents.is_empty());
        let raised = exponents.map(|(map, _)| map).collect::<Vec<_>>().join(", ");
        let exponents = match raised.as_str() {
            "" => String::new(),
            maps => format!(", each class of {maps} to a power of its own"),
        };
        let pseudo_labels = self.pseudo_labels.as_ref().map_or(String::new(), |labels| {
            format!(
                "; pseudo labels of the {} at levels {} and {}",
                self.label_cam(spec).name(),
                labels.high,
                labels.low
            )
        });
        let crf = self.crf.as_ref().map_or(String::new(), |crf| {
            format!(
                ", dense CRF of {} steps, position {} px x {}, colour {} px and {} levels x {}",
                crf.iterations,
                crf.position_sigma,
                crf.position_weight,
                crf.bilateral_sigma_xy,
                crf.bilateral_sigma_rgb,
                crf.bilateral_weight
            )
        });
        format!(
            "longer side {} px, scales {:?} with mirror images{affinity}{exponents}{}, image labels given, background threshold \
             the best of {:.2} to {:.2}{pseudo_labels}; segmentation by the {} logits of scales {:?} with mirror \
             images{crf}; nearest text at scale 1 with mirror images",
            spec.input.long_side,
            self.scales,
            if self.refine { ", all maps refined by pixels" } else { "" },
            self.thresholds.first().copied().unwrap_or_default(),
            self.thresholds.last().copied().unwrap_or_default(),
            self.fuse.name(),
            self.segmentation_scales,
        )
    }
}
