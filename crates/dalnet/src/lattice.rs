//! Gaussian filtering in a feature space by the permutohedral lattice.
//!
//! `Σ_j exp(-½‖f_i - f_j‖²) v_j` over all points costs the square of their number; here the values are spread onto the
//! corners of the simplices that the points lie in (splat), blurred along the lattice's axes, and gathered again
//! (slice), which is linear in it. Written from the published description: Adams, Baek and Davis, "Fast
//! high-dimensional filtering using the permutohedral lattice" (Eurographics 2010). Scaled as the filter of the dense
//! CRF (Krähenbühl and Koltun, NIPS 2011): not normalised, each blur is `centre + ½(one side + other side)`, the
//! result times `1 / (1 + 2^-D)`.

/// Channels that are filtered together: a whole number of SIMD registers on every machine.
const LANES: usize = 8;
/// Room for the `D + 1` coordinates and corners of a point.
const MOST_CORNERS: usize = 8;
/// Bits of a key that hold the corner's number within a simplex; the others are shared by `D` coordinates.
const REMAINDER_BITS: usize = 4;

/// Values of [`LANES`] channels.
type Group = [f32; LANES];

/// A Gaussian filter over fixed points of `D` features (1 to 7): built once, applied to any number of values.
#[derive(Debug, Clone)]
pub struct Lattice<const D: usize> {
    /// `D + 1` for each point.
    corners: Vec<Corner>,
    /// For each axis and each vertex the next and the previous vertex; [`NOWHERE`] where there is none.
    neighbours: Vec<[u32; 2]>,
    /// Rows of a grid, the one of [`NOWHERE`] included.
    rows: usize,
}

/// A share of a point in a vertex of the lattice.
#[derive(Debug, Clone, Copy)]
struct Corner {
    vertex: u32,
    weight: f32,
}

/// The row of a grid that stays zero.
const NOWHERE: u32 = 0;

impl<const D: usize> Lattice<D> {
    /// The lattice of `features`, one row per point, each already divided by the standard deviation of its feature.
    ///
    /// # Panics
    /// When a feature is too large for the lattice's integer coordinates: for `D = 5` beyond about ±1,000 deviations,
    /// for `D = 2` beyond ±10⁸.
    pub fn new(features: &[[f32; D]]) -> Self {
        const { assert!(D >= 1 && D < MOST_CORNERS, "a lattice has 1 to 7 features") };
        let mut vertices = Vertices::with_capacity(features.len());
        let mut corners = Vec::with_capacity(features.len() * (D + 1));
        let scale = scales::<D>();
        for point in features {
            let simplex = Simplex::around(point, &scale);
            let mut key = simplex.first_key;
            for remainder in 0..=D {
                if remainder > 0 {
                    key = key - Keys::<D>::unit(simplex.order[D + 1 - remainder]) + 1;
                }
                corners.push(Corner { vertex: vertices.insert(key), weight: simplex.weights[remainder] });
            }
        }
        Self { corners, neighbours: neighbours::<D>(&vertices), rows: vertices.keys.len() }
    }

    /// Points that the lattice was built for.
    pub fn points(&self) -> usize {
        self.corners.len() / (D + 1)
    }

    /// Vertices that points have a share in: the filter's cost besides that of the points.
    pub fn vertices(&self) -> usize {
        self.rows - 1
    }

    /// The filtered `values` `[points, channels]`, in the same order.
    ///
    /// # Panics
    /// When `values` is of another size.
    pub fn filter(&self, values: &[f32], channels: usize) -> Vec<f32> {
        assert_eq!(
            values.len(),
            self.points() * channels,
            "values of {} points and {channels} channels",
            self.points()
        );
        if values.is_empty() {
            return Vec::new();
        }
        let groups = channels.div_ceil(LANES);
        let grid = self.blur(self.splat(values, channels, groups), groups);
        self.slice(&grid, channels, groups)
    }

    /// Spreads each point's values onto its corners.
    fn splat(&self, values: &[f32], channels: usize, groups: usize) -> Vec<Group> {
        let mut grid = vec![[0.0; LANES]; self.rows * groups];
        for (row, corners) in values.chunks_exact(channels).zip(self.corners.chunks_exact(D + 1)) {
            for (group, part) in row.chunks(LANES).enumerate() {
                let mut lanes = [0.0; LANES];
                lanes[..part.len()].copy_from_slice(part);
                for corner in corners {
                    let cell = &mut grid[corner.vertex as usize * groups + group];
                    for (cell, value) in cell.iter_mut().zip(lanes) {
                        *cell += corner.weight * value;
                    }
                }
            }
        }
        grid
    }

