//! Sheets of pictures side by side: a row for each example, a column for each kind of map, names below.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::{BLACK, WHITE, fill, text};

/// Most width and height of a picture on a sheet.
const CELL: [u32; 2] = [240, 200];
/// Between cells and around the sheet.
const GAP: u32 = 8;
/// Side of the patch of colour before a name.
const PATCH: u32 = 12;
const TITLE: Rgb<u8> = Rgb([90; 3]);

/// Pictures side by side.
#[derive(Debug, Clone)]
pub(crate) struct Sheet {
    /// What each column shows.
    pub(crate) columns: Vec<String>,
    /// From top to bottom; each has a cell for every column, or fewer.
    pub(crate) rows: Vec<Row>,
}

/// What is shown of one example.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Stands above the row.
    pub(crate) title: String,
    /// From left to right.
    pub(crate) cells: Vec<Cell>,
}

/// A picture with names.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    picture: RgbImage,
    names: Vec<Name>,
}

/// A name below a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// One or a few words.
    pub(crate) text: String,
    /// The colour in which the picture shows it; `None` when it does not.
    pub(crate) colour: Option<[u8; 3]>,
}

impl Cell {
    /// A picture, made small enough for a sheet at once: what waits for the sheet takes little memory.
    pub(crate) fn new(picture: &RgbImage, names: Vec<Name>) -> Self {
        let (width, height) = picture.dimensions();
        let scale = (f64::from(CELL[0]) / f64::from(width.max(1))).min(f64::from(CELL[1]) / f64::from(height.max(1)));
        let side = |pixels: u32| ((f64::from(pixels) * scale).round() as u32).max(1);
        Self { picture: imageops::resize(picture, side(width), side(height), FilterType::Triangle), names }
    }

    /// The names in lines that fit the cell's width.
    fn lines(&self) -> Vec<Vec<&Name>> {
        let mut lines: Vec<Vec<&Name>> = Vec::new();
        let mut left = 0;
        for name in &self.names {
            let width = name.width();
            match lines.last_mut().filter(|_| width <= left) {
                Some(line) => line.push(name),
                None => {
                    lines.push(vec![name]);
                    left = CELL[0];
                }
            }
            left = left.saturating_sub(width);
        }
        lines
    }

    fn height(&self) -> u32 {
        self.picture.height() + text::HEIGHT * self.lines().len() as u32
    }

    fn draw(&self, sheet: &mut RgbImage, [x, y]: [u32; 2]) {
        let indent = (CELL[0] - self.picture.width().min(CELL[0])) / 2;
        imageops::overlay(sheet, &self.picture, i64::from(x + indent), i64::from(y));
        for (index, line) in self.lines().into_iter().enumerate() {
            let top = y + self.picture.height() + text::HEIGHT * index as u32;
            let mut left = x;
            for name in line {
                name.draw(sheet, [left, top]);
                left += name.width();
            }
        }
    }
}

impl Name {
    /// With its patch of colour and the space to the next one.
    fn width(&self) -> u32 {
        text::width(&self.text) + GAP + self.colour.map_or(0, |_| PATCH + GAP / 2)
    }

    fn draw(&self, sheet: &mut RgbImage, [x, y]: [u32; 2]) {
        let mut left = x;
        if let Some(colour) = self.colour {
            fill(sheet, [left, y + (text::HEIGHT - PATCH) / 2], [PATCH; 2], Rgb(colour));
            left += PATCH + GAP / 2;
        }
        let room = CELL[0].saturating_sub(left - x);
        text::write(sheet, [left, y], &text::fitting(&self.text, room.min(text::width(&self.text))), BLACK);
    }
}

impl Row {
    fn height(&self) -> u32 {
        text::HEIGHT + self.cells.iter().map(Cell::height).max().unwrap_or(0)
    }
}

impl Sheet {
    /// One sheet of the rows of all `sheets`, which have the same columns; `None` when there are none.
    pub(crate) fn joined(sheets: impl IntoIterator<Item = Self>) -> Option<Self> {
        sheets.into_iter().reduce(|mut sheet, next| {
            sheet.rows.extend(next.rows);
            sheet
        })
    }

    /// The sheet on white.
    pub(crate) fn draw(&self) -> RgbImage {
        let columns = self.columns.len() as u32;
        let height: u32 = self.rows.iter().map(|row| row.height() + GAP).sum();
        let mut sheet = RgbImage::from_pixel(GAP + columns * (CELL[0] + GAP), 2 * GAP + text::HEIGHT + height, WHITE);
        let left = |column: usize| GAP + column as u32 * (CELL[0] + GAP);
        for (column, name) in self.columns.iter().enumerate() {
            text::write(&mut sheet, [left(column), GAP], &text::fitting(name, CELL[0]), BLACK);
        }
        let mut top = 2 * GAP + text::HEIGHT;
        for row in &self.rows {
            let room = sheet.width() - 2 * GAP;
            text::write(&mut sheet, [GAP, top], &text::fitting(&row.title, room), TITLE);
            for (column, cell) in row.cells.iter().take(self.columns.len()).enumerate() {
                cell.draw(&mut sheet, [left(column), top + text::HEIGHT]);
            }
            top += row.height() + GAP;
        }
        sheet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name { text: text.to_owned(), colour: Some([200, 0, 0]) }
    }

    #[test]
    fn every_cell_has_its_place() {
        let cell = |grey: u8, [width, height]: [u32; 2]| {
            Cell::new(&RgbImage::from_pixel(width, height, Rgb([grey; 3])), vec![name("cat")])
        };
        let rows = vec![
            Row { title: "one".into(), cells: vec![cell(10, [500, 250]), cell(20, [100, 400])] },
            Row { title: "two".into(), cells: vec![cell(30, [1, 1])] },
        ];
        let sheet = Sheet { columns: vec!["photo".into(), "truth".into()], rows }.draw();
        assert_eq!(sheet.width(), 3 * GAP + 2 * CELL[0]);
        let count = |grey: u8| sheet.pixels().filter(|pixel| pixel.0 == [grey; 3]).count();
        // Letters may have single pixels of any grey.
        assert!(count(10).abs_diff(240 * 120) < 20 && count(20).abs_diff(50 * 200) < 20, "{} {}", count(10), count(20));
        assert!(count(30).abs_diff(200 * 200) < 20, "{}", count(30));
        assert_eq!(sheet.pixels().filter(|pixel| pixel.0 == [200, 0, 0]).count() as u32, 3 * PATCH * PATCH);
        assert_eq!(Sheet { columns: Vec::new(), rows: Vec::new() }.draw().width(), GAP);
    }

    #[test]
    fn names_go_on_in_the_next_line() {
        let names = ["person", "motorbike", "diningtable", "a name that no cell has room enough for"].map(name);
        let cell = Cell::new(&RgbImage::new(10, 10), names.to_vec());
        let lines = cell.lines().iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lines, [2, 1, 1]);
    }
}
