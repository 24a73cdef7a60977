//! What the figures must be.

/// A figure that is to stay on one side of two bounds.
pub struct Target {
    name: String,
    /// Nothing where it was not measured.
    value: Option<f64>,
    digits: usize,
    bounds: Bounds,
    unit: &'static str,
}

/// What must be, and what would be better.
#[derive(Clone, Copy)]
pub enum Bounds {
    AtMost(f64, f64),
    AtLeast(f64, f64),
}

impl Target {
    pub fn new(
        name: &str,
        value: Option<f64>,
        digits: usize,
        bounds: Bounds,
        unit: &'static str,
    ) -> Self {
        Self { name: name.to_owned(), value, digits, bounds, unit }
    }

    pub fn row(&self) -> String {
        let Self { name, value, digits, bounds, unit } = self;
        let (sign, must, reach) = match *bounds {
            Bounds::AtMost(must, reach) => ('≤', must, reach),
            Bounds::AtLeast(must, reach) => ('≥', must, reach),
        };
        let Some(value) = *value else {
            return format!(
                "| {name} | not measured here | {sign} {must}{unit} | {sign} {reach}{unit} |\n"
            );
        };
        let met = |bound: f64| {
            let met = match bounds {
                Bounds::AtMost(..) => value <= bound,
                Bounds::AtLeast(..) => value >= bound,
            };
            if met { "yes" } else { "no" }
        };
        format!(
            "| {name} | **{value:.digits$}{unit}** | {sign} {must}{unit}: {} | {sign} {reach}{unit}: {} |\n",
            met(must),
            met(reach)
        )
    }
}
