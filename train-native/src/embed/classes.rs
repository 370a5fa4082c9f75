//! The `--classes` argument.

use std::path::Path;

use anyhow::{Result, bail};
use dalnet_assets::manifest::MAX_CLASSES;
use dalnet_data::{coco, read_class_list, voc};

/// Class names from a file, or those of a data set.
pub(super) fn read(argument: &str) -> Result<Vec<String>> {
    match argument {
        "voc" => Ok(voc::CLASSES.map(str::to_owned).to_vec()),
        "coco" => Ok(coco::class_names()),
        path => {
            let remedy = "give a file with one class on each line, or voc, or coco";
            if !Path::new(path).is_file() {
                bail!("{path}: cannot be read; {remedy}");
            }
            let classes = read_class_list(Path::new(path))?;
            if classes.len() > MAX_CLASSES {
                bail!("{path}: {} classes are more than the {MAX_CLASSES} of a model; write fewer", classes.len());
            }
            Ok(classes)
        }
    }
}
