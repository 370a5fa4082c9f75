//! Short trainings of a small network on a fixed handful of pictures, with every switch of the paper's ablation table.

use std::sync::Mutex;

use burn::tensor::{Device, Tensor};
use dalnet::alignment::global::Probability;
use dalnet::alignment::local::{Normaliser, Positive};
use dalnet::alignment::{AlignmentConfig, Negatives};
use dalnet::objective::Term;
use dalnet::{DalNet, DalNetConfig, EncoderConfig};
use dalnet_assets::{load_strict, tensors_of};
use dalnet_data::{Batch, Normalisation};

use super::preset::Preset;
use super::recipe::{AlignmentForm, Recipe};
use super::schedule::{Polynomial, Rates};
use super::step::{Losses, Trainer};

const STEPS: usize = 200;
const SIDE: usize = 48;
const CLASSES: usize = 3;
const PICTURES: usize = 6;
/// Steps over which losses are averaged before they are compared.
const WINDOW: usize = 10;

/// Discs (class 0), squares (class 1), both, and stripes all over (class 2); the last picture is padded at the right.
pub(super) fn pictures() -> Batch {
    let tags: [&[usize]; PICTURES] = [&[0], &[1], &[0, 1], &[2], &[0], &[1]];
    let mut batch = Batch {
        number: 0,
        images: vec![0.0; PICTURES * 3 * SIDE * SIDE],
        labels: vec![0.0; PICTURES * CLASSES],
        crop_boxes: vec![[0, SIDE, 0, SIDE]; PICTURES],
        ids: (0..PICTURES).map(|picture| format!("picture-{picture}")).collect(),
    };
    batch.crop_boxes[PICTURES - 1] = [0, SIDE, 0, SIDE - 16];
    for (picture, tags) in tags.iter().enumerate() {
        tags.iter().for_each(|tag| batch.labels[picture * CLASSES + tag] = 1.0);
        let [_, bottom, _, right] = batch.crop_boxes[picture];
        let at = (12 + 4 * picture % 9) as isize;
        for (row, column) in (0..bottom).flat_map(|row| (0..right).map(move |column| (row, column))) {
            let (y, x) = (row as isize - at, column as isize - at);
            let colour = if tags.contains(&0) && y * y + x * x < 90 {
                [0.8, -0.4, -0.6]
            } else if tags.contains(&1) && (y - 16).abs() < 8 && (x - 4).abs() < 8 {
                [-0.6, 0.7, -0.2]
            } else if tags.contains(&2) && (row + column) % 12 < 6 {
                [-0.5, -0.3, 0.9]
            } else {
                [0.1, 0.05 * (row % 3) as f32, 0.1]
            };
            for (channel, value) in colour.into_iter().enumerate() {
                batch.images[((picture * 3 + channel) * SIDE + row) * SIDE + column] = value;
            }
        }
    }
    batch
}

pub(super) fn network(recipe: &Recipe, device: &Device) -> DalNet {
    let encoder = EncoderConfig::new(8, 24, 2).with_depth(3).with_pretrained_grid(SIDE / 8);
    let alignment = AlignmentConfig::new(12).with_shared_dim(recipe.shared_dim).with_text_side(recipe.text_side);
    let config = DalNetConfig::new(encoder, CLASSES)
        .with_auxiliary_block(1)
        .with_head(Some(recipe.head.clone()))
        .with_alignment(Some(alignment));
    // Alike as texts of CLIP are: a common part and a small one of each text's own.
    let texts = (0..12 * (CLASSES + 1)).map(|index| 1.0 + f32::from(u8::from(index % 12 == index / 12)));
    let texts = Tensor::<1>::from_floats(texts.collect::<Vec<_>>().as_slice(), device).reshape([CLASSES + 1, 12]);
    // Tests run side by side, and the generator that the seed sets is one for all.
    static GENERATOR: Mutex<()> = Mutex::new(());
    let _alone = GENERATOR.lock().unwrap();
    device.seed(7);
    let mut random = config.init(device);
    random.alignment = random.alignment.map(|alignment| alignment.with_text(texts));
    // Names decide the parameters' ids, which decide the order of updates: the same in every run.
    let tensors = tensors_of(&random);
    load_strict(random, tensors).unwrap()
}

