//! A network small enough to write and read many times, and what is shipped around it.

use std::collections::BTreeMap;

use burn::tensor::Device;
use dalnet::{DalNet, DalNetConfig, EncoderConfig};
use dalnet_assets::{Input, Licence, Manifest, ModelSpec, Normalisation, Precision, Quality, manifest};

pub(crate) fn config() -> DalNetConfig {
    let encoder = EncoderConfig::new(4, 8, 2).with_depth(2).with_pretrained_grid(2);
    DalNetConfig::new(encoder, 3).with_auxiliary_block(1)
}

pub(crate) fn network() -> DalNet {
    config().init(&Device::flex())
}

pub(crate) fn spec() -> ModelSpec {
    ModelSpec {
        architecture: config(),
        classes: ["cat", "dog", "sheep"].map(str::to_owned).to_vec(),
        normalisation: Normalisation { mean: [0.5; 3], std: [0.5; 3] },
        input: Input::of_long_side(32),
        background_threshold: 0.4,
        class_threshold: 0.5,
    }
}

#[allow(dead_code, reason = "each test program is compiled with its own copy of this file")]
pub(crate) fn manifest() -> Manifest {
    Manifest {
        format_version: manifest::FORMAT_VERSION,
        spec: spec(),
        precision: Precision::F16,
        files: Vec::new(),
        checkpoint_sha256: Some("c0ffee".repeat(10)),
        provenance: "random numbers".to_owned(),
        licences: vec![Licence {
            ingredient: "initial weights".to_owned(),
            source: "a generator".to_owned(),
            licence: "CC0-1.0".to_owned(),
        }],
        quality: Quality { protocol: "none".to_owned(), pictures: 0, miou: BTreeMap::from([("cam".to_owned(), 12.5)]) },
    }
}
