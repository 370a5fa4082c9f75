//! Checkpoints: whole, or absent, or refused.

mod common;

use std::fs;

use dalnet_assets::files::sha256;
use dalnet_assets::{Checkpoint, Checkpoints, Model, tensors_of};
use serde::ser::{Error, Serialize, Serializer};

fn checkpoint(iteration: u64) -> Checkpoint<Vec<f64>> {
    Checkpoint {
        iteration,
        spec: common::spec(),
        tensors: tensors_of(&common::network()),
        optimizer: vec![1, 2, 3, 255],
        training: vec![0.5, iteration as f64],
    }
}

#[test]
fn a_checkpoint_is_read_back_and_serves_as_a_model() {
    let run = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::of_run(&run.path().join("not-made-yet"));
    assert_eq!(checkpoints.latest().unwrap(), None);
    let written = checkpoint(1200);
    let folder = checkpoints.save(&written, 2, None).unwrap();
    assert!(folder.ends_with("checkpoints/001200"));
    assert_eq!(checkpoints.latest().unwrap(), Some(folder.clone()));
    assert_eq!(Checkpoint::load(&folder).unwrap(), written);
    // A model needs no optimiser, a run that goes on does.
    fs::remove_file(folder.join("optimizer.bpk")).unwrap();
    let model = Model::open(&folder).unwrap();
    assert_eq!((model.spec, model.tensors), (written.spec, written.tensors));
    assert_eq!(model.checkpoint_sha256, Some(sha256(&fs::read(folder.join("model.safetensors")).unwrap())));
    let message = Checkpoint::<Vec<f64>>::load(&folder).unwrap_err().to_string();
    assert!(message.contains("optimizer.bpk"), "{message}");
}

#[test]
fn the_newest_are_kept_and_an_unfinished_one_is_not_seen() {
    let run = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::of_run(run.path());
    for iteration in [5, 999_999, 1_000_000, 20] {
        checkpoints.save(&checkpoint(iteration), 2, None).unwrap();
    }
    let mut names: Vec<_> = fs::read_dir(run.path().join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    // The one just written stays, though others have more iterations.
    assert_eq!(names, ["000020", "1000000", "999999"]);

    fs::create_dir(run.path().join("checkpoints/2000000.partial")).unwrap();
    assert!(checkpoints.latest().unwrap().unwrap().ends_with("1000000"));
    checkpoints.save(&checkpoint(2_000_000), 1, None).unwrap();
    assert!(checkpoints.latest().unwrap().unwrap().ends_with("2000000"));
}

#[test]
fn the_best_is_kept_beside_the_newest() {
    let run = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::of_run(run.path());
    for (iteration, best) in [(1, None), (2, Some(2)), (3, Some(2)), (4, Some(2)), (5, Some(5)), (6, Some(5))] {
        checkpoints.save(&checkpoint(iteration), 1, best).unwrap();
        let kept = (1..=6).filter(|iteration| checkpoints.find(*iteration).unwrap().is_some()).collect::<Vec<_>>();
        let mut expected = vec![iteration];
        expected.extend(best.filter(|best| *best != iteration));
        expected.sort();
        assert_eq!(kept, expected);
    }
}

#[test]
fn the_same_iteration_is_written_anew() {
    let run = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::of_run(run.path());
    checkpoints.save(&checkpoint(7), 2, None).unwrap();
    let second = checkpoint(7);
    let folder = checkpoints.save(&second, 2, None).unwrap();
    assert_eq!(Checkpoint::load(&folder).unwrap(), second);
}

#[test]
fn one_that_cannot_be_written_leaves_nothing_behind() {
    /// Fails after model and optimizer were written.
    struct Unwritable;
    impl Serialize for Unwritable {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("no such number"))
        }
    }
    let run = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::of_run(run.path());
    let before = checkpoints.save(&checkpoint(7), 2, None).unwrap();
    let Checkpoint { spec, tensors, optimizer, .. } = checkpoint(8);
    let unwritable = Checkpoint { iteration: 8, spec, tensors, optimizer, training: Unwritable };
    let said = checkpoints.save(&unwritable, 2, None).unwrap_err().to_string();
    assert!(said.contains("000008") && said.contains("no such number"), "{said}");
    assert_eq!(fs::read_dir(run.path().join("checkpoints")).unwrap().count(), 1);
    assert_eq!(checkpoints.latest().unwrap(), Some(before));
}

#[test]
fn a_cut_or_incomplete_checkpoint_is_refused_with_the_remedy() {
    let run = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::of_run(run.path());
    for name in ["model.safetensors", "optimizer.bpk", "state.json"] {
        let folder = checkpoints.save(&checkpoint(7), 1, None).unwrap();
        let path = folder.join(name);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let message = Checkpoint::<Vec<f64>>::load(&folder).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains("000007"), "{message}");
        fs::remove_file(&path).unwrap();
        let message = Checkpoint::<Vec<f64>>::load(&folder).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains("remove this checkpoint's folder"), "{message}");
    }
}
