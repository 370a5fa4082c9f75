//! The scores against slow implementations straight from their definitions, over random inputs.

use dalnet_metrics::{ConfusionMatrix, IGNORE, ThresholdSweep, average_precision};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// mIoU from sets of pixels, class by class.
fn naive_miou(truth: &[u8], prediction: &[u8], classes: u8) -> Option<f64> {
    let counted: Vec<(u8, u8)> =
        truth.iter().copied().zip(prediction.iter().copied()).filter(|(label, _)| *label != IGNORE).collect();
    let mut ious = Vec::new();
    for class in 0..classes {
        let has = counted.iter().any(|(label, _)| *label == class);
        let both = counted.iter().filter(|(label, predicted)| *label == class && *predicted == class).count();
        let either = counted.iter().filter(|(label, predicted)| *label == class || *predicted == class).count();
        if has {
            ious.push(both as f64 / either as f64);
        }
    }
    if ious.is_empty() { None } else { Some(ious.iter().sum::<f64>() / ious.len() as f64) }
}

#[test]
fn miou_equals_the_naive_one() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..200 {
        let classes = rng.random_range(1..8_u8);
        let pixels = rng.random_range(0..300);
        let mut label = |ignore: bool| {
            if ignore && rng.random_bool(0.1) { IGNORE } else { rng.random_range(0..classes) }
        };
        let truth: Vec<u8> = (0..pixels).map(|_| label(true)).collect();
        let prediction: Vec<u8> = (0..pixels).map(|_| label(false)).collect();
        let mut matrix = ConfusionMatrix::new(classes.into()).unwrap();
        // Two parts: the mIoU of a set is of its pixels, not a mean over pictures.
        let half = pixels / 2;
        matrix.add(&truth[..half], &prediction[..half]).unwrap();
        matrix.add(&truth[half..], &prediction[half..]).unwrap();
        match (matrix.miou(), naive_miou(&truth, &prediction, classes)) {
            (Some(left), Some(right)) => assert!((left - right).abs() < 1e-12, "{left} {right}"),
            (left, right) => assert_eq!(left, right),
        }
    }
}

#[test]
fn a_sweep_equals_one_label_map_for_each_threshold() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let thresholds = [0.0, 0.25, 0.5, 0.75];
    let mut sweep = ThresholdSweep::new(6, &thresholds).unwrap();
    let mut matrices = vec![ConfusionMatrix::new(6).unwrap(); thresholds.len()];
    for _ in 0..50 {
        let pixels = rng.random_range(1..200_usize);
        let present: Vec<usize> = (0..5).filter(|_| rng.random_bool(0.4)).collect();
        let truth: Vec<u8> =
            (0..pixels).map(|_| if rng.random_bool(0.1) { IGNORE } else { rng.random_range(0..6) }).collect();
        // Multiples of 1/8 make ties and values on a threshold common.
        let cams: Vec<f32> = (0..present.len() * pixels).map(|_| rng.random_range(0..=8) as f32 / 8.0).collect();
        sweep.add(&truth, &cams, &present).unwrap();
        for (threshold, matrix) in thresholds.iter().zip(&mut matrices) {
            let prediction: Vec<u8> = (0..pixels)
                .map(|pixel| {
                    let mut label = 0;
                    let mut largest = *threshold;
                    for (index, class) in present.iter().enumerate() {
                        if cams[index * pixels + pixel] > largest {
                            largest = cams[index * pixels + pixel];
                            label = *class as u8 + 1;
                        }
                    }
                    label
                })
                .collect();
            matrix.add(&truth, &prediction).unwrap();
        }
    }
    for ((threshold, swept), (expected_threshold, expected)) in
        sweep.matrices().into_iter().zip(thresholds.into_iter().zip(matrices))
    {
        assert_eq!((threshold, swept), (expected_threshold, expected));
    }
}

#[test]
fn average_precision_equals_a_sum_over_thresholds() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for _ in 0..200 {
        let count = rng.random_range(1..60);
        let scores: Vec<f32> = (0..count).map(|_| rng.random_range(0..10) as f32).collect();
        let positive: Vec<bool> = (0..count).map(|_| rng.random_bool(0.3)).collect();
        let total = positive.iter().filter(|is_positive| **is_positive).count() as f64;
        let mut area = 0.0;
        let mut recall = 0.0;
        for threshold in (0..10).rev() {
            let taken = || positive.iter().zip(&scores).filter(|(_, score)| **score >= threshold as f32);
            let hits = taken().filter(|(is_positive, _)| **is_positive).count() as f64;
            if total > 0.0 && taken().count() > 0 {
                area += (hits / total - recall) * hits / taken().count() as f64;
                recall = hits / total;
            }
        }
        match average_precision(&scores, &positive).unwrap() {
            None => assert_eq!(total, 0.0),
            Some(value) => assert!((value - area).abs() < 1e-9, "{value} {area}"),
        }
    }
}
