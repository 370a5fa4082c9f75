//! Class names to text embeddings, and what `embed` refuses.

use std::path::{Path, PathBuf};
use std::process::Command;

use burn::tensor::{Device, TensorData};
use dalnet_assets::{Metadata, Precision, Tensors, TextEmbeddings, files, tensors_of, write_safetensors_file};
use dalnet_text::TextEncoderConfig;
use tempfile::TempDir;

use crate::bad_input::refused;
use crate::fixture::{program, succeeds, write};

const STUFF: &str = "coco_stuff171.single";

struct Room(TempDir);

impl Room {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        write(self.path(name), text)
    }

    /// `embed` into `text.safetensors`, with classes of a file.
    fn embed(&self, classes: &Path) -> Command {
        let mut command = program("embed");
        command.arg("--classes").arg(classes).arg("--out").arg(self.path("text.safetensors"));
        command
    }

    /// A CLIP with random weights, one block and CLIP's vocabulary, under HuggingFace's names.
    fn clip(&self) -> PathBuf {
        let config = TextEncoderConfig::new(64, 1, 16).with_depth(1);
        let names = [
            ("blocks.0.norm", "text_model.encoder.layers.0.layer_norm"),
            ("blocks.0.attn.proj", "text_model.encoder.layers.0.self_attn.out_proj"),
            ("blocks.0.mlp", "text_model.encoder.layers.0.mlp"),
            ("token_embedding", "text_model.embeddings.token_embedding"),
            ("positional_embedding", "text_model.embeddings.position_embedding.weight"),
        ];
        let device = Device::flex();
        device.seed(3);
        let mut tensors = Tensors::new();
        for (name, data) in tensors_of(&config.init(&device)) {
            if let Some(kind) = name.strip_prefix("blocks.0.attn.qkv.") {
                let mut shape = data.shape().to_vec();
                shape[0] /= 3;
                let values: Vec<f32> = data.iter().collect();
                for (part, values) in ["q", "k", "v"].iter().zip(values.chunks_exact(values.len() / 3)) {
                    let data = TensorData::new(values.to_vec(), shape.clone());
                    tensors.insert(format!("text_model.encoder.layers.0.self_attn.{part}_proj.{kind}"), data);
                }
                continue;
            }
            let name = match name.strip_prefix("norm.") {
                Some(kind) => format!("text_model.final_layer_norm.{kind}"),
                None => names.iter().fold(name, |name, (ours, theirs)| name.replace(ours, theirs)),
            };
            tensors.insert(name, data);
        }
        let path = self.path("clip.safetensors");
        write_safetensors_file(&path, &tensors, &Metadata::new(), Precision::F16).expect("a writable file");
        path
    }

    /// Published vectors by hand: two lists, the second of 80 things and 2 stuff classes.
    fn published(&self) -> [PathBuf; 2] {
        let things = (0..80).map(|index| format!("thing {index}")).chain(["wall".to_owned(), "sky".to_owned()]);
        let names = serde_json::json!({
            "small.single": ["cat", "dog"],
            STUFF: things.collect::<Vec<_>>(),
            "small.templates": ["cat", "zebra"],
        });
        let mut stuff = vec![[1.0_f32, 0.0]; 80];
        stuff.extend([[0.6, 0.8], [-0.6, 0.8]]);
        let tensors = [
            ("small.single".to_owned(), TensorData::from([[2.0_f32, 0.0], [3.0, 4.0]])),
            ("small.templates".to_owned(), TensorData::from([[1.0_f32, 0.0], [0.0, 1.0]])),
            (STUFF.to_owned(), TensorData::new(stuff.concat(), [82, 2])),
        ];
        let metadata = [("model", "CLIP"), ("prompt", "a {class}!"), ("source", "nobody")];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let path = self.path("published.safetensors");
        write_safetensors_file(&path, &tensors.into(), &metadata, Precision::F32).expect("a writable file");
        [path, self.write("published.names.json", &names.to_string())]
    }

    fn result(&self) -> TextEmbeddings {
        TextEmbeddings::open(&self.path("text.safetensors")).expect("embeddings were written")
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.path("text.safetensors")).expect("embeddings were written")
    }
}

#[test]
fn by_clip() {
    let room = Room::new();
    let clip = room.clip();
    let classes = room.write("names.txt", "cat\r\npotted plant\ncafé\n");
    let embed = || {
        let mut command = room.embed(&classes);
        command.arg("--clip").arg(&clip);
        command
    };
    succeeds(&mut embed());
    let first = room.bytes();
    let result = room.result();
    assert_eq!(result.classes, ["cat", "potted plant", "café"]);
    assert_eq!(result.prompts[1], "a photo of potted plant");
    assert_eq!(result.background, "prompt \"a photo of background\"");
    assert_eq!(result.vectors.shape().to_vec(), [4, 16]);
    assert_eq!(result.sources[0].path, "clip.safetensors");
    assert_eq!(result.sources[0].sha256, files::sha256(&std::fs::read(&clip).unwrap()));
    assert!(result.provenance.contains("64 wide, 1 blocks, QuickGelu"), "{}", result.provenance);
    let vectors: Vec<f32> = result.vectors.iter().collect();
    assert!(vectors.chunks(16).skip(1).all(|vector| vector != &vectors[..16]), "texts differ, so do their vectors");

    succeeds(&mut embed());
    assert_eq!(room.bytes(), first, "the same input gives the same bytes");
    succeeds(embed().args(["--template", "one {} here", "--background", "nothing", "--activation", "gelu"]));
    let other = room.result();
    assert_eq!((other.prompts[0].as_str(), other.background.as_str()), ("one cat here", "prompt \"nothing\""));
    assert_ne!(other.vectors, result.vectors);
}

