//! What an operator has: the overlays `monitoring` and `audit`, and a Prometheus that scrapes the webhook and the
//! API server. Offline: `offline/monitoring/`.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::kubectl::Kubectl;
use super::overlays::apply;
use super::suite;
use crate::support::{
    Namespace, PanelQuery, Prometheus, SOON, Scratch, eventually, panel_queries, pod,
    prometheus_tools, promtool,
};

pub const HOME: &str = "pod-identity-webhook";

/// Who may read the API server's metrics.
const SCRAPER: &str = r"
apiVersion: v1
kind: ServiceAccount
metadata: {name: scraper, namespace: pod-identity-webhook}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: scraper}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: 'system:monitoring'}
subjects: [{kind: ServiceAccount, name: scraper, namespace: pod-identity-webhook}]
";

#[tokio::test]
async fn each_panel_has_series_and_an_alert_tells_that_pods_went_without_the_webhook() {
    let Some(tools) = prometheus_tools() else { return };
    let mut cluster = Cluster::local(HOME, install).await;
    suite::keeps_every_ca_bundle(&mut cluster, 1).await;
    suite::gives_roles(&mut cluster).await;

    let folder = Scratch::new().unwrap();
    let scrape_configs = scrape_configs(&cluster, &folder).await;
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/chart/files/alerts.yaml");
    let prometheus = Prometheus::start(&tools, &scrape_configs, Some(&rules)).await;
    let apps = cluster.namespace("apps", json!({})).await;
    // The API server has no count of failed calls before the first.
    let (of_failures, others): (Vec<_>, Vec<_>) =
        panel_queries().into_iter().partition(|query| query.of_all().contains("webhook_fail"));
    assert!(!of_failures.is_empty());
    for query in &others {
        has_series(&prometheus, query, &apps).await;
    }
    let firing = r#"ALERTS{alertstate="firing"}"#;
    let alerts = prometheus.query(firing).await.unwrap();
    assert!(alerts.is_empty(), "{alerts:?}");
    let page = cluster.metrics().await.remove(0);
    let said = promtool(&tools, &["check", "metrics"], &page).stderr;
    let said = String::from_utf8(said).unwrap();
    assert!(!said.lines().any(|line| line.starts_with("pod_identity_audit")), "{said}");

    suite::lets_pods_pass_while_it_is_away(&mut cluster).await;
    eventually("the alert", SOON, || async {
        let alerts = prometheus.query(firing).await?;
        let names: Vec<_> = alerts.iter().filter_map(|it| it.labels.get("alertname")).collect();
        ensure!(names == ["PodIdentityWebhookFailedOpen"], "{names:?}");
        Ok(())
    })
    .await;
    for query in &of_failures {
        has_series(&prometheus, query, &apps).await;
    }
    assert_eq!(cluster.forbidden(), []);
}

/// Each needs two scrapes, and latencies need admissions.
async fn has_series(prometheus: &Prometheus, query: &PanelQuery, apps: &Namespace) {
    let text = query.of_all();
    eventually(&query.panel, SOON, || async {
        apps.admit_pod(&pod("probe", "default"), true).await?;
        let series = prometheus.query(&text).await?;
        ensure!(!series.is_empty(), "no series of {text}");
        Ok(())
    })
    .await;
}

pub fn install(kubectl: &Kubectl) {
    // As they are published: a field that they do not know is refused.
    let definitions = Command::new("tests/tools/crds/print.sh").output().unwrap();
    assert!(definitions.status.success(), "{}", String::from_utf8_lossy(&definitions.stderr));
    let definitions = String::from_utf8(definitions.stdout).unwrap();
    kubectl.run_on(&definitions, &["apply", "--server-side", "-f", "-"]);
    kubectl.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    apply(kubectl, "monitoring");
    apply(kubectl, "audit");
    kubectl.run_on(SCRAPER, &["apply", "-f", "-"]);
}

/// Of the webhook and of the API server.
pub async fn scrape_configs(cluster: &Cluster, folder: &Scratch) -> String {
    let local = cluster.as_local();
    let control_plane = local.control_plane();
    let ca = folder.write("ca.pem", control_plane.ca_pem()).unwrap();
    let kubeconfig = control_plane.kubeconfig_for_service_account(HOME, "scraper").await;
    let kubeconfig = std::fs::read_to_string(kubeconfig).unwrap();
    let kubeconfig: Value = serde_saphyr::from_str(&kubeconfig).unwrap();
    let token = kubeconfig["users"][0]["user"]["token"].as_str().unwrap();
    let api_server = control_plane.url();
    let api_server = api_server.strip_prefix("https://").unwrap();
    format!(
        "- job_name: webhook
  static_configs: [{{targets: ['{}']}}]
- job_name: apiserver
  scheme: https
  authorization: {{credentials: '{token}'}}
  tls_config: {{ca_file: '{}'}}
  # Its page is large.
  scrape_interval: 5s
  scrape_timeout: 5s
  metric_relabel_configs:
  - {{source_labels: [__name__], regex: apiserver_admission_webhook_fail.*|process_start_time_seconds, action: keep}}
  static_configs: [{{targets: ['{api_server}']}}]
",
        local.webhook().admin(),
        ca.display(),
    )
}
