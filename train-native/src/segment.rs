//! `train-native segment`: pictures to masks and overlays.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use dalnet_assets::files::write_atomically;
use dalnet_data::decode_file;
use dalnet_engine::{ClassShare, MAX_PIXELS, Options as Question, Picture, Segmenter};
use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, RgbImage};

use crate::batch::Batch;
use crate::device::DeviceChoice;
use crate::draw;
use crate::model::open_model;
use crate::palette;
use crate::pictures::{self, Found};

/// Share of the colour in an overlay.
const OPACITY: f32 = 0.6;
/// Endings of mask and overlay, in the order in which they are written.
const ENDINGS: [&str; 2] = [".png", ".overlay.png"];

/// Options of `train-native segment`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A run's folder, a checkpoint's folder, or a manifest.json
    #[arg(long)]
    model: PathBuf,
    /// Folder for NAME.png (label of each pixel, VOC palette) and NAME.overlay.png
    #[arg(long)]
    out: PathBuf,
    /// Where to run: auto, cpu or gpu
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// At or below this value of the map (0 to 1) a pixel is background [default: the model's own]
    #[arg(long)]
    background_threshold: Option<f32>,
    /// Let regions follow the picture's edges; =false leaves them as they are [default: as the model was scored]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    refine: Option<bool>,
    /// Segment pictures anew that have a mask and an overlay in --out already
    #[arg(long)]
    overwrite: bool,
    /// Pictures (JPEG or PNG), or folders of them, however deep, whose folders --out repeats
    #[arg(required = true)]
    pictures: Vec<PathBuf>,
}

/// Segments every picture; one that cannot be segmented does not keep the others from it.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut pictures = pictures::find(&options.pictures, &options.out)?;
    if let Some(picture) = pictures.iter().find(|picture| overwrites(picture, &options.out)) {
        bail!("{}: its mask would overwrite it; choose another --out", picture.path.display());
    }
    let all = pictures.len();
    if !options.overwrite {
        // The overlay is written last, and both are whole or absent.
        pictures.retain(|picture| ENDINGS.iter().any(|ending| !picture.beside(&options.out, ending).is_file()));
    }
    if pictures.len() < all {
        eprintln!("{} of {all} pictures are finished; --overwrite makes them anew", all - pictures.len());
    }
    if pictures.is_empty() {
        return Ok(());
    }
    let (device, device_name) = options.device.open()?;
    let model = open_model(&options.model)?;
    let segmenter = Segmenter::load(model, device).with_context(|| options.model.display().to_string())?;
    eprintln!("segmenting {} pictures on {device_name}", pictures.len());
    let question =
        Question { background_threshold: options.background_threshold, refine: options.refine, ..Question::default() };
    let batch = Batch::new(pictures.len())?;
    for picture in &pictures {
        if let Some(found) = batch.done(segment(&segmenter, picture, &question, &options.out)) {
            batch.say(format!("{}: {found}", picture.path.display()));
        }
    }
    batch.finish("segmented")
}

/// Whether a result of a picture is the picture itself.
fn overwrites(picture: &Found, out: &Path) -> bool {
    let Ok(path) = picture.path.canonicalize() else { return false };
    ENDINGS.iter().any(|ending| picture.beside(out, ending).canonicalize().is_ok_and(|result| result == path))
}

/// Writes mask and overlay of one picture and says what was found.
fn segment(segmenter: &Segmenter, picture: &Found, question: &Question, out: &Path) -> Result<String> {
    let path = &picture.path;
    let [mask, overlaid] = ENDINGS.map(|ending| picture.beside(out, ending));
    let rgb = decode_file(path)?;
    let (width, height) = rgb.dimensions();
    let (labels, classes) = label(segmenter, &rgb, question).with_context(|| path.display().to_string())?;
    write_atomically(&mask, &palette::indexed_png(&labels, [width, height])?)?;
    write_atomically(&overlaid, &overlay(rgb, &labels)?)?;
    let found = classes.iter().map(|class| format!("{} {:.0} %", class.name, 100.0 * class.share));
    let found = found.collect::<Vec<_>>().join(", ");
    Ok(if found.is_empty() { "no class of the model found".to_owned() } else { found })
}

/// Labels every pixel. What is too large for the engine it sees smaller, which costs no detail: the network sees a few
/// hundred pixels a side.
fn label(segmenter: &Segmenter, rgb: &RgbImage, question: &Question) -> Result<(Vec<u8>, Vec<ClassShare>)> {
    let (width, height) = rgb.dimensions();
    let pixels = f64::from(width) * f64::from(height);
    let shrink = (pixels / MAX_PIXELS as f64).sqrt().ceil() as u32;
    let shown = match shrink {
        0 | 1 => rgb.clone(),
        _ => imageops::thumbnail(rgb, (width / shrink).max(1), (height / shrink).max(1)),
    };
    let (columns, rows) = shown.dimensions();
    let rgba = DynamicImage::ImageRgb8(shown).into_rgba8();
    let picture = Picture::new(columns as usize, rows as usize, rgba.as_raw())?;
    let mut result = pollster::block_on(segmenter.segment(&picture, question))?;
    if shrink > 1 {
        let labels = GrayImage::from_raw(columns, rows, result.labels).context("a label for each pixel")?;
        result.labels = imageops::resize(&labels, width, height, FilterType::Nearest).into_raw();
    }
    Ok((result.labels, result.classes))
}

fn overlay(mut picture: RgbImage, labels: &[u8]) -> Result<Vec<u8>> {
    for (pixel, label) in picture.pixels_mut().zip(labels) {
        if *label > 0 {
            let colour = palette::colour(*label);
            for (value, colour) in pixel.0.iter_mut().zip(colour) {
                *value = (f32::from(*value) * (1.0 - OPACITY) + f32::from(colour) * OPACITY).round() as u8;
            }
        }
    }
    draw::png(&picture)
}
