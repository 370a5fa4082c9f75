//! The training objective (Eq. 7 and 8): every loss by name, its weight, and from which step on it counts.
//!
//! [`Objective`] is the settings, [`Pass`] one forward pass with everything that its losses are made of.

mod pass;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::affinity::Affinity;
use crate::alignment::global::GlobalAlignment;
use crate::alignment::local::LocalAlignment;
use crate::energy::EnergyConfig;
use crate::object_mask::ObjectLevels;
use crate::pseudo_label::RefinedLabels;

pub use pass::{Aligned, Pass, View};

/// A loss of the objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// `L_cls`: classification from the final patch tokens.
    Cls,
    /// `L_inter`: classification from the auxiliary block's tokens.
    Inter,
    /// `L_im`: Global Implicit Alignment.
    Im,
    /// `L_ex`: Local Explicit Alignment.
    Ex,
    /// `L_ptc`: patch-token contrast.
    Ptc,
    /// `L_seg`: the segmentation head against refined pseudo labels.
    Seg,
    /// `L_reg`: dense energy of the segmentation.
    Reg,
}

impl fmt::Display for Term {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Cls => "cls",
            Self::Inter => "inter",
            Self::Im => "im",
            Self::Ex => "ex",
            Self::Ptc => "ptc",
            Self::Seg => "seg",
            Self::Reg => "reg",
        })
    }
}

/// How much a loss counts, and from when on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Factor of the loss; 0 switches it off.
    pub weight: f64,
    /// The first step, from 0, at which it counts.
    pub start: usize,
}

/// Everything that decides the losses of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// The losses that there are; one that is missing does not count.
    pub terms: BTreeMap<Term, Schedule>,
    /// Of `L_im`.
    pub global: GlobalAlignment,
    /// Of `L_ex`.
    pub local: LocalAlignment,
    /// Of the object-aware mask that `L_ex` looks through.
    pub object: ObjectLevels,
    /// Background up to the first, ignored up to the second: the labels of `L_ptc`, from the auxiliary CAM.
    pub contrast_levels: (f32, f32),
    /// Spreads the CAMs that labels are made of, if they come from the training pass itself.
    pub affinity: Option<Affinity>,
    /// Up to this step pseudo labels come from the auxiliary CAM, from it on from the final one.
    pub auxiliary_labels_until: usize,
    /// Of the refined pseudo labels of `L_seg`.
    pub pseudo_labels: RefinedLabels,
    /// Of `L_reg`.
    pub energy: EnergyConfig,
    /// Pixels of the crop, along each side, for one of the maps that `L_seg` and `L_reg` are computed on; 1 in the
    /// reference.
    pub label_stride: usize,
}

impl Objective {
    /// The weight of a term at a step; 0 when it does not count.
    pub fn weight(&self, term: Term, step: usize) -> f64 {
        self.terms.get(&term).filter(|schedule| step >= schedule.start).map_or(0.0, |schedule| schedule.weight)
    }
}