/// The same network every time, on devices with autodiff.
pub(super) fn trainer(recipe: &Recipe, replicas: Vec<Device>) -> Trainer {
    let schedule = Polynomial { peak: 2e-4, warm_up: 10, total: STEPS, power: 0.9 };
    let rates = Rates { schedule, layer_decay: 1.0, depth: 3 };
    let model = network(recipe, &replicas[0]);
    Trainer::new(model, recipe.clone(), rates, 0.01, Normalisation::HALF, replicas)
}

/// Losses of every step.
fn train(recipe: &Recipe, threads: usize) -> Vec<Losses> {
    let mut trainer = trainer(recipe, vec![Device::flex().autodiff(); threads]);
    let batch = pictures();
    (0..STEPS).map(|step| trainer.step(step, &batch, false).unwrap().0).collect()
}

pub(super) fn recipe(form: AlignmentForm) -> Recipe {
    let mut recipe = Recipe::new(Preset::Tiny, form, 3);
    recipe.head.hidden = 24;
    recipe.shared_dim = 16;
    recipe.objective.label_stride = 2;
    // Pseudo labels of a CAM that has not settled move faster than a head can follow.
    for (term, schedule) in &mut recipe.objective.terms {
        schedule.start = if matches!(term, Term::Seg | Term::Reg) { STEPS / 2 } else { 0 };
    }
    recipe
}

/// Every loss is finite at every step, and each in `falling` ends lower than it began. `L_seg` need not: its labels move
/// with the CAM.
fn check(name: &str, recipe: &Recipe, falling: &[Term]) {
    let losses = train(recipe, 1);
    for (step, losses) in losses.iter().enumerate() {
        let counting = recipe.objective.terms.values().filter(|schedule| step >= schedule.start).count();
        assert_eq!(losses.len(), counting, "{name}, step {step}: a loss is missing");
        assert!(losses.values().all(|loss| loss.is_finite()), "{name}, step {step}: {losses:?}");
    }
    for term in falling {
        let of_term = losses.iter().filter_map(|losses| losses.get(term)).copied().collect::<Vec<_>>();
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        let (first, last) = (mean(&of_term[..WINDOW]), mean(&of_term[of_term.len() - WINDOW..]));
        assert!(last < first, "{name}: {term} rose from {first} to {last}");
    }
}

const CLASSIFICATION: [Term; 3] = [Term::Cls, Term::Inter, Term::Seg];

/// The paper's Table 4, row by row: no alignment, global, local, both, and both without cross-contrast.
#[test]
fn rows_of_the_ablation_table() {
    for (name, without, cross_contrast) in [
        ("no alignment", &[Term::Im, Term::Ex][..], true),
        ("global", &[Term::Ex], true),
        ("local", &[Term::Im], true),
        ("both", &[], true),
        ("both, no cross-contrast", &[], false),
    ] {
        let mut recipe = recipe(AlignmentForm::Paper);
        recipe.objective.terms.retain(|term, _| !without.contains(term));
        recipe.objective.global.cross_contrast = cross_contrast;
        recipe.objective.local.cross_contrast = cross_contrast;
        let aligned = [Term::Im, Term::Ex].into_iter().filter(|term| !without.contains(term));
        check(name, &recipe, &CLASSIFICATION.into_iter().chain(aligned).collect::<Vec<_>>());
    }
}

#[test]
fn options_of_the_alignment() {
    check("contrastive", &recipe(AlignmentForm::Contrastive), &[Term::Cls, Term::Im, Term::Ex]);
    let mut first = recipe(AlignmentForm::Paper);
    first.objective.global.probability = Probability::Clamped;
    first.objective.local.positive = Positive::Mean;
    first.objective.local.normaliser = Normaliser::Masked;
    check("clamped, mean", &first, &[Term::Ex]);
    let mut second = recipe(AlignmentForm::Paper);
    second.objective.global.negatives = Negatives::All;
    second.objective.local.negatives = Negatives::All;
    second.objective.local.positive = Positive::Max;
    second.label_scales = vec![1.0, 0.5];
    check("projected, all negatives, labels of several scales", &second, &[Term::Im, Term::Ex]);
}

#[test]
fn a_seed_gives_one_training() {
    let recipe = recipe(AlignmentForm::Contrastive);
    assert_eq!(train(&recipe, 2), train(&recipe, 2));
}
