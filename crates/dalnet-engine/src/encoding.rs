//! What the network left of a picture, and the answers it holds.

use std::time::Duration;

use dalnet_assets::{Map, ModelSpec};
use serde::{Deserialize, Serialize};
use web_time::Instant;

use crate::answer::{ClassShare, Heat, Segmentation, Similarity};
use crate::error::EngineError;
use crate::map_values::MapValues;
use crate::sampling::{interpolate, taps};

#[cfg(test)]
mod tests;

/// What to ask; the default is the classes the network predicts, by the model's own map and threshold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Labels (1 and up) of the classes that may appear; `None` for the predicted ones.
    pub classes: Option<Vec<usize>>,
    /// At or below this value of the map (0..1) a pixel is background; `None` for the model's own, or for one half where
    /// the head's segmentation is asked of a model whose own map is another.
    pub background_threshold: Option<f32>,
    /// The map that labels the pixels; `None` for the model's own.
    pub map: Option<Map>,
    /// Whether the map follows the picture's edges; `None` as the model has it.
    pub refine: Option<bool>,
}

/// Everything the network says of one picture, on the host.
#[derive(Debug, Clone)]
pub struct Encoding {
    names: Vec<String>,
    background_threshold: f32,
    class_threshold: f32,
    /// The model's own.
    map: Map,
    /// Whether the model's maps are refined unless something else is asked for.
    refine: bool,
    /// `[height, width]` of the picture.
    size: [usize; 2],
    maps: MapValues,
    scores: Vec<f32>,
    similarity: Option<Similarity>,
    timings: Vec<(&'static str, Duration)>,
}

impl Encoding {
    /// Of a picture of `size` `[height, width]` and logits `[C]`.
    pub(crate) fn new(
        spec: &ModelSpec,
        size: [usize; 2],
        maps: MapValues,
        logits: &[f32],
        similarity: Option<Similarity>,
        timings: Vec<(&'static str, Duration)>,
    ) -> Self {
        Self {
            names: spec.classes.clone(),
            background_threshold: spec.background_threshold,
            class_threshold: spec.class_threshold,
            map: spec.input.map,
            refine: spec.input.refinement.is_some(),
            size,
            maps,
            scores: logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect(),
            similarity,
            timings,
        }
    }

    /// Labels the picture. Maps are refined once for each class that is asked for. Where two classes are equally strong,
    /// the one of the smaller label wins.
    ///
    /// # Errors
    /// A class or a map that the model does not have, a threshold outside 0..1.
    pub fn ask(&self, options: &Options) -> Result<Segmentation, EngineError> {
        let start = Instant::now();
        let map = options.map.unwrap_or(self.map);
        let threshold = options.background_threshold.unwrap_or_else(|| self.threshold(map));
        if !(0.0..=1.0).contains(&threshold) {
            return Err(EngineError::Threshold(threshold));
        }
        let asked = self.asked(options)?;
        let maps = self.maps.of(map, &asked, options.refine.unwrap_or(self.refine))?;
        let refined = start.elapsed();
        let [height, width] = self.size;
        let mut strongest = vec![threshold; height * width];
        let mut runner_up = vec![0.0_f32; height * width];
        let mut labels = vec![0_u8; height * width];
        for (class, values) in asked.iter().zip(maps) {
            self.each_row(values, |y, row| {
                for (x, value) in row.iter().enumerate() {
                    let pixel = y * width + x;
                    runner_up[pixel] = runner_up[pixel].max(*value);
                    if *value > strongest[pixel] {
                        strongest[pixel] = *value;
                        // `MAX_CLASSES` keeps it within a byte.
                        labels[pixel] = (class + 1) as u8;
                    }
                }
            });
        }
        let confidence = labels
            .iter()
            .zip(&strongest)
            .zip(&runner_up)
            .map(|((label, strongest), runner_up)| byte(if *label == 0 { 1.0 - runner_up } else { *strongest }));
        let confidence = confidence.collect();
        let classes = self.shares(&asked, &labels);
        let mut timings = self.timings.clone();
        timings.extend([("refine", refined), ("label", start.elapsed() - refined)]);
        Ok(Segmentation { width, height, labels, confidence, classes, timings })
    }

    /// One class's map at the picture's size; `label` from 1, `map` and `refine` as the model has them if `None`.
    ///
    /// # Errors
    /// A class or a map that the model does not have.
    pub fn heat(&self, label: usize, map: Option<Map>, refine: Option<bool>) -> Result<Heat, EngineError> {
        let class = self.class(label)?;
        let [height, width] = self.size;
        let mut values = Vec::with_capacity(height * width);
        for map in self.maps.of(map.unwrap_or(self.map), &[class], refine.unwrap_or(self.refine))? {
            self.each_row(map, |_, row| values.extend(row.iter().map(|value| byte(*value))));
        }
        Ok(Heat { width, height, values })
    }

    /// How near every patch is to the text of every class and of the background; `None` for a model without alignment.
    pub fn similarity(&self) -> Option<&Similarity> {
        self.similarity.as_ref()
    }

    /// The background threshold of a map unless another one is asked for.
    fn threshold(&self, map: Map) -> f32 {
        if map == Map::Segmentation && self.map != map { Map::HEAD_THRESHOLD } else { self.background_threshold }
    }

    /// Calls `use_row` with the number and the values of each row of a map at the picture's size.
    fn each_row(&self, map: &[f32], mut use_row: impl FnMut(usize, &[f32])) {
        let [height, width] = self.maps.size();
        let columns = taps(width, self.size[1]);
        let mut row = vec![0.0; self.size[1]];
        for (y, tap) in taps(height, self.size[0]).into_iter().enumerate() {
            interpolate(map, width, tap, &columns, &mut row);
            use_row(y, &row);
        }
    }

    /// Indices from 0 of the classes that may appear, ascending.
    fn asked(&self, options: &Options) -> Result<Vec<usize>, EngineError> {
        let Some(labels) = &options.classes else {
            return Ok((0..self.names.len()).filter(|class| self.scores[*class] >= self.class_threshold).collect());
        };
        let mut classes = labels.iter().map(|label| self.class(*label)).collect::<Result<Vec<_>, _>>()?;
        classes.sort_unstable();
        classes.dedup();
        Ok(classes)
    }

    /// The place of a label's class in the model's list.
    fn class(&self, label: usize) -> Result<usize, EngineError> {
        if (1..=self.names.len()).contains(&label) {
            Ok(label - 1)
        } else {
            Err(EngineError::UnknownClass { class: label, last: self.names.len() })
        }
    }

    fn shares(&self, asked: &[usize], labels: &[u8]) -> Vec<ClassShare> {
        let mut counts = [0_usize; 256];
        labels.iter().for_each(|label| counts[usize::from(*label)] += 1);
        let share = |class: &usize| ClassShare {
            index: class + 1,
            name: self.names[*class].clone(),
            score: self.scores[*class],
            share: counts[class + 1] as f32 / labels.len() as f32,
        };
        let mut shares = asked.iter().map(share).collect::<Vec<_>>();
        shares.sort_by(|one, other| other.score.total_cmp(&one.score));
        shares
    }
}

/// 0..=255 for 0..1.
fn byte(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0).round() as u8
}
