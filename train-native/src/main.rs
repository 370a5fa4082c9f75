//! `train-native`: train, evaluate and run DALNet.

mod batch;
mod device;
mod embed;
mod evaluate;
mod export;
mod files;
mod model;
mod palette;
mod pictures;
mod pseudo_label;
mod segment;
mod shard;
mod source;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Semantic segmentation learnt from image tags only.
///
/// A first run, on pictures in the official VOC layout:
///   train-native train --data voc:VOCdevkit/VOC2012 --weights vit_tiny.safetensors --out run
///   train-native eval --data voc:VOCdevkit/VOC2012 --split val --model run --json scores.json
///   train-native segment --model run --out masks photo.jpg
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train from pictures with image tags.
    Train(train::Options),
    /// Score the CAMs of a model against masks.
    Eval(evaluate::Options),
    /// Make the text embeddings of a list of classes.
    Embed(embed::Options),
    /// Turn pictures into masks and overlays.
    Segment(segment::Options),
    /// Turn the image tags of a data set into masks.
    PseudoLabel(pseudo_label::Options),
    /// Write the files of a model that pages load.
    Export(export::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Train(options) => train::run(&options),
        Command::Eval(options) => evaluate::run(&options),
        Command::Embed(options) => embed::run(&options),
        Command::Segment(options) => segment::run(&options),
        Command::PseudoLabel(options) => pseudo_label::run(&options),
        Command::Export(options) => export::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", sentence(&error));
            ExitCode::from(2)
        }
    }
}

/// An error with its causes, without those that the errors of the libraries tell themselves.
fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        text if text.contains(&cause) => said,
        _ => format!("{said}: {cause}"),
    })
}
