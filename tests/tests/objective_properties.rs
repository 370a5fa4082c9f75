//! What holds for the losses over patches whatever the numbers are: the order of pictures and classes and the content of
//! the padding do not matter, and nothing empty, huge or zero makes a loss or a gradient something else than a number.

use burn::tensor::{Device, Distribution, Int, Tensor};
use dalnet::alignment::global::{GlobalAlignment, Probability};
use dalnet::alignment::local::{LocalAlignment, Normaliser, Positive};
use dalnet::alignment::{Alignment, AlignmentConfig, Negatives, TextSide};
use dalnet::head::balanced_cross_entropy;
use dalnet::label::{IGNORE, Thresholds, cam_to_label};
use dalnet::object_mask::{ObjectLevels, object_mask};
use dalnet::patch_contrast::patch_token_contrast;
use dalnet_tests::{Worst, devices, gradients_of};

const TOLERANCE: f32 = 1e-4;
const GRID: [usize; 2] = [4, 5];
const DIM: usize = 6;
const TEXT_DIM: usize = 5;
const LEVELS: Thresholds = Thresholds { background: 0.5, uncertain: Some((0.25, 0.7)) };
/// In the order of [`Batch::losses`].
const LOSSES: [&str; 8] = [
    "global, paper",
    "global, all negatives",
    "local, paper",
    "local, mean and masked",
    "local, max",
    "local, cam and all negatives",
    "patch contrast",
    "balanced cross-entropy",
];

/// What the losses of one step see.
#[derive(Clone)]
struct Batch {
    alignment: Alignment,
    class_token: Tensor<2>,
    tokens: Tensor<3>,
    logits: Tensor<4>,
    cam: Tensor<4>,
    labels: Tensor<2>,
    boxes: Vec<[usize; 4]>,
}

impl Batch {
    fn random<const C: usize>(side: TextSide, labels: &[[f32; C]], device: &Device) -> Self {
        device.seed(7);
        let (pictures, classes) = (labels.len(), C);
        let [rows, columns] = GRID;
        let text: Tensor<2> = random([classes + 1, TEXT_DIM], device);
        let config = AlignmentConfig::new(TEXT_DIM).with_shared_dim(4).with_text_side(side);
        let flat: Vec<f32> = labels.concat();
        let labels = Tensor::<1>::from_data(flat.as_slice(), device).reshape([pictures, classes]);
        let cam = Tensor::<4>::random([pictures, classes, rows, columns], Distribution::Uniform(0.0, 1.0), device);
        // Zero in places, as the CAM of a classifier is.
        let seen = cam.clone().greater_elem(0.2).float();
        Self {
            alignment: config.init(DIM, classes, device).with_text(text),
            class_token: random([pictures, DIM], device),
            tokens: random([pictures, rows * columns, DIM], device),
            logits: random([pictures, classes + 1, rows, columns], device),
            cam: cam * seen * labels.clone().reshape([pictures, classes, 1, 1]),
            labels,
            boxes: (0..pictures).map(|picture| [[0, 4, 0, 5], [1, 4, 0, 4], [0, 2, 2, 5]][picture % 3]).collect(),
        }
    }

    fn device(&self) -> Device {
        self.cam.device()
    }

    fn losses(&self) -> Vec<Tensor<1>> {
        let sharp = LocalAlignment { temperature: 0.07, background_weight: 0.5, ..LocalAlignment::PAPER };
        let mask = object_mask(self.cam.clone(), ObjectLevels::PAPER, &self.boxes);
        let label_map = cam_to_label(self.cam.clone(), LEVELS, Some(&self.boxes));
        let of_class_token = self.alignment.class_token_similarity(self.class_token.clone());
        let of_patches = self.alignment.similarity(self.tokens.clone());
        let global = |loss: GlobalAlignment| loss.loss(of_class_token.clone(), self.labels.clone());
        let local = |loss: LocalAlignment| loss.loss(of_patches.clone(), self.labels.clone(), &mask);
        vec![
            global(GlobalAlignment::PAPER),
            global(GlobalAlignment {
                probability: Probability::Sigmoid { temperature: 0.07, bias: -1.0 },
                negatives: Negatives::All,
                cross_contrast: true,
            }),
            local(LocalAlignment::PAPER),
            local(LocalAlignment { positive: Positive::Mean, normaliser: Normaliser::Masked, ..sharp }),
            local(LocalAlignment { positive: Positive::Max, ..sharp }),
            local(LocalAlignment { positive: Positive::Cam, negatives: Negatives::All, ..sharp })
                + local(LocalAlignment { positive: Positive::Cam, ..sharp }),
            patch_token_contrast(self.tokens.clone(), label_map.clone().flatten(1, 2)),
            balanced_cross_entropy(self.logits.clone(), label_map),
        ]
    }

