//! Named tensors, and the safetensors files they stand in.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use burn::tensor::TensorData;
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors, View};

use crate::error::WeightsError;
use crate::files::write_atomically;

/// Tensors by name, in f32 and in PyTorch's orientation.
pub type Tensors = BTreeMap<String, TensorData>;

/// The free text fields of a safetensors file.
pub type Metadata = BTreeMap<String, String>;

/// How numbers are stored in a file; in memory they are f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 4 bytes, exact.
    F32,
    /// 2 bytes, a relative error of up to 2⁻¹¹, values up to 65504.
    F16,
}

/// Integers that published CLIPs store beside their weights, and that their shapes tell as well.
const NO_WEIGHTS: [&str; 4] = ["position_ids", "context_length", "input_resolution", "vocab_size"];

/// Reads a safetensors file from memory; f16 and bf16 are widened to f32. Integers that are known to be no weights
/// (`…position_ids` and three more of CLIP's) are left out.
///
/// # Errors
/// Bytes that are not a whole safetensors file; a tensor of another type than these three.
pub fn read_safetensors(bytes: &[u8]) -> Result<(Tensors, Metadata), WeightsError> {
    let file = SafeTensors::deserialize(bytes)?;
    let mut tensors = Tensors::new();
    for (name, view) in file.iter() {
        let is_integer = matches!(view.dtype(), Dtype::I64 | Dtype::I32);
        if is_integer && name.rsplit('.').next().is_some_and(|last| NO_WEIGHTS.contains(&last)) {
            continue;
        }
        let values = widen(view.dtype(), view.data())
            .ok_or_else(|| WeightsError::Type { name: name.to_owned(), dtype: view.dtype() })?;
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
/// A tensor that is not f32 in memory, or that f16 cannot hold.
pub fn write_safetensors(
    tensors: &Tensors,
    metadata: &Metadata,
    precision: Precision,
) -> Result<Vec<u8>, WeightsError> {
    let stored = tensors
        .iter()
        .map(|(name, data)| Ok((name.as_str(), Stored::new(name, data, precision)?)))
        .collect::<Result<Vec<_>, WeightsError>>()?;
    let metadata: HashMap<_, _> = metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    Ok(safetensors::serialize(stored, (!metadata.is_empty()).then_some(metadata))?)
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

/// A tensor as the file holds it.
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Stored {
    fn new(name: &str, data: &TensorData, precision: Precision) -> Result<Self, WeightsError> {
        let values = data
            .as_slice::<f32>()
            .map_err(|_| WeightsError::NotF32 { name: name.to_owned(), dtype: format!("{:?}", data.dtype()) })?;
        let (dtype, bytes) = match precision {
            Precision::F32 => (Dtype::F32, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Precision::F16 => {
                let narrow: Vec<f16> = values.iter().map(|&value| f16::from_f32(value)).collect();
                if let Some(index) = narrow.iter().position(|value| !value.is_finite()) {
                    return Err(WeightsError::Range { name: name.to_owned(), value: values[index] });
                }
                (Dtype::F16, narrow.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
        };
        Ok(Self { dtype, shape: data.shape().to_vec(), bytes })
    }
}

impl View for Stored {
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
