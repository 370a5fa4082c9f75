//! Learning rates: linear warm-up, then polynomial decay, ten times as fast for what starts from scratch, slower from
//! block to block towards the encoder's input.

use burn::module::ParamGroup;
use burn::optim::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrScheduler};

/// Factor of the learning rate of every parameter outside the pre-trained encoder (ToCo, DALNet).
const HEAD_FACTOR: f64 = 10.0;
/// Share of the full rate at the first step; a ratio, not a rate (ToCo `utils/optimizer.py`).
const WARM_UP_START: f64 = 1e-6;

/// Linear warm-up over the first steps, then `(1 - step/total)^power`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Polynomial {
    pub(crate) peak: f64,
    pub(crate) warm_up: usize,
    pub(crate) total: usize,
    pub(crate) power: f64,
}

impl Polynomial {
    /// The rate at a step, counted from 0.
    pub(crate) fn at(&self, step: usize) -> f64 {
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let factor = if step < self.warm_up {
            1.0 - (1.0 - share(step, self.warm_up)) * (1.0 - WARM_UP_START)
        } else {
            (1.0 - share(step, self.total)).max(0.0).powf(self.power)
        };
        self.peak * factor
    }
}

/// The rates of all parameters of a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rates {
    /// Of the encoder's end.
    pub(crate) schedule: Polynomial,
    /// Factor from each block to the one before it, above 0 and at most 1 (BEiT, MAE: layer-wise decay).
    pub(crate) layer_decay: f64,
    /// Blocks of the encoder.
    pub(crate) depth: usize,
}

impl Rates {
    /// At a step, counted from 0. Of groups that a parameter belongs to, the last one counts.
    pub(crate) fn at(&self, step: usize) -> ModuleLearningRate {
        let rate = self.schedule.at(step);
        let of = |steps_from_the_end: usize| rate * self.layer_decay.powi(steps_from_the_end as i32);
        // The embeddings lie below the first block, the final norm behind the last one.
        let mut rates = ModuleLrScheduler::new(rate * HEAD_FACTOR)
            .with_group(ParamGroup::from_predicate("encoder."), of(self.depth + 1))
            .with_group(ParamGroup::from_any_predicates(vec!["encoder.norm.gamma", "encoder.norm.beta"]), rate);
        for block in 0..self.depth {
            let group = ParamGroup::from_predicate(format!("encoder.blocks.{block}."));
            rates = rates.with_group(group, of(self.depth - block));
        }
        rates.step()
    }
}

#[cfg(test)]
mod tests {
    use burn::module::ParamId;

    use super::*;

    const VOC: Polynomial = Polynomial { peak: 6e-5, warm_up: 1500, total: 20_000, power: 0.9 };

    #[test]
    fn follows_the_reference_log() {
        // ToCo's VOC log prints 7.960e-6 at step 199, and the rate drops to 0.932 of the peak when warm-up ends.
        assert!((VOC.at(199) - 7.960e-6).abs() < 1e-9, "{}", VOC.at(199));
        assert!((VOC.at(1500) / VOC.peak - 0.932).abs() < 1e-3, "{}", VOC.at(1500));
        assert!(VOC.at(0) > 0.0 && VOC.at(0) < 1e-10, "{}", VOC.at(0));
        assert_eq!(VOC.at(20_000), 0.0);
    }

    #[test]
    fn layers_decay_towards_the_input() {
        let rates = Rates { schedule: VOC, layer_decay: 0.5, depth: 12 }.at(1500);
        let of = |path: &str| rates.lr_from_param(ParamId::from(1_u64), Some(path)) / VOC.at(1500);
        for (path, expected) in [
            ("classifier.conv.weight", 10.0),
            ("encoder.norm.gamma", 1.0),
            ("encoder.blocks.11.mlp.fc1.weight", 0.5),
            ("encoder.blocks.1.norm1.gamma", 0.5_f64.powi(11)),
            ("encoder.blocks.0.attn.qkv.weight", 0.5_f64.powi(12)),
            ("encoder.pos_embed", 0.5_f64.powi(13)),
        ] {
            assert!((of(path) / expected - 1.0).abs() < 1e-9, "{path}: {}", of(path));
        }
        let even = Rates { schedule: VOC, layer_decay: 1.0, depth: 12 }.at(1500);
        assert_eq!(even.lr_from_param(ParamId::from(1_u64), Some("encoder.pos_embed")), VOC.at(1500));
    }
}
