//! A small VOC folder, the program, and a run that all tests look at.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageEncoder, Rgb, RgbImage};
use tempfile::TempDir;

/// Size of the pictures.
pub(crate) const SIZE: [u32; 2] = [96, 64];
/// Pictures of the split `train_aug`; the first [`SCORED`] are those of `val`, which have masks.
pub(crate) const PICTURES: usize = 8;
pub(crate) const SCORED: usize = 3;

/// Writes a file and the folders above it.
pub(crate) fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder that can be made");
    fs::write(path, bytes).expect("a file that can be written");
    path.to_owned()
}

/// A JPEG, with the EXIF orientation if there is one.
pub(crate) fn jpeg(picture: &RgbImage, orientation: Option<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    if let Some(orientation) = orientation {
        // Little-endian TIFF with the orientation tag alone.
        let mut exif = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        encoder.set_exif_metadata(exif).expect("JPEG holds EXIF");
    }
    encoder.encode_image(picture).expect("an encodable picture");
    bytes
}

/// A mask: 8-bit palette indices.
pub(crate) fn mask([width, height]: [u32; 2], labels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(vec![7; 3 * 256]);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(labels)).expect("an encodable mask");
    bytes
}

fn is_object(index: usize, x: u32, y: u32) -> bool {
    let left = 8 * index as u32;
    (left..left + 32).contains(&x) && (16..48).contains(&y)
}

/// A bright rectangle on a pattern; the rectangle's colour tells the class.
pub(crate) fn scene(index: usize) -> RgbImage {
    let colour = if index.is_multiple_of(2) { Rgb([230, 60, 40]) } else { Rgb([40, 90, 230]) };
    RgbImage::from_fn(SIZE[0], SIZE[1], |x, y| {
        if is_object(index, x, y) { colour } else { Rgb([(x * 2) as u8, (y * 3) as u8, ((x * 7 + y * 5) % 90) as u8]) }
    })
}

/// Writes a VOC folder with [`PICTURES`] pictures of cats and dogs.
pub(crate) fn write_voc(root: &Path) {
    let split = |name: &str, count: usize| {
        let ids = (0..count).map(|index| format!("p{index}\n")).collect::<String>();
        write(root.join(format!("ImageSets/Segmentation/{name}.txt")), ids);
    };
    split("train_aug", PICTURES);
    split("val", SCORED);
    for index in 0..PICTURES {
        write(root.join(format!("JPEGImages/p{index}.jpg")), jpeg(&scene(index), None));
        let (class, label) = if index.is_multiple_of(2) { ("cat", 8) } else { ("dog", 12) };
        let xml = format!("<annotation><object><name>{class}</name></object></annotation>");
        write(root.join(format!("Annotations/p{index}.xml")), xml);
        if index < SCORED {
            let pixels = (0..SIZE[1]).flat_map(|y| (0..SIZE[0]).map(move |x| (x, y)));
            let labels = pixels.map(|(x, y)| if is_object(index, x, y) { label } else { 0 }).collect::<Vec<u8>>();
            write(root.join(format!("SegmentationClass/p{index}.png")), mask(SIZE, &labels));
        }
    }
}

/// A VOC folder of its own for one test, with room beside it; it vanishes with the test.
pub(crate) struct Tree(TempDir);

impl Tree {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        write_voc(&folder.path().join("voc"));
        Self(folder)
    }

    /// A path beside the VOC folder, or in it: `voc/…`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        write(self.path(name), bytes)
    }

    /// `train` on this tree into `run`, with other or more options.
    pub(crate) fn train(&self, changes: &[(&str, &str)]) -> Command {
        train(&self.path("voc"), &self.path("run"), changes)
    }

    /// `eval` of the shared run on this tree into `scores.json`, with other or more options.
    pub(crate) fn eval(&self, changes: &[(&str, &str)]) -> Command {
        eval(&self.path("voc"), &shared().join("run"), &self.path("scores.json"), changes)
    }

    /// `segment` with the shared run into `masks`.
    pub(crate) fn segment(&self, pictures: &[PathBuf]) -> Command {
        let mut command = segment(&shared().join("run"), &self.path("masks"));
        command.args(pictures);
        command
    }
}

pub(crate) fn program(subcommand: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_train-native"));
    command.arg(subcommand);
    command
}

fn data(voc: &Path) -> String {
    format!("voc:{}", voc.display())
}

/// The subcommand with `options`, of which `changes` replaces some: none may be given twice.
fn with_options(subcommand: &str, options: &[(&str, &str)], changes: &[(&str, &str)]) -> Command {
    let mut command = program(subcommand);
    let kept = options.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    for (name, value) in kept.chain(changes) {
        command.args([name, value]);
    }
    command
}

/// Four steps of two small crops, unless `changes` says otherwise.
pub(crate) fn train(voc: &Path, out: &Path, changes: &[(&str, &str)]) -> Command {
    let options = [
        ("--device", "cpu"),
        ("--threads", "2"),
        ("--crop", "64"),
        ("--batch", "2"),
        ("--iterations", "4"),
        ("--warm-up", "1"),
        ("--checkpoint-every", "2"),
        ("--validate-every", "4"),
        ("--validation-pictures", "1"),
        ("--set", "objective.terms.seg.start=2"),
    ];
    let mut command = with_options("train", &options, changes);
    command.args(["--data", &data(voc)]).arg("--out").arg(out);
    command
}

/// Two scales of small pictures, unless `changes` says otherwise.
pub(crate) fn eval(voc: &Path, model: &Path, json: &Path, changes: &[(&str, &str)]) -> Command {
    let options = [("--device", "cpu"), ("--long-side", "96"), ("--scales", "1,0.5")];
    let mut command = with_options("eval", &options, changes);
    command.args(["--data", &data(voc)]).arg("--model").arg(model).arg("--json").arg(json);
    command
}

pub(crate) fn segment(model: &Path, out: &Path) -> Command {
    let mut command = program("segment");
    command.args(["--device", "cpu"]).arg("--model").arg(model).arg("--out").arg(out);
    command
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command that must succeed; returns what it wrote to stderr.
pub(crate) fn succeeds(command: &mut Command) -> String {
    stderr(&finished(command))
}

/// Runs a command that must succeed.
pub(crate) fn finished(command: &mut Command) -> Output {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, stderr(&output));
    output
}

/// A folder with `voc`, a finished `run` on it, its `scores.json`, and `model`, exported from it.
pub(crate) fn shared() -> &'static Path {
    static SHARED: OnceLock<PathBuf> = OnceLock::new();
    SHARED.get_or_init(|| {
        // Not a temporary folder: nothing would remove it, since statics are not dropped.
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("program");
        if root.exists() {
            fs::remove_dir_all(&root).expect("the folder of the last time can be removed");
        }
        let (voc, run, scores) = (root.join("voc"), root.join("run"), root.join("scores.json"));
        write_voc(&voc);
        succeeds(&mut train(&voc, &run, &[]));
        succeeds(&mut eval(&voc, &run, &scores, &[("--split", "val")]));
        let card = write(root.join("card.json"), r#"{"provenance": "random numbers", "licences": []}"#);
        succeeds(&mut export(&run, &scores, &card, &root.join("model")));
        root
    })
}

pub(crate) fn export(model: &Path, scores: &Path, card: &Path, out: &Path) -> Command {
    let mut command = program("export");
    command.arg("--model").arg(model).arg("--scores").arg(scores).arg("--card").arg(card).arg("--out").arg(out);
    command
}
