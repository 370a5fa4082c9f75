//! One forward pass and its losses.

use std::cell::OnceCell;

use burn::tensor::activation::softmax;
use burn::tensor::{Int, Tensor};

use super::{Objective, Term};
use crate::affinity::Affinity;
use crate::alignment::collapse::Separation;
use crate::cam::{patch_cam, valid_cam};
use crate::classifier::multilabel_soft_margin;
use crate::energy::dense_energy;
use crate::head::balanced_cross_entropy;
use crate::label::{Thresholds, boxes_on_grid, cam_to_label};
use crate::model::{DalNet, Outputs};
use crate::object_mask::{ObjectMask, object_mask};
use crate::patch_contrast::patch_token_contrast;
use crate::resize::Resize;

/// A batch as the losses need it.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// Normalised pictures `[B, 3, H, W]`.
    pub images: Tensor<4>,
    /// The same pictures in 0..1.
    pub pixels: Tensor<4>,
    /// Image tags `[B, C]`, 0 or 1.
    pub labels: Tensor<2>,
    /// Where each view shows its picture, `[top, bottom, left, right]` in pixels.
    pub crop_boxes: &'a [[usize; 4]],
    /// CAMs `[B, C, H, W]` (final, auxiliary) of a multi-scale pass, when labels are to come from one.
    pub cams: Option<(Tensor<4>, Tensor<4>)>,
}

/// A batch that went through the network.
#[derive(Debug)]
pub struct Pass<'a> {
    objective: &'a Objective,
    model: &'a DalNet,
    view: &'a View<'a>,
    /// What the network put out; a measurement may cut its graph here, before it asks for anything.
    pub outputs: Outputs,
    /// The auxiliary CAM on the patch grid, and the crop boxes there: two losses look through them.
    auxiliary: OnceCell<(Tensor<4>, Vec<[usize; 4]>)>,
}

/// What the alignment losses are computed from.
#[derive(Debug, Clone)]
pub struct Aligned {
    /// Cosines of the class tokens with the texts `[B, C + 1]`.
    pub class_token: Tensor<2>,
    /// Cosines of the patches `[B, N, C + 1]`.
    pub patches: Tensor<3>,
    /// Which patches show an object.
    pub mask: ObjectMask,
}

impl<'a> Pass<'a> {
    /// Runs the network on a batch.
    pub fn new(objective: &'a Objective, model: &'a DalNet, view: &'a View<'a>) -> Self {
        let affinity = objective.affinity.as_ref().filter(|_| view.cams.is_none());
        let outputs = model.forward(view.images.clone(), Affinity::blocks(affinity));
        Self { objective, model, view, outputs, auxiliary: OnceCell::new() }
    }

    /// The losses that count at a step, counted from 0, unweighted and in the order of [`Term`].
    ///
    /// # Panics
    /// When an alignment or segmentation loss counts and the model has no part for it.
    pub fn losses(&self, step: usize) -> Vec<(Term, Tensor<1>)> {
        let counts = |terms: &[Term]| terms.iter().any(|term| self.objective.weight(*term, step) != 0.0);
        let mut losses = Vec::new();
        let mut add = |term, loss: &dyn Fn() -> Tensor<1>| {
            if counts(&[term]) {
                losses.push((term, loss()));
            }
        };
        let labels = || self.view.labels.clone();
        add(Term::Cls, &|| multilabel_soft_margin(self.outputs.logits.clone(), labels()));
        add(Term::Inter, &|| multilabel_soft_margin(self.outputs.auxiliary_logits.clone(), labels()));
        if counts(&[Term::Im, Term::Ex]) {
            let Aligned { class_token, patches, mask } = self.aligned();
            add(Term::Im, &|| self.objective.global.loss(class_token.clone(), labels()));
            add(Term::Ex, &|| self.objective.local.loss(patches.clone(), labels(), &mask));
        }
        add(Term::Ptc, &|| self.patch_contrast());
        if counts(&[Term::Seg, Term::Reg]) {
            let (logits, pseudo_labels) = (self.segmentation(), self.pseudo_labels(step));
            add(Term::Seg, &|| balanced_cross_entropy(logits.clone(), pseudo_labels.clone()));
            add(Term::Reg, &|| self.dense_energy(logits.clone(), pseudo_labels.clone()));
        }
        losses
    }

