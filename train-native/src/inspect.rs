//! `train-native inspect`: what a model is, where it comes from, and whether its files are whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use dalnet_assets::manifest::MANIFEST;
use dalnet_assets::{Checkpoint, FileEntry, Licence, Manifest, Model, ModelSpec, Precision, Quality};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::find_model;

/// Options of `train-native inspect`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A run's folder, a checkpoint's folder, or a manifest.json
    model: PathBuf,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// All there is to say.
#[derive(Debug, Serialize)]
struct Card {
    /// The folder of the checkpoint, or the manifest.
    path: PathBuf,
    #[serde(flatten)]
    spec: ModelSpec,
    parameters: u64,
    /// By the first part of their names.
    parameters_of: BTreeMap<String, u64>,
    /// Whole, with their full paths.
    files: Vec<FileEntry>,
    /// Of a checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    training: Option<History>,
    /// Of a shipped model.
    #[serde(skip_serializing_if = "Option::is_none")]
    shipped: Option<Shipped>,
}

#[derive(Debug, Serialize)]
struct History {
    iteration: Value,
    /// Options and recipe of the run.
    options: Value,
    /// The last entry of metrics.jsonl with losses, and the last one with scores.
    losses: Option<Value>,
    validation: Option<Value>,
}

#[derive(Debug, Serialize)]
struct Shipped {
    provenance: String,
    licences: Vec<Licence>,
    quality: Quality,
    precision: Precision,
    /// Of the weights of the exported checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint_sha256: Option<String>,
}

/// Prints the card of a model, whose files were all read and verified.
pub(crate) fn run(options: &Options) -> Result<()> {
    let card = Card::of(&options.model)?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&card)?);
    } else {
        println!("{}", card.text());
    }
    Ok(())
}

impl Card {
    fn of(named: &Path) -> Result<Self> {
        let path = find_model(named)?;
        let state = path.join("state.json");
        let is_checkpoint = state.is_file();
        let (spec, tensors) = if is_checkpoint {
            // Whole, with the optimiser's record, which a model does not need.
            let Checkpoint { spec, tensors, .. } = Checkpoint::<Value>::load(&path)?;
            (spec, tensors)
        } else {
            let Model { spec, tensors, .. } = Model::open(&path)?;
            (spec, tensors)
        };
        let path = if path.is_dir() && !is_checkpoint { path.join(MANIFEST) } else { path };
        let mut parameters_of = BTreeMap::new();
        for (name, tensor) in &tensors {
            let part = name.split('.').next().unwrap_or(name).to_owned();
            *parameters_of.entry(part).or_default() += tensor.num_elements() as u64;
        }
        let (described, folder) = match is_checkpoint {
            true => (state, path.as_path()),
            false => (path.clone(), path.parent().unwrap_or(Path::new("."))),
        };
        let text =
            fs::read_to_string(&described).with_context(|| format!("{}: cannot be read", described.display()))?;
        let value = serde_json::from_str::<Value>(&text)?;
        // Opening it has read these files and compared them with their entries.
        let entries = Vec::<FileEntry>::deserialize(&value["files"])?;
        let full = |entry: FileEntry| FileEntry { path: folder.join(entry.path).display().to_string(), ..entry };
        let mut files = vec![FileEntry::new(described.display().to_string(), text.as_bytes())];
        files.extend(entries.into_iter().map(full));
        let (training, shipped) = if is_checkpoint {
            (Some(History::of(&value, folder)), None)
        } else {
            let Manifest { provenance, licences, quality, precision, checkpoint_sha256, .. } =
                Manifest::from_json(&text)?;
            (None, Some(Shipped { provenance, licences, quality, precision, checkpoint_sha256 }))
        };
        let parameters = parameters_of.values().sum();
        Ok(Self { path, spec, parameters, parameters_of, files, training, shipped })
    }

