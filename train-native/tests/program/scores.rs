//! What `eval` scores beside the CAMs, and the pictures that it draws.

use std::fs;

use serde_json::Value;

use crate::bad_input::refused;
use crate::fixture::{SCORED, Tree, program, succeeds};

fn scores(tree: &Tree) -> Value {
    serde_json::from_str(&fs::read_to_string(tree.path("scores.json")).expect("scores")).expect("JSON")
}

#[test]
fn the_segmentation_is_scored_after_a_crf_as_well() {
    let tree = Tree::new();
    succeeds(tree.eval(&[("--segmentation-scales", "1")]).arg("--crf"));
    let with_crf = scores(&tree);
    assert!(with_crf["protocol"].as_str().is_some_and(|text| text.contains("dense CRF of 10 steps")), "{with_crf}");
    for map in ["segmentation", "segmentation_with_tags"] {
        for part in ["miou", "boundary_miou"] {
            let percent = with_crf[part][format!("{map}_crf")].as_f64();
            assert!(percent.is_some_and(|value| (0.0..=100.0).contains(&value)), "{part}: {with_crf}");
        }
    }
    succeeds(&mut tree.eval(&[("--segmentation-scales", "1"), ("--fuse", "sum")]));
    let without = scores(&tree);
    assert_eq!(with_crf["iou"]["segmentation"], without["iou"]["segmentation"], "at one scale both fusions are one");
    assert!(without["miou"].get("segmentation_crf").is_none());
}

#[test]
fn levels_decide_what_pseudo_labels_leave_open() {
    let tree = Tree::new();
    let uncertain = |low: &str, high: &str| {
        succeeds(&mut tree.eval(&[("--low", low), ("--high", high)]));
        let scores = scores(&tree);
        let [plain, strict] = ["pseudo_label", "pseudo_label_strict"].map(|name| scores["miou"][name].as_f64());
        assert!(plain >= strict, "{scores}");
        (scores["pseudo_label_uncertain"].as_f64().unwrap(), plain == strict)
    };
    assert_eq!(uncertain("0.5", "0.5"), (0.0, true));
    assert!(uncertain("0.0", "1.0").0 > 0.0);
}

#[test]
fn eval_draws_what_it_scored() {
    let tree = Tree::new();
    let out = tree.path("report");
    let [two, all] = ["2", "9"].map(|count| {
        succeeds(tree.eval(&[("--examples", count)]).arg("--pictures-out").arg(&out));
        image::open(out.join("sheet.png")).unwrap().into_rgb8()
    });
    assert_eq!(two.width(), all.width());
    let row = (all.height() - two.height()) / (SCORED as u32 - 2);
    assert!((100..300).contains(&row), "a row of {row} pixels for each of {SCORED} pictures");
    // The cat's label, its name's patch of colour: [64, 0, 0] is in no photo of the fixture.
    assert!(two.pixels().filter(|pixel| pixel.0 == [64, 0, 0]).count() > 1000, "the truth is on the sheet");
    let mut names = fs::read_dir(&out).unwrap().map(|file| file.unwrap().file_name()).collect::<Vec<_>>();
    names.sort();
    let maps = ["auxiliary_cam", "cam", "fused", "pseudo_label", "segmentation", "segmentation_with_tags"];
    let expected = maps.map(|map| format!("confusion_{map}.png")).into_iter().chain(["sheet.png".to_owned()]);
    assert_eq!(names, expected.map(std::ffi::OsString::from).collect::<Vec<_>>());
    for name in names {
        assert!(image::open(out.join(name)).unwrap().width() > 500);
    }
}

#[test]
fn one_threshold_fits_all_classes_after_powers_of_another_split() {
    let tree = Tree::new();
    succeeds(&mut tree.eval(&[]));
    let plain = scores(&tree);
    let other = tree.write("other.json", plain.to_string());
    succeeds(tree.eval(&[]).arg("--exponents-from").arg(&other));
    let raised = scores(&tree);
    assert!(raised["protocol"].as_str().unwrap().contains("each class of auxiliary_cam, cam, fused to a power"));
    for map in ["auxiliary_cam", "cam", "fused"] {
        let numbers = |value: &Value| value.as_array().unwrap().iter().map(Value::as_f64).collect::<Vec<_>>();
        let (own, exponents) = (numbers(&plain["own_threshold"][map]), numbers(&raised["exponents"][map]));
        assert!(own.iter().flatten().any(|own| *own != 0.5), "{map}: {own:?}");
        for (own, exponent) in own.iter().zip(&exponents) {
            assert!((own.unwrap_or(0.5).powf(exponent.unwrap()) - 0.5).abs() < 1e-6, "{own:?}, {exponent:?}");
        }
        // Powers neither find a class nor lose one.
        for (before, after) in own.iter().zip(numbers(&raised["own_threshold"][map])) {
            assert!(before.is_none() == after.is_none(), "{map}: {before:?}, {after:?}");
        }
    }
    let missing = tree.path("no.json");
    refused(tree.eval(&[]).arg("--exponents-from").arg(&missing), &["no.json: cannot be read"]);
    let mut foreign = plain;
    foreign["classes"][1] = "unicorn".into();
    let foreign = tree.write("foreign.json", foreign.to_string());
    refused(tree.eval(&[]).arg("--exponents-from").arg(foreign), &["foreign.json", "score this model"]);
    let empty = tree.write("empty.json", "{}");
    refused(tree.eval(&[]).arg("--exponents-from").arg(empty), &["empty.json: not the JSON", "train-native eval"]);
}

#[test]
fn bad_protocols_are_refused() {
    let tree = Tree::new();
    refused(&mut tree.eval(&[("--segmentation-scales", "9")]), &["--segmentation-scales 9 is", "use for example"]);
    refused(&mut tree.eval(&[("--examples", "0")]), &["--examples 0", "use at least 1"]);
    refused(&mut tree.eval(&[("--low", "0.8")]), &["--low 0.8 --high 0.7", "not above the high one"]);
    refused(&mut tree.eval(&[("--fuse", "mean")]), &["'mean'", "--fuse"]);
    let blocked = tree.write("blocked", "a file, no folder");
    refused(tree.eval(&[]).arg("--pictures-out").arg(blocked), &["blocked", "cannot be made"]);
    assert!(!tree.path("scores.json").exists());
}

#[test]
fn help_says_how_to_score() {
    let help = program("eval").arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for option in ["--crf", "--pictures-out", "--segmentation-scales", "--high", "pseudo_label_strict", "Boundary IoU"]
    {
        assert!(help.contains(option), "{option}");
    }
}
