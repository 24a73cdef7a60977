//! The picture in docs/operate.md: what the dashboard's queries gave in a run of five minutes in which something
//! happens. `make panels` draws it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use tokio::time::{interval, sleep};

use super::cluster::Cluster;
use super::kubectl::Kubectl;
use super::monitoring::{HOME, install, scrape_configs};
use super::suite;
use crate::support::{
    Chart, Namespace, Prometheus, Scratch, dashboard, draw, of_all, pod, prometheus_tools,
};

const ROLE: (&str, &str) =
    ("eks.amazonaws.com/role-arn", "arn:aws:iam::111122223333:role/s3-reader");
/// Misspelled.
const NEAR_MISS: (&str, &str) =
    ("eks.amazon.com/role-arn", "arn:aws:iam::111122223333:role/s3-reader");

/// The panels, and the unit of the picture.
const PANELS: [(&str, &str); 6] = [
    ("Pods by state", ""),
    ("Admissions by outcome", "/s"),
    ("Calls that the API server gave up", ""),
    ("Time of an admission", " s"),
    ("Warnings by kind", ""),
    ("Age of the last complete round", " s"),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes five minutes and writes docs/images/panels.svg: make panels"]
async fn draws_the_panels() {
    let tools = prometheus_tools().expect("Prometheus");
    let mut cluster = Cluster::local(HOME, |kubectl| {
        install(kubectl);
        audit_often(kubectl);
    })
    .await;
    suite::keeps_every_ca_bundle(&mut cluster, 1).await;
    let folder = Scratch::new().unwrap();
    let scrape_configs = scrape_configs(&cluster, &folder).await;
    let prometheus = Prometheus::start(&tools, &scrape_configs, None).await;
    let apps = cluster.namespace("shop", json!({})).await;
    apps.service_account("s3-reader", &[ROLE]).await;
    apps.service_account("typo", &[NEAR_MISS]).await;
    for index in 0..12 {
        apps.pod(&pod(&format!("web-{index}"), "s3-reader")).await;
    }

    let from = now();
    tokio::select! {
        () = asked_all_the_time(&apps) => {}
        () = what_happens(&cluster, &apps) => {}
    }
    let times = (from, now());
    let mut charts = Vec::new();
    for (title, unit) in PANELS {
        charts.push(chart(&prometheus, title, unit, times).await);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images/panels.svg");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, draw(&charts, times)).unwrap();
}

/// Five minutes: the webhook stands still for a while, three pods miss it, somebody restarts them, and somebody
/// else rolls out a mistake.
async fn what_happens(cluster: &Cluster, apps: &Namespace) {
    let process = cluster.as_local().webhook().process();
    sleep(Duration::from_secs(80)).await;
    process.freeze();
    for index in 0..3 {
        apps.pod(&pod(&format!("missed-{index}"), "s3-reader")).await;
    }
    sleep(Duration::from_secs(6)).await;
    process.thaw();
    sleep(Duration::from_secs(80)).await;
    for index in 0..3 {
        let name = format!("missed-{index}");
        apps.api::<Pod>().delete(&name, &DeleteParams::default().grace_period(0)).await.unwrap();
        apps.pod(&pod(&format!("restarted-{index}"), "s3-reader")).await;
    }
    for _ in 0..40 {
        let _ = apps.admit_pod(&pod("probe", "typo"), true).await;
        sleep(Duration::from_secs(1)).await;
    }
    sleep(Duration::from_mins(1)).await;
}

/// Some pods a second, with a role and without.
async fn asked_all_the_time(apps: &Namespace) {
    let mut ticks = interval(Duration::from_millis(250));
    let probes = [pod("probe", "s3-reader"), pod("probe", "s3-reader"), pod("probe", "default")];
    for probe in probes.iter().cycle() {
        ticks.tick().await;
        // It may fail, while the webhook stands still.
        let _ = apps.admit_pod(probe, true).await;
    }
}

fn audit_often(kubectl: &Kubectl) {
    let manifests = kubectl.run(&["kustomize", "deploy/overlays/audit"]);
    let often = manifests.replace("--audit-interval=10m", "--audit-interval=15s");
    assert_ne!(manifests, often);
    kubectl.run_on(&often, &["apply", "-f", "-"]);
}

async fn chart(prometheus: &Prometheus, title: &str, unit: &str, times: (f64, f64)) -> Chart {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let panel = panels.iter().find(|panel| panel["title"] == title).expect(title);
    let mut lines = Vec::new();
    for target in panel["targets"].as_array().unwrap() {
        let query = of_all(target["expr"].as_str().unwrap());
        for series in prometheus.query_range(&query, times, 1.0).await.unwrap() {
            // What stayed at zero tells nothing.
            if series.points.iter().any(|(_, value)| value.is_some_and(|value| value != 0.0)) {
                lines.push((legend(target, &series.labels), series));
            }
        }
    }
    Chart { title: title.to_owned(), unit: unit.to_owned(), lines }
}

fn legend(target: &Value, labels: &BTreeMap<String, String>) -> String {
    let format = target["legendFormat"].as_str().unwrap().to_owned();
    labels
        .iter()
        .fold(format, |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}
