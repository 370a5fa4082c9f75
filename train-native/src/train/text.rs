//! Text embeddings of the classes of a data set.

use std::cmp::Reverse;
use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::TensorData;
use dalnet_assets::TextEmbeddings;
use dalnet_text::embeddings::{COCO, VOC};

/// Unit vectors `[C + 1, d_t]` of `classes` and, last, the background: from `path`, whose classes are the same, or from
/// those that come with the program, where every class has the name of one of VOC's or COCO's.
pub(super) fn class_texts(path: Option<&Path>, classes: &[String]) -> Result<TensorData> {
    let Some(path) = path else { return built_in(classes) };
    let texts = TextEmbeddings::open(path)?;
    if texts.classes != classes {
        bail!(
            "{} holds the texts of {}, the data set has {}; make them with train-native embed and give them as --text",
            path.display(),
            texts.classes.join(", "),
            classes.join(", ")
        );
    }
    Ok(texts.vectors)
}

/// Of the set that knows most of the classes, and where it lacks one of the other.
fn built_in(classes: &[String]) -> Result<TensorData> {
    let mut sets = [TextEmbeddings::from_bytes(VOC)?, TextEmbeddings::from_bytes(COCO)?];
    sets.sort_by_key(|set| Reverse(classes.iter().filter(|class| place(set, class).is_some()).count()));
    let width = sets[0].dim();
    let mut rows = Vec::with_capacity((classes.len() + 1) * width);
    for class in classes {
        let row = sets.iter().find_map(|set| Some(row(set, place(set, class)?))).with_context(|| {
            format!(
                "the class {class:?} has no text embedding in this program, which has those of VOC's and COCO's classes; \
                 make one for every class with train-native embed --clip and give it as --text, or leave the texts out \
                 with --without im,ex"
            )
        })?;
        rows.extend(row);
    }
    rows.extend(row(&sets[0], sets[0].classes.len()));
    Ok(TensorData::new(rows, [classes.len() + 1, width]))
}

/// The row of a class, however its words are joined: VOC has pottedplant where COCO has potted plant.
fn place(set: &TextEmbeddings, class: &str) -> Option<usize> {
    let class = letters(class);
    set.classes.iter().position(|known| letters(known) == class)
}

fn letters(name: &str) -> String {
    name.chars().filter(|letter| !matches!(letter, ' ' | '_' | '-')).flat_map(char::to_lowercase).collect()
}

fn row(set: &TextEmbeddings, index: usize) -> Vec<f32> {
    set.vectors.iter().skip(index * set.dim()).take(set.dim()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(names: &[&str]) -> Result<Vec<Vec<f32>>> {
        let classes = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let vectors = class_texts(None, &classes)?;
        let width = vectors.shape()[1];
        Ok(vectors.iter::<f32>().collect::<Vec<_>>().chunks(width).map(<[f32]>::to_vec).collect())
    }

    #[test]
    fn the_classes_of_voc_and_coco_have_their_own_sets() {
        for bytes in [VOC, COCO] {
            let set = TextEmbeddings::from_bytes(bytes).unwrap();
            assert_eq!(class_texts(None, &set.classes).unwrap(), set.vectors);
        }
        assert_eq!(dalnet_data::coco::class_names(), TextEmbeddings::from_bytes(COCO).unwrap().classes);
    }

    #[test]
    fn names_are_found_in_both_sets_however_they_are_joined() {
        let [voc, coco] = [VOC, COCO].map(|bytes| TextEmbeddings::from_bytes(bytes).unwrap());
        let of =
            |set: &TextEmbeddings, name: &str| row(set, set.classes.iter().position(|known| known == name).unwrap());
        let found = texts(&["Potted_Plant", "traffic-light", "TVMonitor", "zebra", "cat"]).unwrap();
        let expected = [
            of(&coco, "potted plant"),
            of(&coco, "traffic light"),
            of(&voc, "tvmonitor"),
            of(&coco, "zebra"),
            of(&coco, "cat"),
            row(&coco, 80),
        ];
        assert_eq!(found, expected);
        assert_eq!(texts(&["cat"]).unwrap()[0], of(&voc, "cat"));
    }

    #[test]
    fn an_unknown_class_is_named_with_the_ways_out() {
        let error = texts(&["cat", "tardigrade"]).unwrap_err().to_string();
        for part in ["\"tardigrade\"", "train-native embed --clip", "--text", "--without im,ex"] {
            assert!(error.contains(part), "{part:?} is not in {error}");
        }
    }
}
