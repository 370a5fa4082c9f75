//! Global and local alignment in all options, similarity maps and the watch for collapse, against PyTorch.

use burn::tensor::{Device, Gradients, Int, Tensor};
use dalnet::Features;
use dalnet::alignment::collapse::Separation;
use dalnet::alignment::global::GlobalAlignment;
use dalnet::alignment::local::LocalAlignment;
use dalnet::alignment::{Alignment, AlignmentConfig, TextSide};
use dalnet::object_mask::ObjectMask;
use dalnet::similarity::{nearest_class, similarity_maps};
use dalnet_assets::load_strict;
use dalnet_tests::{Fixture, Worst, devices, gradients_of};

const TOLERANCE: f32 = 1e-4;
const GRADIENT_TOLERANCE: f32 = 1e-3;
const SIDES: [(&str, TextSide); 2] = [("projected", TextSide::Projected), ("centred", TextSide::Centred)];

fn alignment(fixture: &Fixture, (name, side): (&str, TextSide), device: &Device) -> Alignment {
    let shape = fixture.json("shape");
    let size = |key: &str| shape[key].as_u64().expect("written by the reference program") as usize;
    let config = AlignmentConfig::new(size("text_dim")).with_shared_dim(size("shared_dim")).with_text_side(side);
    let mut weights = fixture.part(&format!("{name}.weights."));
    weights.insert("text".to_owned(), fixture.data("text").clone());
    load_strict(config.init(size("dim"), size("classes"), device), weights).expect("written by the reference program")
}

fn mask(fixture: &Fixture, name: &str, device: &Device) -> ObjectMask {
    let part = |part: &str| fixture.tensor::<2>(&format!("mask.{name}.{part}"), device);
    ObjectMask { foreground: part("foreground"), background: part("background"), class: part("class").int() }
}

/// Compares what the fixture holds of the gradients: of tokens and of both projections.
fn compare_gradients<const D: usize>(
    worst: &mut Worst,
    fixture: &Fixture,
    prefix: &str,
    (name, tokens): (&str, Tensor<D>),
    alignment: Alignment,
    gradients: &Gradients,
) {
    let of_tokens = tokens.grad(gradients).expect("the loss depends on the tokens");
    worst.compare(&format!("{prefix}: {name}"), of_tokens, fixture.data(&format!("{prefix}.gradient.{name}")));
    let mut projections = gradients_of(alignment, gradients);
    assert!(
        projections.remove("text").expect("written by the reference program").iter::<f32>().all(|value| value == 0.0),
        "the texts are trained"
    );
    for (name, gradient) in projections {
        let gradient: Tensor<2> = Tensor::from_data(gradient, &tokens.device());
        worst.compare(&format!("{prefix}: {name}"), gradient, fixture.data(&format!("{prefix}.gradient.{name}")));
    }
}

#[test]
fn global_alignment() {
    let fixture = Fixture::open("alignment");
    for (backend, device) in devices() {
        let device = device.autodiff();
        let mut values = Worst::new(format!("global alignment on {backend}"), TOLERANCE);
        let mut gradients = Worst::new(format!("its gradients on {backend}"), GRADIENT_TOLERANCE);
        let mut check = |prefix: &str, side, loss_of: GlobalAlignment| {
            let alignment = alignment(&fixture, side, &device);
            let class_token: Tensor<2> = fixture.tensor("class_token", &device).require_grad();
            let similarity = alignment.class_token_similarity(class_token.clone());
            let loss = loss_of.loss(similarity, fixture.tensor("labels", &device));
            values.compare(prefix, loss.clone(), fixture.data(&format!("{prefix}.loss")));
            let token = ("class_token", class_token);
            compare_gradients(&mut gradients, &fixture, prefix, token, alignment, &loss.backward());
        };
        for (case, options) in fixture.json("global").as_object().unwrap() {
            check(&format!("global.{case}"), SIDES[0], serde_json::from_value(options.clone()).unwrap());
        }
        check("centred.global", SIDES[1], GlobalAlignment::PAPER);
        values.check();
        gradients.check();
    }
}