#[test]
fn from_published_vectors() {
    let room = Room::new();
    let [vectors, names] = room.published();
    let classes = room.write("names.txt", "dog\ncat\n");
    let embed = || {
        let mut command = room.embed(&classes);
        command.arg("--embeddings").arg(&vectors).arg("--names").arg(&names);
        command
    };
    succeeds(&mut embed());
    let first = room.bytes();
    let result = room.result();
    assert_eq!(result.vectors, TensorData::from([[0.6_f32, 0.8], [1.0, 0.0], [0.0, 1.0]]));
    assert_eq!(
        (result.classes.join(","), result.prompts.join(",")),
        ("dog,cat".to_owned(), "a dog!,a cat!".to_owned())
    );
    assert!(result.background.starts_with("mean of 2 stuff classes (wall to sky)"), "{}", result.background);
    assert!(result.provenance.contains("small.single of published.safetensors"), "{}", result.provenance);
    assert_eq!(result.sources.len(), 2);
    succeeds(&mut embed());
    assert_eq!(room.bytes(), first);
}

#[test]
fn what_cannot_be_used() {
    let room = Room::new();
    let clip = room.clip();
    let [vectors, names] = room.published();
    let good = room.write("names.txt", "cat\ndog\n");
    let with_clip = |classes: &Path, clip: &Path| {
        let mut command = room.embed(classes);
        command.arg("--clip").arg(clip);
        command
    };
    for (text, parts) in [
        ("cat\ndog\ncat\n", ["line 3 repeats \"cat\" of line 1", "remove one of them"]),
        ("cat\n\ndog\n", ["line 2 is empty", "write one class on each line"]),
        ("Background\ncat\n", ["line 1 is \"Background\"", "remove the line"]),
        ("", ["bad.txt: lists no class", "write one on each line"]),
    ] {
        let bad = room.write("bad.txt", text);
        refused(&mut with_clip(&bad, &clip), &[&["bad.txt"], parts.as_slice()].concat());
    }
    let nowhere = room.path("nowhere");
    refused(&mut with_clip(&nowhere, &clip), &["nowhere: cannot be read", "or voc, or coco"]);
    let remedy = "give the safetensors file of a CLIP";
    refused(&mut with_clip(&good, &nowhere), &["nowhere: cannot be read", remedy]);
    refused(&mut with_clip(&good, &good), &["names.txt: no CLIP text encoder", "not a whole safetensors file", remedy]);
    refused(
        &mut with_clip(&good, &vectors),
        &["published.safetensors: no CLIP", "no known layout", "small.single", remedy],
    );
    refused(with_clip(&good, &clip).args(["--template", "a photo"]), &["\"a photo\"", "write for example"]);
    refused(with_clip(&good, &clip).args(["--background", " "]), &["--background is empty", "write for example"]);
    let long = format!("{{}} {}", "very ".repeat(80));
    refused(with_clip(&good, &clip).args(["--template", &long]), &["begins \"cat very", "77 fit", "shorten it"]);

    let pick = |classes: &Path, vectors: &Path, names: &Path| {
        let mut command = room.embed(classes);
        command.arg("--embeddings").arg(vectors).arg("--names").arg(names);
        command
    };
    let unknown = room.write("unknown.txt", "cat\nzebra\n");
    refused(
        &mut pick(&unknown, &vectors, &names),
        &["published.safetensors: small.single lacks the classes zebra", "make the embeddings with --clip"],
    );
    let remedy = "give clip_vitb16_text_embeddings.safetensors";
    refused(&mut pick(&good, &nowhere, &names), &["nowhere: cannot be read", remedy]);
    refused(&mut pick(&good, &vectors, &good), &["names.txt: no JSON of lists", remedy]);
    refused(&mut pick(&good, &clip, &names), &["clip.safetensors: none of its tensors is a list", remedy]);
    let short = room.write("short.json", r#"{"small.single": ["cat", "dog", "cow"]}"#);
    refused(&mut pick(&good, &vectors, &short), &["small.single has the shape [2, 2]", "3 names", remedy]);
    let only = room.write("only.json", r#"{"small.single": ["cat", "dog"]}"#);
    refused(&mut pick(&good, &vectors, &only), &["it has no coco_stuff171.single", remedy]);
    assert!(!room.path("text.safetensors").exists(), "nothing was written");
}
