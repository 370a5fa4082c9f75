//! What can be learnt of a picture.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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

/// How strongly one class is seen at every pixel of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heat {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// `[height, width]`, 0..=255 for 0..1.
    pub values: Vec<u8>,
}

/// How near every patch of a picture is to every text.
#[derive(Debug, Clone, PartialEq)]
pub struct Similarity {
    /// Of the grid of patches.
    pub rows: usize,
    /// Of the grid of patches.
    pub columns: usize,
    /// What the texts name: the model's classes, then the background.
    pub names: Vec<String>,
    /// Cosines `[names, rows, columns]`, -1..1.
    pub values: Vec<f32>,
}
