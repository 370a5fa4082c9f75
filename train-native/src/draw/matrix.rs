//! A confusion matrix as a heat map.

use dalnet_metrics::ConfusionMatrix;
use image::{Rgb, RgbImage, imageops};

use super::paint::on_scale;
use super::{BLACK, WHITE, fill, text};

/// Side of a field: room for "100".
const FIELD: u32 = 32;
const GAP: u32 = 8;
const BLUES: [Rgb<u8>; 3] = [WHITE, Rgb([107, 174, 214]), Rgb([8, 48, 107])];
/// Fields of classes without truth.
const UNKNOWN: Rgb<u8> = Rgb([225; 3]);
const LINES: Rgb<u8> = Rgb([240; 3]);

/// What the pixels of each class (row) were labelled as (column), in percent of the row, under a `title`. `names` are
/// those of the classes, the background first.
pub(crate) fn confusion(matrix: &ConfusionMatrix, names: &[String], title: &str) -> RgbImage {
    let classes = matrix.classes();
    let longest = names.iter().map(|name| text::width(name)).max().unwrap_or(0);
    let (left, top) = (2 * GAP + longest, 3 * GAP + 2 * text::HEIGHT + longest);
    let side = FIELD * classes as u32;
    let legend = "row: truth, column: label, % of the row";
    let width = (left + side).max(text::width(title)).max(text::width(legend)) + GAP;
    let mut picture = RgbImage::from_pixel(width, top + side + GAP, WHITE);
    text::write(&mut picture, [GAP, GAP], title, BLACK);
    text::write(&mut picture, [GAP, GAP + text::HEIGHT], legend, BLACK);
    for (class, name) in names.iter().take(classes).enumerate() {
        let middle = FIELD * class as u32 + (FIELD - text::HEIGHT) / 2;
        text::write(&mut picture, [left - GAP - text::width(name), top + middle], name, BLACK);
        let mut upright = RgbImage::from_pixel(text::width(name).max(1), text::HEIGHT, WHITE);
        text::write(&mut upright, [0, 0], name, BLACK);
        let upright = imageops::rotate270(&upright);
        imageops::overlay(
            &mut picture,
            &upright,
            i64::from(left + middle),
            i64::from(top - GAP / 2 - upright.height()),
        );
    }
    for truth in 0..classes {
        let pixels: u64 = (0..classes).map(|label| matrix.count(truth, label)).sum();
        for label in 0..classes {
            let corner = [left + FIELD * label as u32, top + FIELD * truth as u32];
            let share = (pixels > 0).then(|| matrix.count(truth, label) as f32 / pixels as f32);
            fill(&mut picture, corner, [FIELD; 2], LINES);
            let colour = share.map_or(UNKNOWN, |share| on_scale(&BLUES, share));
            fill(&mut picture, corner, [FIELD - 1; 2], colour);
            let percent = (100.0 * share.unwrap_or(0.0)).round() as u32;
            if percent > 0 {
                let number = percent.to_string();
                let place = [
                    corner[0] + FIELD.saturating_sub(text::width(&number)) / 2,
                    corner[1] + (FIELD - text::HEIGHT) / 2,
                ];
                text::write(&mut picture, place, &number, if percent > 45 { WHITE } else { BLACK });
            }
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_colour_of_their_share() {
        let mut matrix = ConfusionMatrix::new(3).unwrap();
        // Background: half right, half the second class. First class: all right. No truth of the second.
        matrix.add(&[0, 0, 1], &[0, 2, 1]).unwrap();
        let names = ["background", "cat", "dog"].map(str::to_owned);
        let picture = confusion(&matrix, &names, "cam");
        let side = 3 * FIELD;
        let corner =
            [picture.width().min(2 * GAP + text::width("background") + side) - side, picture.height() - GAP - side];
        let field = |row: u32, column: u32| *picture.get_pixel(corner[0] + FIELD * column, corner[1] + FIELD * row);
        let half = on_scale(&BLUES, 0.5);
        assert_eq!([field(0, 0), field(0, 1), field(0, 2)], [half, WHITE, half]);
        assert_eq!([field(1, 0), field(1, 1), field(1, 2)], [WHITE, BLUES[2], WHITE]);
        assert_eq!([field(2, 0), field(2, 2)], [UNKNOWN; 2]);
    }
}
