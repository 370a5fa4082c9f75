//! The `--classes` argument.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use dalnet_assets::manifest::MAX_CLASSES;
use dalnet_data::voc;

/// The 80 classes of COCO by their official names, in the order of the category ids.
const COCO: &str = include_str!("coco.txt");

/// Class names from a file, or those of a data set.
pub(super) fn read(argument: &str) -> Result<Vec<String>> {
    match argument {
        "voc" => Ok(voc::CLASSES.map(str::to_owned).to_vec()),
        "coco" => Ok(COCO.lines().map(str::to_owned).collect()),
        path => {
            let text = fs::read_to_string(path).with_context(|| {
                format!("{path}: cannot be read; give a file with one class on each line, or voc, or coco")
            })?;
            parse(&text).with_context(|| path.to_owned())
        }
    }
}

fn parse(text: &str) -> Result<Vec<String>> {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    let mut classes = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let name = line.trim();
        if name.is_empty() {
            bail!("line {number} is empty; write one class on each line");
        }
        if name.eq_ignore_ascii_case("background") {
            bail!("line {number} is {name:?}: the background is added by itself; remove the line");
        }
        if let Some(first) = lines.insert(name, number) {
            bail!("line {number} repeats {name:?} of line {first}; remove one of them");
        }
        classes.push(name.to_owned());
    }
    if !(1..=MAX_CLASSES).contains(&classes.len()) {
        bail!("{} classes: a model has 1 to {MAX_CLASSES}; write one on each line", classes.len());
    }
    Ok(classes)
}