    /// The pictures in another order.
    fn pictures(&self, order: &[i64]) -> Self {
        let order: Tensor<1, Int> = Tensor::from_data(order, &self.device());
        let boxes = order.clone().into_data().iter::<i64>().map(|picture| self.boxes[picture as usize]).collect();
        Self {
            alignment: self.alignment.clone(),
            class_token: self.class_token.clone().select(0, order.clone()),
            tokens: self.tokens.clone().select(0, order.clone()),
            logits: self.logits.clone().select(0, order.clone()),
            cam: self.cam.clone().select(0, order.clone()),
            labels: self.labels.clone().select(0, order),
            boxes,
        }
    }

    /// The classes in another order, `text` `[C + 1, d_t]` too; the background stays where it is.
    fn classes(&self, order: &[i64], text: Tensor<2>) -> Self {
        let device = self.device();
        let with = |classes: Vec<i64>| Tensor::<1, Int>::from_data(classes.as_slice(), &device);
        let background = order.len() as i64;
        let background_last: Vec<i64> = order.iter().copied().chain([background]).collect();
        let background_first: Vec<i64> = [0].into_iter().chain(order.iter().map(|class| class + 1)).collect();
        Self {
            alignment: self.alignment.clone().with_text(text.select(0, with(background_last))),
            logits: self.logits.clone().select(1, with(background_first)),
            cam: self.cam.clone().select(1, with(order.to_vec())),
            labels: self.labels.clone().select(1, with(order.to_vec())),
            ..self.clone()
        }
    }

    /// Checks that every loss and every gradient is a number.
    fn assert_finite(&self, case: &str) {
        for (index, name) in LOSSES.iter().enumerate() {
            let batch = Self {
                class_token: self.class_token.clone().detach().require_grad(),
                tokens: self.tokens.clone().detach().require_grad(),
                logits: self.logits.clone().detach().require_grad(),
                ..self.clone()
            };
            let loss = batch.losses().swap_remove(index);
            let mut values: Vec<f32> = loss.clone().into_data().iter().collect();
            let gradients = loss.backward();
            values.extend(batch.class_token.grad(&gradients).into_iter().flat_map(numbers));
            values.extend(batch.tokens.grad(&gradients).into_iter().flat_map(numbers));
            values.extend(batch.logits.grad(&gradients).into_iter().flat_map(numbers));
            for data in gradients_of(batch.alignment, &gradients).into_values() {
                values.extend(data.iter::<f32>());
            }
            assert!(values.iter().all(|value| value.is_finite()), "{name} of {case}: {:?}", values[0]);
        }
    }
}

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

fn compare(subject: String, actual: &Batch, expected: &Batch) {
    let mut worst = Worst::new(subject, TOLERANCE);
    for ((name, actual), expected) in LOSSES.iter().zip(actual.losses()).zip(expected.losses()) {
        worst.compare(name, actual, &expected.into_data());
    }
    worst.check();
}

const LABELS: [[f32; 4]; 3] = [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0; 4]];
const SIDES: [TextSide; 2] = [TextSide::Projected, TextSide::Centred];

#[test]
fn the_order_of_pictures_does_not_matter() {
    for (backend, device) in devices() {
        for side in SIDES {
            let batch = Batch::random(side, &LABELS, &device);
            compare(format!("order of pictures on {backend}"), &batch.pictures(&[2, 0, 1]), &batch);
        }
    }
}

#[test]
fn the_order_of_classes_does_not_matter() {
    for (backend, device) in devices() {
        for side in SIDES {
            let batch = Batch::random(side, &LABELS, &device);
            let text: Tensor<2> = random([LABELS[0].len() + 1, TEXT_DIM], &device);
            let batch = Batch { alignment: batch.alignment.clone().with_text(text.clone()), ..batch };
            compare(format!("order of classes on {backend}"), &batch.classes(&[2, 3, 1, 0], text), &batch);
        }
    }
}

