//! Text embeddings of the classes of a data set.

use std::path::Path;

use anyhow::{Result, bail};
use burn::tensor::TensorData;
use dalnet_assets::read_safetensors_file;

pub(super) fn class_texts(path: Option<&Path>, _classes: &[String]) -> Result<TensorData> {
    let Some(path) = path else { bail!("--text") };
    Ok(read_safetensors_file(path)?.0.remove("embeddings").unwrap())
}
