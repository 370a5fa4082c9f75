//! The engine as JavaScript sees it, with a small model that has all parts: every view against the native engine's,
//! and the memory of many pictures.
//!
//! Model and views in `tests/fixtures/views.safetensors` are the native engine's: `native_views` in
//! `tests/tests/views.rs` checks that they still are.
#![cfg(target_family = "wasm")]

use dalnet_engine::{Map, Options};
use dalnet_web::Engine;
use js_sys::{ArrayBuffer, Float32Array, Promise, Reflect, Uint8Array, WebAssembly};
use safetensors::SafeTensors;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

const VIEWS: &[u8] = include_bytes!("../../../tests/fixtures/views.safetensors");
/// The photo as `rgba` `[h, w, 4]`.
const PARITY: &[u8] = include_bytes!("../../../tests/fixtures/parity.safetensors");

#[wasm_bindgen_test]
async fn every_view_as_native() {
    let mut engine = engine().await;
    assert_eq!(engine.maps(), ["cam", "auxiliary_cam", "segmentation", "fused"]);
    assert_eq!((engine.map().as_str(), engine.refines()), ("auxiliary_cam", false));
    assert!(engine.similarity().is_err() && engine.heat(1, JsValue::UNDEFINED, None).is_err(), "no picture yet");
    let parity = SafeTensors::deserialize(PARITY).unwrap();
    let photo = parity.tensor("rgba").unwrap();
    let (height, width) = (photo.shape()[0], photo.shape()[1]);
    let first = options(Map::Cam);
    let at_once =
        engine.segment(photo.data(), width as u32, height as u32, first, None).await.ok().expect("a segmentation");
    assert_labels("cam", &bytes(&at_once, "labels"));
    for map in Map::ALL {
        let answer = engine.ask(options(map)).ok().expect("an answer");
        assert_labels(map.name(), &bytes(&answer, "labels"));
    }
    let answer = engine.ask(refined(Map::Fused)).ok().expect("an answer");
    assert_labels("refined", &bytes(&answer, "labels"));
    let heat = engine.heat(1, JsValue::UNDEFINED, None).ok().expect("the model's own map");
    assert_labels("heat", &bytes(&heat, "values"));
    assert_eq!((number(&heat, "width"), number(&heat, "height")), (width, height));
    let by_name = engine.heat(1, JsValue::from_str("auxiliary_cam"), Some(false)).ok().expect("a map by its name");
    assert_eq!(bytes(&by_name, "values"), bytes(&heat, "values"), "the model's own map is the auxiliary CAM");
    assert!(
        engine.heat(1, JsValue::from_str("depth"), None).is_err() && engine.heat(4, JsValue::UNDEFINED, None).is_err()
    );
    assert_similarity(&engine.similarity().ok().expect("the picture was segmented"));
}

#[wasm_bindgen_test]
async fn another_engine_takes_half_of_the_work() {
    let (mut engine, other) = (engine().await, engine().await);
    let parity = SafeTensors::deserialize(PARITY).unwrap();
    let photo = parity.tensor("rgba").unwrap();
    let (height, width) = (photo.shape()[0] as u32, photo.shape()[1] as u32);
    let numbers = JsValue::from(other.mirror_image(photo.data(), width, height).await.ok().expect("numbers"));
    for promise in [Promise::resolve(&numbers), Promise::reject(&"gone".into()), Promise::resolve(&JsValue::NULL)] {
        let segmented = engine.segment(photo.data(), width, height, options(Map::Cam), Some(promise)).await;
        assert_labels("cam", &bytes(&segmented.ok().expect("a segmentation"), "labels"));
        assert_similarity(&engine.similarity().ok().expect("the picture was segmented"));
    }
    // What is sent is used: another picture's half gives other cosines.
    let black = vec![0; photo.data().len()];
    let of_black = JsValue::from(other.mirror_image(&black, width, height).await.ok().expect("numbers"));
    let promise = Promise::resolve(&of_black);
    engine.segment(photo.data(), width, height, options(Map::Cam), Some(promise)).await.ok().expect("a segmentation");
    let similarity = |value: &JsValue| get(value, "values").dyn_into::<Float32Array>().unwrap().to_vec();
    let mixed = similarity(&engine.similarity().ok().expect("the picture was segmented"));
    engine.segment(photo.data(), width, height, options(Map::Cam), None).await.ok().expect("a segmentation");
    assert_ne!(mixed, similarity(&engine.similarity().ok().expect("the picture was segmented")));
}

