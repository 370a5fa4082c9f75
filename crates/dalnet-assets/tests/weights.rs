//! Weights in and out of files and modules, and what is said when they do not fit.

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use dalnet::{Encoder, EncoderConfig};
use dalnet_assets::{
    Layout, Metadata, Precision, Tensors, WeightsError, import_encoder, load_strict, read_safetensors,
    read_safetensors_file, tensors_of, write_safetensors, write_safetensors_file,
};

fn encoder_config() -> EncoderConfig {
    common::config().encoder
}

fn encoder() -> Encoder {
    encoder_config().init(&Device::flex())
}

/// timm's names are ours, so an encoder's own tensors are a file of that layout.
fn timm_tensors() -> Tensors {
    tensors_of(&encoder())
}

fn values(data: &TensorData) -> Vec<f32> {
    data.iter().collect()
}

#[test]
fn a_network_survives_a_file() {
    let network = common::network();
    let tensors = tensors_of(&network);
    let metadata = Metadata::from([("origin".to_owned(), "test".to_owned())]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    write_safetensors_file(&path, &tensors, &metadata, Precision::F32).unwrap();
    let (read, read_metadata) = read_safetensors_file(&path).unwrap();
    assert_eq!(read, tensors);
    assert_eq!(read_metadata, metadata);
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["weights.safetensors"], "nothing unfinished is left behind");

    let again = load_strict(common::network(), read).unwrap();
    let images = Tensor::<4>::ones([1, 3, 8, 12], &Device::flex());
    let expected = network.forward(images.clone(), &[]).logits.into_data();
    assert_eq!(again.forward(images, &[]).logits.into_data(), expected);
}

#[test]
fn names_and_orientation_on_disk_are_timm_and_pytorch() {
    let tensors = tensors_of(&common::network());
    let shape = |name: &str| tensors[name].shape().to_vec();
    assert_eq!(shape("encoder.blocks.1.attn.qkv.weight"), [24, 8]);
    assert_eq!(shape("encoder.blocks.0.mlp.fc1.weight"), [32, 8]);
    assert_eq!(shape("encoder.blocks.0.norm1.weight"), [8]);
    assert_eq!(shape("encoder.norm.bias"), [8]);
    assert_eq!(shape("encoder.patch_embed.proj.weight"), [8, 3, 4, 4]);
    assert!(!tensors.keys().any(|name| name.contains("gamma") || name.contains("beta")));
}

#[test]
fn half_precision_is_widened() {
    let tensors = Tensors::from([("x".to_owned(), TensorData::from([1.0_f32, -0.333_333, 6e-6, 65504.0]))]);
    let bytes = write_safetensors(&tensors, &Metadata::new(), Precision::F16).unwrap();
    let (read, _) = read_safetensors(&bytes).unwrap();
    for (read, exact) in values(&read["x"]).into_iter().zip(values(&tensors["x"])) {
        assert!((read - exact).abs() <= exact.abs() / 2048.0 + 6e-8, "{read} for {exact}");
    }
}

#[test]
fn numbers_that_half_precision_cannot_hold_are_refused() {
    let tensors = Tensors::from([("x".to_owned(), TensorData::from([1.0_f32, 7e4]))]);
    let error = write_safetensors(&tensors, &Metadata::new(), Precision::F16).unwrap_err();
    assert!(matches!(&error, WeightsError::Range { name, value } if name == "x" && *value == 7e4), "{error}");
}

#[test]
fn a_cut_or_foreign_file_is_refused_by_name() {
    let bytes = write_safetensors(&timm_tensors(), &Metadata::new(), Precision::F32).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.safetensors");
    for content in [&bytes[..bytes.len() - 1], b"", b"<html>not found</html>"] {
        std::fs::write(&path, content).unwrap();
        let message = read_safetensors_file(&path).unwrap_err().to_string();
        assert!(message.contains("cut.safetensors") && message.contains("fetch or export it again"), "{message}");
    }
    let message = read_safetensors_file(&folder.path().join("absent")).unwrap_err().to_string();
    assert!(message.contains("absent: cannot be read"), "{message}");
}