#[test]
fn local_alignment() {
    let fixture = Fixture::open("alignment");
    for (backend, device) in devices() {
        let device = device.autodiff();
        let mut values = Worst::new(format!("local alignment on {backend}"), TOLERANCE);
        let mut gradients = Worst::new(format!("its gradients on {backend}"), GRADIENT_TOLERANCE);
        let mut check = |prefix: &str, side, loss_of: LocalAlignment, levels: &str| {
            let alignment = alignment(&fixture, side, &device);
            let tokens: Tensor<3> = fixture.tensor("tokens", &device).require_grad();
            let mask = mask(&fixture, levels, &device);
            let similarity = alignment.similarity(tokens.clone());
            let loss = loss_of.loss(similarity, fixture.tensor("labels", &device), &mask);
            values.compare(prefix, loss.clone(), fixture.data(&format!("{prefix}.loss")));
            compare_gradients(&mut gradients, &fixture, prefix, ("tokens", tokens), alignment, &loss.backward());
        };
        for (case, options) in fixture.json("local").as_object().unwrap() {
            let levels = if options["normaliser"] == "patches" { "paper" } else { "apart" };
            check(&format!("local.{case}"), SIDES[0], serde_json::from_value(options.clone()).unwrap(), levels);
        }
        check("centred.local", SIDES[1], LocalAlignment::PAPER, "paper");
        values.check();
        gradients.check();
    }
}

/// The options named as the paper's are those of the fixture.
#[test]
fn paper_options() {
    let fixture = Fixture::open("alignment");
    let global: GlobalAlignment = serde_json::from_value(fixture.json("global")["shifted_background"].clone()).unwrap();
    let local: LocalAlignment =
        serde_json::from_value(fixture.json("local")["sum_background_patches"].clone()).unwrap();
    assert_eq!((global, local), (GlobalAlignment::PAPER, LocalAlignment::PAPER));
}

#[test]
fn similarity_and_separation() {
    let fixture = Fixture::open("alignment");
    let grid: [usize; 2] = serde_json::from_value(fixture.json("shape")["grid"].clone()).unwrap();
    for (backend, device) in devices() {
        let mut worst = Worst::new(format!("similarity on {backend}"), TOLERANCE);
        for side in SIDES {
            let name = |part: &str| format!("{}.{part}", side.0);
            let alignment = alignment(&fixture, side, &device);
            worst.compare(&name("texts"), alignment.texts(), fixture.data(&name("texts")));
            let class_token: Tensor<2> = fixture.tensor("class_token", &device);
            let of_class_token = alignment.class_token_similarity(class_token.clone());
            let expected = fixture.data(&name("class_token_similarity"));
            worst.compare(&name("class token"), of_class_token.clone(), expected);

            let tokens: Tensor<3> = fixture.tensor("tokens", &device);
            let features = Features {
                class_token,
                patch_tokens: tokens.clone(),
                block_tokens: tokens.clone(),
                grid,
                affinity: None,
            };
            let maps = similarity_maps(&alignment, &features);
            worst.compare(&name("maps"), maps.clone(), fixture.data(&name("maps")));
            let nearest: Tensor<3, Int> = nearest_class(maps);
            for (class, expected) in
                nearest.into_data().iter::<i64>().zip(fixture.data(&name("nearest_class")).iter::<f32>())
            {
                assert!(expected < 0.0 || class == expected as i64, "{class} is nearest, not {expected}, on {backend}");
            }

            let labels = fixture.tensor("labels", &device);
            let mask = mask(&fixture, "paper", &device);
            let measured = Separation::measure(&alignment, of_class_token, alignment.similarity(tokens), labels, &mask);
            let measured = [measured.texts, measured.class_token_gap, measured.patch_gap].map(|value| value as f32);
            let measured: Tensor<1> = Tensor::from_data(measured, &device);
            worst.compare(&name("separation"), measured, fixture.data(&name("separation")));
        }
        worst.check();
    }
}

#[test]
fn a_collapsed_space_is_reported() {
    let apart = Separation { texts: 0.3, class_token_gap: 0.2, patch_gap: 0.2 };
    assert_eq!(apart.collapse(), None);
    assert!(Separation { texts: 0.9999, ..apart }.collapse().unwrap().contains("collapsed"));
    assert!(Separation { class_token_gap: 0.0, ..apart }.collapse().is_some());
}
