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

const COLOURS: [RGBColor; 3] =
    [RGBColor(150, 150, 150), RGBColor(32, 110, 190), RGBColor(220, 130, 30)];
const SIZE: (u32, u32) = (760, 360);
/// Of the room for a group, what its bars take.
const FILLED: f64 = 0.8;

impl Bars {
    pub fn draw(&self, path: &Path) -> anyhow::Result<()> {
        let root = SVGBackend::new(path, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let all = self.series.iter().flat_map(|(_, values)| values);
        let highest = all.copied().filter(|it| it.is_finite()).fold(0.0, f64::max);
        let groups = self.labels.len() as f64;
        let mut chart = ChartBuilder::on(&root)
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
            let colour = COLOURS[index % COLOURS.len()];
            let bars = values.iter().enumerate().map(|(group, value)| {
                let left = group as f64 + (1.0 - FILLED) / 2.0 + index as f64 * width;
                Rectangle::new([(left, 0.0), (left + width * 0.92, *value)], colour.filled())
            });
            chart.draw_series(bars)?.label(name).legend(move |(x, y)| {
                Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled())
            });
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
        chart
            .configure_series_labels()
            .border_style(BLACK.mix(0.3))
            .background_style(WHITE)
            .draw()?;
        Ok(root.present()?)
    }
}