    /// For people.
    fn text(&self) -> String {
        let Self { spec, .. } = self;
        let encoder = &spec.architecture.encoder;
        let mut lines = vec![("model", self.path.display().to_string())];
        lines.push((
            "encoder",
            format!(
                "ViT, {} blocks, {} wide, {} heads, patches of {} px",
                encoder.depth, encoder.dim, encoder.heads, encoder.patch_size
            ),
        ));
        let parts = self.parameters_of.iter().map(|(part, count)| format!("{part} {count}"));
        lines.push(("parameters", format!("{} ({})", self.parameters, parts.collect::<Vec<_>>().join(", "))));
        lines.push(("classes", format!("{}: {}", spec.classes.len(), spec.classes.join(", "))));
        lines.push((
            "input",
            format!(
                "longer side {} px, scales {:?}, {}",
                spec.input.long_side,
                spec.input.scales,
                spec.input.map.name()
            ),
        ));
        lines.push(("thresholds", format!("background {}, class {}", spec.background_threshold, spec.class_threshold)));
        if !spec.input.exponents.is_empty() {
            let powers = spec.classes.iter().zip(&spec.input.exponents);
            let powers = powers.map(|(class, exponent)| format!("{class} {exponent:.2}")).collect::<Vec<_>>();
            lines.push(("exponents", powers.join(", ")));
        }
        if let Some(History { iteration, options, losses, validation }) = &self.training {
            lines.push(("iterations", iteration.to_string()));
            let shown = options.as_object().into_iter().flatten().filter(|(name, _)| *name != "recipe");
            let shown = shown.map(|(name, value)| format!("{name} {value}"));
            lines.push(("options", shown.collect::<Vec<_>>().join(", ")));
            if let Some(entry) = losses {
                lines.push(("losses", format!("{} at iteration {}", entry["losses"], entry["iteration"])));
            }
            if let Some(entry) = validation {
                let report = &entry["validation"];
                let pictures = &report["pictures"];
                lines.push((
                    "validation",
                    format!("mIoU {} on {pictures} pictures at iteration {}", report["miou"], entry["iteration"]),
                ));
            }
        }
        if let Some(Shipped { provenance, licences, quality, precision, checkpoint_sha256 }) = &self.shipped {
            let miou = quality.miou.iter().map(|(map, miou)| format!("{map} {miou:.2}"));
            let miou = miou.collect::<Vec<_>>().join(", ");
            lines.push(("quality", format!("mIoU {miou} on {} pictures ({})", quality.pictures, quality.protocol)));
            lines.push(("provenance", provenance.clone()));
            lines.push(("precision", precision.name().to_owned()));
            if let Some(sha256) = checkpoint_sha256 {
                lines.push(("checkpoint", format!("sha256 {sha256}")));
            }
            for Licence { ingredient, source, licence } in licences {
                lines.push(("licence", format!("{ingredient}: {licence} ({source})")));
            }
        }
        for FileEntry { path, bytes, sha256 } in &self.files {
            lines.push(("file", format!("{path}  {bytes} bytes  sha256 {sha256}")));
        }
        lines.iter().map(|(name, value)| format!("{name:<12}{value}")).collect::<Vec<_>>().join("\n")
    }
}

impl History {
    /// From a checkpoint's `state`, and the metrics of its run up to then, if its folder is still in that of the run.
    fn of(state: &Value, checkpoint: &Path) -> Self {
        let run = checkpoint.parent().and_then(Path::parent);
        let text = run.and_then(|run| fs::read_to_string(run.join("metrics.jsonl")).ok()).unwrap_or_default();
        let mut history = Self {
            iteration: state["iteration"].clone(),
            options: state["training"].clone(),
            losses: None,
            validation: None,
        };
        // A line that is cut off is the last one of a run that was killed.
        for entry in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            if entry["iteration"].as_u64() > history.iteration.as_u64() {
                continue;
            }
            if entry["losses"].is_object() {
                history.losses = Some(entry);
            } else if entry["validation"].is_object() {
                history.validation = Some(entry);
            }
        }
        history
    }
}
