//! What `eval`, `segment` and `export` write.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufReader;
use std::path::Path;

use dalnet::refine::Refinement;
use dalnet_assets::files::sha256;
use dalnet_assets::{Manifest, Map, Precision};
use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, Rgb, RgbaImage};
use serde_json::Value;

use crate::fixture::{SCORED, SIZE, Tree, eval, export, jpeg, mask, scene, segment, shared, succeeds};

/// Size and labels of a mask, which must be an 8-bit palette PNG.
pub(crate) fn read_mask(path: &Path) -> ([u32; 2], Vec<u8>) {
    let mut decoder = png::Decoder::new(BufReader::new(fs::File::open(path).expect("a mask")));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().expect("a PNG");
    assert_eq!(reader.output_color_type(), (png::ColorType::Indexed, png::BitDepth::Eight));
    let mut labels = vec![0; reader.output_buffer_size().expect("a mask that fits into memory")];
    reader.next_frame(&mut labels).expect("a whole PNG");
    ([reader.info().width, reader.info().height], labels)
}

fn png_of(picture: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, ImageFormat::Png).expect("an encodable picture");
    bytes.into_inner()
}

fn assert_scores(scores: &Value, pictures: usize) {
    assert_eq!(scores["pictures"], pictures);
    assert!(scores["protocol"].as_str().is_some_and(|text| text.contains("longer side 96 px")), "{scores}");
    let classes = scores["classes"].as_array().expect("a list of names");
    assert_eq!((classes.len(), &classes[0], &classes[20]), (21, &"background".into(), &"tvmonitor".into()));
    let cams = ["auxiliary_cam", "cam", "fused"];
    let pseudo_labels = ["pseudo_label", "pseudo_label_strict"];
    let head = ["segmentation", "segmentation_with_tags"];
    let maps = [&cams[..], &pseudo_labels, &head].concat();
    for (part, maps) in [("miou", &maps), ("iou", &maps), ("boundary_miou", &[&cams[..], &head].concat())] {
        assert!(scores[part].as_object().is_some_and(|scored| scored.keys().eq(maps)), "{part} of {scores}");
    }
    let percent = |value: &Value| value.as_f64().is_some_and(|value| (0.0..=100.0).contains(&value));
    assert!(percent(&scores["nearest_text_share"]), "{scores}");
    for map in maps {
        assert!(percent(&scores["miou"][map]), "{scores}");
        let iou = scores["iou"][map].as_array().expect("a list of IoUs");
        assert_eq!(iou.len(), 21);
        assert!(iou.iter().all(|value| value.is_null() || percent(value)), "{scores}");
        assert!(percent(&iou[0]) && iou[1].is_null(), "background is in every mask, an aeroplane in none: {scores}");
    }
}

#[test]
fn eval_writes_the_scores_of_each_map() {
    let text = fs::read_to_string(shared().join("scores.json")).unwrap();
    assert_scores(&serde_json::from_str(&text).unwrap(), SCORED);
}

#[test]
fn eval_scores_pictures_of_any_size() {
    let tree = Tree::new();
    for (id, [width, height]) in [("p0", [1, 1]), ("p1", [17, 230])] {
        let picture = image::RgbImage::from_pixel(width, height, Rgb([200, 90, 10]));
        tree.write(&format!("voc/JPEGImages/{id}.jpg"), jpeg(&picture, None));
        let labels = vec![8; (width * height) as usize];
        tree.write(&format!("voc/SegmentationClass/{id}.png"), mask([width, height], &labels));
    }
    succeeds(&mut tree.eval(&[]));
    let text = fs::read_to_string(tree.path("scores.json")).unwrap();
    assert_scores(&serde_json::from_str(&text).unwrap(), SCORED);
}

#[test]
fn eval_spreads_and_refines_the_cam() {
    let tree = Tree::new();
    let scores = || serde_json::from_str::<Value>(&fs::read_to_string(tree.path("scores.json")).unwrap()).unwrap();
    succeeds(&mut tree.eval(&[]));
    let plain = scores();
    succeeds(tree.eval(&[("--affinity", "2")]).arg("--refine"));
    let refined = scores();
    assert_scores(&refined, SCORED);
    assert!(
        refined["protocol"].as_str().is_some_and(|text| text.contains("spread 2 times") && text.contains("refined"))
    );
    assert_ne!(plain["miou"]["cam"], refined["miou"]["cam"]);
    assert_eq!((&plain["refined"], &refined["refined"]), (&false.into(), &true.into()));
}

#[test]
fn trains_on_a_picture_of_one_pixel() {
    let tree = Tree::new();
    tree.write("voc/JPEGImages/p5.jpg", jpeg(&image::RgbImage::from_pixel(1, 1, Rgb([9, 200, 30])), None));
    succeeds(&mut tree.train(&[("--validate-every", "0")]));
}

