//! What `segment` does with folders, and the masks of `pseudo-label`.

use std::fs;
use std::process::Command;

use crate::bad_input::refused;
use crate::fixture::{PICTURES, SIZE, Tree, jpeg, program, scene, shared, stderr, succeeds};
use crate::results::read_mask;

#[test]
fn segment_goes_through_folders_and_goes_on_where_it_stopped() {
    let tree = Tree::new();
    for (name, index) in [("photos/a.jpg", 0), ("photos/deep/er/b.JPEG", 1)] {
        tree.write(name, jpeg(&scene(index), None));
    }
    tree.write("photos/notes.txt", "no picture");
    let segment = || tree.segment(&[tree.path("photos")]);
    let said = succeeds(&mut segment());
    assert!(said.contains("segmenting 2 pictures"), "{said}");
    for name in ["a.png", "a.overlay.png", "deep/er/b.png", "deep/er/b.overlay.png"] {
        assert!(tree.path("masks").join(name).is_file(), "{name}");
    }

    tree.write("photos/broken.png", "no picture");
    tree.write("photos/z.jpg", jpeg(&scene(2), None));
    fs::remove_file(tree.path("masks/a.overlay.png")).unwrap();
    let output = segment().output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("1 of 4 pictures are finished"), "{said}");
    assert!(said.contains("broken.png") && said.contains("1 of 3 pictures could not be segmented"), "{said}");
    assert!(tree.path("masks/z.overlay.png").is_file(), "the picture after the broken one");
    assert!(tree.path("masks/a.overlay.png").is_file(), "the picture of which a part was missing");

    fs::remove_file(tree.path("photos/broken.png")).unwrap();
    assert!(succeeds(&mut segment()).contains("3 of 3 pictures are finished"));
    assert!(succeeds(segment().arg("--overwrite")).contains("segmenting 3 pictures"));
    tree.write("empty/notes.txt", "");
    refused(&mut tree.segment(&[tree.path("empty")]), &["empty: holds no picture", "jpg, jpeg, png"]);
}

/// `pseudo-label` of the training split with the shared run.
fn pseudo_label(tree: &Tree, out: &str) -> Command {
    let mut command = program("pseudo-label");
    command.args(["--device", "cpu", "--data", &format!("voc:{}", tree.path("voc").display())]);
    command.arg("--model").arg(shared().join("run")).arg("--out").arg(tree.path(out));
    for name in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"] {
        command.env_remove(name);
    }
    command
}

#[test]
fn pseudo_labels_show_the_tags_and_nothing_else() {
    let tree = Tree::new();
    succeeds(&mut pseudo_label(&tree, "whole"));
    let mut objects = 0;
    for index in 0..PICTURES {
        let (size, labels) = read_mask(&tree.path(&format!("whole/SegmentationClassPseudo/p{index}.png")));
        assert_eq!(size, SIZE);
        let tag = if index.is_multiple_of(2) { 8 } else { 12 };
        assert!(labels.iter().all(|label| [0, tag, 255].contains(label)), "p{index}");
        objects += labels.iter().filter(|label| **label == tag).count();
    }
    assert!(objects > 0, "masks without any object teach nothing");
    let uncertain = |low: &str| {
        let out = format!("low{low}");
        succeeds(pseudo_label(&tree, &out).args(["--low", low, "--shard", "1/8"]));
        let (_, labels) = read_mask(&tree.path(&format!("{out}/SegmentationClassPseudo/p0.png")));
        labels.iter().filter(|label| **label == 255).count()
    };
    assert_eq!(uncertain("0.7"), 0, "nothing lies between two equal levels");
    assert!(uncertain("0.0") > 0);
}

#[test]
fn jobs_share_the_pictures_and_finish_what_was_left() {
    let tree = Tree::new();
    let written = || {
        let folder = tree.path("parts/SegmentationClassPseudo");
        let mut names = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name()).collect::<Vec<_>>();
        names.sort();
        names.into_iter().map(|name| name.into_string().unwrap()).collect::<Vec<_>>()
    };
    succeeds(pseudo_label(&tree, "parts").args(["--shard", "1/3"]));
    assert_eq!(written(), ["p0.png", "p3.png", "p6.png"]);
    let slurm = [("ID", "11"), ("COUNT", "3"), ("MIN", "10"), ("STEP", "1")];
    let mut job = pseudo_label(&tree, "parts");
    succeeds(job.envs(slurm.map(|(name, value)| (format!("SLURM_ARRAY_TASK_{name}"), value))));
    assert_eq!(written(), ["p0.png", "p1.png", "p3.png", "p4.png", "p6.png", "p7.png"]);
    succeeds(pseudo_label(&tree, "parts").args(["--shards", "3"]).env("JOB_COMPLETION_INDEX", "2"));
    assert_eq!(written().len(), PICTURES);
    succeeds(&mut pseudo_label(&tree, "whole"));
    for name in written() {
        let bytes = |out: &str| fs::read(tree.path(out).join("SegmentationClassPseudo").join(&name)).unwrap();
        assert!(bytes("parts") == bytes("whole"), "{name} does not depend on who writes it");
    }

    fs::remove_file(tree.path("parts/SegmentationClassPseudo/p5.png")).unwrap();
    let said = succeeds(&mut pseudo_label(&tree, "parts"));
    assert!(said.contains("8 pictures, 7 finished before") && said.contains("labelling 1 pictures"), "{said}");
    refused(pseudo_label(&tree, "parts").env("JOB_COMPLETION_INDEX", "0"), &["without --shards", "job's completions"]);
    refused(pseudo_label(&tree, "parts").args(["--low", "0.9"]), &["--low 0.9 --high 0.7", "not above the high one"]);
}
