//! Runs that stop, on purpose or not, and go on.

use std::fs;
use std::path::Path;
#[cfg(unix)]
use std::process::Command;

use dalnet_assets::{Checkpoints, read_safetensors_file};
use serde_json::Value;

use crate::bad_input::refused;
use crate::fixture::{Tree, finished, program, shared, stderr, succeeds, train};

/// The entries of `metrics.jsonl` without what the clock decides.
fn metrics(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).expect("a run writes metrics.jsonl");
    let entry = |line: &str| {
        let mut entry = serde_json::from_str::<Value>(line).expect("an entry is JSON");
        let fields = entry.as_object_mut().expect("an entry is an object");
        for name in ["pictures_per_second", "data_wait", "seconds_left", "memory"] {
            assert!(fields.remove(name).is_none_or(|value| value.is_number()), "{name} in {line}");
        }
        entry
    };
    text.lines().map(entry).collect()
}

/// Numbers may differ by `1e-6` of the larger; everything else must be the same.
fn assert_close(one: &Value, other: &Value) {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => {
            let [a, b] = [a, b].map(|number| number.as_f64().expect("every number of the entries is an f64"));
            assert!((a - b).abs() <= 1e-6 * a.abs().max(b.abs()), "{a} and {b}");
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).for_each(|(a, b)| assert_close(a, b))
        }
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            a.values().zip(b.values()).for_each(|(a, b)| assert_close(a, b));
        }
        _ => assert_eq!(one, other),
    }
}

