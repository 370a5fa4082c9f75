//! The best checkpoint of a run: `best.json`.

use std::path::Path;

use anyhow::Result;
use dalnet_assets::{Checkpoints, Map};
use serde::{Deserialize, Serialize};

use crate::evaluate::{CAMS, Report};
use crate::files::write_json;
use crate::model::BEST;

/// The checkpoint with the highest score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Best {
    /// Finished iterations.
    pub(super) iteration: u64,
    /// The map whose mIoU it is.
    pub(super) map: String,
    /// mIoU in percent on the validation pictures.
    pub(super) miou: f64,
}

impl Best {
    /// What a report says for this purpose: of the segmentation if there is a head, else of the better CAM. A head that
    /// has not trained yet scores low, so the first checkpoint after its start takes over.
    pub(super) fn of(report: &Report, iteration: u64) -> Option<Self> {
        let score = |map: &str| report.miou.get(map).map(|miou| (map.to_owned(), *miou));
        let cams = CAMS.into_iter().filter_map(|map| score(map.name()));
        score(Map::Segmentation.name())
            .or(cams.max_by(|one, other| one.1.total_cmp(&other.1)))
            .map(|(map, miou)| Self { iteration, map, miou })
    }

    /// Names it in the run's folder.
    pub(super) fn write(&self, run: &Path) -> Result<()> {
        write_json(&run.join(BEST), self)
    }
}

/// The better one; the earlier if they are equal.
pub(super) fn better(best: Option<Best>, found: Option<Best>) -> Option<Best> {
    match (best, found) {
        (Some(best), Some(found)) if found.miou <= best.miou => Some(best),
        (best, found) => found.or(best),
    }
}

/// What a checkpoint remembers as the best, unless that is gone: it was newer than the one that is resumed.
pub(super) fn remembered(best: Option<Best>, checkpoints: &Checkpoints) -> Result<Option<Best>> {
    let found = best.as_ref().map(|best| checkpoints.find(best.iteration)).transpose()?.flatten();
    Ok(best.filter(|_| found.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(iteration: u64, miou: f64) -> Option<Best> {
        Some(Best { iteration, map: "cam".to_owned(), miou })
    }

    #[test]
    fn a_better_one_replaces_and_an_equal_one_does_not() {
        assert_eq!(better(None, at(1, 20.0)), at(1, 20.0));
        assert_eq!(better(at(1, 20.0), at(2, 30.0)), at(2, 30.0));
        assert_eq!(better(at(1, 20.0), at(2, 20.0)), at(1, 20.0));
        assert_eq!(better(at(1, 20.0), None), at(1, 20.0));
    }
}
