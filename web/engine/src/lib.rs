//! DALNet in the browser: [`Engine`] loads a shipped model and segments pictures, on WebGPU or on the CPU.
#![cfg(target_family = "wasm")]

use dalnet_engine::{Backend, Encoding, EngineError, Manifest, Model, Options, Picture, Segmentation, Segmenter};
use js_sys::{Array, Float32Array, Object, Promise, Reflect, Uint8Array};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

unsafe extern "C" {
    /// The linker's list of what runs before all else: cubecl registers the parts of its compiler there.
    fn __wasm_call_ctors();
}

/// Sends panics to the console, where the worker hears of them: a panic leaves its promise pending for ever.
#[wasm_bindgen(start)]
pub fn start() {
    // Unless somebody calls them, the linker has every call into the engine begin with all of them.
    // SAFETY: the browser calls `start` once, before everything else.
    unsafe { __wasm_call_ctors() };
    console_error_panic_hook::set_once();
}

/// A loaded model and the picture it saw last.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Engine {
    segmenter: Segmenter,
    backend: Backend,
    encoding: Option<Encoding>,
}

#[wasm_bindgen]
impl Engine {
    /// Loads the model whose `manifest.json` has this text; `weights`: its files in the manifest's order, end to end, whose
    /// SHA-256 the caller has compared.
    /// `device`: "webgpu" or "cpu". WebGPU opens once for a page or worker.
    pub async fn load(manifest: &str, weights: &[u8], device: &str) -> Result<Engine, JsError> {
        let manifest = Manifest::from_json(manifest).map_err(EngineError::from)?;
        let files = split(&manifest, weights)?;
        let model = Model::from_verified_bytes(manifest, &files).map_err(EngineError::from)?;
        let backend = device.parse::<Backend>()?;
        let segmenter = Segmenter::load(model, backend.open().await?)?;
        Ok(Self { segmenter, backend, encoding: None })
    }

    /// Runs the network on a picture (RGBA, row by row) and answers `options`; the picture is kept for [`Self::ask`].
    /// `mirror_image`: the promise of what another engine's [`Self::mirror_image`] gives for it, which halves the time;
    /// should it be rejected, this engine does both halves.
    pub async fn segment(
        &mut self,
        rgba: &[u8],
        width: u32,
        height: u32,
        options: JsValue,
        mirror_image: Option<Promise>,
    ) -> Result<JsValue, JsError> {
        let options: Options = read(options)?;
        let picture = Picture::new(width as usize, height as usize, rgba)?;
        let encoding = match mirror_image {
            Some(promise) => self.segmenter.encode_beside(&picture, numbers_of(promise)).await?,
            None => self.segmenter.encode(&picture).await?,
        };
        let segmentation = encoding.ask(&options)?;
        self.encoding = Some(encoding);
        write(&segmentation)
    }

    /// Half of [`Self::segment`], for another engine: what the network says of the picture's mirror image.
    pub async fn mirror_image(&self, rgba: &[u8], width: u32, height: u32) -> Result<Float32Array, JsError> {
        let picture = Picture::new(width as usize, height as usize, rgba)?;
        Ok(Float32Array::from(self.segmenter.encode_mirror_image(&picture).await?.as_slice()))
    }

    /// Answers `options` for the last picture, without running the network.
    pub fn ask(&self, options: JsValue) -> Result<JsValue, JsError> {
        write(&self.encoding()?.ask(&read(options)?)?)
    }

    /// `{ width, height, values }` with a byte for each pixel of the last picture: how strongly the class `label` (1..)
    /// is seen there, by the model's own map or by `map` (one of [`Self::maps`]), which follows the picture's edges if
    /// `refine`, or as the model has it.
    pub fn heat(&self, label: usize, map: JsValue, refine: Option<bool>) -> Result<JsValue, JsError> {
        let heat = self.encoding()?.heat(label, read(map)?, refine)?;
        let result = Object::new();
        set_size(&result, heat.width, heat.height);
        set(&result, "values", &Uint8Array::from(heat.values.as_slice()));
        Ok(result.into())
    }

