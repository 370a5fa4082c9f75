//! Text embeddings of the classes of a data set.

use std::path::Path;

use anyhow::{Result, bail};
use burn::tensor::TensorData;
use dalnet_assets::TextEmbeddings;
use dalnet_text::embeddings::VOC;

use crate::source::Source;

/// Unit vectors `[C + 1, d_t]` of the `classes` of `data` and, last, the background: from `path`, or those that come with
/// the program. Generated shapes have no texts; at right angles to one another, as theirs are, nothing is alike.
pub(super) fn class_texts(path: Option<&Path>, data: &Source, classes: &[String]) -> Result<TensorData> {
    let texts = match path {
        Some(path) => TextEmbeddings::open(path)?,
        None if matches!(data, Source::Shapes(_)) => return Ok(right_angles(classes.len() + 1)),
        None => TextEmbeddings::from_bytes(VOC)?,
    };
    if texts.classes != classes {
        bail!(
            "{} holds the texts of {}, the data set has {}; make them with train-native embed and give them as --text",
            path.map_or("what comes with the program".to_owned(), |path| path.display().to_string()),
            texts.classes.join(", "),
            classes.join(", ")
        );
    }
    Ok(texts.vectors)
}

/// The unit matrix `[count, count]`.
fn right_angles(count: usize) -> TensorData {
    let values = (0..count * count).map(|place| f32::from(u8::from(place / count == place % count)));
    TensorData::new(values.collect::<Vec<_>>(), [count, count])
}
