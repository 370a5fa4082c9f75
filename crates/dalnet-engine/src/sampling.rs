//! Bilinear interpolation on the host, as [`dalnet::resize`] has it on the device.

#[cfg(test)]
mod tests;

/// Between which two samples a target lies, and how near to the second.
pub(crate) type Tap = (usize, usize, f32);

/// Bilinear taps of one axis with half-pixel centres.
pub(crate) fn taps(from: usize, to: usize) -> Vec<Tap> {
    let tap = |target: usize| {
        let source = ((target as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
        let first = (source.floor() as usize).min(from - 1);
        (first, (first + 1).min(from - 1), (source - first as f64) as f32)
    };
    (0..to).map(tap).collect()
}

/// One row of a map at the picture's width.
pub(crate) fn interpolate(
    map: &[f32],
    map_width: usize,
    (first, second, share): Tap,
    columns: &[Tap],
    row: &mut [f32],
) {
    let (above, below) = (&map[first * map_width..][..map_width], &map[second * map_width..][..map_width]);
    for (value, (left, right, across)) in row.iter_mut().zip(columns) {
        let upper = above[*left] + (above[*right] - above[*left]) * across;
        let lower = below[*left] + (below[*right] - below[*left]) * across;
        *value = upper + (lower - upper) * share;
    }
}
