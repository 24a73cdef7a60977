//! The Grafana dashboard that `deploy/` has.

use std::path::Path;

use serde_json::Value;

/// A query of a panel.
#[derive(Debug)]
pub struct PanelQuery {
    pub panel: String,
    /// With Grafana's variables.
    pub text: String,
}

impl PanelQuery {
    pub fn of_all(&self) -> String {
        of_all(&self.text)
    }
}

/// A query with values in place of Grafana's variables: everything, over the last seconds.
pub fn of_all(query: &str) -> String {
    let text = query.replace("$__rate_interval", "15s").replace("$__range", "1h");
    let text = text.replace("$job", ".+").replace("$instance", ".+");
    assert!(!text.contains('$'), "{text} has a variable that is not known here");
    text
}

pub fn dashboard() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/chart/files/dashboard.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Of all panels, in their order.
pub fn panel_queries() -> Vec<PanelQuery> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let queries = panels.iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().into_iter().flatten();
        targets.map(|target| PanelQuery {
            panel: panel["title"].as_str().unwrap().to_owned(),
            text: target["expr"].as_str().unwrap().to_owned(),
        })
    });
    queries.collect()
}
