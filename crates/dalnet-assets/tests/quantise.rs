//! Weights as 8-bit integers: how far they move, what they need beside them, and what is refused.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use dalnet_assets::{Metadata, Precision, Tensors, WeightsError, read_safetensors, write_safetensors};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

const BLOCK: usize = 32;
const LINEAR: &str = "encoder.blocks.0.attn.qkv.weight";
const CONVOLUTION: &str = "head.conv1.weight";

/// Numbers around 0 with blocks of very different size.
fn weights(count: usize) -> Vec<f32> {
    let value = |index: usize| {
        let fraction = (index as f32 * 0.618_034).fract() - 0.5;
        fraction * 10_f32.powi((index / 50 % 9) as i32 - 5)
    };
    (0..count).map(value).collect()
}

fn tensors(name: &str, values: Vec<f32>, shape: &[usize]) -> Tensors {
    Tensors::from([(name.to_owned(), TensorData::new(values, shape.to_vec()))])
}

fn int8(tensors: &Tensors) -> Vec<u8> {
    write_safetensors(tensors, &Metadata::new(), Precision::Int8).expect("finite numbers")
}

/// The scales of `name` in a file, and their shape.
fn scales(bytes: &[u8], name: &str) -> (Vec<f32>, Vec<usize>) {
    let file = SafeTensors::deserialize(bytes).expect("the test's own data");
    assert_eq!(file.tensor(name).expect("the test's own data").dtype(), Dtype::I8, "{name}");
    let view = file.tensor(&format!("{name}.scales")).expect("the test's own data");
    assert_eq!(view.dtype(), Dtype::F32);
    let values = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    (values, view.shape().to_vec())
}

#[test]
fn no_value_moves_by_more_than_half_a_step() {
    let linear = [[1, 1], [3, 31], [5, 32], [2, 33], [7, 64], [1, 100], [24, 8], [8, 0]].map(|shape| shape.to_vec());
    let convolutions = [[4, 3, 3, 3], [2, 32, 1, 1], [3, 5, 3, 3], [1, 1, 1, 1]].map(|shape| shape.to_vec());
    let named = linear.iter().map(|shape| (LINEAR, shape)).chain(convolutions.iter().map(|shape| (CONVOLUTION, shape)));
    for (name, shape) in named {
        let exact = weights(shape.iter().product());
        let bytes = int8(&tensors(name, exact.clone(), shape));
        let (scales, scales_shape) = scales(&bytes, name);
        let row = shape[1..].iter().product::<usize>();
        assert_eq!(scales_shape, [shape[0], row.div_ceil(BLOCK)], "{shape:?}");
        let (read, _) = read_safetensors(&bytes).unwrap();
        assert_eq!(read.len(), 1, "the scales are no tensor of the model");
        assert_eq!(read[name].shape().to_vec(), *shape);
        for (index, (read, exact)) in read[name].iter::<f32>().zip(&exact).enumerate() {
            let scale = scales[index / row * scales_shape[1] + index % row / BLOCK];
            // The quotient is rounded to f32 before it is rounded to a step.
            assert!((read - exact).abs() <= scale * 0.500_01, "{read} for {exact} in {shape:?}");
        }
        let blocks = exact.chunks(row.max(1)).flat_map(|row| row.chunks(BLOCK));
        for (block, scale) in blocks.zip(&scales) {
            let least = block.iter().fold(0.0_f32, |largest, value| largest.max(value.abs())) / 127.0;
            assert!((least..=least * (1.0 + 1.0 / 32.0)).contains(scale), "{scale} for {least} in {shape:?}");
            assert_eq!(scale.to_bits().trailing_zeros().min(18), 18, "{scale} has six significant bits");
        }
    }
}

#[test]
fn a_block_reaches_its_largest_magnitude_and_keeps_its_zeros() {
    let mut values = vec![0.0; 2 * BLOCK];
    // Over 127, the larger one is 41/2048.
    (values[3], values[4]) = (-2.542_480_5, 0.020_019_531);
    let (read, _) = read_safetensors(&int8(&tensors(LINEAR, values.clone(), &[1, 2 * BLOCK]))).unwrap();
    for (read, exact) in read[LINEAR].iter::<f32>().zip(&values) {
        assert!((read - exact).abs() < 1e-6, "{read} for {exact}");
    }
    // Too small for a step of its own: 0, not a number beyond f32.
    let (read, _) = read_safetensors(&int8(&tensors(LINEAR, vec![1e-44, -3e-39], &[1, 2]))).unwrap();
    assert!(read[LINEAR].iter::<f32>().all(|value| value == 0.0));
}

