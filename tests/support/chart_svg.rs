//! Series as a picture, for the documentation: lines over time, a small chart for each panel.

use std::fmt::Write as _;

use super::prometheus::Series;

/// A chart: its title, what unit its values are in, and its lines by name.
pub struct Chart {
    pub title: String,
    pub unit: String,
    pub lines: Vec<(String, Series)>,
}

const COLUMNS: usize = 2;
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 230.0;
/// Of the plot within its chart: left, top, right and bottom.
const MARGINS: [f64; 4] = [52.0, 30.0, 12.0, 56.0];
/// Told apart with any colour vision, on white and on black.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9"];

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#1f2328}.t{font-weight:600;font-size:13px}\
.g{stroke:#8c959f;stroke-opacity:.35}.s{fill:#59636e;font-size:11px}rect{fill:#fff}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.s{fill:#9198a1}rect{fill:#0d1117}}";

/// All of them side by side, over `(from, to)` in Unix seconds.
pub fn draw(charts: &[Chart], (from, to): (f64, f64)) -> String {
    let rows = charts.len().div_ceil(COLUMNS);
    let (width, height) = (WIDTH * number(COLUMNS), HEIGHT * number(rows));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <style>{STYLE}</style>\n<rect width=\"{width}\" height=\"{height}\"/>\n"
    );
    for (index, chart) in charts.iter().enumerate() {
        let (x, y) = (WIDTH * number(index % COLUMNS), HEIGHT * number(index / COLUMNS));
        writeln!(svg, "<g transform=\"translate({x} {y})\">").unwrap();
        one(&mut svg, chart, (from, to));
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn one(svg: &mut String, chart: &Chart, (from, to): (f64, f64)) {
    let [left, top, right, bottom] = MARGINS;
    let (width, height) = (WIDTH - left - right, HEIGHT - top - bottom);
    let values = chart.lines.iter().flat_map(|(_, series)| &series.points);
    let most = values.filter_map(|(_, value)| *value).fold(0.0, f64::max);
    let most = ceiling(most);
    writeln!(svg, "<text class=\"t\" x=\"{left}\" y=\"18\">{}</text>", escaped(&chart.title))
        .unwrap();
    for part in [0.0, 0.5, 1.0] {
        let y = top + height * (1.0 - part);
        writeln!(
            svg,
            "<path class=\"g\" d=\"M{left} {y:.1}h{width}\"/><text class=\"s\" x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"end\">{}{}</text>",
            left - 6.0,
            y + 4.0,
            rounded(most * part),
            chart.unit,
        )
        .unwrap();
    }
    for (minutes, anchor) in [(0.0, "start"), ((to - from) / 60.0, "end")] {
        let x = left + width * minutes * 60.0 / (to - from);
        writeln!(
            svg,
            "<text class=\"s\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{} min</text>",
            top + height + 15.0,
            rounded((minutes * 10.0).round() / 10.0),
        )
        .unwrap();
    }
    let mut legend_x = left;
    for ((name, series), colour) in chart.lines.iter().zip(COLOURS) {
        let mut path = String::new();
        let mut pen = 'M';
        let mut last = from;
        for (time, value) in &series.points {
            let Some(value) = value else {
                pen = 'M';
                continue;
            };
            // A gap of the series is a gap of the line.
            if time - last > 10.0 {
                pen = 'M';
            }
            let x = left + width * (time - from) / (to - from);
            let y = top + height * (1.0 - value / most);
            write!(path, "{pen}{x:.1} {y:.1}").unwrap();
            (pen, last) = ('L', *time);
        }
        writeln!(
            svg,
            "<path fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" d=\"{path}\"/>"
        )
        .unwrap();
        let y = HEIGHT - 14.0;
        writeln!(
            svg,
            "<path stroke=\"{colour}\" stroke-width=\"3\" d=\"M{legend_x:.1} {:.1}h14\"/>\
             <text class=\"s\" x=\"{:.1}\" y=\"{y}\">{}</text>",
            y - 4.0,
            legend_x + 18.0,
            escaped(name),
        )
        .unwrap();
        legend_x += 34.0 + 6.2 * number(name.len());
    }
}

/// The next of 1, 2 and 5 with zeros.
fn ceiling(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let power = 10.0_f64.powf(most.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= most).unwrap_or(most)
}

fn rounded(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
