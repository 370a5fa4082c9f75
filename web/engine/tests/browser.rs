//! The shipped model in a real browser, on the CPU and on WebGPU, against the label maps of the native engine.
//!
//! The maps in `tests/fixtures` are the native engine's: `native_label_maps` in `tests/tests/parity.rs` checks that they
//! still are.
#![cfg(target_family = "wasm")]

use dalnet_engine::{Backend, Manifest, Model, Options, Picture, Segmentation, Segmenter};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

const MANIFEST: &str = include_str!("../../public/model/manifest.json");
const WEIGHTS: &[u8] = include_bytes!(env!("DALNET_SHIPPED_WEIGHTS"));
const PHOTO: &[u8] = include_bytes!("../../public/samples/cat.jpg");
const FULL: &[u8] = include_bytes!("../../../tests/fixtures/cat_full.png");
const SMALL: &[u8] = include_bytes!("../../../tests/fixtures/cat_small.png");
/// Longer side for WebGPU: a software adapter takes minutes for the full size.
const SMALL_SIDE: usize = 96;

#[wasm_bindgen_test]
async fn cpu_labels_as_native() {
    let result = segment(Backend::Cpu, None).await;
    compare("CPU, full size", &result, FULL);
}

#[wasm_bindgen_test]
async fn webgpu_labels_as_native() {
    let result = segment(Backend::Gpu, Some(SMALL_SIDE)).await;
    compare("WebGPU, small", &result, SMALL);
}

async fn segment(backend: Backend, long_side: Option<usize>) -> Segmentation {
    let mut model = Model::from_bytes(Manifest::from_json(MANIFEST).unwrap(), &[WEIGHTS]).unwrap();
    model.spec.input.long_side = long_side.unwrap_or(model.spec.input.long_side);
    let segmenter = Segmenter::load(model, backend.open().await.unwrap()).unwrap();
    let photo = image::load_from_memory(PHOTO).unwrap().into_rgba8();
    let picture = Picture::new(photo.width() as usize, photo.height() as usize, photo.as_raw()).unwrap();
    segmenter.segment(&picture, &Options::default()).await.unwrap()
}

fn compare(what: &str, result: &Segmentation, expected: &[u8]) {
    // A grey picture whose values are the labels.
    let expected = image::load_from_memory(expected).unwrap().into_luma8();
    assert_eq!(expected.len(), result.labels.len(), "{what}: size of the label map");
    let equal = expected.as_raw().iter().zip(&result.labels).filter(|(one, other)| one == other).count();
    let share = equal as f64 / result.labels.len() as f64;
    console_log!("{what}: {:.4} % of the pixels equal, {:?}", 100.0 * share, result.timings);
    assert!(share >= 0.99, "{what}: only {:.2} % of the pixels have the native label", 100.0 * share);
    assert_eq!(result.classes.first().map(|class| class.name.as_str()), Some("cat"), "{what}: {:?}", result.classes);
}
