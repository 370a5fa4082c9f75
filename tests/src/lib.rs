//! What the tests that cross crates share: the devices, the fixtures, the comparison.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, DeviceType, Gradients, Tensor, TensorData};
use dalnet_assets::{Metadata, Tensors, read_safetensors_file, tensors_of};

/// Every backend that results are compared on, with a name to show: burn-flex on the CPU, and burn-wgpu on the first
/// adapter, a software one too.
///
/// # Panics
/// Without an adapter when the variable `CI` is `true`; elsewhere that is only said.
pub fn devices() -> Vec<(&'static str, Device)> {
    let mut devices = vec![("burn-flex", Device::flex())];
    match Device::enumerate(DeviceType::Wgpu).into_vec().into_iter().next() {
        Some(device) => devices.push(("burn-wgpu", device)),
        None if env::var("CI").is_ok_and(|ci| ci == "true") => {
            panic!("no GPU adapter: install a driver, for example mesa-vulkan-drivers with its software adapter")
        }
        None => say("burn-wgpu skipped: no adapter"),
    }
    devices
}

/// The folder that an environment variable names, or nothing, which is said together with what is skipped.
pub fn folder_from_env(variable: &str, skipped: &str) -> Option<PathBuf> {
    let folder = env::var_os(variable).map(PathBuf::from);
    if folder.is_none() {
        say(&format!("{skipped} skipped: {variable} is not set"));
    }
    folder
}

/// Prints a line that the test harness does not hold back when the test passes.
pub fn say(line: &str) {
    // A closed standard error is no reason to fail a test.
    let _ = writeln!(io::stderr(), "{line}");
}

/// The folder `tests` of this checkout, as cargo names it when it starts a test: several checkouts may share a build.
///
/// # Panics
/// When cargo did not start the test.
pub fn folder() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").expect("tests are started by cargo test").into()
}

/// Where `tests/fixtures/NAME.safetensors` is.
///
/// # Panics
/// When cargo did not start the test.
pub fn fixture(name: &str) -> PathBuf {
    folder().join("fixtures").join(format!("{name}.safetensors"))
}

/// Reference values from `tests/fixtures`.
#[derive(Debug)]
pub struct Fixture {
    tensors: Tensors,
    metadata: Metadata,
}

impl Fixture {
    /// Reads `tests/fixtures/NAME.safetensors`.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn open(name: &str) -> Self {
        match read_safetensors_file(&fixture(name)) {
            Ok((tensors, metadata)) => Self { tensors, metadata },
            Err(error) => panic!("{error}"),
        }
    }

    /// The values called `name`.
    ///
    /// # Panics
    /// When there are none.
    pub fn data(&self, name: &str) -> &TensorData {
        self.tensors.get(name).unwrap_or_else(|| panic!("the fixture has no {name}"))
    }

    /// The values called `name` as a tensor on `device`.
    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        Tensor::from_data(self.data(name).clone(), device)
    }

    /// All tensors whose names begin with `prefix`, under the rest of their names.
    pub fn part(&self, prefix: &str) -> Tensors {
        self.tensors
            .iter()
            .filter_map(|(name, data)| Some((name.strip_prefix(prefix)?.to_owned(), data.clone())))
            .collect()
    }

    /// The JSON that the reference program stored as `key`.
    ///
    /// # Panics
    /// When there is none.
    pub fn json(&self, key: &str) -> serde_json::Value {
        let text = self.metadata.get(key).unwrap_or_else(|| panic!("the fixture has no metadata {key}"));
        serde_json::from_str(text).unwrap_or_else(|error| panic!("metadata {key}: {error}"))
    }
}

/// The gradients of a module's parameters under their names on disk; zeros for what the loss does not depend on.
pub fn gradients_of<M: Module>(module: M, gradients: &Gradients) -> Tensors {
    tensors_of(&module.map(&mut ToGradients(gradients)))
}

struct ToGradients<'a>(&'a Gradients);

impl ModuleMapper for ToGradients<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let value = param.val();
        Param::from_tensor(value.grad(self.0).unwrap_or_else(|| value.inner().zeros_like()))
    }
}

/// The largest difference between `actual` and `expected`, relative to the largest expected magnitude.
///
/// # Panics
/// When the shapes differ or a value is not a number.
pub fn relative_error<const D: usize>(actual: Tensor<D>, expected: &TensorData) -> f32 {
    let actual = actual.into_data().convert::<f32>();
    assert_eq!(actual.shape(), expected.shape(), "shapes differ");
    let scale = expected.iter::<f32>().fold(0.0, |scale: f32, value| scale.max(value.abs())).max(f32::MIN_POSITIVE);
    actual.iter::<f32>().zip(expected.iter::<f32>()).fold(0.0, |error: f32, (actual, expected)| {
        assert!(actual.is_finite(), "{actual} where {expected} is expected");
        error.max((actual - expected).abs() / scale)
    })
}

/// The largest error of a group of comparisons.
#[derive(Debug)]
pub struct Worst {
    subject: String,
    tolerance: f32,
    error: f32,
    at: String,
}

impl Worst {
    /// Nothing compared yet; `tolerance` is relative.
    pub fn new(subject: impl Into<String>, tolerance: f32) -> Self {
        Self { subject: subject.into(), tolerance, error: 0.0, at: String::new() }
    }

    /// Compares one more tensor.
    pub fn compare<const D: usize>(&mut self, name: &str, actual: Tensor<D>, expected: &TensorData) {
        let error = relative_error(actual, expected);
        if error >= self.error {
            (self.error, self.at) = (error, name.to_owned());
        }
    }

    /// Shows the largest error.
    ///
    /// # Panics
    /// When it exceeds the tolerance, or nothing was compared.
    pub fn check(self) {
        let Self { subject, tolerance, error, at } = self;
        assert!(!at.is_empty(), "{subject}: nothing was compared");
        println!("{subject}: largest relative error {error:.1e} ({at}), allowed {tolerance:.0e}");
        assert!(error <= tolerance, "{subject}: {at} is {error:.1e} off, allowed {tolerance:.0e}");
    }
}
