//! One picture: which objects stand where, and how they are drawn.

mod form;

use std::f64::consts::{FRAC_PI_4, TAU};

use image::{Rgb, RgbImage};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::mask::Mask;
use form::{covers, texture};

/// The classes; the index is the class index, masks hold it plus one.
pub const CLASSES: [&str; 5] = ["disc", "square", "triangle", "ring", "cross"];

/// Side of every picture in pixels.
pub const SIDE: u32 = 96;

/// Strokes and blobs behind the objects.
const CLUTTER: usize = 14;
/// Radius of an object in pixels.
const RADIUS: std::ops::Range<f64> = 16.0..27.0;

/// A picture of [`Shapes`](crate::shapes::Shapes): a pure function of seed and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scene {
    /// Of the data set.
    pub seed: u64,
    /// Of the picture.
    pub number: u64,
}

/// An object; a later one hides an earlier one.
struct Object {
    class: usize,
    centre: [f64; 2],
    radius: f64,
    angle: f64,
    colours: [[f64; 3]; 2],
}

impl Scene {
    /// The classes it shows, ascending.
    pub(super) fn labels(&self) -> Vec<usize> {
        let mut labels = classes(&mut self.rng());
        labels.sort_unstable();
        labels
    }

    /// Picture and mask.
    pub(crate) fn draw(&self) -> (RgbImage, Mask) {
        let mut rng = self.rng();
        let classes = classes(&mut rng);
        let objects =
            classes.iter().enumerate().map(|(place, class)| Object::new(*class, place, classes.len(), &mut rng));
        let objects = objects.collect::<Vec<_>>();
        let mut picture = background(&mut rng);
        let mut labels = Vec::with_capacity((SIDE * SIDE) as usize);
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            let object = objects.iter().rev().find_map(|object| Some((object, object.colour(x, y)?)));
            labels.push(object.as_ref().map_or(0, |(object, _)| (object.class + 1) as u8));
            if let Some((_, colour)) = object {
                *pixel = Rgb(colour.map(|value| value as u8));
            }
            let noise = rng.random_range(-9.0..9.0);
            *pixel = Rgb(pixel.0.map(|value| (f64::from(value) + noise).round().clamp(0.0, 255.0) as u8));
        }
        (picture, Mask { width: SIDE, height: SIDE, labels })
    }

    fn rng(&self) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(self.number);
        rng
    }
}

/// One class, or two different ones.
fn classes(rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut classes = (0..CLASSES.len()).collect::<Vec<_>>();
    classes.shuffle(rng);
    classes.truncate(1 + usize::from(rng.random_bool(0.5)));
    classes
}

impl Object {
    /// At the `place` of `count`: two objects keep to the two halves of the picture, so that neither hides the other.
    fn new(class: usize, place: usize, count: usize, rng: &mut ChaCha8Rng) -> Self {
        let side = f64::from(SIDE);
        let width = side / count as f64;
        let radius = rng.random_range(RADIUS).min(width / 2.0 - 1.0);
        let within = |from: f64, length: f64, rng: &mut ChaCha8Rng| from + rng.random_range(radius..length - radius);
        let centre = [within(place as f64 * width, width, rng), within(0.0, side, rng)];
        let angle = rng.random_range(0.0..TAU);
        let hue = class as f64 / CLASSES.len() as f64 + rng.random_range(-0.07..0.07);
        let first = bright(hue, rng.random_range(150.0..250.0));
        let second = bright(rng.random_range(0.0..1.0), rng.random_range(40.0..160.0));
        Self { class, centre, radius, angle, colours: [first, second] }
    }

    /// Its colour at a pixel that it covers.
    fn colour(&self, x: u32, y: u32) -> Option<[f64; 3]> {
        let (x, y) = (f64::from(x) + 0.5 - self.centre[0], f64::from(y) + 0.5 - self.centre[1]);
        let (sin, cos) = self.angle.sin_cos();
        let (x, y) = (cos * x + sin * y, cos * y - sin * x);
        covers(self.class, x / self.radius, y / self.radius).then(|| {
            let second = texture(self.class, x, y);
            std::array::from_fn(|channel| self.colours[0][channel] * (1.0 - second) + self.colours[1][channel] * second)
        })
    }
}

/// A saturated colour of this hue (turns) and brightness (0..255).
fn bright(hue: f64, brightness: f64) -> [f64; 3] {
    [0.0, 1.0 / 3.0, 2.0 / 3.0].map(|shift| brightness * (0.55 + 0.45 * (TAU * (hue + shift)).cos()))
}

/// A muted slope of colour with strokes and blobs of one colour each.
fn background(rng: &mut ChaCha8Rng) -> RgbImage {
    let muted = |rng: &mut ChaCha8Rng| -> [f64; 3] {
        let grey = rng.random_range(60.0..190.0);
        std::array::from_fn(|_| grey + rng.random_range(-30.0..30.0))
    };
    let (from, to) = (muted(rng), muted(rng));
    let (sin, cos) = rng.random_range(0.0..TAU).sin_cos();
    let mut picture = RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let along =
            0.5 + (cos * (f64::from(x) / f64::from(SIDE) - 0.5) + sin * (f64::from(y) / f64::from(SIDE) - 0.5)) / 1.5;
        Rgb(std::array::from_fn(|channel| (from[channel] * (1.0 - along) + to[channel] * along) as u8))
    });
    for _ in 0..CLUTTER {
        let colour = Rgb(muted(rng).map(|value| value as u8));
        let centre: [f64; 2] = std::array::from_fn(|_| rng.random_range(0.0..f64::from(SIDE)));
        let (length, width) = (rng.random_range(3.0..30.0), rng.random_range(1.0..5.0));
        let (sin, cos) = rng.random_range(-FRAC_PI_4..2.0 * FRAC_PI_4).sin_cos();
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            let (x, y) = (f64::from(x) - centre[0], f64::from(y) - centre[1]);
            if ((cos * x + sin * y) / length).hypot((cos * y - sin * x) / width) < 1.0 {
                *pixel = colour;
            }
        }
    }
    picture
}
