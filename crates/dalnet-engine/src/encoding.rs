//! What the network left of a picture, and the answers it holds.

use std::time::Duration;

use dalnet_assets::ModelSpec;
use serde::{Deserialize, Serialize};
use web_time::Instant;

use crate::error::EngineError;

#[cfg(test)]
mod tests;

/// What to ask; the default is the classes the network predicts at the model's own threshold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Labels (1 and up) of the classes that may appear; `None` for the predicted ones.
    pub classes: Option<Vec<usize>>,
    /// At or below this value of the map (0..1) a pixel is background; `None` for the model's own.
    pub background_threshold: Option<f32>,
}

/// A label for every pixel of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Segmentation {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// `[height, width]`: 0 background, else 1 + the class's place in the model's list.
    pub labels: Vec<u8>,
    /// `[height, width]`, 0..=255: the map of the label, or what is missing to the strongest class for background.
    pub confidence: Vec<u8>,
    /// The classes that were asked for, most probable first.
    pub classes: Vec<ClassShare>,
    /// What took how long.
    pub timings: Vec<(&'static str, Duration)>,
}

/// One class of a segmentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassShare {
    /// Its label, from 1.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Probability that the picture shows it, 0..1.
    pub score: f32,
    /// Share of the picture's pixels, 0..1.
    pub share: f32,
}

/// Maps and class probabilities of one picture, on the host.
#[derive(Debug, Clone)]
pub struct Encoding {
    names: Vec<String>,
    background_threshold: f32,
    class_threshold: f32,
    /// `[height, width]` of the picture.
    size: [usize; 2],
    /// `[height, width]` of the maps.
    map_size: [usize; 2],
    /// `[C, height, width]`, 0..1.
    maps: Vec<f32>,
    scores: Vec<f32>,
    timings: Vec<(&'static str, Duration)>,
}

impl Encoding {
    pub(crate) fn new(
        spec: &ModelSpec,
        size: [usize; 2],
        map_size: [usize; 2],
        maps: Vec<f32>,
        logits: &[f32],
        timings: Vec<(&'static str, Duration)>,
    ) -> Self {
        Self {
            names: spec.classes.clone(),
            background_threshold: spec.background_threshold,
            class_threshold: spec.class_threshold,
            size,
            map_size,
            maps,
            scores: logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect(),
            timings,
        }
    }

    /// Labels the picture. Where two classes are equally strong, the one of the smaller label wins.
    ///
    /// # Errors
    /// A class that the model does not have, a threshold outside 0..1.
    pub fn ask(&self, options: &Options) -> Result<Segmentation, EngineError> {
        let start = Instant::now();
        let threshold = options.background_threshold.unwrap_or(self.background_threshold);
        if !(0.0..=1.0).contains(&threshold) {
            return Err(EngineError::Threshold(threshold));
        }
        let asked = self.asked(options)?;
        let [height, width] = self.size;
        let mut strongest = vec![threshold; height * width];
        let mut runner_up = vec![0.0_f32; height * width];
        let mut labels = vec![0_u8; height * width];
        let mut row = vec![0.0_f32; width];
        let (rows, columns) = (taps(self.map_size[0], height), taps(self.map_size[1], width));
        for class in &asked {
            let map = &self.maps[class * self.map_size[0] * self.map_size[1]..][..self.map_size[0] * self.map_size[1]];
            for (y, tap) in rows.iter().enumerate() {
                interpolate(map, self.map_size[1], *tap, &columns, &mut row);
                for (x, value) in row.iter().enumerate() {
                    let pixel = y * width + x;
                    runner_up[pixel] = runner_up[pixel].max(*value);
                    if *value > strongest[pixel] {
                        strongest[pixel] = *value;
                        // `MAX_CLASSES` keeps it within a byte.
                        labels[pixel] = (class + 1) as u8;
                    }
                }
            }
        }
        let confidence = labels.iter().zip(&strongest).zip(&runner_up).map(|((label, strongest), runner_up)| {
            let value = if *label == 0 { 1.0 - runner_up } else { *strongest };
            (value.clamp(0.0, 1.0) * 255.0).round() as u8
        });
        let confidence = confidence.collect();
        let classes = self.shares(&asked, &labels);
        let mut timings = self.timings.clone();
        timings.push(("label", start.elapsed()));
        Ok(Segmentation { width, height, labels, confidence, classes, timings })
    }

    /// Indices from 0 of the classes that may appear, ascending.
    fn asked(&self, options: &Options) -> Result<Vec<usize>, EngineError> {
        let Some(labels) = &options.classes else {
            return Ok((0..self.names.len()).filter(|class| self.scores[*class] >= self.class_threshold).collect());
        };
        if let Some(class) = labels.iter().find(|label| !(1..=self.names.len()).contains(*label)) {
            return Err(EngineError::UnknownClass { class: *class, last: self.names.len() });
        }
        let mut classes = labels.iter().map(|label| label - 1).collect::<Vec<_>>();
        classes.sort_unstable();
        classes.dedup();
        Ok(classes)
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

/// Between which two samples a target lies, and how near to the second.
type Tap = (usize, usize, f32);

/// Bilinear taps of one axis with half-pixel centres, as [`dalnet::resize`] has them.
fn taps(from: usize, to: usize) -> Vec<Tap> {
    let tap = |target: usize| {
        let source = ((target as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
        let first = (source.floor() as usize).min(from - 1);
        (first, (first + 1).min(from - 1), (source - first as f64) as f32)
    };
    (0..to).map(tap).collect()
}

/// One row of a map at the picture's width.
fn interpolate(map: &[f32], map_width: usize, (first, second, share): Tap, columns: &[Tap], row: &mut [f32]) {
    let (above, below) = (&map[first * map_width..][..map_width], &map[second * map_width..][..map_width]);
    for (value, (left, right, across)) in row.iter_mut().zip(columns) {
        let upper = above[*left] + (above[*right] - above[*left]) * across;
        let lower = below[*left] + (below[*right] - below[*left]) * across;
        *value = upper + (lower - upper) * share;
    }
}
