//! The encoder against an independent PyTorch forward pass, in every layout that weights are published in.

use burn::tensor::{Device, Tensor, TensorData};
use dalnet::resize::Kernel;
use dalnet::{Encoder, EncoderConfig, Features, Taps};
use dalnet_assets::{Tensors, import_encoder, load_strict, read_safetensors_file};
use dalnet_tests::{Fixture, Worst, devices, folder_from_env};

const TOLERANCE: f32 = 1e-4;
/// The paper's 10th block.
const TAPPED_BLOCK: usize = 9;
const KERNELS: [(&str, Kernel); 2] = [("bilinear", Kernel::Bilinear), ("bicubic", Kernel::Bicubic)];

fn encoder(fixture: &Fixture, weights: Tensors, kernel: Kernel, device: &Device) -> Encoder {
    let config: EncoderConfig =
        serde_json::from_value(fixture.json("config")).expect("written by the reference program");
    let config = config.with_position_kernel(kernel);
    let weights = import_encoder(weights, &config).expect("weights in a known layout");
    load_strict(config.init(device), weights).expect("weights of this shape")
}

fn compare(worst: &mut Worst, fixture: &Fixture, prefix: &str, features: Features) {
    let name = |tap: &str| format!("{prefix}.{tap}");
    worst.compare(&name("class_token"), features.class_token, fixture.data(&name("class_token")));
    worst.compare(&name("patch_tokens"), features.patch_tokens, fixture.data(&name("patch_tokens")));
    worst.compare(&name("block_tokens"), features.block_tokens, fixture.data(&name("block_tokens")));
}

fn check_layout(layout: &str) {
    let fixture = Fixture::open(&format!("encoder_{layout}"));
    for (backend, device) in devices() {
        let mut worst = Worst::new(format!("{layout} on {backend}"), TOLERANCE);
        for (kernel_name, kernel) in KERNELS {
            let encoder = encoder(&fixture, fixture.part("weights."), kernel, &device);
            for (input, _) in fixture.part("input.") {
                let images = fixture.tensor(&format!("input.{input}"), &device);
                let features = encoder.forward(images, Taps { block: TAPPED_BLOCK, attention: &[] });
                compare(&mut worst, &fixture, &format!("output.{input}.{kernel_name}"), features);
            }
        }
        worst.check();
    }
}

#[test]
fn timm() {
    check_layout("timm");
}

#[test]
fn hugging_face() {
    check_layout("huggingface");
}

#[test]
fn openai_clip() {
    check_layout("openai_clip");
}

#[test]
fn dinov2() {
    check_layout("dinov2");
}

/// The picture by formula that the reference program uses: `[1, 3, height, width]` in -1..1, exact in f32.
fn picture(height: usize, width: usize, device: &Device) -> Tensor<4> {
    let mut values = Vec::with_capacity(3 * height * width);
    for channel in 0..3 {
        for row in 0..height {
            for column in 0..width {
                let value = (channel * 5 + row * 3 + column * 7 + (row / 16) * (column / 16)) % 33;
                values.push((value as f32 - 16.0) / 16.0);
            }
        }
    }
    Tensor::from_data(TensorData::new(values, [1, 3, height, width]), device)
}

#[test]
fn published_vit_tiny() {
    let Some(folder) = folder_from_env("DALNET_WEIGHTS", "the published ViT-Ti/16") else { return };
    let (weights, _) =
        read_safetensors_file(&folder.join("vit_tiny_patch16_224_in21k_tinyimagenet200.safetensors")).unwrap();
    let fixture = Fixture::open("vit_tiny");
    for (backend, device) in devices() {
        let mut worst = Worst::new(format!("published ViT-Ti/16 on {backend}"), TOLERANCE);
        for (kernel_name, kernel) in KERNELS {
            let encoder = encoder(&fixture, weights.clone(), kernel, &device);
            for [height, width] in [[64, 112], [80, 48]] {
                let features =
                    encoder.forward(picture(height, width, &device), Taps { block: TAPPED_BLOCK, attention: &[] });
                compare(&mut worst, &fixture, &format!("{height}x{width}.{kernel_name}"), features);
            }
            // On the grid of the weights no kernel is used.
            let features = encoder.forward(picture(224, 224, &device), Taps { block: TAPPED_BLOCK, attention: &[] });
            let name = "224x224.bilinear.class_token";
            worst.compare(name, features.class_token, fixture.data(name));
        }
        worst.check();
    }
}
