//! The dashboard: a Prometheus that scraped a webhook has series for its panels.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::ensure;
use serde_json::Value;

use crate::support::{
    Prometheus, SOON, dashboard, eventually, from_file, panel_queries, pod, post, prometheus_tools,
    review,
};

/// There are no series of these without a cluster.
const OF_A_CLUSTER: [&str; 4] = [
    "pod_identity_watch_last_event_age_seconds",
    "pod_identity_ca_not_after_timestamp_seconds",
    "pod_identity_audit_",
    "apiserver_",
];

fn needs_a_cluster(query: &str) -> bool {
    OF_A_CLUSTER.iter().any(|metric| query.contains(metric)) || query.contains("pod_identity_pods{")
}

#[tokio::test]
async fn each_panel_has_series_of_a_webhook_that_was_scraped() {
    let Some(tools) = prometheus_tools() else { return };
    let (webhook, _folder) = from_file(&[]).await;
    let target = webhook.admin();
    let scrape = format!("- {{job_name: webhook, static_configs: [{{targets: ['{target}']}}]}}");
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/chart/files/alerts.yaml");
    let prometheus = Prometheus::start(&tools, &scrape, Some(&rules)).await;
    for query in panel_queries() {
        let text = query.of_all();
        if needs_a_cluster(&text) {
            // It is at least one that Prometheus takes.
            prometheus.query(&text).await.unwrap_or_else(|error| panic!("{query:?}: {error:#}"));
            continue;
        }
        eventually(&query.panel, SOON, || async {
            let reply = webhook
                .send(post("/mutate", review("demo", &pod("app", "app")).to_string()))
                .await?;
            ensure!(reply.status.is_success(), "{}", reply.text());
            let series = prometheus.query(&text).await?;
            ensure!(!series.is_empty(), "no series of {text}");
            Ok(())
        })
        .await;
    }
    // A webhook that is well raises none.
    let alerts = prometheus.query("ALERTS").await.unwrap();
    assert!(alerts.is_empty(), "{alerts:?}");
}

#[test]
fn grafana_can_take_it_without_plugins_of_others() {
    let dashboard = dashboard();
    assert_eq!(dashboard["schemaVersion"], 39, "of Grafana 11; later ones migrate it");
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = variables.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["datasource", "job", "instance"]);
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut titles = BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is another's");
        assert!(titles.insert(title), "two panels are called {title}");
        let kind = panel["type"].as_str().unwrap();
        if kind == "row" {
            continue;
        }
        assert!(["stat", "timeseries"].contains(&kind), "{title}: {kind}");
        assert!(panel["description"].as_str().unwrap().ends_with('.'), "{title}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for of in targets.iter().chain([panel]) {
            assert_eq!(of["datasource"]["uid"], "${datasource}", "{title}");
        }
        let references: BTreeSet<_> = targets.iter().map(|it| it["refId"].as_str()).collect();
        assert_eq!(references.len(), targets.len(), "{title}: a refId is another's");
    }
    for (index, one) in panels.iter().enumerate() {
        for other in &panels[index + 1..] {
            assert!(!overlap(one, other), "{} lies on {}", one["title"], other["title"]);
        }
    }
}

fn overlap(one: &Value, other: &Value) -> bool {
    let at = |panel: &Value, side: &str| panel["gridPos"][side].as_u64().unwrap();
    let apart = |start: &str, size: &str| {
        at(one, start) + at(one, size) <= at(other, start)
            || at(other, start) + at(other, size) <= at(one, start)
    };
    assert!(at(one, "x") + at(one, "w") <= 24, "{} is too wide", one["title"]);
    !apart("x", "w") && !apart("y", "h")
}
