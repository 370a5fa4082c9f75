//! What is shipped beside the weights: how to use them, whether they are whole, where they come from.

use std::collections::BTreeMap;

use dalnet::DalNetConfig;
use dalnet::affinity::Affinity;
use dalnet::refine::Refinement;
use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::files::FileEntry;
use crate::weights::Precision;

/// Version of the manifest and of the checkpoints that this crate writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// Most classes of a model: labels are bytes, 0 is the background and 255 means ignored.
pub const MAX_CLASSES: usize = 254;

/// Name of the manifest in the folder of a shipped model.
pub const MANIFEST: &str = "manifest.json";

/// A shipped model without its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format_version: u32,
    /// How to build and use the network.
    #[serde(flatten)]
    pub spec: ModelSpec,
    /// How the numbers in the files are stored; models that do not say so are from when there was f16 alone.
    #[serde(default = "f16")]
    pub precision: Precision,
    /// The weights: safetensors files beside the manifest, each with tensors of its own.
    pub files: Vec<FileEntry>,
    /// SHA-256 of the `model.safetensors` of the checkpoint that was exported, if it is known; of a mean of several those of
    /// all, joined by `+`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_sha256: Option<String>,
    /// How the weights came to be: initial weights, data, training, program.
    pub provenance: String,
    /// Every ingredient and its licence.
    pub licences: Vec<Licence>,
    /// How good the model is.
    pub quality: Quality,
}

/// What an application must know to use the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// Shape of the network.
    pub architecture: DalNetConfig,
    /// Class names without background, in the order of the classifier.
    pub classes: Vec<String>,
    /// What is done to a picture's values.
    pub normalisation: Normalisation,
    /// How pictures are shown to the network.
    pub input: Input,
    /// At or below this value of the map (0..1) a pixel is background.
    pub background_threshold: f32,
    /// From this probability on (0..1) a class counts as predicted.
    pub class_threshold: f32,
}

/// `(value - mean) / std` for values in 0..1, in the order red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    /// Subtracted.
    pub mean: [f32; 3],
    /// Divides; positive.
    pub std: [f32; 3],
}

/// How pictures are shown to the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The longer side in pixels; the shorter keeps the proportion, both to the nearest whole patch.
    pub long_side: usize,
    /// Scales of the map, each shown with its mirror image.
    #[serde(default = "one_scale")]
    pub scales: Vec<f64>,
    /// Spreads a CAM along the attention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Which of the network's maps labels the pixels.
    #[serde(default)]
    pub map: Map,
    /// The exponent of each class's values of this map, after which one background threshold fits all classes: below 1 for
    /// a class whose map is strong on a part of the object alone. Empty: 1 for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exponents: Vec<f32>,
    /// Lets the map follow the picture's edges before pixels are labelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refinement: Option<Refinement>,
}

impl Input {
    /// Pictures of this longer side at one scale, labelled by the CAM as the network gives it.
    pub fn of_long_side(long_side: usize) -> Self {
        let map = Map::default();
        Self { long_side, scales: one_scale(), affinity: None, map, exponents: Vec::new(), refinement: None }
    }
}

/// A map of the network with a value in 0..1 for each class and pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Map {
    /// From the final patch tokens.
    #[default]
    Cam,
    /// From the auxiliary block's tokens, which may localise better in a small encoder.
    AuxiliaryCam,
    /// From the segmentation head: the sigmoid of a class's logit minus the background's, which is above 0.5 where the
    /// head prefers the class to the background.
    Segmentation,
    /// 0.7 of [`Self::AuxiliaryCam`] and 0.3 of [`Self::Segmentation`], which err in different places.
    Fused,
}

impl Map {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Cam, Self::AuxiliaryCam, Self::Segmentation, Self::Fused];

    /// Above this value of [`Self::Segmentation`] the head prefers a class to the background.
    pub const HEAD_THRESHOLD: f32 = 0.5;

    /// Whether it takes a segmentation head.
    pub fn of_head(self) -> bool {
        matches!(self, Self::Segmentation | Self::Fused)
    }

    /// The CAM to look at beside it: itself, or of the head's maps the auxiliary one, which its labels are made of.
    pub fn cam(self) -> Self {
        match self {
            Self::Cam => Self::Cam,
            Self::AuxiliaryCam | Self::Segmentation | Self::Fused => Self::AuxiliaryCam,
        }
    }

    /// Its name in manifests and scores.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cam => "cam",
            Self::AuxiliaryCam => "auxiliary_cam",
            Self::Segmentation => "segmentation",
            Self::Fused => "fused",
        }
    }
}

fn f16() -> Precision {
    Precision::F16
}

fn one_scale() -> Vec<f64> {
    vec![1.0]
}

/// The licence of one ingredient of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licence {
    /// For example "initial weights".
    pub ingredient: String,
    /// Where it comes from.
    pub source: String,
    /// SPDX name, or a sentence where there is none.
    pub licence: String,
}

