//! Matrix products of plain values, where burn-flex has no fast ones. In WebAssembly its `gemm` keeps tiles of 12 × 4
//! values, which need more than the 15 vector registers that V8 has on x86: half of its time goes into spilling them.
//! Tiles of 4 × 8 fit, and take the work around the product along while the values are at hand.

/// Rows of a tile.
const TALL: usize = 4;
/// Columns of a tile: two vectors.
const WIDE: usize = 8;

/// Rows of a matrix, or of a part of it: each `width` values long, `step` values after the one before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    values: &'a [f32],
    width: usize,
    step: usize,
}

impl<'a> Rows<'a> {
    /// All of a matrix with rows of `width`.
    pub(crate) fn new(values: &'a [f32], width: usize) -> Self {
        Self { values, width, step: width }
    }

    /// The columns from `first` on, `width` of them.
    pub(crate) fn columns(self, first: usize, width: usize) -> Self {
        assert!(first + width <= self.width, "columns {first} to {} of {}", first + width, self.width);
        Self { values: &self.values[first..], width, step: self.step }
    }

    /// Values of a row.
    pub(crate) fn width(self) -> usize {
        self.width
    }

    /// Number of rows.
    pub(crate) fn count(self) -> usize {
        self.values.len().div_ceil(self.step)
    }

    /// Parts of `count` rows, the last one of what is left.
    pub(crate) fn chunks(self, count: usize) -> impl Iterator<Item = Self> {
        self.values.chunks(count * self.step).map(move |values| Self { values, ..self })
    }

    /// From the first to the last; the last may lack the values between its end and the next.
    fn iter(self) -> impl Iterator<Item = &'a [f32]> {
        self.values.chunks(self.step).map(move |row| &row[..self.width])
    }
}

/// The right factor of a product, in panels of [`WIDE`] columns that lie as the product reads them.
#[derive(Debug)]
pub(crate) struct RightFactor {
    /// `[panels, depth, WIDE]`, the last one filled up with zeros.
    panels: Vec<f32>,
    depth: usize,
    columns: usize,
}

impl RightFactor {
    /// The matrix of these rows.
    pub(crate) fn new(rows: Rows<'_>) -> Self {
        let mut factor = Self::empty(rows.count(), rows.width);
        let panel = factor.depth * WIDE;
        for (k, row) in rows.iter().enumerate() {
            for (part, panel) in row.chunks(WIDE).zip(factor.panels.chunks_exact_mut(panel)) {
                panel[k * WIDE..][..part.len()].copy_from_slice(part);
            }
        }
        factor
    }

    /// The matrix whose columns are these rows.
    pub(crate) fn transposed(rows: Rows<'_>) -> Self {
        let mut factor = Self::empty(rows.width, rows.count());
        let panel = factor.depth * WIDE;
        for (column, row) in rows.iter().enumerate() {
            let panel = &mut factor.panels[column / WIDE * panel..][..panel];
            for (values, value) in panel.chunks_exact_mut(WIDE).zip(row) {
                values[column % WIDE] = *value;
            }
        }
        factor
    }

    fn empty(depth: usize, columns: usize) -> Self {
        Self { panels: vec![0.0; columns.div_ceil(WIDE) * depth * WIDE], depth, columns }
    }

    /// Hands every row of `left` · `self` to `take`, with its number.
    pub(crate) fn multiply(&self, left: Rows<'_>, mut take: impl FnMut(usize, &mut [f32])) {
        assert_eq!(left.width, self.depth, "rows of {} values times a matrix of {} rows", left.width, self.depth);
        let stride = self.columns.div_ceil(WIDE) * WIDE;
        let mut packed = vec![0.0; self.depth * TALL];
        let mut results = vec![0.0; TALL * stride];
        for (group, rows) in left.chunks(TALL).enumerate() {
            self.multiply_few(rows, &mut packed, &mut results);
            for (place, result) in results.chunks_exact_mut(stride).take(rows.count()).enumerate() {
                take(group * TALL + place, &mut result[..self.columns]);
            }
        }
    }

    /// Up to [`TALL`] rows of the product into `results` `[TALL, columns filled up to whole panels]`; `packed`
    /// `[depth, TALL]` is what it works with.
    // A function of its own: V8 runs the slow first translation of a function until it is called again.
    #[inline(never)]
    fn multiply_few(&self, rows: Rows<'_>, packed: &mut [f32], results: &mut [f32]) {
        for (place, row) in rows.iter().enumerate() {
            for (values, value) in packed.chunks_exact_mut(TALL).zip(row) {
                values[place] = *value;
            }
        }
        let stride = results.len() / TALL;
        for (index, panel) in self.panels.chunks_exact(self.depth * WIDE).enumerate() {
            let tile = tile(packed, panel);
            for (result, values) in results.chunks_exact_mut(stride).zip(&tile) {
                result[index * WIDE..][..WIDE].copy_from_slice(values);
            }
        }
    }
}

/// [`TALL`] rows `[depth, TALL]` times one panel `[depth, WIDE]`.
#[inline(always)]
fn tile(rows: &[f32], panel: &[f32]) -> [[f32; WIDE]; TALL] {
    let mut tile = [[0.0; WIDE]; TALL];
    for (left, right) in rows.as_chunks::<TALL>().0.iter().zip(panel.as_chunks::<WIDE>().0) {
        for (sums, left) in tile.iter_mut().zip(left) {
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum += left * right;
            }
        }
    }
    tile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_all_remainders_and_parts_are_those_of_the_definition() {
        for (height, depth, width) in [(1, 1, 1), (4, 3, 8), (5, 7, 9), (11, 2, 17), (8, 5, 3)] {
            // Whole numbers: their sums are exact.
            let value = |seed: usize, index: usize| ((index * 7 + seed * 3) % 11) as f32 - 5.0;
            let left = (0..height * (depth + 2)).map(|index| value(1, index)).collect::<Vec<_>>();
            let right = (0..depth * width).map(|index| value(2, index)).collect::<Vec<_>>();
            let turned = (0..width * depth).map(|index| right[index % depth * width + index / depth]);
            let turned = turned.collect::<Vec<_>>();
            let factors =
                [RightFactor::new(Rows::new(&right, width)), RightFactor::transposed(Rows::new(&turned, depth))];
            for factor in factors {
                let mut seen = 0;
                factor.multiply(Rows::new(&left, depth + 2).columns(1, depth), |row, values| {
                    assert_eq!((row, values.len()), (seen, width));
                    seen += 1;
                    for (column, got) in values.iter().enumerate() {
                        let entry = |k: usize| left[row * (depth + 2) + 1 + k] * right[k * width + column];
                        assert_eq!(*got, (0..depth).map(entry).sum::<f32>(), "{height} {depth} {width}");
                    }
                });
                assert_eq!(seen, height);
            }
        }
    }
}