#[test]
fn segments_every_kind_of_picture() {
    let tree = Tree::new();
    let rgb = scene(1);
    let alpha = RgbaImage::from_fn(SIZE[0], SIZE[1], |x, y| {
        let [red, green, blue] = rgb.get_pixel(x, y).0;
        image::Rgba([red, green, blue, if y < 8 { 0 } else { 255 }])
    });
    let deep =
        ImageBuffer::from_fn(SIZE[0], SIZE[1], |x, y| Rgb(rgb.get_pixel(x, y).0.map(|value| u16::from(value) * 257)));
    let turned = tree.write("turned.jpg", jpeg(&rgb, Some(6)));
    let upright = dalnet_data::decode_file(&turned).unwrap();
    let pictures = [
        tree.write("photo.jpg", jpeg(&rgb, None)),
        tree.write("alpha.png", png_of(alpha)),
        tree.write("deep.png", png_of(deep)),
        tree.write("grey.png", png_of(GrayImage::from_fn(40, 30, |x, y| Luma([(x * y) as u8])))),
        tree.write("flat.png", png_of(rgb)),
        tree.write("upright.png", png_of(upright)),
        turned,
    ];
    succeeds(&mut tree.segment(&pictures));
    let masks = tree.path("masks");
    for (name, size) in
        [("photo", SIZE), ("alpha", SIZE), ("deep", SIZE), ("grey", [40, 30]), ("turned", [SIZE[1], SIZE[0]])]
    {
        let (found, labels) = read_mask(&masks.join(format!("{name}.png")));
        assert_eq!(found, size, "{name}");
        assert!(labels.iter().all(|label| *label <= 20), "{name}");
        let overlay = image::open(masks.join(format!("{name}.overlay.png"))).unwrap();
        assert_eq!([overlay.width(), overlay.height()], size, "{name}");
    }
    let same = |one: &str, other: &str| read_mask(&masks.join(one)) == read_mask(&masks.join(other));
    assert!(same("turned.png", "upright.png"), "EXIF turns the picture");
    assert!(same("deep.png", "flat.png"), "16 bits are the same picture");
    assert_eq!(fs::read_dir(&masks).unwrap().count(), 2 * pictures.len(), "nothing else is left behind");
}

#[test]
fn segments_a_huge_picture() {
    let tree = Tree::new();
    let huge = GrayImage::from_fn(12_000, 9_000, |x, _| Luma([if x < 6_000 { 40 } else { 210 }]));
    let picture = tree.write("huge.png", png_of(huge));
    succeeds(&mut tree.segment(&[picture]));
    assert_eq!(read_mask(&tree.path("masks/huge.png")).0, [12_000, 9_000]);
    let size = image::image_dimensions(tree.path("masks/huge.overlay.png")).unwrap();
    assert_eq!(size, (12_000, 9_000));
}

/// Exports the shared run into `out`, with the map `best` scored best.
fn export_with(tree: &Tree, best: &str, precision: &str, out: &str) -> Manifest {
    export_scored(tree, |scores| scores["miou"][best] = 99.0.into(), precision, out)
}

/// Of scores that `change` changes.
fn export_scored(tree: &Tree, change: impl FnOnce(&mut Value), precision: &str, out: &str) -> Manifest {
    let mut scores: Value =
        serde_json::from_str(&fs::read_to_string(shared().join("scores.json")).expect("scores")).expect("JSON");
    change(&mut scores);
    let scores = tree.write("best.json", scores.to_string());
    let (run, card, out) = (shared().join("run"), shared().join("card.json"), tree.path(out));
    succeeds(export(&run, &scores, &card, &out).args(["--precision", precision]));
    Manifest::from_json(&fs::read_to_string(out.join("manifest.json")).expect("an exported manifest"))
        .expect("a manifest")
}

#[test]
fn an_exported_model_answers_as_its_checkpoint() {
    let tree = Tree::new();
    let picture = tree.write("photo.jpg", jpeg(&scene(2), None));
    let labels = |model: &Path, out: &str| {
        // The shipped model has the background threshold of its scores, a checkpoint none of its own.
        succeeds(segment(model, &tree.path(out)).args(["--background-threshold", "0.4"]).arg(&picture));
        read_mask(&tree.path(out).join("photo.png")).1
    };
    let trained = labels(&shared().join("run"), "trained");
    assert!(trained.iter().any(|label| *label != trained[0]), "a mask of one label compares nothing");
    for (precision, percent) in [("f16", 99), ("int8", 95)] {
        let as_checkpoint = |scores: &mut Value| {
            scores["miou"]["cam"] = 99.0.into();
            scores["class_threshold"] = 0.5.into();
        };
        export_scored(&tree, as_checkpoint, precision, precision);
        let shipped = labels(&tree.path(precision).join("manifest.json"), &format!("{precision}-masks"));
        let equal = shipped.iter().zip(&trained).filter(|(one, other)| one == other).count();
        assert!(equal * 100 >= shipped.len() * percent, "{precision}: {equal} of {} pixels", shipped.len());
    }
    succeeds(&mut eval(&tree.path("voc"), &tree.path("int8"), &tree.path("scores.json"), &[]));
}

