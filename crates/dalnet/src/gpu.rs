//! Products of matrices on a GPU without subgroups or matrix units, as a browser shows it. burn's kernel for these works on
//! tiles of 64 × 64 values in workgroup memory: much of a tile lies outside the matrices of a small picture, and every form
//! of the operands is another shader of a second to compile. Here a unit of the GPU keeps a few rows by a few columns of
//! the result in registers, reads what it needs from memory and waits for no other unit.

use burn::tensor::{DType, Shape, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::prelude::{CubeCount, CubeDim, TensorArg};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

mod kernel;

use kernel::{ROWS, UNITS, product_kernel};

/// Columns that a unit computes, [`UNITS`] apart: as few of these as leave out no column. 6 times 32 divides the widths of
/// all ViTs.
const COLUMNS: [usize; 4] = [1, 2, 3, 6];
/// Values of a row of the left factor that are read at once.
const VECTOR: usize = 4;
/// Groups of units that WebGPU starts along an axis at most.
const LONGEST_GRID: usize = 65_535;
/// Axes of the kernel's operands: two of batches, rows, columns.
const AXES: usize = 4;

/// `lhs · rhs` of the last two axes, the axes before them broadcast; `None` where burn's own kernel is the only one: on
/// the host, with autodiff, of other numbers than `f32`, of more than four axes, of nothing, of what is
/// too large for one launch.
pub(crate) fn product<const D: usize>(lhs: &Tensor<D>, rhs: &Tensor<D>) -> Option<Tensor<D>> {
    let on_gpu = |tensor: &Tensor<D>| tensor.clone().try_into_primitive::<CubeBackend>().ok();
    let (lhs, rhs) = (on_gpu(lhs)?, on_gpu(rhs)?);
    let (left, right) = (Operand::new(&lhs)?, Operand::new(&rhs)?);
    if left.shape[3] == 0 || left.shape[3] != right.shape[2] {
        return None;
    }
    let mut shape = left.shape;
    for (matrices, others) in shape.iter_mut().zip(right.shape).take(2) {
        *matrices = match (*matrices, others) {
            (one, other) if one == other => one,
            (1, other) => other,
            (one, 1) => one,
            _ => return None,
        };
    }
    shape[3] = right.shape[3];
    let [outer, inner, rows, columns] = shape;
    if shape.contains(&0) || outer * inner * rows.div_ceil(ROWS) > LONGEST_GRID || columns > LONGEST_GRID {
        return None;
    }
    let result = Shape::from(shape[AXES - D..].to_vec());
    let output = empty_device_contiguous_dtype(lhs.client.clone(), lhs.device.clone(), result, DType::F32);
    launch(lhs, left, rhs, right, &output, shape);
    Some(Tensor::from_primitive::<CubeBackend>(output))
}

/// How the values of a factor lie in memory, with axes of length 1 in front.
#[derive(Debug, Clone, Copy)]
struct Operand {
    shape: [usize; AXES],
    strides: [usize; AXES],
}

impl Operand {
    fn new(tensor: &CubeTensor) -> Option<Self> {
        let missing = AXES.checked_sub(tensor.meta.num_dims())?;
        if tensor.dtype != DType::F32 || tensor.meta.is_tiled() {
            return None;
        }
        let (mut shape, mut strides) = ([1; AXES], [0; AXES]);
        shape[missing..].copy_from_slice(&tensor.meta.shape()[..]);
        strides[missing..].copy_from_slice(&tensor.meta.strides()[..]);
        for axis in 0..2 {
            // The same matrix again for each of the other factor's.
            if shape[axis] == 1 {
                strides[axis] = 0;
            }
        }
        Some(Self { shape, strides })
    }

    /// All rows of all matrices as those of one, if they lie at equal distances.
    fn flattened(self) -> Option<Self> {
        let [outer, inner, rows, columns] = self.shape;
        let step = self.strides[2];
        let adjoins = |axis: usize, distance: usize| self.shape[axis] == 1 || self.strides[axis] == distance;
        (adjoins(1, rows * step) && adjoins(0, inner * rows * step))
            .then_some(Self { shape: [1, 1, outer * inner * rows, columns], strides: [0, 0, step, self.strides[3]] })
    }

    /// How many values of a row one read takes.
    fn vector(self) -> usize {
        let [outer, inner, rows, columns] = self.strides;
        let aligned = [outer, inner, rows, self.shape[3]].iter().all(|distance| distance.is_multiple_of(VECTOR));
        if columns == 1 && aligned { VECTOR } else { 1 }
    }

    fn argument(self, tensor: CubeTensor) -> TensorArg {
        let mut binding = tensor.binding();
        binding.shape = self.shape.into();
        binding.strides = self.strides.as_slice().into();
        binding.into_tensor_arg()
    }
}

fn launch(
    lhs: CubeTensor,
    mut left: Operand,
    rhs: CubeTensor,
    right: Operand,
    output: &CubeTensor,
    mut shape: [usize; AXES],
) {
    // One tall product wastes fewer rows than many low ones.
    if right.shape[..2] == [1, 1]
        && let Some(flattened) = left.flattened()
    {
        left = flattened;
        shape = [1, 1, left.shape[2], shape[3]];
    }
    let [outer, inner, rows, columns] = shape;
    let result = Operand { shape, strides: [inner * rows * columns, rows * columns, columns, 1] };
    let widest = UNITS * COLUMNS[COLUMNS.len() - 1];
    let share = columns.div_ceil(columns.div_ceil(widest)).div_ceil(UNITS);
    let wide = COLUMNS.into_iter().find(|count| *count >= share).expect("a share of the widest is no wider");
    let cubes =
        CubeCount::Static(columns.div_ceil(UNITS * wide) as u32, rows.div_ceil(ROWS) as u32, (outer * inner) as u32);
    let client = output.client.clone();
    // SAFETY: rows and columns beyond the result's are clamped before they are read and left out when they are written,
    // and the loop ends with the factors' common axis, which the vector's size divides: every index lies inside the
    // tensors whose shapes and strides `Operand` took from burn.
    unsafe {
        product_kernel::launch_unchecked(
            &client,
            cubes,
            CubeDim::new_1d(UNITS as u32),
            left.vector(),
            left.argument(lhs),
            right.argument(rhs),
            result.argument(output.clone()),
            wide,
        );
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution, Tolerance};

    use super::*;

    /// The product of random factors on the GPU and on the host; `turn` may leave values where they are and change axes.
    fn check<const D: usize>([left, right]: [[usize; D]; 2], turn: impl Fn([Tensor<D>; 2]) -> [Tensor<D>; 2]) {
        let (host, gpu) = (Device::flex(), Device::wgpu(Default::default()));
        let random = |shape: [usize; D]| Tensor::<D>::random(shape, Distribution::Uniform(-1.0, 1.0), &host);
        let factors = [random(left), random(right)];
        let [lhs, rhs] = turn(factors.clone());
        let expected = lhs.matmul(rhs);
        let [lhs, rhs] = turn(factors.map(|factor| factor.to_device(&gpu)));
        let found = product(&lhs, &rhs).unwrap_or_else(|| panic!("{left:?} and {right:?} have a product"));
        assert_eq!(found.dims(), expected.dims());
        found.into_data().assert_approx_eq(&expected.into_data(), Tolerance::<f32>::absolute(1e-4));
    }

    #[test]
    fn products_are_those_of_the_host() {
        // Layers: many tokens, one matrix; one with a remainder everywhere, one with rows that no vector divides.
        check([[2, 37, 192], [1, 192, 576]], |factors| factors);
        check([[3, 11, 20], [1, 20, 203]], |factors| factors);
        check([[5, 7], [7, 3]], |factors| factors);
        check([[1, 1], [1, 1]], |factors| factors);
        // A matrix for each picture, and one matrix times those of all pictures.
        check([[4, 9, 64], [4, 64, 33]], |factors| factors);
        check([[1, 12, 5], [4, 5, 100]], |factors| factors);
    }

    #[test]
    fn factors_may_lie_in_memory_in_any_order() {
        // Attention: heads are parts of tokens, keys are transposed, weights are not.
        let heads = |tensor: Tensor<4>| tensor.permute([0, 2, 1, 3]);
        check([[2, 37, 3, 64], [2, 37, 3, 64]], |[queries, keys]| [heads(queries), heads(keys).transpose()]);
        check([[2, 3, 37, 37], [2, 37, 3, 64]], |[weights, values]| [weights, heads(values)]);
        // Columns of the left factor that lie apart, and rows of several matrices that do not follow one another.
        check([[2, 8, 13], [2, 8, 40]], |[left, right]| [left.transpose(), right]);
        check([[6, 2, 8], [1, 8, 40]], |[left, right]| [left.swap_dims(0, 1), right]);
    }

    #[test]
    fn what_the_kernel_cannot_do_is_left_to_burn() {
        let gpu = Device::wgpu(Default::default());
        let of = |device: &Device, shape: [usize; 2]| Tensor::<2>::ones(shape, device);
        assert!(product(&of(&gpu, [2, 3]), &of(&gpu, [3, 2])).is_some());
        assert!(product(&of(&Device::flex(), [2, 3]), &of(&Device::flex(), [3, 2])).is_none());
        assert!(product(&of(&gpu.clone().autodiff(), [2, 3]), &of(&gpu.clone().autodiff(), [3, 2])).is_none());
        assert!(product(&of(&gpu, [2, 3]), &of(&gpu, [2, 3])).is_none());
        // More groups of units than one launch starts.
        assert!(product(&of(&gpu, [8 * LONGEST_GRID + 1, 1]), &of(&gpu, [1, 1])).is_none());
        let five = Tensor::<5>::ones([1; 5], &gpu);
        assert!(product(&five, &five).is_none());
    }
}
