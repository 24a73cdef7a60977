//! The page of `/metrics`, by Prometheus' own linter.

use crate::support::{from_file, prometheus_tools, promtool};

/// Names of the Go webhook, which dashboards of its users have.
const ALLOWED: [&str; 3] = [
    "http_request_count",
    "pod_identity_webhook_missing_sa_count",
    "pod_identity_webhook_pod_count",
];

#[tokio::test]
async fn promtool_complains_about_names_of_the_go_webhook_alone() {
    let Some(tools) = prometheus_tools() else { return };
    let (webhook, _folder) = from_file(&[]).await;
    let page = webhook.metrics().await;
    let output = promtool(&tools, &["check", "metrics"], &page);
    let said = String::from_utf8(output.stderr).unwrap();
    // 3: there are complaints.
    assert_eq!(output.status.code(), Some(3), "{said}");
    let mut complained: Vec<_> = said.lines().filter_map(|line| line.split(' ').next()).collect();
    complained.dedup();
    assert_eq!(complained, ALLOWED, "{said}");
}
