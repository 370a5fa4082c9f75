//! `train-native`: train, evaluate and run DALNet.

mod average;
mod batch;
mod completions;
mod device;
mod doctor;
mod draw;
mod embed;
mod evaluate;
mod export;
mod fetch;
mod files;
mod first_run;
mod help;
mod inspect;
mod model;
mod network;
mod palette;
mod panics;
mod pictures;
mod pseudo_label;
mod segment;
mod shard;
mod source;
mod text_form;
mod train;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

/// Semantic segmentation learnt from image tags only.
///
/// Without a command it shows all of it in some minutes: it draws pictures of textured shapes, learns to segment them
/// from their tags, and says how well it does.
///
/// On pictures in the official VOC layout:
///   train-native train --data voc:VOCdevkit/VOC2012 --weights vit_tiny.safetensors --out run
///   train-native eval --data voc:VOCdevkit/VOC2012 --split val --model run --json scores.json
///   train-native segment --model run --out masks photo.jpg
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Train from pictures with image tags.
    #[command(after_long_help = help::train())]
    Train(Box<train::Arguments>),
    /// Score CAMs, pseudo labels and segmentations of a model against masks.
    #[command(after_long_help = help::EVAL)]
    Eval(evaluate::Options),
    /// Make the text embeddings of a list of classes.
    Embed(embed::Options),
    /// Turn pictures into masks and overlays.
    #[command(after_long_help = help::SEGMENT)]
    Segment(segment::Options),
    /// Turn the image tags of a data set into masks.
    #[command(after_long_help = help::PSEUDO_LABEL)]
    PseudoLabel(pseudo_label::Options),
    /// Average the weights of models that were trained from one another.
    #[command(after_long_help = help::AVERAGE)]
    Average(average::Options),
    /// Write the files of a model that pages load.
    #[command(after_long_help = help::EXPORT)]
    Export(export::Options),
    /// Fetch data sets and pre-trained weights.
    #[command(after_long_help = help::FETCH)]
    Fetch(fetch::Options),
    /// Say what a model is, where it comes from, and that its files are whole.
    #[command(after_long_help = help::INSPECT)]
    Inspect(inspect::Options),
    /// Look at this machine and try every device.
    #[command(after_long_help = help::DOCTOR)]
    Doctor(doctor::Options),
    /// Print the completions of a shell.
    #[command(after_long_help = help::COMPLETIONS)]
    Completions(completions::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        None => first_run::run(),
        Some(command) => perform(command).map(|_| ()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", sentence(&error));
            ExitCode::from(2)
        }
    }
}

/// Runs a subcommand. Whether it came to its end: training can be stopped before.
fn perform(command: Command) -> Result<bool> {
    match command {
        Command::Train(arguments) => return train::run(&arguments),
        Command::Eval(options) => evaluate::run(&options)?,
        Command::Embed(options) => embed::run(&options)?,
        Command::Segment(options) => segment::run(&options)?,
        Command::PseudoLabel(options) => pseudo_label::run(&options)?,
        Command::Average(options) => average::run(&options)?,
        Command::Export(options) => export::run(&options)?,
        Command::Fetch(options) => fetch::run(&options)?,
        Command::Inspect(options) => inspect::run(&options)?,
        Command::Doctor(options) => doctor::run(&options)?,
        Command::Completions(options) => completions::run(&options, &mut Cli::command())?,
    }
    Ok(true)
}

/// An error with its causes, without those that the errors of the libraries tell themselves.
fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        text if text.contains(&cause) => said,
        _ => format!("{said}: {cause}"),
    })
}
