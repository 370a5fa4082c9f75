//! The shipped model in a real browser, on the CPU and on WebGPU, against the label map of the native engine.
//!
//! The map in `tests/fixtures/parity.safetensors` is the native engine's: `native_label_map` in `tests/tests/parity.rs` checks that it
//! still is.
#![cfg(target_family = "wasm")]

use dalnet_engine::{Backend, Manifest, Model, Options, Picture, Segmenter};
use safetensors::SafeTensors;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

const MANIFEST: &str = include_str!("../../public/model/manifest.json");
const WEIGHTS: &[u8] = include_bytes!(env!("DALNET_SHIPPED_WEIGHTS"));
/// The photo as `rgba` `[h, w, 4]`, the native label map as `labels` `[h, w]`.
const PARITY: &[u8] = include_bytes!("../../../tests/fixtures/parity.safetensors");
/// The label of a cat.
const CAT: usize = 8;

#[wasm_bindgen_test]
async fn cpu_labels_as_native() {
    compare("CPU", Backend::Cpu).await;
}

#[wasm_bindgen_test]
async fn webgpu_labels_as_native() {
    compare("WebGPU", Backend::Gpu).await;
}

async fn compare(what: &str, backend: Backend) {
    let model = Model::from_verified_bytes(Manifest::from_json(MANIFEST).unwrap(), &[WEIGHTS]).unwrap();
    let segmenter = Segmenter::load(model, backend.open().await.unwrap()).unwrap();
    let parity = SafeTensors::deserialize(PARITY).unwrap();
    let photo = parity.tensor("rgba").unwrap();
    let picture = Picture::new(photo.shape()[1], photo.shape()[0], photo.data()).unwrap();
    let result = segmenter.segment(&picture, &Options::default()).await.unwrap();
    let expected = parity.tensor("labels").unwrap();
    assert_eq!(expected.data().len(), result.labels.len(), "{what}: size of the label map");
    let equal = expected.data().iter().zip(&result.labels).filter(|(one, other)| one == other).count();
    let share = equal as f64 / result.labels.len() as f64;
    console_log!("{what}: {:.4} % of the pixels equal, {:?}", 100.0 * share, result.timings);
    assert!(share >= 0.99, "{what}: only {:.2} % of the pixels have the native label", 100.0 * share);
    assert_eq!(result.classes.first().map(|class| class.index), Some(CAT), "{what}: {:?}", result.classes);
}
