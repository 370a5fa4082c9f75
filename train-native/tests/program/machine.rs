//! What `inspect`, `doctor`, `completions` and `--help` say.

use std::fs;
use std::process::Command;

use dalnet_assets::files::sha256;
use serde_json::Value;

use crate::bad_input::refused;
use crate::fixture::{Tree, finished, program, shared, stderr};

/// What a command that succeeds writes to standard output.
fn said(command: &mut Command) -> String {
    String::from_utf8(finished(command).stdout).expect("text")
}

fn inspect(name: &str) -> Value {
    serde_json::from_str(&said(program("inspect").arg(shared().join(name)).arg("--json"))).expect("JSON")
}

#[test]
fn inspect_tells_a_run_from_a_shipped_model() {
    let (run, model) = (inspect("run"), inspect("model"));
    assert_eq!(run["training"]["iteration"], 4);
    assert_eq!(run["training"]["options"]["crop"], 64);
    assert!(run["training"]["losses"]["losses"]["cls"].is_number(), "{run}");
    assert_eq!(run["training"]["validation"]["iteration"], 4);
    assert_eq!(model["shipped"]["provenance"], "random numbers");
    assert!(model["shipped"]["quality"]["miou"]["cam"].is_number() && model["training"].is_null(), "{model}");
    assert_eq!(run["parameters"], model["parameters"]);
    assert!(run["parameters"].as_u64().unwrap() > run["parameters_of"]["encoder"].as_u64().unwrap());
    assert_eq!(run["classes"][7], "cat");
    for card in [&run, &model] {
        let files = card["files"].as_array().unwrap();
        assert!(files.len() >= 2, "{card}");
        for file in files {
            let bytes = fs::read(file["path"].as_str().unwrap()).unwrap();
            assert_eq!(
                (file["bytes"].as_u64(), file["sha256"].as_str()),
                (Some(bytes.len() as u64), Some(&*sha256(&bytes)))
            );
        }
    }
    let text = said(program("inspect").arg(shared().join("run/checkpoints/000002")));
    assert!(text.contains("iterations  2") && text.contains("12 blocks, 192 wide"), "{text}");
    assert!(!text.contains("validation  "), "it came after this checkpoint: {text}");
    let tree = Tree::new();
    refused(program("inspect").arg(tree.path("nowhere")), &["nowhere", "give a manifest.json"]);
}

#[test]
fn a_checkpoint_without_its_optimiser_is_a_model_but_not_whole() {
    let tree = Tree::new();
    for name in ["model.safetensors", "state.json"] {
        tree.write(name, fs::read(shared().join("run/checkpoints/000004").join(name)).unwrap());
    }
    let photo = tree.path("voc/JPEGImages/p0.jpg");
    said(program("segment").arg("--model").arg(tree.path("")).arg("--out").arg(tree.path("masks")).arg(photo));
    refused(program("inspect").arg(tree.path("")), &["optimizer.bpk", "remove this checkpoint's folder"]);
}

#[test]
fn doctor_finds_this_machine_well() {
    let text = said(&mut program("doctor"));
    assert!(text.contains("CPU (burn-flex): right, largest error"), "{text}");
    assert!(text.contains("processor") && text.contains("memory"), "{text}");
}

#[test]
fn shells_complete_every_subcommand() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = said(program("completions").arg(shell));
        for subcommand in ["train", "eval", "segment", "pseudo-label", "fetch", "inspect", "doctor", "export"] {
            assert!(script.contains(subcommand), "{shell}: {subcommand}");
        }
    }
}

#[test]
fn the_long_help_shows_examples_as_they_are_typed() {
    for subcommand in
        ["train", "eval", "segment", "pseudo-label", "export", "fetch", "inspect", "doctor", "completions"]
    {
        let help = said(program(subcommand).arg("--help"));
        assert!(
            help.lines().any(|line| line.starts_with(&format!("    train-native {subcommand} "))
                || line == format!("    train-native {subcommand}")),
            "{help}"
        );
    }
}

#[test]
fn fetch_names_the_licence_and_says_that_there_is_no_network() {
    let tree = Tree::new();
    let mut fetch = program("fetch");
    // Nobody listens on port 1, so nothing is asked of the network.
    fetch.args(["vit-tiny", "--out"]).arg(tree.path("weights")).envs([("ALL_PROXY", "http://127.0.0.1:1")]);
    for name in ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"] {
        fetch.env_remove(name);
    }
    let said = stderr(&fetch.output().unwrap());
    assert!(said.contains("licence: Apache-2.0"), "{said}");
    refused(&mut fetch, &["vit_tiny", "cannot be reached", "check network and proxy"]);
    refused(program("fetch").arg("imagenet"), &["imagenet"]);
}