    /// Blurs along one axis after the other.
    fn blur(&self, mut grid: Vec<Group>, groups: usize) -> Vec<Group> {
        let mut blurred = vec![[0.0; LANES]; grid.len()];
        for axis in self.neighbours.chunks_exact(self.rows - 1) {
            let rows = grid.chunks_exact(groups).zip(blurred.chunks_exact_mut(groups)).skip(1);
            for ((centre, blurred), [next, previous]) in rows.zip(axis) {
                let next = &grid[*next as usize * groups..][..groups];
                let previous = &grid[*previous as usize * groups..][..groups];
                for (((blurred, centre), next), previous) in blurred.iter_mut().zip(centre).zip(next).zip(previous) {
                    for lane in 0..LANES {
                        blurred[lane] = centre[lane] + 0.5 * (next[lane] + previous[lane]);
                    }
                }
            }
            std::mem::swap(&mut grid, &mut blurred);
        }
        grid
    }

    /// Gathers each point's values from its corners.
    fn slice(&self, grid: &[Group], channels: usize, groups: usize) -> Vec<f32> {
        let alpha = 1.0 / (1.0 + 0.5_f32.powi(D as i32));
        let mut filtered = vec![0.0; self.points() * channels];
        for (row, corners) in filtered.chunks_exact_mut(channels).zip(self.corners.chunks_exact(D + 1)) {
            for (group, part) in row.chunks_mut(LANES).enumerate() {
                let mut lanes = [0.0; LANES];
                for corner in corners {
                    let weight = alpha * corner.weight;
                    for (sum, value) in lanes.iter_mut().zip(grid[corner.vertex as usize * groups + group]) {
                        *sum += weight * value;
                    }
                }
                part.copy_from_slice(&lanes[..part.len()]);
            }
        }
        filtered
    }
}

/// What each feature is multiplied by before it is laid onto the lattice's hyperplane, so that splat, blur and slice
/// together have variance 1.
fn scales<const D: usize>() -> [f32; D] {
    std::array::from_fn(|axis| {
        let deviation = (2.0_f64 / 3.0).sqrt() * (D + 1) as f64;
        (deviation / (((axis + 1) * (axis + 2)) as f64).sqrt()) as f32
    })
}

/// The simplex around a point.
struct Simplex {
    /// Key of the corner with remainder 0.
    first_key: u64,
    /// Axes by falling distance from that corner: to the corner of remainder `r`, one steps along all but the first
    /// `D + 1 - r`.
    order: [usize; MOST_CORNERS],
    /// Barycentric weights of the corners, by remainder.
    weights: [f32; MOST_CORNERS],
}

impl Simplex {
    fn around<const D: usize>(point: &[f32; D], scale: &[f32; D]) -> Self {
        let elevated = elevate(point, scale);
        let side = (D + 1) as f32;
        // The nearest lattice point of remainder 0, in units of `side`; the coordinates' sum is corrected below.
        let mut nearest = [0_i32; MOST_CORNERS];
        let mut offset = [0.0_f32; MOST_CORNERS];
        for axis in 0..=D {
            let position = elevated[axis] / side;
            let rounded = round(position);
            nearest[axis] = rounded as i32;
            offset[axis] = position - rounded;
        }
        let mut rank = [0_i32; MOST_CORNERS];
        for one in 0..D {
            for other in one + 1..=D {
                let behind = offset[one] < offset[other];
                rank[one] += i32::from(behind);
                rank[other] += i32::from(!behind);
            }
        }
        let excess: i32 = nearest[..=D].iter().sum();
        let corners = D as i32 + 1;
        let mut order = [0; MOST_CORNERS];
        let mut sorted = [0.0; MOST_CORNERS];
        for axis in 0..=D {
            let shifted = rank[axis] + excess;
            let step = i32::from(shifted < 0) - i32::from(shifted >= corners);
            nearest[axis] += step;
            let rank = (shifted + step * corners) as usize;
            order[rank] = axis;
            sorted[rank] = offset[axis] - step as f32;
        }
        let mut weights = [0.0; MOST_CORNERS];
        weights[0] = 1.0 + sorted[D] - sorted[0];
        for remainder in 1..=D {
            weights[remainder] = sorted[D - remainder] - sorted[D + 1 - remainder];
        }
        Self { first_key: Keys::<D>::pack(&nearest), order, weights }
    }
}

/// The point on the hyperplane `Σ x = 0` of `D + 1` dimensions.
fn elevate<const D: usize>(point: &[f32; D], scale: &[f32; D]) -> [f32; MOST_CORNERS] {
    let mut elevated = [0.0; MOST_CORNERS];
    let mut sum = 0.0;
    for axis in (1..=D).rev() {
        let coordinate = point[axis - 1] * scale[axis - 1];
        elevated[axis] = sum - axis as f32 * coordinate;
        sum += coordinate;
    }
    elevated[0] = sum;
    elevated
}

/// The nearest whole number of a position below 2²² (two additions, where `f32::round` is a call without SSE4).
fn round(position: f32) -> f32 {
    const WHOLE: f32 = 12_582_912.0;
    (position + WHOLE) - WHOLE
}

