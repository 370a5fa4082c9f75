//! The shipped model in a real browser, on the CPU and on WebGPU, against the label maps of the native engine.
//!
//! The maps in `tests/fixtures/parity.safetensors` are the native engine's: `native_label_maps` in `tests/tests/parity.rs` checks that they
//! still are.
#![cfg(target_family = "wasm")]

use dalnet_engine::{Backend, Manifest, Model, Options, Picture, Segmentation, Segmenter};
use safetensors::SafeTensors;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

const MANIFEST: &str = include_str!("../../public/model/manifest.json");
const WEIGHTS: &[u8] = include_bytes!(env!("DALNET_SHIPPED_WEIGHTS"));
/// The photo as `rgba` `[h, w, 4]`, the native label maps as `full` and `small` `[h, w]`.
const PARITY: &[u8] = include_bytes!("../../../tests/fixtures/parity.safetensors");
/// Longer side for WebGPU: a software adapter takes minutes for the full size.
const SMALL_SIDE: usize = 160;
/// The label of a cat, asked for by name: at the small size the network need not find it by itself.
const CAT: usize = 8;

#[wasm_bindgen_test]
async fn cpu_labels_as_native() {
    let result = segment(Backend::Cpu, None).await;
    compare("CPU, full size", &result, "full");
}

#[wasm_bindgen_test]
async fn webgpu_labels_as_native() {
    let result = segment(Backend::Gpu, Some(SMALL_SIDE)).await;
    compare("WebGPU, small", &result, "small");
}

async fn segment(backend: Backend, long_side: Option<usize>) -> Segmentation {
    let mut model = Model::from_verified_bytes(Manifest::from_json(MANIFEST).unwrap(), &[WEIGHTS]).unwrap();
    model.spec.input.long_side = long_side.unwrap_or(model.spec.input.long_side);
    let segmenter = Segmenter::load(model, backend.open().await.unwrap()).unwrap();
    let parity = SafeTensors::deserialize(PARITY).unwrap();
    let photo = parity.tensor("rgba").unwrap();
    let picture = Picture::new(photo.shape()[1], photo.shape()[0], photo.data()).unwrap();
    let classes = long_side.map(|_| vec![CAT]);
    segmenter.segment(&picture, &Options { classes, ..Options::default() }).await.unwrap()
}

fn compare(what: &str, result: &Segmentation, map: &str) {
    let parity = SafeTensors::deserialize(PARITY).unwrap();
    let expected = parity.tensor(map).unwrap();
    assert_eq!(expected.data().len(), result.labels.len(), "{what}: size of the label map");
    let equal = expected.data().iter().zip(&result.labels).filter(|(one, other)| one == other).count();
    let share = equal as f64 / result.labels.len() as f64;
    console_log!("{what}: {:.4} % of the pixels equal, {:?}", 100.0 * share, result.timings);
    assert!(share >= 0.99, "{what}: only {:.2} % of the pixels have the native label", 100.0 * share);
    assert_eq!(result.classes.first().map(|class| class.index), Some(CAT), "{what}: {:?}", result.classes);
}
