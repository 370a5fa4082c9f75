//! Named tensors, and the safetensors files they stand in.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use burn::tensor::TensorData;
use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use crate::error::WeightsError;
use crate::files::write_atomically;
use crate::quantise::{Quantised, dequantise, is_quantised, quantise, scaled_name, scales_name};

/// Tensors by name, in f32 and in PyTorch's orientation.
pub type Tensors = BTreeMap<String, TensorData>;

/// The free text fields of a safetensors file.
pub type Metadata = BTreeMap<String, String>;

/// How numbers are stored in a file; in memory they are f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 4 bytes, exact.
    F32,
    /// 2 bytes, a relative error of up to 2⁻¹¹, values up to 65504.
    F16,
    /// The weights of the encoder's linear layers and the head's convolutions in 9 bits: per block of 32 numbers a scale,
    /// and an error of up to 1/254 of the block's largest. All other tensors as [`Self::F16`].
    Int8,
}

impl Precision {
    /// Its name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }
}

/// Integers that published CLIPs store beside their weights, and that their shapes tell as well.
const NO_WEIGHTS: [&str; 4] = ["position_ids", "context_length", "input_resolution", "vocab_size"];

/// Reads a safetensors file from memory; f16, bf16 and int8 with their scales are widened to f32. Integers that are
/// known to be no weights (`…position_ids` and three more of CLIP's) are left out.
///
/// # Errors
/// Bytes that are not a whole safetensors file; a tensor of another type than these; int8 without its scales.
pub fn read_safetensors(bytes: &[u8]) -> Result<(Tensors, Metadata), WeightsError> {
    let file = SafeTensors::deserialize(bytes)?;
    let mut tensors = Tensors::new();
    for (name, view) in file.iter() {
        let is_integer = matches!(view.dtype(), Dtype::I64 | Dtype::I32);
        if is_integer && name.rsplit('.').next().is_some_and(|last| NO_WEIGHTS.contains(&last)) {
            continue;
        }
        if scaled_name(name).is_some_and(|scaled| is_int8(&file, scaled)) {
            continue;
        }
        let values = if view.dtype() == Dtype::I8 {
            widen_int8(&file, name, &view)?
        } else {
            widen(view.dtype(), view.data())
                .ok_or_else(|| WeightsError::Type { name: name.to_owned(), dtype: view.dtype() })?
        };
        tensors.insert(name.to_owned(), TensorData::new(values, view.shape().to_vec()));
    }
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let metadata = header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    Ok((tensors, metadata))
}

/// [`read_safetensors`] from a file.
///
/// # Errors
/// As there, with the file's name; a file that cannot be read.
pub fn read_safetensors_file(path: &Path) -> Result<(Tensors, Metadata), WeightsError> {
    let bytes = fs::read(path).map_err(|source| WeightsError::Read { path: path.to_path_buf(), source })?;
    read_safetensors(&bytes).map_err(|error| error.within(path))
}

/// The bytes of a safetensors file. The same tensors give the same bytes as long as `metadata` has at most one entry
/// (the format leaves the order of several open).
///
/// # Errors
/// A tensor that is not f32 in memory, or that the precision cannot hold.
pub fn write_safetensors(
    tensors: &Tensors,
    metadata: &Metadata,
    precision: Precision,
) -> Result<Vec<u8>, WeightsError> {
    let mut stored = Vec::new();
    for (name, data) in tensors {
        stored.extend(StoredTensor::of(name, data, precision)?);
    }
    let metadata: HashMap<_, _> = metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    serialise(stored, (!metadata.is_empty()).then_some(metadata))
}

/// The bytes of a file of stored tensors.
pub(crate) fn serialise(
    stored: Vec<StoredTensor>,
    metadata: Option<HashMap<String, String>>,
) -> Result<Vec<u8>, WeightsError> {
    let named = stored.iter().map(|tensor| (tensor.name.as_str(), tensor));
    Ok(safetensors::serialize(named, metadata)?)
}

/// [`write_safetensors`] into a file that is whole or absent.
///
/// # Errors
/// As there, with the file's name; a file that cannot be written.
pub fn write_safetensors_file(
    path: &Path,
    tensors: &Tensors,
    metadata: &Metadata,
    precision: Precision,
) -> Result<(), WeightsError> {
    let bytes = write_safetensors(tensors, metadata, precision).map_err(|error| error.within(path))?;
    write_atomically(path, &bytes).map_err(WeightsError::Write)
}

/// The numbers of a stored tensor, or nothing for a type that is not read here.
fn widen(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    let pairs = || bytes.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
    match dtype {
        Dtype::F32 => Some(bytes.chunks_exact(4).map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect()),
        Dtype::F16 => Some(pairs().map(|pair| f16::from_le_bytes(pair).to_f32()).collect()),
        Dtype::BF16 => Some(pairs().map(|pair| bf16::from_le_bytes(pair).to_f32()).collect()),
        _ => None,
    }
}

/// Whether `file` holds `name` as int8.
fn is_int8(file: &SafeTensors<'_>, name: &str) -> bool {
    file.tensor(name).is_ok_and(|view| view.dtype() == Dtype::I8)
}

/// The numbers of a tensor stored as int8, with the scales beside it.
fn widen_int8(file: &SafeTensors<'_>, name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, WeightsError> {
    let missing = || WeightsError::NoScales { name: name.to_owned(), scales: scales_name(name) };
    let stored = file.tensor(&scales_name(name)).map_err(|_| missing())?;
    let scales = (stored.dtype() == Dtype::F32).then(|| widen(Dtype::F32, stored.data())).flatten();
    dequantise(name, view.data(), view.shape(), &scales.ok_or_else(missing)?, stored.shape())
}

/// A tensor as a file holds it.
pub(crate) struct StoredTensor {
    pub(crate) name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl StoredTensor {
    /// What is stored for a tensor: itself, or its integers and their scales.
    pub(crate) fn of(name: &str, data: &TensorData, precision: Precision) -> Result<Vec<Self>, WeightsError> {
        let values = data
            .as_slice::<f32>()
            .map_err(|_| WeightsError::NotF32 { name: name.to_owned(), dtype: format!("{:?}", data.dtype()) })?;
        let shape = data.shape().to_vec();
        match precision {
            Precision::F32 => Ok(vec![Self::f32(name.to_owned(), values, shape)]),
            Precision::Int8 if is_quantised(name, &shape) => {
                let Quantised { steps, scales, scales_shape } = quantise(name, values, &shape)?;
                let bytes = steps.into_iter().map(|step| step as u8).collect();
                Ok(vec![
                    Self { name: name.to_owned(), dtype: Dtype::I8, shape, bytes },
                    Self::f32(scales_name(name), &scales, scales_shape.to_vec()),
                ])
            }
            Precision::F16 | Precision::Int8 => Ok(vec![Self::f16(name, values, shape)?]),
        }
    }

    fn f32(name: String, values: &[f32], shape: Vec<usize>) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name, dtype: Dtype::F32, shape, bytes }
    }

    fn f16(name: &str, values: &[f32], shape: Vec<usize>) -> Result<Self, WeightsError> {
        let narrow: Vec<f16> = values.iter().map(|&value| f16::from_f32(value)).collect();
        if let Some(index) = narrow.iter().position(|value| !value.is_finite()) {
            return Err(WeightsError::Range { name: name.to_owned(), value: values[index] });
        }
        let bytes = narrow.iter().flat_map(|value| value.to_le_bytes()).collect();
        Ok(Self { name: name.to_owned(), dtype: Dtype::F16, shape, bytes })
    }
}

impl View for &StoredTensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
