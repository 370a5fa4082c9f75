//! Text embeddings of the classes of a data set.

use std::path::Path;

use anyhow::{Result, bail};
use burn::tensor::TensorData;
use dalnet_assets::TextEmbeddings;
use dalnet_text::embeddings::VOC;

/// Unit vectors `[C + 1, d_t]` of `classes` and, last, the background: from `path`, or those that come with the program.
pub(super) fn class_texts(path: Option<&Path>, classes: &[String]) -> Result<TensorData> {
    let texts = match path {
        Some(path) => TextEmbeddings::open(path)?,
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
