use burn::tensor::TensorData;

use super::{is_ours, write_shards};
use crate::weights::{Precision, Tensors, read_safetensors};

fn tensors(sizes: &[usize]) -> Tensors {
    let tensor = |(index, size): (usize, &usize)| {
        let values = (0..*size).map(|value| (value + index) as f32).collect();
        (format!("encoder.blocks.{index}.mlp.fc1.weight"), TensorData::new::<f32, _>(values, [1, *size]))
    };
    sizes.iter().enumerate().map(tensor).collect()
}

/// Every tensor once, in the order of names over the files, each as small as said unless it holds one tensor alone.
#[test]
fn files_are_split_between_tensors() {
    const LIMIT: usize = 4_000;
    let tensors = tensors(&[900, 10, 2_500, 700, 700, 0, 1, 3_000]);
    for (precision, count) in [(Precision::F32, 6), (Precision::F16, 4), (Precision::Int8, 4)] {
        let shards = write_shards(&tensors, precision, LIMIT).unwrap();
        assert_eq!(shards.len(), count, "{precision:?}");
        let mut names = Vec::new();
        for (entry, content) in &shards {
            let (read, _) = read_safetensors(content).unwrap();
            assert!(content.len() <= LIMIT || read.len() == 1, "{} bytes, {} tensors", content.len(), read.len());
            assert!(is_ours(&entry.path) && entry.path.contains(&entry.sha256[..8]), "{entry:?}");
            names.extend(read.into_keys());
        }
        assert!(names.iter().eq(tensors.keys()), "{names:?}");
    }
}

#[test]
fn only_names_of_our_pattern_are_ours() {
    assert!(is_ours("weights-0123abcd.safetensors"));
    for name in [
        "weights-0123ABCD.safetensors",
        "weights-0123abc.safetensors",
        "weights-0123abcde.safetensors",
        "weights-0123abcd.safetensors.partial",
        "my-weights-0123abcd.safetensors",
        "weights-0123abcd.bin",
        "weights-.safetensors",
        "manifest.json",
    ] {
        assert!(!is_ours(name), "{name}");
    }
}
