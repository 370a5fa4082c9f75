//! Which pictures are taken.

/// Shorter side of the smallest picture that is segmented, in pixels: less shows nothing to recognise.
pub const MIN_SIDE: usize = 16;
/// Pixels of the largest picture: 256 MB as RGBA, which a browser tab still holds.
pub const MAX_PIXELS: usize = 64_000_000;
