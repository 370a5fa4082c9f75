//! What is trained and how its losses are weighed: that of each preset, and changes to it by name.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use dalnet::affinity::Affinity;
use dalnet::alignment::global::{GlobalAlignment, Probability};
use dalnet::alignment::local::{LocalAlignment, Normaliser, Positive};
use dalnet::alignment::{Negatives, TextSide};
use dalnet::cam::SCALES;
use dalnet::energy::EnergyConfig;
use dalnet::head::HeadConfig;
use dalnet::object_mask::ObjectLevels;
use dalnet::objective::{Objective, Schedule, Term};
use dalnet::pseudo_label::RefinedLabels;
use dalnet_assets::Map;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::preset::Preset;
use crate::evaluate::Protocol;

/// Validation pictures that are drawn.
const EXAMPLES: usize = 6;

/// How image tokens and class texts are aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AlignmentForm {
    /// As printed: both sides projected, the background the only negative; collapses within some hundred steps
    Paper,
    /// Texts fixed and centred, every other text a negative, temperatures
    Contrastive,
}

/// The whole of it; saved with every checkpoint as `--set` sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    /// The segmentation head.
    pub(crate) head: HeadConfig,
    /// How the texts enter the shared space.
    pub(crate) text_side: TextSide,
    /// Width of that space when the texts are projected.
    pub(crate) shared_dim: usize,
    /// Scales of the CAMs that labels are made of, each with its mirror image; none for those of the training pass.
    pub(crate) label_scales: Vec<f64>,
    /// The losses.
    pub(crate) objective: Objective,
}

impl Recipe {
    /// The recipe of a preset with an alignment; `depth` is the encoder's number of blocks.
    pub(crate) fn new(preset: Preset, form: AlignmentForm, depth: usize) -> Self {
        let mut recipe = match preset {
            Preset::Voc => {
                Self::reference([(Term::Ptc, 0), (Term::Seg, 2000), (Term::Reg, 2000)], RefinedLabels::default(), 0)
            }
            Preset::Coco => {
                let starts = [(Term::Ptc, 12_000), (Term::Seg, 8000), (Term::Reg, 8000)];
                Self::reference(starts, RefinedLabels::coco(), 12_000)
            }
            Preset::Tiny => Self::tiny(depth, 600),
            Preset::Shapes => Self::shapes(depth),
        };
        recipe.align(form, preset);
        recipe
    }

    /// How training scores itself and draws examples: with the levels that it uses.
    pub(crate) fn validation(&self) -> Protocol {
        let objective = &self.objective;
        let labels = objective.terms.contains_key(&Term::Seg).then(|| objective.pseudo_labels.clone());
        let label_cam = Some(if objective.auxiliary_labels_until > 0 { Map::AuxiliaryCam } else { Map::Cam });
        Protocol {
            label_cam,
            pseudo_labels: labels,
            examples: EXAMPLES,
            object: objective.object,
            ..Protocol::default()
        }
    }

    /// The head begins when the CAM has settled, and learns fast: the run is short. Attention that began at random weights
    /// is not local yet, and would spread a CAM of 59 mIoU to one of 23.
    fn shapes(depth: usize) -> Self {
        let mut recipe = Self::tiny(depth, 90);
        // One of 256 channels would take longer than the encoder.
        recipe.head.hidden = 64;
        recipe.objective.affinity = None;
        // Its CAMs are narrow: their best background threshold is 0.25.
        recipe.objective.pseudo_labels = RefinedLabels { high: 0.45, low: 0.2, ..recipe.objective.pseudo_labels };
        if let Some(schedule) = recipe.objective.terms.get_mut(&Term::Seg) {
            schedule.weight = 1.0;
        }
        recipe
    }

    /// ToCo's weights and starts (`dist_train_voc_seg_neg.py`, `dist_train_coco_seg_neg.py`); Eq. 8 prints `L_seg` and
    /// `L_reg` without weights.
    fn reference(starts: [(Term, usize); 3], pseudo_labels: RefinedLabels, auxiliary_labels_until: usize) -> Self {
        let weight = |term| match term {
            Term::Ptc => 0.2,
            Term::Seg => 0.1,
            Term::Reg => 0.05,
            _ => 1.0,
        };
        let from_the_start = [(Term::Cls, 0), (Term::Inter, 0), (Term::Im, 0), (Term::Ex, 0)];
        let terms = from_the_start.into_iter().chain(starts);
        Self {
            head: HeadConfig::new(),
            text_side: TextSide::Projected,
            shared_dim: 512,
            label_scales: SCALES.to_vec(),
            objective: Objective {
                terms: terms.map(|(term, start)| (term, Schedule { weight: weight(term), start })).collect(),
                global: GlobalAlignment::PAPER,
                local: LocalAlignment::PAPER,
                object: ObjectLevels::PAPER,
                contrast_levels: (pseudo_labels.low, pseudo_labels.high),
                affinity: None,
                auxiliary_labels_until,
                pseudo_labels,
                energy: EnergyConfig::default(),
                label_stride: 1,
            },
        }
    }