/// Tokens, logits and CAM outside of the crop boxes are replaced by others.
#[test]
fn the_content_of_the_padding_does_not_matter() {
    for (backend, device) in devices() {
        let batch = Batch::random(TextSide::Projected, &LABELS, &device);
        let [rows, columns] = GRID;
        let inside: Vec<f32> = batch
            .boxes
            .iter()
            .flat_map(|[top, bottom, left, right]| {
                (0..rows * columns).map(move |patch| {
                    let (row, column) = (patch / columns, patch % columns);
                    f32::from((*top..*bottom).contains(&row) && (*left..*right).contains(&column))
                })
            })
            .collect();
        let inside = Tensor::<1>::from_data(inside.as_slice(), &device).reshape([LABELS.len(), 1, rows, columns]);
        assert!(inside.clone().sum().into_scalar::<f32>() < (LABELS.len() * rows * columns) as f32);
        let outside = -inside.clone() + 1.0;
        let others = Tensor::<4>::random(batch.cam.dims(), Distribution::Uniform(0.0, 1.0), &device);
        let of_tokens = inside.clone().reshape([LABELS.len(), rows * columns, 1]);
        let padded = Batch {
            tokens: batch.tokens.clone() * of_tokens.clone()
                + random(batch.tokens.dims(), &device) * (-of_tokens + 1.0) * 3.0,
            logits: batch.logits.clone() * inside.clone() + random(batch.logits.dims(), &device) * outside.clone(),
            cam: batch.cam.clone() * inside + others * outside,
            ..batch.clone()
        };
        compare(format!("padding on {backend}"), &padded, &batch);
    }
}

#[test]
fn nothing_makes_a_loss_no_number() {
    for (backend, device) in devices() {
        let device = device.autodiff();
        for side in SIDES {
            let batch = Batch::random(side, &LABELS, &device);
            let shape = batch.cam.dims();
            let cases = [
                ("ordinary pictures", batch.clone()),
                ("pictures that are all background", Batch { cam: Tensor::zeros(shape, &device), ..batch.clone() }),
                ("pictures that are all object", Batch { cam: Tensor::ones(shape, &device), ..batch.clone() }),
                ("empty crop boxes", Batch { boxes: vec![[0; 4]; LABELS.len()], ..batch.clone() }),
                ("pictures without labels", Batch::random(side, &[[0.0; 4]; 2], &device)),
                ("pictures of every class", Batch::random(side, &[[1.0; 4]; 2], &device)),
                ("one class for all pictures", Batch::random(side, &[[0.0, 1.0, 0.0, 0.0]; 3], &device)),
                ("one class in the data set", Batch::random(side, &[[1.0], [0.0]], &device)),
                ("one picture", Batch::random(side, &LABELS[..1], &device)),
                ("zero tokens", scaled(&batch, 0.0)),
                ("tiny tokens", scaled(&batch, 1e-12)),
                ("huge tokens", scaled(&batch, 1e6)),
            ];
            for (case, batch) in cases {
                batch.assert_finite(&format!("{case} with {side:?} texts on {backend}"));
            }
        }
    }
}

fn scaled(batch: &Batch, factor: f32) -> Batch {
    Batch {
        class_token: batch.class_token.clone() * factor,
        tokens: batch.tokens.clone() * factor,
        logits: batch.logits.clone() * factor,
        ..batch.clone()
    }
}

/// A side that is empty counts nothing, and one that is not keeps its half.
#[test]
fn empty_sides_count_zero() {
    for (backend, device) in devices() {
        let nothing = Tensor::<3, Int>::full([1, 2, 2], IGNORE, &device);
        let logits = Tensor::<4>::zeros([1, 3, 2, 2], &device);
        let loss = balanced_cross_entropy(logits.clone(), nothing.clone()).into_scalar::<f32>();
        assert_eq!(loss, 0.0, "without pixels on {backend}");
        let half = balanced_cross_entropy(logits, nothing.zeros_like()).into_scalar::<f32>();
        assert!((half - 0.5 * 3_f32.ln()).abs() < 1e-6, "background alone gives {half} on {backend}");
        let batch = Batch::random(TextSide::Projected, &LABELS, &device);
        let empty = Batch { boxes: vec![[0; 4]; LABELS.len()], ..batch };
        for (index, name) in LOSSES.iter().enumerate().take(6).skip(2) {
            let loss = empty.losses().swap_remove(index).into_scalar::<f32>();
            assert_eq!(loss, 0.0, "{name} of no patch on {backend}");
        }
    }
}