/// Vertices as integers. All coordinates of a vertex leave the same remainder `r` modulo `D + 1`, so a key holds their
/// quotients, `D` of them as the sum of all is 0, and `r` once: steps on the lattice are additions of keys.
struct Keys<const D: usize>;

impl<const D: usize> Keys<D> {
    const BITS: usize = (u64::BITS as usize - REMAINDER_BITS) / D;
    const REMAINDER: u64 = (1 << REMAINDER_BITS) - 1;
    /// A step of all coordinates.
    const ALL: u64 = {
        let (mut all, mut axis) = (0, 0);
        while axis < D {
            all += Self::unit(axis);
            axis += 1;
        }
        all
    };

    /// A step of one coordinate; that of the last, which no key holds, is 0.
    const fn unit(axis: usize) -> u64 {
        if axis < D { 1 << (REMAINDER_BITS + axis * Self::BITS) } else { 0 }
    }

    fn pack(quotients: &[i32; MOST_CORNERS]) -> u64 {
        let half = 1_i64 << (Self::BITS - 1);
        quotients[..D].iter().enumerate().fold(0, |key, (axis, quotient)| {
            let quotient = i64::from(*quotient);
            // Two short of the edge: corners and their neighbours must not run over into the next coordinate.
            assert!(quotient.abs() < half - 2, "a feature is too large for the lattice");
            key + (quotient + half) as u64 * Self::unit(axis)
        })
    }

    /// The vertex one step along `axis`: 1 more in all coordinates but `D` less in that one.
    fn next(key: u64, axis: usize) -> u64 {
        let stepped = if key & Self::REMAINDER == D as u64 { key - D as u64 + Self::ALL } else { key + 1 };
        stepped - Self::unit(axis)
    }
}

/// For each axis, for each vertex: the next and the previous one.
fn neighbours<const D: usize>(vertices: &Vertices) -> Vec<[u32; 2]> {
    let keys = &vertices.keys[1..];
    let mut neighbours = vec![[NOWHERE; 2]; keys.len() * (D + 1)];
    if keys.is_empty() {
        return neighbours;
    }
    for (axis, neighbours) in neighbours.chunks_exact_mut(keys.len()).enumerate() {
        for (index, key) in keys.iter().enumerate() {
            let next = vertices.find(Keys::<D>::next(*key, axis));
            neighbours[index][0] = next;
            if next != NOWHERE {
                neighbours[next as usize - 1][1] = index as u32 + 1;
            }
        }
    }
    neighbours
}

/// The vertices by key: open addressing with linear probing.
struct Vertices {
    /// By vertex; the first is [`NOWHERE`]'s.
    keys: Vec<u64>,
    /// A power of two, at most half of them taken; [`NOWHERE`] is a free one.
    slots: Vec<u32>,
}

impl Vertices {
    fn with_capacity(vertices: usize) -> Self {
        let slots = (2 * vertices).next_power_of_two().max(64);
        Self { keys: vec![0], slots: vec![NOWHERE; slots] }
    }

    /// The slot that holds `key`, or the free one where it belongs.
    fn slot(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        // Fibonacci hashing: the product's high bits depend on all of the key's.
        let mut slot = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        while self.slots[slot] != NOWHERE && self.keys[self.slots[slot] as usize] != key {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn find(&self, key: u64) -> u32 {
        self.slots[self.slot(key)]
    }

    fn insert(&mut self, key: u64) -> u32 {
        let slot = self.slot(key);
        if self.slots[slot] != NOWHERE {
            return self.slots[slot];
        }
        let vertex = self.keys.len() as u32;
        self.slots[slot] = vertex;
        self.keys.push(key);
        if self.keys.len() * 2 > self.slots.len() {
            self.grow();
        }
        vertex
    }

    fn grow(&mut self) {
        self.slots = vec![NOWHERE; self.slots.len() * 2];
        for vertex in 1..self.keys.len() {
            let slot = self.slot(self.keys[vertex]);
            self.slots[slot] = vertex as u32;
        }
    }
}

/// Points for a [`Lattice`] over a picture: column and row, divided by `sigma_xy` pixels, and the three colours, divided
/// by `sigma_rgb`. `pixels` `[3, H, W]` flat; result `[H·W, 5]`, rows of the picture one after the other.
///
/// # Panics
/// When `pixels` is of another size.
pub fn bilateral_features(pixels: &[f32], [height, width]: [usize; 2], sigma_rgb: f32, sigma_xy: f32) -> Vec<[f32; 5]> {
    let count = height * width;
    assert_eq!(pixels.len(), 3 * count, "three channels of {height} x {width} pixels");
    let position = |index| [(index % width) as f32 / sigma_xy, (index / width) as f32 / sigma_xy];
    (0..count)
        .map(|index| {
            let [x, y] = position(index);
            let [red, green, blue] = [0, 1, 2].map(|channel| pixels[channel * count + index] / sigma_rgb);
            [x, y, red, green, blue]
        })
        .collect()
}