#[test]
fn an_exported_model_says_where_it_comes_from_and_how_good_it_is() {
    let text = fs::read_to_string(shared().join("model/manifest.json")).unwrap();
    let manifest = Manifest::from_json(&text).unwrap();
    assert_eq!(manifest.provenance, "random numbers");
    let scores: Value = serde_json::from_str(&fs::read_to_string(shared().join("scores.json")).unwrap()).unwrap();
    assert!((manifest.quality.miou["cam"] - scores["miou"]["cam"].as_f64().unwrap()).abs() < 1e-9);
    assert_eq!(manifest.quality.pictures, SCORED as u64);
    assert_eq!(manifest.precision, Precision::Int8);
    let weights = fs::read(shared().join("run/checkpoints/000004/model.safetensors")).unwrap();
    assert_eq!(manifest.checkpoint_sha256, Some(sha256(&weights)));
}

#[test]
fn the_map_of_the_best_score_is_shipped() {
    let tree = Tree::new();
    for (best, map) in [("cam", Map::Cam), ("auxiliary_cam", Map::AuxiliaryCam), ("fused", Map::Fused)] {
        let spec = export_with(&tree, best, "int8", best).spec;
        assert_eq!(spec.input.map, map);
    }
    let spec = export_with(&tree, "segmentation", "int8", "segmentation").spec;
    assert_eq!((spec.input.map, spec.background_threshold), (Map::Segmentation, 0.5));
    let picture = tree.write("photo.jpg", jpeg(&scene(2), None));
    succeeds(segment(&tree.path("segmentation"), &tree.path("masks")).arg(&picture));
    assert_eq!(read_mask(&tree.path("masks/photo.png")).0, SIZE);
}

#[test]
fn what_was_scored_refined_is_shipped_so() {
    let tree = Tree::new();
    for (best, refined, expected) in [
        ("fused", false, None),
        ("fused", true, Some(Refinement::default())),
        ("segmentation", true, Some(Refinement::default())),
    ] {
        let change = |scores: &mut Value| {
            scores["miou"][best] = 99.0.into();
            scores["refined"] = refined.into();
        };
        assert_eq!(export_scored(&tree, change, "int8", "out").spec.input.refinement, expected, "{best}, {refined}");
    }
}

#[test]
fn the_powers_of_the_scores_are_shipped() {
    let tree = Tree::new();
    let mut exponents = Vec::new();
    let change = |scores: &mut Value| {
        let classes = scores["classes"].as_array().unwrap().len() - 1;
        exponents = (0..classes).map(|class| 0.5 + class as f32 / 16.0).collect();
        scores["miou"]["fused"] = 99.0.into();
        scores["exponents"] = serde_json::json!({ "fused": exponents, "cam": vec![9.0; classes] });
    };
    let shipped = export_scored(&tree, change, "int8", "out").spec.input.exponents;
    assert_eq!(shipped, exponents);
    assert_eq!(export_with(&tree, "fused", "int8", "plain").spec.input.exponents, [0.0; 0]);
}

#[test]
fn exports_are_the_same_byte_for_byte() {
    let tree = Tree::new();
    let files = |out: &str| {
        let entries = fs::read_dir(tree.path(out)).unwrap().map(|entry| entry.unwrap().path());
        let read = |path: std::path::PathBuf| (path.file_name().unwrap().to_owned(), fs::read(&path).unwrap());
        entries.map(read).collect::<BTreeMap<_, _>>()
    };
    export_with(&tree, "cam", "int8", "first");
    // Where another export and a file of somebody else's lie.
    export_with(&tree, "cam", "f16", "second");
    let own = tree.write("second/weights-mine.safetensors", "kept");
    export_with(&tree, "cam", "int8", "second");
    assert_eq!(fs::read_to_string(&own).unwrap(), "kept");
    fs::remove_file(own).unwrap();
    assert_eq!(files("first"), files("second"));
    // As f16 the weights are too many for one file.
    export_with(&tree, "cam", "f16", "third");
    assert!(files("third").len() > 2);
}
