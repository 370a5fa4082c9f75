//! Weights into a module and out of it, with nothing left over on either side.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Tensor, TensorData};

use crate::error::{Mismatch, WeightsError};
use crate::weights::Tensors;

/// Puts `tensors` into `module`. A parameter keeps its device and whether it is trained; its id becomes a function of
/// its name, so that the record of an optimiser finds its parameters again in another process.
///
/// A parameter's name is the path of field names, with PyTorch's names and orientation for burn's own layers (layer
/// norm `weight` and `bias`, linear weight `[out, in]`).
///
/// # Errors
/// [`Mismatch`] when a tensor has no parameter, a parameter no tensor, or the shapes differ.
pub fn load_strict<M: Module>(module: M, tensors: Tensors) -> Result<M, WeightsError> {
    let mut loader = Loader { path: ParameterPath::default(), tensors, mismatch: Mismatch::default() };
    let module = module.map(&mut loader);
    let Loader { tensors: unused, mut mismatch, .. } = loader;
    mismatch.unexpected = unused.into_iter().map(|(name, data)| (name, data.shape().to_vec())).collect();
    mismatch.into_result()?;
    Ok(module)
}

/// The parameters of `module` under the names that [`load_strict`] expects, in f32. Waits for the device.
pub fn tensors_of<M: Module>(module: &M) -> Tensors {
    let mut collector = Collector::default();
    module.visit(&mut collector);
    collector.tensors
}

/// Where a traversal stands in the module tree.
#[derive(Default)]
struct ParameterPath {
    fields: Vec<String>,
    containers: Vec<String>,
}

impl ParameterPath {
    fn enter(&mut self, field: &str, container: &str) {
        self.fields.push(field.to_owned());
        self.containers.push(container.to_owned());
    }

    fn exit(&mut self) {
        self.fields.pop();
        self.containers.pop();
    }

    fn container(&self) -> &str {
        self.containers.last().map_or("", String::as_str)
    }

    /// The name on disk.
    fn name(&self) -> String {
        let mut fields: Vec<&str> = self.fields.iter().map(String::as_str).collect();
        if self.container() == "Struct:LayerNorm"
            && let Some(last) = fields.last_mut()
        {
            *last = match *last {
                "gamma" => "weight",
                "beta" => "bias",
                other => other,
            };
        }
        fields.join(".")
    }

    /// Whether the tensor on disk is the transpose of the parameter: burn's linear weight is `[in, out]`.
    fn is_transposed(&self) -> bool {
        self.container() == "Struct:Linear" && self.fields.last().is_some_and(|field| field == "weight")
    }
}

struct Loader {
    path: ParameterPath,
    tensors: Tensors,
    mismatch: Mismatch,
}

impl ModuleMapper for Loader {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        let transposed = self.path.is_transposed();
        let mut wanted = param.lazy_shape().to_vec();
        if transposed {
            wanted.reverse();
        }
        let Some(data) = self.tensors.remove(&name) else {
            self.mismatch.missing.push((name, wanted));
            return param;
        };
        if data.shape().to_vec() != wanted {
            self.mismatch.wrong_shape.push((name, data.shape().to_vec(), wanted));
            return param;
        }
        let data = if transposed { transpose(&data) } else { data };
        let tensor = Tensor::from_data(data, &param.lazy_device());
        param.transform_for_load(tensor, id_of(&name))
    }
}

/// FNV-1a of the name: stable over processes and versions, which the standard hasher does not promise.
fn id_of(name: &str) -> ParamId {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    ParamId::from(hash)
}

#[derive(Default)]
struct Collector {
    path: ParameterPath,
    tensors: Tensors,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = param.val().into_data().convert::<f32>();
        let data = if self.path.is_transposed() { transpose(&data) } else { data };
        self.tensors.insert(self.path.name(), data);
    }
}

/// The transpose of a matrix, on the host: loading then needs no work on the device.
pub(crate) fn transpose(matrix: &TensorData) -> TensorData {
    let (rows, columns) = (matrix.shape()[0], matrix.shape()[1]);
    let values = matrix.clone().convert::<f32>();
    let values = values.as_slice::<f32>().expect("they were just converted to f32");
    let mut turned = vec![0.0; values.len()];
    for (column, turned) in turned.chunks_exact_mut(rows.max(1)).enumerate() {
        gather(values, column, columns, turned);
    }
    TensorData::new(turned, [columns, rows])
}

/// One column. A function of its own, as `dequantise_row` is.
#[inline(never)]
fn gather(values: &[f32], column: usize, columns: usize, into: &mut [f32]) {
    into.iter_mut().zip(values[column..].iter().step_by(columns)).for_each(|(to, from)| *to = *from);
}
