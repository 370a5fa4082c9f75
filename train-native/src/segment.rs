//! `train-native segment`: pictures to masks and overlays.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use dalnet_assets::files::write_atomically;
use dalnet_data::decode_file;
use dalnet_engine::{ClassShare, MAX_PIXELS, Options as Question, Picture, Segmenter};
use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, RgbImage};

use crate::device::DeviceChoice;
use crate::model::open_model;
use crate::palette;
use crate::sentence;

/// Share of the colour in an overlay.
const OPACITY: f32 = 0.6;

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
    /// At or below this value of the CAM (0 to 1) a pixel is background [default: the model's own]
    #[arg(long)]
    background_threshold: Option<f32>,
    /// Pictures: JPEG or PNG
    #[arg(required = true)]
    pictures: Vec<PathBuf>,
}

/// Segments every picture; one that cannot be segmented does not keep the others from it.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut names = BTreeSet::new();
    if let Some(twin) = options.pictures.iter().find(|path| !names.insert(path.file_stem())) {
        bail!("{}: another picture has the same name, and so would have the same mask", twin.display());
    }
    let (device, device_name) = options.device.open()?;
    let model = open_model(&options.model)?;
    let segmenter = Segmenter::load(model, device).with_context(|| options.model.display().to_string())?;
    eprintln!("segmenting {} pictures on {device_name}", options.pictures.len());
    let question = Question { background_threshold: options.background_threshold, classes: None };
    let mut failed = 0;
    for path in &options.pictures {
        match segment(&segmenter, path, &question, &options.out) {
            Ok(found) => println!("{}: {found}", path.display()),
            Err(error) => {
                failed += 1;
                eprintln!("error: {}", sentence(&error));
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of {} pictures could not be segmented; see above", options.pictures.len());
    }
    Ok(())
}

/// Writes mask and overlay of one picture and says what was found.
fn segment(segmenter: &Segmenter, path: &Path, question: &Question, out: &Path) -> Result<String> {
    let stem = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
    let mask = out.join(format!("{stem}.png"));
    if let (Ok(mask), Ok(picture)) = (mask.canonicalize(), path.canonicalize())
        && mask == picture
    {
        bail!("{}: its mask would overwrite it; choose another --out", path.display());
    }
    let rgb = decode_file(path)?;
    let (width, height) = rgb.dimensions();
    let (labels, classes) = label(segmenter, &rgb, question).with_context(|| path.display().to_string())?;
    write_atomically(&mask, &palette::indexed_png(&labels, [width, height])?)?;
    write_atomically(&out.join(format!("{stem}.overlay.png")), &overlay(rgb, &labels)?)?;
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
    let mut bytes = Vec::new();
    DynamicImage::ImageRgb8(picture).write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png)?;
    Ok(bytes)
}