#[test]
fn a_resumed_run_ends_as_an_unbroken_one() {
    let whole = shared().join("run");
    let tree = Tree::new();
    let run = tree.path("run");
    // As a run is left that was killed after its second step, and moved.
    for file in ["model.safetensors", "optimizer.bpk", "state.json"] {
        let name = format!("checkpoints/000002/{file}");
        tree.write(&format!("run/{name}"), fs::read(whole.join(&name)).unwrap());
    }
    let text = fs::read_to_string(whole.join("metrics.jsonl")).unwrap();
    tree.write("run/metrics.jsonl", text.lines().take(1).map(|line| format!("{line}\n")).collect::<String>());
    let said = succeeds(train(&shared().join("voc"), &run, &[]).arg("--resume"));
    assert!(said.contains("iterations 2 to 4"), "{said}");

    let (expected, found) = (metrics(&whole), metrics(&run));
    assert_eq!(expected.iter().map(|entry| entry["iteration"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 4, 4]);
    assert_close(&Value::Array(expected), &Value::Array(found));
    let weights = |run: &Path| read_safetensors_file(&run.join("checkpoints/000004/model.safetensors")).unwrap().0;
    let (expected, found) = (weights(&whole), weights(&run));
    assert!(expected.keys().eq(found.keys()));
    for (name, tensor) in &expected {
        let (expected, found) = (tensor.as_slice::<f32>().unwrap(), found[name].as_slice::<f32>().unwrap());
        let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        for (one, other) in expected.iter().zip(found) {
            assert!((one - other).abs() <= 1e-6 * largest, "{name}: {one} and {other}");
        }
    }
    println!("weights bitwise equal: {}", expected == found);
}

#[test]
fn a_second_round_learns_from_the_first_ones_model() {
    let tree = Tree::new();
    let (teacher, run) = (shared().join("model"), tree.path("second"));
    let teacher = teacher.to_str().unwrap();
    succeeds(&mut train(&shared().join("voc"), &run, &[("--teacher", teacher)]));
    let (first, second) = (metrics(&shared().join("run")), metrics(&run));
    // What the tags alone say of the same first steps is the same, the labels of patches are others.
    assert_ne!(first[0]["losses"]["ptc"], second[0]["losses"]["ptc"]);
    let said = stderr(&train(&shared().join("voc"), &run, &[]).arg("--resume").output().unwrap());
    assert!(said.contains("written with other options: --teacher"), "{said}");

    // Twice the same network is that network: its mean is taken.
    let both = tree.path("both");
    succeeds(&mut train(&shared().join("voc"), &both, &[("--teacher", &format!("{teacher},{teacher}"))]));
    assert_eq!(metrics(&both)[0]["losses"], second[0]["losses"]);
    refused(
        &mut tree.train(&[("--teacher", &format!("{teacher},nowhere"))]),
        &["--teacher nowhere", "give a manifest.json"],
    );
    refused(&mut tree.train(&[("--teacher", "nowhere")]), &["--teacher nowhere", "give a manifest.json"]);
    let mut other = program("train");
    other.args(["--preset", "shapes", "--data", "shapes", "--device", "cpu", "--teacher", teacher]);
    refused(other.arg("--out").arg(tree.path("other")), &["--teacher", "triangle", "it was made for"]);
}

#[test]
fn training_changes_the_weights() {
    let weights = |name: &str| {
        let path = shared().join("run/checkpoints").join(name).join("model.safetensors");
        read_safetensors_file(&path).unwrap().0
    };
    let (before, after) = (weights("000002"), weights("000004"));
    let still = before.iter().filter(|(name, tensor)| after[*name] == **tensor).map(|(name, _)| name);
    // The head's loss starts between the two; the class texts are given.
    assert_eq!(still.collect::<Vec<_>>(), ["alignment.text"]);
}

#[test]
fn the_best_checkpoint_is_named_and_opens() {
    let run = shared().join("run");
    let best = serde_json::from_slice::<Value>(&fs::read(run.join("best.json")).unwrap()).unwrap();
    assert_eq!((&best["iteration"], &best["map"]), (&4.into(), &"segmentation".into()));
    let entries = metrics(&run);
    let scored = entries.last().expect("the run was scored");
    assert_eq!(best["miou"], scored["validation"]["miou"]["segmentation"]);
    let inspected = |model: &Path| finished(program("inspect").arg(model).arg("--json")).stdout;
    assert_eq!(inspected(&run.join("best.json")), inspected(&run.join("checkpoints/000004")));
    let state = serde_json::from_slice::<Value>(&fs::read(run.join("checkpoints/000004/state.json")).unwrap()).unwrap();
    assert_eq!(state["training"]["best"], best);
}

#[test]
fn curves_are_drawn() {
    let curves = fs::read_to_string(shared().join("run/curves.svg")).unwrap();
    for name in ["cls", "seg", "encoder", "auxiliary_cam", "segmentation"] {
        assert!(curves.contains(&format!(">{name}</text>")), "{name} is not in {curves}");
    }
}

#[test]
fn examples_are_drawn() {
    let sheet = image::open(shared().join("run/sheet.png")).unwrap().into_rgb8();
    let colours = sheet.pixels().collect::<std::collections::HashSet<_>>();
    assert!(sheet.width() > 400 && colours.len() > 100, "{:?}, {} colours", sheet.dimensions(), colours.len());
}

#[test]
fn stops_at_a_loss_that_is_no_number() {
    let tree = Tree::new();
    let options = [("--learning-rate", "1e30"), ("--checkpoint-every", "1"), ("--validate-every", "0")];
    let output = tree.train(&options).output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in ["error: loss ", "NaN at iteration ", "on pictures p", "--learning-rate"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    let checkpoint = Checkpoints::of_run(&tree.path("run")).latest().unwrap().expect("the last checkpoint is kept");
    assert!(checkpoint.join("state.json").is_file());
}

/// Starts a training, sends it a signal once it says `begun`, and returns what it said before and after.
#[cfg(unix)]
fn interrupted(training: &mut Command, begun: &str, signal: &str) -> String {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let mut run = training.stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut said = String::new();
    let mut lines = BufReader::new(run.stderr.take().expect("a pipe")).lines().map(|line| line.expect("text"));
    for line in lines.by_ref() {
        said.push_str(&line);
        said.push('\n');
        if line.contains(begun) {
            break;
        }
    }
    assert!(said.contains(begun), "{said}");
    succeeds(Command::new("kill").args([signal, &run.id().to_string()]));
    said.extend(lines.map(|line| line + "\n"));
    assert!(run.wait().expect("it ends").success(), "{said}");
    said
}

/// What a newcomer types first: a whole training without any argument, that goes on where it was stopped.
#[cfg(unix)]
#[test]
fn without_arguments_it_learns_shapes_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_train-native"));
        command.current_dir(&folder);
        command
    };
    let said = interrupted(&mut program(), "iterations 0 to 360", "-INT");
    assert!(said.contains("Learning to segment shapes from image tags alone"), "{said}");
    assert!(said.contains("train-native train --preset shapes --data shapes --log bar --out shapes/run\n"), "{said}");
    assert!(said.contains("stopped after iteration") && !said.contains("Scoring"), "{said}");
    let run = folder.path().join("shapes/run");
    let stopped = metrics(&run).last().unwrap()["iteration"].as_u64().unwrap();
    let said = interrupted(&mut program(), &format!("iterations {stopped} to 360"), "-INT");
    assert!(said.contains("--out shapes/run --resume"), "{said}");
    assert!(metrics(&run).last().unwrap()["iteration"].as_u64().unwrap() > stopped);
}

#[cfg(unix)]
#[test]
fn an_interrupt_saves_the_step_in_work() {
    // Ctrl-C, and what clusters and service managers send.
    for signal in ["-INT", "-TERM"] {
        let tree = Tree::new();
        let options = [("--iterations", "1000"), ("--checkpoint-every", "1000"), ("--validate-every", "0")];
        let said = interrupted(&mut tree.train(&options), "iterations 0 to 1000", signal);
        assert!(said.contains("stopped after iteration") && said.contains("--resume"), "{signal}: {said}");
        assert!(Checkpoints::of_run(&tree.path("run")).latest().unwrap().is_some());
        let entries = metrics(&tree.path("run"));
        assert!(entries.last().is_some_and(|entry| entry["losses"]["cls"].is_number()), "{entries:?}");
    }
}
