//! Pictures side by side with what the network says of them and with the truth.

use std::collections::BTreeSet;

use dalnet::object_mask::ObjectLevels;
use dalnet_assets::{Map, ModelSpec};
use dalnet_data::Sample;
use dalnet_metrics::{IGNORE, strongest};
use image::RgbImage;

use super::maps::Maps;
use super::protocol::Protocol;
use super::segmentation::{SEGMENTATION, SEGMENTATION_CRF};
use crate::draw::{Cell, Name, Row, Sheet, heat, mask};
use crate::palette;

/// Labels of less than this share of a picture are not named below it.
const NAMED: f64 = 0.005;

/// The places of `count` examples, or fewer, evenly spaced in a list of `pictures`.
pub(super) fn places(pictures: usize, count: usize) -> BTreeSet<usize> {
    let count = count.min(pictures);
    (0..count).map(|example| example * pictures / count).collect()
}

/// A sheet of one row: the photo with its tags, the CAM that labels are made of, the object mask of the auxiliary CAM,
/// pseudo labels, prediction and truth.
pub(super) fn example(sample: &Sample, photo: &RgbImage, maps: &Maps, spec: &ModelSpec, protocol: &Protocol) -> Sheet {
    let pixels = maps.truth.len();
    let tags = sample.labels.iter().map(|tag| Name { text: spec.classes[*tag].clone(), colour: None }).collect();
    let map = protocol.label_cam(spec).name();
    let cam = &maps.cams[map];
    let labels = sample.labels.iter().map(|tag| (tag + 1) as u8).collect::<Vec<_>>();
    let of_cam = strongest(cam, &labels, pixels);
    let values = of_cam.iter().map(|(value, _)| *value).collect::<Vec<_>>();
    let masked = |labels: &[u8], open: Option<&str>| {
        Cell::new(&mask(labels, photo.dimensions().into()), names(labels, &spec.classes, open))
    };
    let mut columns = vec![
        ("photo and tags".to_owned(), Cell::new(photo, tags)),
        (map.to_owned(), Cell::new(&heat(photo, &values), Vec::new())),
    ];
    let objects = objects(&maps.cams[Map::AuxiliaryCam.name()], &labels, pixels, protocol.object);
    columns.push(("object mask".to_owned(), masked(&objects, Some("neither"))));
    if let Some(labels) = &maps.pseudo_labels {
        columns.push(("pseudo labels".to_owned(), masked(labels, Some("uncertain"))));
    }
    let of_head = [SEGMENTATION_CRF, SEGMENTATION].into_iter().find_map(|name| {
        maps.segmentations.iter().find(|(segmentation, _)| *segmentation == name).map(|(_, labels)| (name, labels))
    });
    columns.push(match of_head {
        Some((name, labels)) => (name.to_owned(), masked(labels, None)),
        None => {
            let threshold = spec.background_threshold;
            let above = of_cam.iter().map(|(value, label)| if *value > threshold { *label } else { 0 });
            (format!("{map} above {threshold:.2}"), masked(&above.collect::<Vec<_>>(), None))
        }
    });
    columns.push(("truth".to_owned(), masked(&maps.truth, None)));
    let (columns, cells) = columns.into_iter().unzip();
    Sheet { columns, rows: vec![Row { title: sample.id.clone(), cells }] }
}

/// The object mask of a CAM `[labels.len(), pixels]` of the present classes, pixel by pixel; [`IGNORE`] is neither.
fn objects(cam: &[f32], labels: &[u8], pixels: usize, levels: ObjectLevels) -> Vec<u8> {
    let objects = strongest(cam, labels, pixels).into_iter().map(|(value, label)| match value {
        value if value > levels.foreground => label,
        value if value <= levels.background => 0,
        _ => IGNORE,
    });
    objects.collect()
}

/// The classes in `labels` by name and colour, without the background; [`IGNORE`] only where it has a name, `open`.
fn names(labels: &[u8], classes: &[String], open: Option<&str>) -> Vec<Name> {
    let mut counts = [0_usize; 256];
    labels.iter().for_each(|label| counts[usize::from(*label)] += 1);
    let frequent = (1..=IGNORE).filter(|label| counts[usize::from(*label)] as f64 >= NAMED * labels.len() as f64);
    let named = frequent.filter_map(|label| {
        let text = match label {
            IGNORE => open?.to_owned(),
            _ => classes.get(usize::from(label) - 1)?.clone(),
        };
        Some(Name { text, colour: Some(palette::colour(label)) })
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_come_from_the_whole_list() {
        assert_eq!(places(100, 4).into_iter().collect::<Vec<_>>(), [0, 25, 50, 75]);
        assert_eq!(places(3, 8).len(), 3);
        assert!(places(0, 8).is_empty() && places(5, 0).is_empty());
    }

    #[test]
    fn objects_lie_above_one_level_and_background_below_another() {
        let levels = ObjectLevels { foreground: 0.5, background: 0.25 };
        let cam = [0.6, 0.5, 0.25, 0.1, 0.7, 0.1, 0.2, 0.9];
        assert_eq!(objects(&cam, &[3, 7], 4, levels), [7, IGNORE, 0, 7]);
        assert_eq!(objects(&[], &[], 2, levels), [0, 0]);
    }

    #[test]
    fn what_can_be_seen_is_named() {
        let classes = ["cat".to_owned(), "dog".to_owned()];
        let mut labels = vec![0; 1000];
        labels[..4].fill(1);
        labels[10..20].fill(2);
        labels[20..30].fill(IGNORE);
        let texts = |open| names(&labels, &classes, open).into_iter().map(|name| name.text).collect::<Vec<_>>();
        assert_eq!(texts(None), ["dog"]);
        assert_eq!(texts(Some("uncertain")), ["dog", "uncertain"]);
    }
}
