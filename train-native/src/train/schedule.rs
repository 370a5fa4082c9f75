//! Learning rates: linear warm-up, then polynomial decay, ten times as fast for what starts from scratch.

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

    /// The rates of all parameters at a step.
    pub(crate) fn rates(&self, step: usize) -> ModuleLearningRate {
        let rate = self.at(step);
        ModuleLrScheduler::new(rate * HEAD_FACTOR).with_group(ParamGroup::from_predicate("encoder."), rate).step()
    }
}

#[cfg(test)]
mod tests {
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
}
