//! `train-native pseudo-label`: the image tags of a data set to masks that any supervised trainer can learn from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, bail};
use burn::tensor::{Device, Tensor, TensorData};
use clap::Args;
use dalnet::DalNet;
use dalnet::affinity::Affinity;
use dalnet::cam::valid_cam;
use dalnet::pixels::denormalise;
use dalnet::pseudo_label::RefinedLabels;
use dalnet_assets::ModelSpec;
use dalnet_assets::files::write_atomically;
use dalnet_data::Sample;
use dalnet_engine::Maps;
use rayon::prelude::*;

use crate::batch::Batch;
use crate::device::DeviceChoice;
use crate::model::open_model;
use crate::network;
use crate::palette;
use crate::shard::ShardOptions;
use crate::source::Source;

/// Folder of the masks in --out, beside which VOC has its SegmentationClass.
const FOLDER: &str = "SegmentationClassPseudo";

/// Options of `train-native pseudo-label`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Data set with image tags, voc:DIR, coco:DIR, folder:DIR, tar:FILE or tar:DIR; its masks are not looked at
    #[arg(long)]
    data: Source,
    /// Splits to label [default: train_aug of VOC, train of others]
    #[arg(long, value_delimiter = ',')]
    split: Vec<String>,
    /// A run's folder, a checkpoint's folder, or a manifest.json
    #[arg(long)]
    model: PathBuf,
    /// Folder for SegmentationClassPseudo/ID.png (VOC palette; 255 is uncertain)
    #[arg(long)]
    out: PathBuf,
    /// Scales of the CAM [default: the model's own]
    #[arg(long, value_delimiter = ',')]
    scales: Vec<f64>,
    /// Spread the CAM along the attention of all blocks, applied K times; 0 leaves it as it is
    #[arg(long, value_name = "K", default_value_t = 1)]
    affinity: usize,
    #[command(flatten)]
    levels: Levels,
    #[command(flatten)]
    shard: ShardOptions,
    /// Label pictures anew that have a mask in --out already
    #[arg(long)]
    overwrite: bool,
    /// Where to run: auto, cpu or gpu
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

impl Options {
    fn check(&self) -> Result<()> {
        self.levels.check()?;
        network::check_scales("--scales", &self.scales)
    }

    fn splits(&self) -> Vec<String> {
        match &self.split[..] {
            [] => vec![self.data.training_split().unwrap_or("train_aug").to_owned()],
            given => given.to_vec(),
        }
    }
}

/// The two levels of background of refined pseudo labels.
#[derive(Debug, Args)]
pub(crate) struct Levels {
    /// Score of the background that a class must beat to be foreground in pseudo labels
    #[arg(long, default_value_t = RefinedLabels::default().high)]
    high: f32,
    /// Score of the background that no class may beat where there is background; between the two it is uncertain
    #[arg(long, default_value_t = RefinedLabels::default().low)]
    low: f32,
}

impl Levels {
    /// Refuses levels outside 0 to 1, and a low one above the high one.
    pub(crate) fn check(&self) -> Result<()> {
        let Self { low, high } = self;
        if !(0.0 <= *low && low <= high && *high <= 1.0) {
            bail!("--low {low} --high {high}: both are 0 to 1 and the low one is not above the high one");
        }
        Ok(())
    }

    /// The labels that they make.
    pub(crate) fn refined(&self) -> RefinedLabels {
        RefinedLabels { high: self.high, low: self.low, ..RefinedLabels::default() }
    }
}

/// How a picture becomes labels.
struct Labeller {
    network: DalNet,
    device: Device,
    spec: ModelSpec,
    refined: RefinedLabels,
}

/// Labels every picture of this job that has no mask yet.
pub(crate) fn run(options: &Options) -> Result<()> {
    options.check()?;
    let shard = options.shard.shard(|name| env::var(name).ok())?;
    let data = options.data.open()?;
    let mut samples = data.samples(&options.splits())?;
    data.show_report(false)?;
    // Splits overlap; two jobs must not write one file.
    let mut ids = BTreeSet::new();
    samples.retain(|sample| ids.insert(sample.id.clone()));
    let mut samples = shard.of(samples);
    let (all, folder) = (samples.len(), options.out.join(FOLDER));
    if !options.overwrite {
        samples.retain(|sample| !mask_of(&folder, sample).is_file());
    }
    eprintln!("part {shard}: {all} pictures, {} finished before", all - samples.len());
    if samples.is_empty() {
        return Ok(());
    }
    let (device, device_name) = options.device.open()?;
    let model = open_model(&options.model)?;
    let mut spec = model.spec.clone();
    data.check_classes(&spec.classes, &options.model)?;
    let network = model.build(&device).with_context(|| options.model.display().to_string())?;
    let depth = spec.architecture.encoder.depth;
    if !options.scales.is_empty() {
        spec.input.scales.clone_from(&options.scales);
    }
    spec.input.affinity =
        (options.affinity > 0).then(|| Affinity { power: options.affinity, ..Affinity::of_all_blocks(depth) });
    let labeller = Labeller { refined: options.levels.refined(), network, device, spec };
    fs::create_dir_all(&folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    eprintln!("labelling {} pictures on {device_name}", samples.len());
    let batch = Batch::new(samples.len())?;
    samples.par_iter().for_each(|sample| {
        batch.done(labeller.write(sample, &mask_of(&folder, sample)).with_context(|| sample.id.clone()));
    });
    batch.finish("labelled")?;
    println!("written to {}", folder.display());
    Ok(())
}

fn mask_of(folder: &Path, sample: &Sample) -> PathBuf {
    folder.join(format!("{}.png", sample.id))
}

impl Labeller {
    /// Writes the mask of one picture, of the picture's size.
    fn write(&self, sample: &Sample, path: &Path) -> Result<()> {
        let picture = sample.read_picture()?;
        let (width, height) = picture.dimensions();
        let (images, size) = network::input_of(picture, &self.spec, &self.device)?;
        let labels = self.label(images, &sample.labels, size)?;
        write_atomically(path, &palette::indexed_png(&labels, [width, height])?)?;
        Ok(())
    }

    /// Refined pseudo labels `[size]` of the picture `images` `[1, 3, H, W]` that shows the classes `tags`.
    fn label(&self, images: Tensor<4>, tags: &[usize], size: [usize; 2]) -> Result<Vec<u8>> {
        let maps = Maps::of(&self.network, images.clone(), &self.spec.input).get(self.spec.input.map)?;
        refined_labels(&self.refined, &self.spec, images, maps, tags, size)
    }
}

/// Refined pseudo labels `[size]` of the picture `images` `[1, 3, H, W]` that shows the classes `tags`, from `maps`
/// `[1, C, h, w]` in 0..1; 255 is uncertain.
pub(crate) fn refined_labels(
    refined: &RefinedLabels,
    spec: &ModelSpec,
    images: Tensor<4>,
    maps: Tensor<4>,
    tags: &[usize],
    size: [usize; 2],
) -> Result<Vec<u8>> {
    let classes = spec.classes.len();
    let present = (0..classes).map(|class| f32::from(u8::from(tags.contains(&class)))).collect::<Vec<_>>();
    let present = Tensor::<2>::from_data(TensorData::new(present, [1, classes]), &maps.device());
    let maps = valid_cam(maps, present.clone());
    let [_, _, rows, columns] = images.dims();
    let pixels = denormalise(images, spec.normalisation.mean, spec.normalisation.std);
    network::label_bytes(refined.pseudo_labels(pixels, maps, present, &[[0, rows, 0, columns]], size))
}
