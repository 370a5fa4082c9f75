//! The kernel, in CubeCL's language.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

/// Rows that a unit computes.
pub(super) const ROWS: usize = 8;
/// Units side by side; they compute neighbouring columns.
pub(super) const UNITS: usize = 32;

/// `lhs · rhs`; every unit computes [`ROWS`] rows by `wide` columns. All operands have four axes, of which the first two
/// are those of matrices, which the third axis of the grid counts.
#[cube(launch_unchecked)]
pub(super) fn product_kernel<S: Size>(
    lhs: &Tensor<Vector<f32, S>>,
    rhs: &Tensor<f32>,
    output: &mut Tensor<f32>,
    #[comptime] wide: usize,
) {
    let vector = lhs.vector_size();
    let (rows, columns, depth) = (output.shape(2), output.shape(3), lhs.shape(3));
    let (outer, inner) = (CUBE_POS_Z as usize / output.shape(1), CUBE_POS_Z as usize % output.shape(1));
    let first_row = CUBE_POS_Y as usize * ROWS;
    let first_column = CUBE_POS_X as usize * (UNITS * wide) + UNIT_POS as usize;

    let mut sums = Array::<f32>::new(ROWS * wide);
    let mut row_starts = Array::<usize>::new(ROWS);
    let mut column_starts = Array::<usize>::new(wide);
    #[unroll]
    for index in 0..ROWS * wide {
        sums[index] = 0.0;
    }
    let matrix = outer * lhs.stride(0) + inner * lhs.stride(1);
    #[unroll]
    for index in 0..ROWS {
        let row = select(first_row + index < rows, first_row + index, rows - 1);
        row_starts[index] = matrix + row * lhs.stride(2);
    }
    let matrix = outer * rhs.stride(0) + inner * rhs.stride(1);
    #[unroll]
    for index in 0..wide {
        let column = first_column + index * UNITS;
        column_starts[index] = matrix + select(column < columns, column, columns - 1) * rhs.stride(3);
    }

    let (step, down) = (lhs.stride(3), rhs.stride(2));
    let mut left = Array::<Vector<f32, S>>::new(ROWS);
    let mut right = Array::<f32>::new(wide);
    let mut at = 0usize;
    while at < depth {
        #[unroll]
        for row in 0..ROWS {
            left[row] = lhs[(row_starts[row] + at * step) / vector];
        }
        #[unroll]
        for part in 0..vector {
            #[unroll]
            for column in 0..wide {
                right[column] = rhs[column_starts[column] + (at + part) * down];
            }
            #[unroll]
            for row in 0..ROWS {
                #[unroll]
                for column in 0..wide {
                    sums[row * wide + column] += left[row].extract(part) * right[column];
                }
            }
        }
        at += vector;
    }

    let matrix = outer * output.stride(0) + inner * output.stride(1);
    #[unroll]
    for row in 0..ROWS {
        let start = matrix + (first_row + row) * output.stride(2);
        #[unroll]
        for index in 0..wide {
            let column = first_column + index * UNITS;
            if first_row + row < rows && column < columns {
                output[start + column] = sums[row * wide + index];
            }
        }
    }
}