    /// `{ rows, columns, names, values }`: cosines of the last picture's patches with the texts of the classes and of the
    /// background as a Float32Array, text by text and row by row; undefined for a model without alignment.
    pub fn similarity(&self) -> Result<JsValue, JsError> {
        let Some(similarity) = self.encoding()?.similarity() else { return Ok(JsValue::UNDEFINED) };
        let result = Object::new();
        set(&result, "rows", &JsValue::from_f64(similarity.rows as f64));
        set(&result, "columns", &JsValue::from_f64(similarity.columns as f64));
        set(&result, "names", &similarity.names.iter().map(|name| JsValue::from_str(name)).collect::<Array>());
        set(&result, "values", &Float32Array::from(similarity.values.as_slice()));
        Ok(result.into())
    }

    /// The names of the maps that the model has, for options and [`Self::heat`].
    #[wasm_bindgen(getter)]
    pub fn maps(&self) -> Vec<String> {
        self.segmenter.maps().into_iter().map(|map| map.name().to_owned()).collect()
    }

    /// The one of [`Self::maps`] that labels pixels unless another one is asked for.
    #[wasm_bindgen(getter)]
    pub fn map(&self) -> String {
        self.segmenter.map().name().to_owned()
    }

    /// Whether maps follow the picture's edges unless something else is asked for.
    #[wasm_bindgen(getter)]
    pub fn refines(&self) -> bool {
        self.segmenter.refines()
    }

    /// "webgpu" or "cpu".
    #[wasm_bindgen(getter)]
    pub fn device(&self) -> String {
        self.backend.name().to_owned()
    }
}

impl Engine {
    fn encoding(&self) -> Result<&Encoding, JsError> {
        self.encoding.as_ref().ok_or_else(|| JsError::new("no picture was segmented yet"))
    }
}

/// The Float32Array of a promise; `None` when it gives something else, or is rejected.
async fn numbers_of(promise: Promise) -> Option<Vec<f32>> {
    let value = JsFuture::from(promise).await.ok()?;
    value.dyn_into::<Float32Array>().ok().map(|numbers| numbers.to_vec())
}

/// The files of a manifest, which lie end to end in `weights`.
fn split<'a>(manifest: &Manifest, weights: &'a [u8]) -> Result<Vec<&'a [u8]>, JsError> {
    let mut rest = weights;
    let mut files = Vec::with_capacity(manifest.files.len());
    for entry in &manifest.files {
        let length = usize::try_from(entry.bytes)?;
        let (file, more) = rest.split_at_checked(length).ok_or_else(|| {
            JsError::new(&format!("the weights end {} bytes into {} of {length} bytes", rest.len(), entry.path))
        })?;
        files.push(file);
        rest = more;
    }
    Ok(files)
}

/// What was given, or the default if it was left out.
fn read<T: DeserializeOwned + Default>(value: JsValue) -> Result<T, JsError> {
    if value.is_undefined() {
        return Ok(T::default());
    }
    Ok(serde_wasm_bindgen::from_value(value)?)
}

/// `{ width, height, labels, confidence, classes, timings }` with byte arrays of their own, which a worker can
/// transfer.
fn write(segmentation: &Segmentation) -> Result<JsValue, JsError> {
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    let timings = Object::new();
    for (name, time) in &segmentation.timings {
        set(&timings, name, &JsValue::from_f64(1000.0 * time.as_secs_f64()));
    }
    let classes =
        segmentation.classes.iter().map(|class| class.serialize(&serializer)).collect::<Result<Array, _>>()?;
    let result = Object::new();
    set_size(&result, segmentation.width, segmentation.height);
    set(&result, "labels", &Uint8Array::from(segmentation.labels.as_slice()));
    set(&result, "confidence", &Uint8Array::from(segmentation.confidence.as_slice()));
    set(&result, "classes", &classes);
    set(&result, "timings", &timings);
    Ok(result.into())
}

fn set_size(object: &Object, width: usize, height: usize) {
    set(object, "width", &JsValue::from_f64(width as f64));
    set(object, "height", &JsValue::from_f64(height as f64));
}

fn set(object: &Object, name: &str, value: &JsValue) {
    Reflect::set(object, &JsValue::from_str(name), value).expect("a plain object takes any property");
}
