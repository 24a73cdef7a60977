//! Plots: bars side by side, one colour for each server.

use std::path::Path;

use plotters::prelude::*;

/// A group of bars for each label, a bar in it for each series.
pub struct Bars {
    pub title: String,
    pub unit: &'static str,
    pub labels: Vec<String>,
    pub series: Vec<(String, Vec<f64>)>,
}

/// The same in every plot.
fn colour(series: &str) -> RGBColor {
    match series {
        "ours" => RGBColor(32, 110, 190),
        "Go webhook" => RGBColor(220, 130, 30),
        _ => RGBColor(150, 150, 150),
    }
}

const SIZE: (u32, u32) = (840, 360);
/// What is right of it has the names of the series.
const PLOT_WIDTH: u32 = 740;
/// Of the room for a group, what its bars take.
const FILLED: f64 = 0.8;

impl Bars {
    pub fn draw(&self, path: &Path) -> anyhow::Result<()> {
        let root = SVGBackend::new(path, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (plot, names) = root.split_horizontally(PLOT_WIDTH);
        let all = self.series.iter().flat_map(|(_, values)| values);
        let highest = all.copied().filter(|it| it.is_finite()).fold(0.0, f64::max);
        let groups = self.labels.len() as f64;
        let mut chart = ChartBuilder::on(&plot)
            .caption(&self.title, ("sans-serif", 18))
            .margin(10)
            .x_label_area_size(34)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..groups, 0.0..highest * 1.15)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            // A tick in the middle of each group would need halves: the labels are drawn below.
            .x_labels(0)
            .y_desc(self.unit)
            .draw()?;
        let width = FILLED / self.series.len() as f64;
        for (index, (name, values)) in self.series.iter().enumerate() {
            let colour = colour(name);
            let bars = values.iter().enumerate().map(|(group, value)| {
                let left = group as f64 + (1.0 - FILLED) / 2.0 + index as f64 * width;
                Rectangle::new([(left, 0.0), (left + width * 0.92, *value)], colour.filled())
            });
            chart.draw_series(bars)?;
            let y = 40 + 22 * i32::try_from(index)?;
            names.draw(&Rectangle::new([(4, y), (16, y + 10)], colour.filled()))?;
            names.draw(&Text::new(name.clone(), (24, y), ("sans-serif", 13)))?;
            let numbers = values.iter().enumerate().map(|(group, value)| {
                let left = group as f64 + (1.0 - FILLED) / 2.0 + index as f64 * width;
                let text =
                    if *value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") };
                Text::new(text, (left, *value + highest * 0.04), ("sans-serif", 12))
            });
            chart.draw_series(numbers)?;
        }
        for (group, label) in self.labels.iter().enumerate() {
            let at = chart.backend_coord(&(group as f64 + (1.0 - FILLED) / 2.0, 0.0));
            root.draw(&Text::new(label.clone(), (at.0, at.1 + 10), ("sans-serif", 13)))?;
        }
        Ok(root.present()?)
    }
}
