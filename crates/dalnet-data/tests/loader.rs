//! Batches are the same whatever makes them, and bad pictures reach the trainer as errors.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::{Tree, assert_says, batch_config};
use dalnet_data::{AugmentConfig, Batch, BatchConfig, BatchSource, DataSet, Loader, Sample};

const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

fn tree() -> (Tree, Vec<Sample>) {
    let tree = Tree::new();
    for (index, name) in NAMES.iter().enumerate() {
        tree.add(name, [20 + index as u32, 15], if index % 2 == 0 { &["cat"] } else { &["dog", "person"] });
    }
    tree.split("train", &NAMES);
    let samples = tree.open().split("train").expect("a complete split");
    (tree, samples)
}

fn batches(source: &Arc<BatchSource>, first: u64, workers: usize, count: usize) -> Vec<Batch> {
    let mut loader = Loader::start(Arc::clone(source), first, workers).expect("threads");
    (0..count).map(|_| loader.next_batch().expect("a good batch")).collect()
}

#[test]
fn workers_and_starting_point_do_not_matter() {
    let (_tree, samples) = tree();
    let source = Arc::new(BatchSource::new(samples, batch_config(2, 9)).unwrap());
    let one = batches(&source, 0, 1, 10);
    assert_eq!(one, batches(&source, 0, 3, 10));
    assert_eq!(one[4..], batches(&source, 4, 2, 6));
    assert_eq!(one[7], source.batch(7).unwrap());
    assert_eq!(one.iter().map(|batch| batch.number).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
}

#[test]
fn an_epoch_shows_each_picture_once_in_a_new_order() {
    let (_tree, samples) = tree();
    let source = BatchSource::new(samples.clone(), batch_config(3, 9)).unwrap();
    assert_eq!(source.batches_per_epoch(), 2);
    let ids = |source: &BatchSource, numbers: std::ops::Range<u64>| {
        numbers.flat_map(|number| source.batch(number).expect("a good batch").ids).collect::<Vec<_>>()
    };
    let orders: BTreeSet<Vec<String>> = (0..4).map(|epoch| ids(&source, epoch * 2..epoch * 2 + 2)).collect();
    assert_eq!(orders.len(), 4);
    for order in &orders {
        assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 6);
    }
    let other = BatchSource::new(samples, batch_config(3, 10)).unwrap();
    assert_ne!(ids(&source, 0..4), ids(&other, 0..4));
}

#[test]
fn labels_are_multi_hot_and_sizes_fit() {
    let (_tree, samples) = tree();
    let source = BatchSource::new(samples.clone(), batch_config(7, 1)).unwrap();
    let batch = source.batch(0).unwrap();
    assert_eq!((batch.images.len(), batch.labels.len()), (7 * 3 * 24 * 24, 7 * 20));
    assert_eq!((batch.crop_boxes.len(), batch.ids.len()), (7, 7));
    for (id, labels) in batch.ids.iter().zip(batch.labels.chunks_exact(20)) {
        let sample = samples.iter().find(|sample| sample.id == *id).unwrap();
        let hot: Vec<usize> = (0..20).filter(|class| labels[*class] == 1.0).collect();
        assert_eq!(hot, sample.labels);
        assert_eq!(labels.iter().sum::<f32>(), sample.labels.len() as f32);
    }
    // One picture, two epochs: another view.
    let alone = BatchSource::new(samples[..1].to_vec(), batch_config(1, 1)).unwrap();
    assert_ne!(alone.batch(0).unwrap().images, alone.batch(1).unwrap().images);
}

#[test]
fn a_bad_picture_is_an_error_that_names_it_and_the_rest_goes_on() {
    let (tree, samples) = tree();
    let path = tree.write("JPEGImages/c.jpg", "no picture");
    let source = Arc::new(BatchSource::new(samples, batch_config(1, 3)).unwrap());
    let mut loader = Loader::start(source, 0, 2).unwrap();
    let results: Vec<_> = (0..7).map(|_| loader.next_batch()).collect();
    let errors: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    assert_eq!(errors.len(), 1);
    assert_says(errors[0], &[path.to_str().unwrap(), "no picture"]);
}

#[test]
fn the_wait_is_measured() {
    let (_tree, samples) = tree();
    let source = Arc::new(BatchSource::new(samples, batch_config(7, 3)).unwrap());
    let mut loader = Loader::start(source, 5, 1).unwrap();
    assert_eq!(loader.next_number(), 5);
    loader.next_batch().unwrap();
    assert!(loader.take_wait() > std::time::Duration::ZERO);
    assert!(loader.take_wait().is_zero());
    assert_eq!(loader.next_number(), 6);
}

#[test]
fn refuses_what_makes_no_batches() {
    let (_tree, samples) = tree();
    let refused = |samples: &[Sample], config: BatchConfig| BatchSource::new(samples.to_vec(), config).unwrap_err();
    assert_says(&refused(&samples, batch_config(0, 1)), &["batch size is 0 for 7 pictures"]);
    assert_says(&refused(&samples, batch_config(8, 1)), &["batch size is 8 for 7 pictures"]);
    assert_says(&refused(&[], batch_config(1, 1)), &["batch size is 1 for 0 pictures"]);
    let few = BatchConfig { classes: 12, ..batch_config(1, 1) };
    assert_says(&refused(&samples, few), &["\"b\"", "[11, 14]", "0 to 11"]);
    let untagged = Sample { labels: Vec::new(), ..samples[0].clone() };
    assert_says(&refused(&[untagged], batch_config(1, 1)), &["\"a\"", "[]"]);
    let augment = AugmentConfig::new(0);
    assert_says(&refused(&samples, BatchConfig { augment, ..batch_config(1, 1) }), &["crop size is 0"]);
    let source = Arc::new(BatchSource::new(samples, batch_config(1, 1)).unwrap());
    assert_says(&Loader::start(source, 0, 0).unwrap_err(), &["workers is 0"]);
}