    /// The valid CAM `[B, C, ., .]` without gradients that labels are made of, of the final or the auxiliary tokens: the
    /// one given with the batch, or that of this pass on its grid.
    pub fn cam(&self, auxiliary: bool) -> Tensor<4> {
        let (features, labels) = (&self.outputs.features, self.view.labels.clone());
        match (&self.view.cams, auxiliary) {
            (Some((_, cam)), true) | (Some((cam, _)), false) => valid_cam(cam.clone(), labels),
            (None, _) => {
                let (classifier, tokens) = if auxiliary {
                    (&self.model.auxiliary_classifier, &features.block_tokens)
                } else {
                    (&self.model.classifier, &features.patch_tokens)
                };
                patch_cam(classifier, tokens, features, labels, self.objective.affinity.as_ref())
            }
        }
    }

    fn auxiliary_on_grid(&self) -> &(Tensor<4>, Vec<[usize; 4]>) {
        self.auxiliary.get_or_init(|| {
            let cam = Resize::BILINEAR.apply(self.cam(true), self.outputs.features.grid);
            (cam, boxes_on_grid(self.view.crop_boxes, self.model.encoder.patch_size()))
        })
    }

    /// Cosines with the texts, and the object-aware mask.
    pub fn aligned(&self) -> Aligned {
        let alignment = self.model.alignment.as_ref().expect("an alignment loss needs a model with an alignment");
        let features = &self.outputs.features;
        let (cam, boxes) = self.auxiliary_on_grid();
        Aligned {
            class_token: alignment.class_token_similarity(features.class_token.clone()),
            patches: alignment.similarity(features.patch_tokens.clone()),
            mask: object_mask(cam.clone(), self.objective.object, boxes),
        }
    }

    /// Whether the texts are still told apart; waits for the device. `None` for a model without alignment.
    pub fn separation(&self) -> Option<Separation> {
        let alignment = self.model.alignment.as_ref()?;
        let Aligned { class_token, patches, mask } = self.aligned();
        Some(Separation::measure(alignment, class_token, patches, self.view.labels.clone(), &mask))
    }

    /// `L_ptc` with labels from the auxiliary CAM.
    pub fn patch_contrast(&self) -> Tensor<1> {
        let (cam, boxes) = self.auxiliary_on_grid();
        let (low, high) = self.objective.contrast_levels;
        let levels = Thresholds { background: low, uncertain: Some((low, high)) };
        let labels = cam_to_label(cam.clone(), levels, Some(boxes)).flatten(1, 2);
        patch_token_contrast(self.outputs.features.patch_tokens.clone(), labels)
    }

    /// Height and width of the maps that `L_seg` and `L_reg` are computed on.
    fn label_size(&self) -> [usize; 2] {
        let [_, _, height, width] = self.view.images.dims();
        [height, width].map(|side| (side / self.objective.label_stride).max(1))
    }

    /// Logits of the head `[B, C + 1, h, w]` at the size of the pseudo labels.
    pub fn segmentation(&self) -> Tensor<4> {
        let head = self.model.head.as_ref().expect("a segmentation loss needs a model with a segmentation head");
        let features = &self.outputs.features;
        Resize::BILINEAR.apply(head.forward(features.patch_tokens.clone(), features.grid), self.label_size())
    }

    /// Refined pseudo labels `[B, h, w]` at a step.
    pub fn pseudo_labels(&self, step: usize) -> Tensor<3, Int> {
        let cam = self.cam(step < self.objective.auxiliary_labels_until);
        let View { pixels, labels, crop_boxes, .. } = self.view;
        self.objective.pseudo_labels.pseudo_labels(pixels.clone(), cam, labels.clone(), crop_boxes, self.label_size())
    }

    /// `L_reg` of the head's logits.
    pub fn dense_energy(&self, logits: Tensor<4>, pseudo_labels: Tensor<3, Int>) -> Tensor<1> {
        let pixels = self.view.pixels.clone() * 255.0;
        dense_energy(softmax(logits, 1), pixels, pseudo_labels, self.view.crop_boxes, &self.objective.energy)
    }
}
