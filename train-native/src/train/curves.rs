//! `curves.svg`: losses, learning rate and scores over the iterations, from `metrics.jsonl`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use dalnet_assets::files::write_atomically;
use serde_json::Value;

/// Colours of the lines: Okabe and Ito's, which differ for colour-blind readers too.
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
/// Width and height of a panel's axes, and the room around them, in pixels.
const PANEL: [f64; 2] = [640.0, 180.0];
const MARGIN: [f64; 2] = [70.0, 40.0];
const LEGEND: f64 = 150.0;

/// Points by iteration, by the name of the line.
type Lines = BTreeMap<String, BTreeMap<u64, f64>>;

/// Draws the curves of the run in this folder.
pub(super) fn draw(run: &Path) -> Result<()> {
    let path = run.join("metrics.jsonl");
    let text = fs::read_to_string(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
    Ok(write_atomically(&run.join("curves.svg"), svg(&text).as_bytes())?)
}

/// The drawing of some entries, one a line.
fn svg(metrics: &str) -> String {
    let [mut losses, mut rates, mut scores] = [Lines::new(), Lines::new(), Lines::new()];
    // A line that is cut off is the last one of a run that was killed; what was done twice counts as it came out last.
    for entry in metrics.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let Some(iteration) = entry["iteration"].as_u64() else { continue };
        add(&mut losses, iteration, &entry["losses"]);
        add(&mut scores, iteration, &entry["validation"]["miou"]);
        if let Some(rate) = entry["learning_rate"].as_f64() {
            rates.entry("encoder".to_owned()).or_default().insert(iteration, rate);
        }
    }
    let panels = [("loss", losses), ("learning rate", rates), ("mIoU on the validation pictures, %", scores)];
    let last = panels.iter().flat_map(|(_, lines)| lines.values().flat_map(BTreeMap::keys)).max().copied().unwrap_or(1);
    let [width, height] = [MARGIN[0] + PANEL[0] + LEGEND, 3.0 * (PANEL[1] + 2.0 * MARGIN[1])];
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<title>Training curves</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (index, (title, lines)) in panels.iter().enumerate() {
        let top = MARGIN[1] + index as f64 * (PANEL[1] + 2.0 * MARGIN[1]);
        panel(&mut text, top, title, lines, last);
    }
    text.push_str("</svg>\n");
    text
}

/// The numbers of an object, each to the line of its name.
fn add(lines: &mut Lines, iteration: u64, object: &Value) {
    for (name, value) in object.as_object().into_iter().flatten() {
        if let Some(value) = value.as_f64() {
            lines.entry(name.clone()).or_default().insert(iteration, value);
        }
    }
}

/// One set of axes with its lines and their names, from 0 to the last iteration and from 0 to the largest value.
fn panel(text: &mut String, top: f64, title: &str, lines: &Lines, last: u64) {
    let largest = lines.values().flat_map(BTreeMap::values).fold(0.0_f64, |largest, value| largest.max(*value));
    let largest = if largest > 0.0 { largest } else { 1.0 };
    let ([left, _], [width, height]) = (MARGIN, PANEL);
    let (right, bottom) = (left + width, top + height);
    let mut add = |element: String| {
        text.push_str(&element);
        text.push('\n');
    };
    add(format!("<text x=\"{left}\" y=\"{}\" font-weight=\"bold\">{title}</text>", top - 10.0));
    add(format!("<path d=\"M{left} {top}V{bottom}H{right}\" fill=\"none\" stroke=\"#888\"/>"));
    for (value, y) in [(0.0, bottom), (largest / 2.0, top + height / 2.0), (largest, top)] {
        let shown = if largest < 0.01 { format!("{value:.1e}") } else { format!("{value:.2}") };
        add(format!("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{shown}</text>", left - 6.0, y + 4.0));
    }
    for (iteration, x) in [(0, left), (last / 2, left + width / 2.0), (last, right)] {
        add(format!("<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{iteration}</text>", bottom + 16.0));
    }
    for (index, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let points = points.iter().map(|(iteration, value)| {
            let x = left + width * *iteration as f64 / last.max(1) as f64;
            // What is below zero or no number leaves the axes alone.
            let y = bottom - height * (value / largest).clamp(0.0, 1.0);
            format!("{x:.1},{y:.1}")
        });
        let points = points.collect::<Vec<_>>().join(" ");
        add(format!("<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"));
        let (x, y) = (right + 10.0, top + 12.0 + 16.0 * index as f64);
        add(format!("<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{name}</text>"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_drawn_once_in_its_panel() {
        let drawing = svg("{\"iteration\":20,\"losses\":{\"cls\":0.8,\"seg\":2.0},\"learning_rate\":1e-4}\n\
             {\"iteration\":40,\"losses\":{\"cls\":0.4},\"learning_rate\":5e-5}\n\
             {\"iteration\":40,\"losses\":{\"cls\":0.5},\"learning_rate\":5e-5}\n\
             {\"iteration\":40,\"validation\":{\"miou\":{\"cam\":30.0}}}\n{\"iterat");
        assert_eq!(drawing.matches("<polyline").count(), 4, "{drawing}");
        // From 0.8 to the later of the two 0.5, of 2.0 at most: 40 % and 25 % of the way up.
        let cls = "points=\"390.0,148.0 710.0,175.0\"";
        assert!(drawing.contains(cls), "{drawing}");
        for name in ["cls", "seg", "encoder", "cam"] {
            assert_eq!(drawing.matches(&format!(">{name}</text>")).count(), 1, "{name}");
        }
    }

    #[test]
    fn nothing_yet_gives_empty_axes() {
        let drawing = svg("");
        assert!(
            drawing.ends_with("</svg>\n") && !drawing.contains("polyline") && !drawing.contains("NaN"),
            "{drawing}"
        );
    }
}