#[test]
fn an_extra_a_missing_and_a_misshapen_tensor_are_listed() {
    let mut tensors = timm_tensors();
    tensors.insert("blocks.7.norm1.weight".to_owned(), TensorData::zeros::<f32, _>([8]));
    tensors.remove("blocks.1.mlp.fc2.weight");
    // The same number of values as [24, 8]: only the shape tells.
    tensors.insert("blocks.0.attn.qkv.weight".to_owned(), TensorData::zeros::<f32, _>([8, 24]));
    let message = load_strict(encoder(), tensors).unwrap_err().to_string();
    for line in [
        "missing: blocks.1.mlp.fc2.weight [8, 32]",
        "unexpected: blocks.7.norm1.weight [8]",
        "wrong shape: blocks.0.attn.qkv.weight is [8, 24], the model has [24, 8]",
    ] {
        assert!(message.contains(line), "{line:?} is not in:\n{message}");
    }
}

#[test]
fn an_import_lists_what_does_not_belong_in_the_files_own_names() {
    let mut tensors = timm_tensors();
    tensors.insert("dist_token".to_owned(), TensorData::zeros::<f32, _>([1, 1, 8]));
    tensors.remove("pos_embed");
    let message = import_encoder(tensors, &encoder_config()).unwrap_err().to_string();
    assert!(message.contains("missing: pos_embed"), "{message}");
    assert!(message.contains("unexpected: dist_token [1, 1, 8]"), "{message}");

    // A deeper file than the configuration, and a layer scale that it does not have.
    let deeper = tensors_of(&encoder_config().with_depth(3).with_layer_scale(true).init(&Device::flex()));
    let error = import_encoder(deeper, &encoder_config()).unwrap_err();
    let message = error.to_string();
    let WeightsError::Mismatch(mismatch) = error else { panic!("{message}") };
    for name in ["blocks.2.norm1.bias", "blocks.0.ls1.gamma"] {
        assert!(mismatch.unexpected.contains(&(name.to_owned(), vec![8])), "{name} is not in {mismatch:?}");
    }
    // All of them in one sentence, the first by name.
    assert!(message.contains("unexpected: blocks.0.ls1.gamma [8], ") && message.contains(" more)"), "{message}");
    assert!(!message.contains('\n'), "{message}");
}

#[test]
fn heads_are_dropped_because_the_table_knows_them() {
    let plain = timm_tensors();
    let mut with_head = plain.clone();
    with_head.insert("head.weight".to_owned(), TensorData::zeros::<f32, _>([1000, 8]));
    assert_eq!(import_encoder(with_head, &encoder_config()).unwrap(), plain);
}

/// The visual tower alone, as some exports have it, without the `visual.` of the whole CLIP.
#[test]
fn a_bare_clip_tower_is_imported() {
    let config = encoder_config().with_pre_norm(true).with_patch_bias(false);
    let mut tensors = Tensors::new();
    for (name, data) in tensors_of(&config.init(&Device::flex())) {
        let theirs = [
            ("patch_embed.proj", "conv1"),
            ("norm_pre", "ln_pre"),
            ("attn.qkv.", "attn.in_proj_"),
            ("attn.proj", "attn.out_proj"),
            ("mlp.fc1", "mlp.c_fc"),
            ("mlp.fc2", "mlp.c_proj"),
            ("norm1", "ln_1"),
            ("norm2", "ln_2"),
            ("blocks.", "transformer.resblocks."),
            ("cls_token", "class_embedding"),
            ("pos_embed", "positional_embedding"),
        ]
        .iter()
        .fold(name, |name, (ours, theirs)| name.replace(ours, theirs));
        let theirs = if theirs.starts_with("norm.") { theirs.replace("norm.", "ln_post.") } else { theirs };
        tensors.insert(theirs, data);
    }
    tensors.insert("proj".to_owned(), TensorData::zeros::<f32, _>([8, 4]));
    assert_eq!(Layout::detect(tensors.keys().map(String::as_str)), Some(Layout::OpenAiClip));
    let imported = import_encoder(tensors, &config).unwrap();
    load_strict(config.init(&Device::flex()), imported).unwrap();
}

#[test]
fn unknown_names_are_shown() {
    let tensors = Tensors::from([("conv1.kernel".to_owned(), TensorData::zeros::<f32, _>([3]))]);
    let message = import_encoder(tensors, &encoder_config()).unwrap_err().to_string();
    assert!(message.contains("conv1.kernel") && message.contains("no known layout"), "{message}");
}
