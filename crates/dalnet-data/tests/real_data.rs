//! The real pictures, where `DALNET_DATA` names a `VOCdevkit/VOC2012` folder.

use std::sync::Arc;
use std::time::Instant;

use dalnet_data::{AugmentConfig, BatchConfig, BatchSource, DataSet, Loader, Normalisation, Voc, voc};

#[test]
fn splits_masks_and_batches_of_the_real_data() {
    let Some(folder) = std::env::var_os("DALNET_DATA") else {
        println!("skipped: set DALNET_DATA to a VOCdevkit/VOC2012 folder to test the reader on real pictures");
        return;
    };
    let voc = Voc::open(folder).unwrap();
    let counts = [("train_aug", 6_456), ("train_extra07", 4_539), ("train", 927), ("val", 494)];
    for (name, count) in counts {
        assert_eq!(voc.split(name).unwrap().len(), count, "{name}");
    }

    for sample in voc.split("val").unwrap().iter().take(40) {
        let picture = sample.read_picture().unwrap();
        let mask = sample.read_mask(picture.dimensions().into(), voc::CLASSES.len()).unwrap();
        for label in mask.labels.iter().filter(|label| (1..=20).contains(*label)) {
            assert!(sample.labels.contains(&(usize::from(*label) - 1)), "{}: {label} has no tag", sample.id);
        }
    }

    let config = BatchConfig {
        batch_size: 16,
        classes: voc::CLASSES.len(),
        seed: 1,
        augment: AugmentConfig::new(256),
        normalisation: Normalisation::HALF,
    };
    let source = Arc::new(BatchSource::new(voc.split("train_aug").unwrap(), config).unwrap());
    assert_eq!(source.batches_per_epoch(), 403);
    let started = Instant::now();
    let mut loader = Loader::start(Arc::clone(&source), 0, 1).unwrap();
    for _ in 0..8 {
        let batch = loader.next_batch().unwrap();
        assert!(batch.images.iter().all(|value| (-1.0..=1.0).contains(value)));
    }
    println!("{:.2} ms for each picture on one thread", started.elapsed().as_secs_f64() * 1000.0 / (8.0 * 16.0));
}
