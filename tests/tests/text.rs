//! CLIP's tokenizer against OpenAI's, and its text encoder against PyTorch in every layout that weights are published
//! in.

use burn::tensor::{Device, Tensor};
use dalnet::activation::Activation;
use dalnet_assets::{TextEmbeddings, import_text_encoder, load_strict};
use dalnet_tests::{Fixture, Worst, devices};
use dalnet_text::tokenizer::{CONTEXT_LENGTH, END, START};
use dalnet_text::{ClipTokenizer, TextEncoder, TextEncoderConfig, TextError, embeddings};
use serde_json::Value;

const TOLERANCE: f32 = 1e-4;

#[test]
fn token_ids() {
    let tokenizer = ClipTokenizer::new().unwrap();
    let cases: Vec<Value> = serde_json::from_str(include_str!("../fixtures/clip_tokens.json")).unwrap();
    let mut refused = 0;
    for case in &cases {
        let text = case["text"].as_str().unwrap();
        let expected: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        match tokenizer.encode(text) {
            Ok(ids) => assert_eq!(ids, expected, "{text:?}"),
            Err(TextError::TooLong { tokens, limit, .. }) => {
                assert_eq!((tokens, limit), (expected.len(), CONTEXT_LENGTH), "{text:?}");
                assert!(expected.len() > CONTEXT_LENGTH);
                refused += 1;
            }
            Err(error) => panic!("{text:?}: {error}"),
        }
    }
    assert_eq!((cases.len(), refused), (32, 2));
    assert_eq!(tokenizer.encode("").unwrap(), [START, END]);
    let message = tokenizer.encode(&"cat ".repeat(76)).unwrap_err().to_string();
    assert!(message.contains("78 tokens with start and end, 77 fit; shorten it"), "{message}");
}

fn encoder(fixture: &Fixture, device: &Device) -> TextEncoder {
    let config: TextEncoderConfig =
        serde_json::from_value(fixture.json("config")).expect("written by the reference program");
    let weights = import_text_encoder(fixture.part("weights.")).expect("weights in a known layout");
    load_strict(config.init(device), weights).expect("weights of this shape")
}

fn check_layout(layout: &str) {
    let fixture = Fixture::open(&format!("text_{layout}"));
    let texts: Vec<Vec<u32>> = serde_json::from_value(fixture.json("texts")).expect("written by the reference program");
    for (backend, device) in devices() {
        let encoder = encoder(&fixture, &device);
        let mut worst = Worst::new(format!("text encoder, {layout} on {backend}"), TOLERANCE);
        worst.compare("together", encoder.forward(&texts), fixture.data("embeddings"));
        // Without its longer neighbours a text is padded less.
        let alone = texts.iter().map(|text| encoder.forward(std::slice::from_ref(text))).collect();
        worst.compare("one by one", Tensor::cat(alone, 0), fixture.data("embeddings"));
        worst.check();
    }
}

#[test]
fn openai() {
    check_layout("openai");
}

#[test]
fn open_clip() {
    check_layout("open_clip");
}

#[test]
fn hugging_face() {
    check_layout("huggingface");
}

#[test]
fn an_import_lists_what_does_not_belong_in_the_files_own_names() {
    for (layout, first, last) in [
        ("openai", "transformer.resblocks.0.ln_2.bias", "transformer.resblocks.2.attn.in_proj_weight"),
        ("open_clip", "text.transformer.resblocks.0.ln_2.bias", "text.transformer.resblocks.1.attn.in_proj_weight"),
        (
            "huggingface",
            "text_model.encoder.layers.0.layer_norm2.bias",
            "text_model.encoder.layers.2.self_attn.q_proj.weight",
        ),
    ] {
        let mut tensors = Fixture::open(&format!("text_{layout}")).part("weights.");
        let moved = tensors.remove(first).expect("a name of this layout");
        tensors.insert("text_model.extra".to_owned(), moved);
        tensors.remove(last).expect("a name of this layout");
        let message = import_text_encoder(tensors).unwrap_err().to_string();
        for part in ["missing: ", first, last, "unexpected: text_model.extra ["] {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
    }
}

#[test]
fn another_shape_and_another_kind_of_file_are_refused() {
    let fixture = Fixture::open("text_openai");
    let config: TextEncoderConfig = serde_json::from_value(fixture.json("config")).unwrap();
    let weights = import_text_encoder(fixture.part("weights.")).unwrap();
    let wider = TextEncoderConfig { embedding_dim: 9, depth: 4, ..config };
    let message = load_strict(wider.init(&Device::flex()), weights.clone()).unwrap_err().to_string();
    for line in
        ["wrong shape: text_projection.weight is [8, 16], the model has [9, 16]", "missing: blocks.3.norm1.weight"]
    {
        assert!(message.contains(line), "{line:?} is not in:\n{message}");
    }
    let message = TextEncoderConfig::of_weights(&weights, Activation::Gelu).unwrap_err().to_string();
    assert!(message.contains("tokens 16 wide") && message.contains("multiple of 64"), "{message}");

    let picture_encoder = Fixture::open("encoder_timm").part("weights.");
    let message = import_text_encoder(picture_encoder).unwrap_err().to_string();
    assert!(message.contains("no known layout (text encoders of OpenAI CLIP"), "{message}");
}

#[test]
fn the_shape_is_read_off_the_weights() {
    let config = TextEncoderConfig::new(128, 2, 24)
        .with_depth(2)
        .with_vocabulary(11)
        .with_context(5)
        .with_activation(Activation::Gelu);
    let weights = dalnet_assets::tensors_of(&config.init(&Device::flex()));
    assert_eq!(TextEncoderConfig::of_weights(&weights, Activation::Gelu).unwrap(), config);
    let base = TextEncoderConfig::clip_vit_base_16();
    assert_eq!((base.dim, base.heads, base.depth, base.embedding_dim), (512, 8, 12, 512));
    assert_eq!((base.vocabulary, base.context, base.activation), (49_408, 77, Activation::QuickGelu));
}

#[test]
fn shipped_embeddings() {
    for (bytes, first, last, count) in
        [(embeddings::VOC, "aeroplane", "tvmonitor", 20), (embeddings::COCO, "person", "toothbrush", 80)]
    {
        let shipped = TextEmbeddings::from_bytes(bytes).unwrap();
        assert_eq!((shipped.classes.len(), shipped.dim()), (count, 512));
        assert_eq!((shipped.classes[0].as_str(), shipped.classes[count - 1].as_str()), (first, last));
        assert_eq!(shipped.prompts[0], format!("a photo of a {first}"));
        assert!(shipped.background.contains("mean of 91"), "{}", shipped.background);
        assert!(shipped.provenance.contains("MIT"), "{}", shipped.provenance);
        assert_eq!(shipped.to_bytes().unwrap(), bytes);
    }
    assert_eq!(TextEmbeddings::from_bytes(embeddings::VOC).unwrap().classes, dalnet_data::voc::CLASSES);
}