/// wasm memory never shrinks: what one picture leaves behind would show in the next. A class's map has
/// 50 kB here, and one left by each picture would be 9 MB; holes between what is in use took
/// 0.7 MB within 300 pictures and nothing more up to 900.
#[wasm_bindgen_test]
async fn memory_stays_flat() {
    const WARM_UP: usize = 20;
    const PICTURES: usize = 200;
    const HOLES: u32 = 1 << 20;
    let mut engine = engine().await;
    let mut after_warm_up = 0;
    for index in 0..PICTURES {
        let (width, height) = [(160, 120), (120, 160), (200, 90)][index % 3];
        let rgba = (0..width * height * 4).map(|byte| (byte * (index + 3) % 251) as u8).collect::<Vec<_>>();
        engine.segment(&rgba, width as u32, height as u32, options(Map::Cam), None).await.ok().expect("a segmentation");
        engine.ask(options(Map::Segmentation)).ok().expect("an answer");
        engine.ask(refined(Map::Fused)).ok().expect("a refined answer");
        engine.heat(1, JsValue::UNDEFINED, None).ok().expect("a heat map");
        engine.similarity().ok().expect("a similarity");
        if index + 1 == WARM_UP {
            after_warm_up = memory();
        }
    }
    console_log!("{after_warm_up} bytes after {WARM_UP} pictures, {} after {PICTURES}", memory());
    let grown = memory() - after_warm_up;
    assert!(grown < HOLES, "{grown} bytes more after {PICTURES} pictures than after {WARM_UP}");
}

async fn engine() -> Engine {
    let views = SafeTensors::deserialize(VIEWS).unwrap();
    let manifest = std::str::from_utf8(views.tensor("manifest").unwrap().data()).unwrap();
    Engine::load(manifest, views.tensor("weights").unwrap().data(), "cpu").await.ok().expect("a model")
}

/// All classes by one map, as an object of JavaScript.
fn options(map: Map) -> JsValue {
    let options = Options { classes: Some(vec![1, 2, 3]), map: Some(map), ..Options::default() };
    serde_wasm_bindgen::to_value(&options).unwrap()
}

/// The same, along the picture's edges.
fn refined(map: Map) -> JsValue {
    let options = Options { classes: Some(vec![1, 2, 3]), map: Some(map), refine: Some(true), ..Options::default() };
    serde_wasm_bindgen::to_value(&options).unwrap()
}

fn assert_labels(name: &str, actual: &[u8]) {
    let views = SafeTensors::deserialize(VIEWS).unwrap();
    let expected = views.tensor(name).unwrap();
    assert_eq!(expected.data().len(), actual.len(), "{name}: size");
    let equal = expected.data().iter().zip(actual).filter(|(one, other)| one == other).count();
    let share = equal as f64 / actual.len() as f64;
    console_log!("{name}: {:.4} % of the pixels equal", 100.0 * share);
    assert!(share >= 0.99, "{name}: only {:.2} % of the pixels are as native", 100.0 * share);
}

fn assert_similarity(actual: &JsValue) {
    let views = SafeTensors::deserialize(VIEWS).unwrap();
    let expected = views.tensor("similarity").unwrap();
    let values = get(actual, "values").dyn_into::<Float32Array>().unwrap().to_vec();
    let names = js_sys::Array::from(&get(actual, "names")).into_iter().map(|name| name.as_string().unwrap());
    let names = names.collect::<Vec<_>>();
    assert_eq!(names, ["aeroplane", "bicycle", "bird", "background"]);
    assert_eq!(expected.shape(), [names.len(), number(actual, "rows"), number(actual, "columns")]);
    let expected = expected.data().as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect::<Vec<_>>();
    assert_eq!(values.len(), expected.len());
    let worst = values.iter().zip(&expected).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
    console_log!("similarity: {worst:e} apart");
    assert!(worst < 1e-4, "similarity: {worst:e} apart");
}

fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(name)).unwrap()
}

fn bytes(object: &JsValue, name: &str) -> Vec<u8> {
    get(object, name).dyn_into::<Uint8Array>().unwrap().to_vec()
}

fn number(object: &JsValue, name: &str) -> usize {
    get(object, name).as_f64().unwrap() as usize
}

/// Bytes of this module's memory.
fn memory() -> u32 {
    let memory = wasm_bindgen::memory().dyn_into::<WebAssembly::Memory>().unwrap();
    memory.buffer().dyn_into::<ArrayBuffer>().unwrap().byte_length()
}