    /// Pseudo labels from CAMs spread by attention (32 to 37 mIoU of the head in a trial of applying it twice),
    /// from the training pass. The segmentation losses count from the step `segmentation` on.
    fn tiny(depth: usize, segmentation: usize) -> Self {
        let starts = [(Term::Ptc, 0), (Term::Seg, segmentation), (Term::Reg, segmentation)];
        let pseudo_labels = RefinedLabels { high: 0.65, low: 0.35, down_scale: 4, ..RefinedLabels::default() };
        let reference = Self::reference(starts, pseudo_labels, 0);
        Self {
            head: HeadConfig::new().with_hidden(256),
            label_scales: Vec::new(),
            objective: Objective {
                contrast_levels: (0.25, 0.7),
                affinity: Some(Affinity::of_all_blocks(depth)),
                energy: EnergyConfig { scale: 0.25, ..EnergyConfig::default() },
                label_stride: 4,
                ..reference.objective
            },
            ..reference
        }
    }

    fn align(&mut self, form: AlignmentForm, preset: Preset) {
        if form == AlignmentForm::Paper {
            return;
        }
        self.text_side = TextSide::Centred;
        let objective = &mut self.objective;
        objective.global = GlobalAlignment {
            probability: Probability::Sigmoid { temperature: 0.1, bias: -2.0 },
            negatives: Negatives::All,
            cross_contrast: true,
        };
        objective.local = LocalAlignment {
            positive: Positive::Cam,
            negatives: Negatives::All,
            normaliser: Normaliser::Masked,
            temperature: 0.07,
            background_weight: 1.0,
            cross_contrast: true,
        };
        objective.object.background = 0.25;
        // On photos 0.2 for LEA, too, takes 2 to 3 points of mIoU from the CAM for a point of nearest text; shapes lose
        // nothing by it.
        let local = if preset == Preset::Shapes { 0.2 } else { 0.05 };
        for (term, weight) in [(Term::Im, 0.2), (Term::Ex, local)] {
            if let Some(schedule) = objective.terms.get_mut(&term) {
                schedule.weight = weight;
            }
        }
    }

    /// Changes some values by name, for example `objective.terms.ptc.weight=0.1`.
    pub(crate) fn with(&self, changes: &[Change]) -> Result<Self> {
        let mut value = serde_json::to_value(self)?;
        for change in changes {
            let place = change.place(&mut value)?;
            *place = change.value.clone();
        }
        serde_json::from_value(value).with_context(|| {
            let changes = changes.iter().map(ToString::to_string).collect::<Vec<_>>();
            format!("--set {}", changes.join(" --set "))
        })
    }
}

/// One `--set NAME=VALUE`, written so in files too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Change {
    name: String,
    value: Value,
}

impl Change {
    /// The value of this name in a recipe.
    fn place<'a>(&self, recipe: &'a mut Value) -> Result<&'a mut Value> {
        let mut place = recipe;
        for part in self.name.split('.') {
            let known = place.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
            let known = if known.is_empty() { "nothing below it".to_owned() } else { known.join(", ") };
            place = match place.get_mut(part) {
                Some(value) => value,
                None => bail!("--set {self}: there is no {part:?}; there is {known}"),
            };
        }
        Ok(place)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}", self.name, self.value)
    }
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
        // What is no JSON is a word, as in objective.local.positive=mean.
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        Ok(Self { name: name.to_owned(), value })
    }
}

crate::text_form::text_form!(Change);

#[cfg(test)]
mod tests {
    use super::*;

    /// The terms that count at a step, with their weights.
    fn counting(recipe: &Recipe, step: usize) -> Vec<(Term, f64)> {
        let terms = recipe.objective.terms.keys().map(|term| (*term, recipe.objective.weight(*term, step)));
        terms.filter(|(_, weight)| *weight != 0.0).collect()
    }

    const FROM_THE_START: [(Term, f64); 4] = [(Term::Cls, 1.0), (Term::Inter, 1.0), (Term::Im, 1.0), (Term::Ex, 1.0)];
    const SEGMENTATION: [(Term, f64); 2] = [(Term::Seg, 0.1), (Term::Reg, 0.05)];

    #[test]
    fn losses_of_voc_start_as_in_the_reference() {
        let recipe = Recipe::new(Preset::Voc, AlignmentForm::Paper, 12);
        let contrast = [(Term::Ptc, 0.2)];
        assert_eq!(counting(&recipe, 1999), [&FROM_THE_START[..], &contrast].concat());
        assert_eq!(counting(&recipe, 2000), [&FROM_THE_START[..], &contrast, &SEGMENTATION].concat());
    }

    #[test]
    fn losses_of_coco_start_as_in_the_reference() {
        let recipe = Recipe::new(Preset::Coco, AlignmentForm::Paper, 12);
        assert_eq!(counting(&recipe, 7999), FROM_THE_START);
        assert_eq!(counting(&recipe, 11_999), [&FROM_THE_START[..], &SEGMENTATION].concat());
        assert_eq!(counting(&recipe, 12_000), [&FROM_THE_START[..], &[(Term::Ptc, 0.2)], &SEGMENTATION].concat());
        assert_eq!(recipe.objective.auxiliary_labels_until, 12_000);
    }

    #[test]
    fn changes_by_name_change_that_alone() {
        let changes = ["objective.local.positive=max", "label_scales=[1.0]"].map(|change| change.parse().unwrap());
        for preset in [Preset::Voc, Preset::Coco, Preset::Tiny, Preset::Shapes] {
            let recipe = Recipe::new(preset, AlignmentForm::Contrastive, 12);
            assert_eq!(recipe.with(&[]).unwrap(), recipe);
            let mut expected = recipe.clone();
            expected.objective.local.positive = Positive::Max;
            expected.label_scales = vec![1.0];
            assert_eq!(recipe.with(&changes).unwrap(), expected);
        }
    }
}
