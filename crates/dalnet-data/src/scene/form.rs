//! What an object of a class looks like: its outline and its texture.

use std::f64::consts::TAU;

/// Whether an object of class `class` covers the point (`x`, `y`), in units of its radius from its centre.
pub(super) fn covers(class: usize, x: f64, y: f64) -> bool {
    let radius = x.hypot(y);
    match class {
        0 => radius < 0.9,
        1 => x.abs().max(y.abs()) < 0.78,
        2 => y > -0.55 && y < 0.95 - 1.73 * x.abs(),
        3 => (0.45..1.0).contains(&radius),
        _ => x.abs().min(y.abs()) < 0.32 && x.abs().max(y.abs()) < 1.0,
    }
}

/// Share of the object's second colour at the point (`x`, `y`), in pixels from its centre along its own axes: 0 or 1.
/// Stripes, a chequer, dots, nothing, waves.
pub(super) fn texture(class: usize, x: f64, y: f64) -> f64 {
    let second = match class {
        0 => (TAU * x / 6.0).sin() > 0.0,
        1 => ((x / 5.0).floor() + (y / 5.0).floor()).rem_euclid(2.0) < 1.0,
        2 => (x.rem_euclid(6.0) - 3.0).hypot(y.rem_euclid(6.0) - 3.0) < 1.9,
        3 => false,
        _ => (TAU * (x / 7.0 + 0.25 * (TAU * y / 12.0).sin())).sin() > 0.0,
    };
    f64::from(u8::from(second))
}