#[test]
fn the_same_tensors_give_the_same_bytes() {
    let mut all = tensors(LINEAR, weights(24 * 40), &[24, 40]);
    all.extend(tensors(CONVOLUTION, weights(16 * 9), &[4, 4, 3, 3]));
    all.extend(tensors("encoder.norm.bias", weights(40), &[40]));
    let bytes = int8(&all);
    assert_eq!(int8(&all), bytes);
}

/// What is small, or is added to all that passes through, keeps the digits of f16.
#[test]
fn only_linear_layers_of_blocks_and_convolutions_of_the_head_are_integers() {
    let shapes: BTreeMap<&str, &[usize]> = BTreeMap::from([
        (LINEAR, &[6, 2][..]),
        ("encoder.blocks.11.mlp.fc2.weight", &[2, 6]),
        (CONVOLUTION, &[2, 2, 3, 3]),
        ("head.conv3.weight", &[3, 2, 1, 1]),
        ("encoder.blocks.0.attn.qkv.bias", &[6]),
        ("encoder.blocks.0.norm1.weight", &[2]),
        ("encoder.patch_embed.proj.weight", &[2, 3, 4, 4]),
        ("encoder.pos_embed", &[1, 5, 2]),
        ("classifier.linear.weight", &[3, 2]),
        ("alignment.texts", &[3, 4]),
    ]);
    let mut all = Tensors::new();
    for (name, shape) in &shapes {
        all.extend(tensors(name, weights(shape.iter().product()), shape));
    }
    let bytes = int8(&all);
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for (index, name) in shapes.keys().enumerate() {
        let integers = [LINEAR, "encoder.blocks.11.mlp.fc2.weight", CONVOLUTION, "head.conv3.weight"].contains(name);
        let expected = if integers { Dtype::I8 } else { Dtype::F16 };
        assert_eq!(file.tensor(name).unwrap().dtype(), expected, "{index}: {name}");
    }
    assert_eq!(file.len(), shapes.len() + 4);
    let (read, _) = read_safetensors(&bytes).unwrap();
    assert!(read.keys().eq(all.keys()));
}

#[test]
fn numbers_that_are_none_are_refused() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = weights(40);
        values[37] = value;
        let error =
            write_safetensors(&tensors(LINEAR, values, &[1, 40]), &Metadata::new(), Precision::Int8).unwrap_err();
        assert!(matches!(&error, WeightsError::NotFinite { name, .. } if name == LINEAR), "{error}");
        assert!(error.to_string().contains(&value.to_string()), "{error}");
    }
}

#[test]
fn integers_without_scales_of_their_shape_are_refused() {
    let steps = [1_u8; 2 * 40];
    let room = [0_u8; 4 * 6];
    let scales_name = format!("{LINEAR}.scales");
    let refused = |scales: Option<(Dtype, Vec<usize>)>, shape: Vec<usize>| {
        let count: usize = shape.iter().product();
        let mut views = BTreeMap::from([(LINEAR, TensorView::new(Dtype::I8, shape, &steps[..count]).unwrap())]);
        if let Some((dtype, shape)) = scales {
            let bytes = shape.iter().product::<usize>() * dtype.bitsize() / 8;
            views.insert(&scales_name, TensorView::new(dtype, shape, &room[..bytes]).unwrap());
        }
        read_safetensors(&serialize(views, None).unwrap()).unwrap_err().to_string()
    };
    for missing in [None, Some((Dtype::F16, vec![2, 2])), Some((Dtype::I8, vec![2, 2]))] {
        let error = refused(missing, vec![2, 40]);
        assert!(error.contains(&format!("without {scales_name} as F32")) && error.contains("export"), "{error}");
    }
    for shape in [vec![2, 1], vec![1, 2], vec![4], vec![2, 3], vec![2, 2, 1], vec![], vec![0, 2]] {
        let error = refused(Some((Dtype::F32, shape.clone())), vec![2, 40]);
        assert!(error.contains(&format!("{LINEAR} are {shape:?} instead of [2, 2]")), "{error}");
    }
    // Shapes that no writer of ours makes must not panic either.
    for (shape, expected) in [(vec![], "[1, 1]"), (vec![3], "[3, 1]"), (vec![0, 40], "[0, 0]"), (vec![2, 0], "[2, 0]")]
    {
        let error = refused(Some((Dtype::F32, vec![1, 5])), shape);
        assert!(error.contains(&format!("instead of {expected}")), "{error}");
    }
    let error = refused(Some((Dtype::F32, vec![1, 5])), vec![0, usize::MAX / 8, usize::MAX / 8]);
    assert!(error.contains("instead of [0, 0]"), "{error}");
}