/// Measured quality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// What was measured, and how: data, split, sizes, thresholds.
    pub protocol: String,
    /// Number of pictures.
    pub pictures: u64,
    /// Mean IoU in percent, by the kind of prediction (`cam`, `auxiliary_cam`, `segmentation`, `fused`).
    pub miou: BTreeMap<String, f64>,
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// Text that is no manifest, another format version, values that contradict one another.
    pub fn from_json(text: &str) -> Result<Self, ModelError> {
        check_version(text)?;
        let manifest: Self = serde_json::from_str(text).map_err(ModelError::Json)?;
        manifest.spec.check()?;
        if manifest.files.is_empty() {
            return Err(ModelError::Value("files is empty: a model has at least one file of weights".to_owned()));
        }
        for file in &manifest.files {
            // A manifest must not reach for files outside its own folder.
            if file.path.is_empty() || file.path.starts_with('.') || file.path.contains(['/', '\\', ':']) {
                return Err(ModelError::Value(format!("files: {:?} is not the name of a file beside it", file.path)));
            }
        }
        Ok(manifest)
    }

    /// The manifest as indented JSON with a final newline.
    ///
    /// # Errors
    /// A number that JSON cannot hold.
    pub fn to_json(&self) -> Result<String, ModelError> {
        let mut text = serde_json::to_string_pretty(self).map_err(ModelError::Json)?;
        text.push('\n');
        Ok(text)
    }
}

impl ModelSpec {
    /// # Errors
    /// Values that contradict one another or lie outside their range.
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        let fail = |reason: String| Err(ModelError::Value(reason));
        let (names, outputs) = (self.classes.len(), self.architecture.classes);
        if names != outputs {
            return fail(format!("classes has {names} names, the architecture {outputs} outputs"));
        }
        if !(1..=MAX_CLASSES).contains(&names) {
            return fail(format!("classes has {names} names: a model has 1 to {MAX_CLASSES}"));
        }
        let encoder = &self.architecture.encoder;
        if encoder.patch_size == 0 || encoder.heads == 0 || !encoder.dim.is_multiple_of(encoder.heads) {
            return fail(format!(
                "architecture: patch size {}, {} heads, width {}: the first two are at least 1, and heads divide the width",
                encoder.patch_size, encoder.heads, encoder.dim
            ));
        }
        if self.architecture.auxiliary_block >= encoder.depth {
            return fail(format!(
                "architecture: auxiliary block {} of an encoder with {} blocks",
                self.architecture.auxiliary_block, encoder.depth
            ));
        }
        if self.input.map.of_head() && self.architecture.head.is_none() {
            return Err(ModelError::NoHead);
        }
        if self.normalisation.std.iter().any(|&std| !(std > 0.0 && std.is_finite())) {
            return fail(format!("normalisation.std {:?} is not positive", self.normalisation.std));
        }
        let smallest = encoder.patch_size as f64 / self.input.long_side.max(1) as f64;
        if self.input.scales.is_empty() || self.input.scales.iter().any(|scale| !(smallest..=8.0).contains(scale)) {
            return fail(format!(
                "input.scales {:?}: at least one, none smaller than a patch or above 8",
                self.input.scales
            ));
        }
        if self.input.long_side < encoder.patch_size {
            return fail(format!("input.long_side {} is less than a patch", self.input.long_side));
        }
        let exponents = &self.input.exponents;
        if ![0, self.classes.len()].contains(&exponents.len()) {
            return fail(format!("input.exponents has {} numbers for {} classes", exponents.len(), self.classes.len()));
        }
        if let Some(exponent) = exponents.iter().find(|exponent| !(0.1..=10.0).contains(*exponent)) {
            return fail(format!("input.exponents: {exponent} is outside 0.1..10"));
        }
        if self.input.refinement.as_ref().is_some_and(|refinement| refinement.dilations.is_empty()) {
            return fail("input.refinement has no dilations: a pixel needs neighbours".to_owned());
        }
        for (name, value) in
            [("background_threshold", self.background_threshold), ("class_threshold", self.class_threshold)]
        {
            if !(0.0..=1.0).contains(&value) {
                return fail(format!("{name} {value} is outside 0..1"));
            }
        }
        Ok(())
    }
}

/// Refuses another version before anything else is read, since that may have changed with it.
pub(crate) fn check_version(text: &str) -> Result<(), ModelError> {
    #[derive(Deserialize)]
    struct Versioned {
        format_version: u32,
    }
    let Versioned { format_version } = serde_json::from_str(text).map_err(ModelError::Json)?;
    if format_version == FORMAT_VERSION {
        Ok(())
    } else {
        Err(ModelError::Version { found: format_version, supported: FORMAT_VERSION })
    }
}
