//! The program without arguments: a whole training on generated shapes, which says at each step what it does and how.

use std::path::Path;

use anyhow::Result;
use clap::Parser;
use dalnet_assets::Checkpoints;

use crate::{Cli, perform};

/// Folder of the run.
const RUN: &str = "shapes/run";

const NEXT: &str = "\
shapes/run/curves.svg shows how it learnt, shapes/pictures/sheet.png what it sees, shapes/scores.json how good it is.
Next, with your own photos, one folder for each tag:
    train-native fetch vit-tiny
    train-native train --data folder:photos --weights vit_tiny_patch16_224.augreg_in21k_ft_in1k.safetensors \\
        --validate-every 0 --out run
    train-native segment --model run --out masks more-photos
train-native help train explains the rest.";

/// Trains, scores and draws; goes on where it was stopped.
pub(crate) fn run() -> Result<()> {
    let mut train = vec!["train", "--preset", "shapes", "--data", "shapes", "--log", "bar", "--out", RUN];
    if Checkpoints::of_run(Path::new(RUN)).latest()?.is_some() {
        train.push("--resume");
    }
    say("Learning to segment shapes from image tags alone", &train);
    if !perform_line(&train)? {
        return Ok(());
    }
    let data = ["eval", "--data", "shapes", "--model", RUN, "--scales", "1", "--segmentation-scales", "1", "--refine"];
    let results = ["--json", "shapes/scores.json", "--pictures-out", "shapes/pictures"];
    let eval = [&data[..], &results].concat();
    say("Scoring it on shapes that it has not seen", &eval);
    perform_line(&eval)?;
    println!("{NEXT}");
    Ok(())
}

fn say(what: &str, arguments: &[&str]) {
    eprintln!("{what}:\n    train-native {}", arguments.join(" "));
}

/// Runs a command line of this program. Whether it came to its end.
fn perform_line(arguments: &[&str]) -> Result<bool> {
    let words = ["train-native"].iter().chain(arguments);
    match Cli::try_parse_from(words)?.command {
        Some(command) => perform(command),
        None => Ok(true),
    }
}
