//! Text embeddings in and out of files, and what is said about those that cannot be right.

use burn::tensor::TensorData;
use dalnet_assets::{FileEntry, Metadata, Precision, Tensors, TextEmbeddings, write_safetensors};

fn embeddings() -> TextEmbeddings {
    TextEmbeddings {
        classes: vec!["cat".to_owned(), "café \"x\"".to_owned()],
        prompts: vec!["a photo of cat".to_owned(), "a photo of café \"x\"".to_owned()],
        background: "prompt \"a photo of background\"".to_owned(),
        provenance: "by hand".to_owned(),
        sources: vec![FileEntry::new("clip.safetensors", b"clip")],
        vectors: TensorData::from([[1.0_f32, 0.0], [0.6, 0.8], [0.0, -1.0]]),
    }
}

#[test]
fn a_file_gives_back_what_was_written_and_is_always_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/text.safetensors");
    let embeddings = embeddings();
    embeddings.write(&path).unwrap();
    assert_eq!(TextEmbeddings::open(&path).unwrap(), embeddings);
    assert_eq!(embeddings.dim(), 2);
    assert_eq!(std::fs::read(&path).unwrap(), embeddings.to_bytes().unwrap());
}

#[test]
fn contradictions_are_refused() {
    type Change = fn(&mut TextEmbeddings);
    let changes: [(Change, &str); 8] = [
        (|e| e.classes[1] = "cat".to_owned(), "the class \"cat\" stands there twice"),
        (|e| e.classes[0] = " ".to_owned(), "a class has an empty name"),
        (|e| e.classes.clear(), "0 classes: a model has 1 to 254"),
        (|e| drop(e.prompts.pop()), "1 prompts for 2 classes"),
        (|e| e.vectors = TensorData::from([[1.0_f32, 0.0], [0.0, 1.0]]), "2 classes and the background are 3"),
        (|e| e.vectors = TensorData::from([1.0_f32, 0.0, 0.0]), "it must be [classes + 1, width]"),
        (
            |e| e.vectors = TensorData::from([[1.0_f32, 0.0], [0.6, 0.8], [0.0, 1.01]]),
            "the vector of \"background\" has the norm 1.0",
        ),
        (
            |e| e.vectors = TensorData::from([[f32::NAN, 0.0], [0.6, 0.8], [0.0, 1.0]]),
            "the vector of \"cat\" has the norm NaN",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.safetensors");
    for (change, reason) in changes {
        let mut embeddings = embeddings();
        change(&mut embeddings);
        let message = embeddings.write(&path).unwrap_err().to_string();
        for part in ["text.safetensors: ", reason, "; make the embeddings anew with train-native embed"] {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
        assert!(!path.exists());
    }
}

/// A file with this description and these tensors.
fn file(description: Option<&str>, tensors: &[(&str, TensorData)]) -> Vec<u8> {
    let tensors: Tensors = tensors.iter().map(|(name, data)| ((*name).to_owned(), data.clone())).collect();
    let metadata: Metadata =
        description.map(|text| ("text_embeddings".to_owned(), text.to_owned())).into_iter().collect();
    write_safetensors(&tensors, &metadata, Precision::F32).unwrap()
}

#[test]
fn files_of_another_kind_or_version_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    let vectors = || embeddings().vectors;
    let whole = embeddings().to_bytes().unwrap();
    let description = r#"{"format_version": 1, "classes": ["a", "b"], "prompts": ["a", "b"], "background": "",
        "provenance": "", "sources": []}"#;
    for (bytes, reason) in [
        (file(None, &[("x", vectors())]), "holds no text embeddings (its metadata has no text_embeddings)"),
        (file(Some("{"), &[("embeddings", vectors())]), "its text_embeddings is not right"),
        (file(Some("{}"), &[("embeddings", vectors())]), "has no format_version"),
        (file(Some(r#"{"format_version": 7}"#), &[]), "is of format version 7, this program reads version 1"),
        (file(Some(r#"{"format_version": 1}"#), &[]), "missing field `classes`"),
        (file(Some(description), &[("x", vectors())]), "it has no tensor embeddings"),
        (file(Some(description), &[("embeddings", vectors()), ("x", vectors())]), "the tensor x besides embeddings"),
        (whole[..whole.len() - 1].to_vec(), "not a whole safetensors file"),
        (b"<html>".to_vec(), "not a whole safetensors file"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let message = TextEmbeddings::open(&path).unwrap_err().to_string();
        assert!(message.contains("other.safetensors: ") && message.contains(reason), "{reason:?} is not in: {message}");
    }
    let message = TextEmbeddings::open(&folder.path().join("absent")).unwrap_err().to_string();
    assert!(message.contains("absent: cannot be read"), "{message}");
}
