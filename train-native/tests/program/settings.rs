//! Settings from flags, files and presets.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::bad_input::refused;
use crate::fixture::{Tree, finished, program, succeeds};

/// A quick run: the smallest encoder, one thread.
fn quick(tree: &Tree, changes: &[(&str, &str)]) -> Command {
    let options = [("--encoder", "tiny-8"), ("--crop", "32"), ("--threads", "1"), ("--validate-every", "0")];
    tree.train(&[&options[..], changes].concat())
}

/// `config.toml` of a run, line by line.
fn config(run: &Path) -> Vec<String> {
    let text = fs::read_to_string(run.join("config.toml")).expect("a run writes config.toml");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_run_is_repeated_from_its_own_file() {
    let tree = Tree::new();
    let output = finished(&mut quick(&tree, &[("--iterations", "1")]));
    let entries = fs::read_to_string(tree.path("run/metrics.jsonl")).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), entries, "piped output is the entries");
    let entry = serde_json::from_str::<Value>(&entries).unwrap();
    assert!(entry["seconds_left"].is_number(), "{entry}");
    assert!(!cfg!(target_os = "linux") || entry["memory"].as_f64().is_some_and(|memory| memory > 1.0), "{entry}");

    let again = tree.path("again");
    let file = tree.path("run/config.toml");
    succeeds(
        program("train").arg("--config").arg(file).args(["--iterations", "2", "--log", "bar"]).arg("--out").arg(&again),
    );
    let differing = config(&tree.path("run")).into_iter().zip(config(&again)).filter(|(one, other)| one != other);
    let names = differing.map(|(one, other)| {
        let name = |line: &str| line.split(" = ").next().expect("a line has a name").to_owned();
        assert_eq!(name(&one), name(&other));
        name(&one)
    });
    assert_eq!(names.collect::<Vec<_>>(), ["out", "iterations", "log"]);
}

#[test]
fn flags_win_over_the_file_and_the_file_over_the_preset() {
    let tree = Tree::new();
    let text = "preset = \"shapes\"\nbatch = 4\nseed = 7\nsplits = [\"val\"]\nset = [\"shared_dim=32\"]\n";
    let file = tree.write("settings.toml", text);
    let mut command = quick(&tree, &[("--batch", "2"), ("--iterations", "1"), ("--splits", "train_aug")]);
    succeeds(command.arg("--config").arg(file));
    let found = config(&tree.path("run"));
    // Of a flag, of the file, and of the preset.
    for line in ["batch = 2", "seed = 7", "long-side = 96", "preset = \"shapes\""] {
        assert!(found.contains(&line.to_owned()), "{line} is not in {found:?}");
    }
    // The flags' list replaces that of the file.
    assert!(found.iter().any(|line| line.contains("objective.terms.seg.start=2")), "{found:?}");
    assert!(!found.iter().any(|line| line.contains("shared_dim")), "{found:?}");
}

#[test]
fn a_step_may_be_split_and_a_beginning_frozen() {
    let tree = Tree::new();
    let changes = [("--accumulate", "2"), ("--device", "cpu,cpu"), ("--freeze", "2"), ("--layer-decay", "0.75")];
    let said = succeeds(quick(&tree, &changes).args(["--gradient-checkpointing", "--colour-jitter=false"]));
    assert!(said.contains("CPU (burn-flex) + CPU (burn-flex), iterations 0 to 4"), "{said}");
    let weights = |name: &str| {
        let path = tree.path(&format!("run/checkpoints/{name}/model.safetensors"));
        dalnet_assets::read_safetensors_file(&path).unwrap().0
    };
    let (before, after) = (weights("000002"), weights("000004"));
    assert_eq!(before["encoder.blocks.1.mlp.fc1.weight"], after["encoder.blocks.1.mlp.fc1.weight"]);
    assert_ne!(before["encoder.blocks.2.mlp.fc1.weight"], after["encoder.blocks.2.mlp.fc1.weight"]);
    // Devices may change between the two halves of a run, what is trained may not.
    refused(quick(&tree, &[("--freeze", "2")]).arg("--resume"), &["--accumulate 2, now 1", "choose another --out"]);
}

#[test]
fn another_block_may_feed_the_auxiliary_classifier() {
    for (block, index) in [(None, 4), (Some("3"), 2)] {
        let tree = Tree::new();
        let block = block.map(|block| ("--auxiliary-block", block));
        let changes = block.into_iter().chain([("--iterations", "1")]);
        succeeds(&mut quick(&tree, &changes.collect::<Vec<_>>()));
        let model = dalnet_assets::Model::open(&tree.path("run/checkpoints/000001")).unwrap();
        assert_eq!(model.spec.architecture.auxiliary_block, index);
    }
}

#[test]
fn files_that_are_no_settings() {
    let tree = Tree::new();
    let check = |text: &str, parts: &[&str]| {
        let file = tree.write("settings.toml", text);
        refused(tree.train(&[]).arg("--config").arg(file), parts);
    };
    let remedy = "see train-native train --help";
    check("seed = 1\ncropp = 64\n", &["settings.toml, line 2", "`cropp`", "`crop`", "`weight-decay`", remedy]);
    check("crop = \"large\"\n", &["settings.toml, line 1", "\"large\"", remedy]);
    check("crop 64\n", &["settings.toml, line 1", remedy]);
    check("freeze = \"half\"\n", &["settings.toml, line 1", "use patch, a number of blocks, or encoder", remedy]);
    refused(tree.train(&[]).arg("--config").arg(tree.path("no.toml")), &["--config", "no.toml: cannot be read"]);
    refused(program("train").args(["--out", "run"]), &["no data is given", "add --data"]);
    assert!(!tree.path("run").exists());
}
