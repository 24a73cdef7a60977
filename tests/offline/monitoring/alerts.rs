//! The alerts: what each says is there, and each fires and does not, by `promtool test rules`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{prometheus_tools, promtool};

const RULES: &str = "deploy/chart/files/alerts.yaml";
const CASES: &str = "tests/offline/monitoring/alerts";
const RUNBOOK: &str = "docs/operate.md#";

fn text(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn alerts() -> Vec<Value> {
    let file: Value = serde_saphyr::from_str(&text(RULES)).unwrap();
    let groups = file["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0]["name"], "pod-identity-webhook");
    groups[0]["rules"].as_array().unwrap().clone()
}

fn name(alert: &Value) -> &str {
    alert["alert"].as_str().expect("an alert has a name")
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(CASES);
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    files.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The names of metrics in a text: ours, and the API server's.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = |word: &&str| word.starts_with("pod_identity_") || word.starts_with("process_");
    words.filter(ours).map(|word| word.trim_end_matches("_bucket").to_owned()).collect()
}

#[test]
fn each_alert_says_what_is_wrong_and_where_to_read_on() {
    let headings = text("docs/operate.md").to_lowercase();
    let alerts = alerts();
    assert!(alerts.len() >= 9, "{}", alerts.len());
    for alert in &alerts {
        let name = name(alert);
        assert!(name.starts_with("PodIdentity"), "{name}");
        let severity = alert["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("critical" | "warning")), "{name}: {severity:?}");
        for annotation in ["summary", "description"] {
            let sentence = alert["annotations"][annotation].as_str().expect(annotation);
            assert!(
                sentence.ends_with('.') || sentence.ends_with("{{ end }}"),
                "{name}: {sentence}"
            );
        }
        let runbook = alert["annotations"]["runbook_url"].as_str().expect("a link");
        let anchor = runbook.split(RUNBOOK).nth(1).expect(RUNBOOK);
        assert_eq!(anchor, name.to_lowercase(), "{name}");
        assert!(headings.contains(&format!("\n### {anchor}\n")), "docs/operate.md has no {anchor}");
    }
}

#[test]
fn alerts_dashboard_and_guide_name_metrics_that_there_are() {
    let known = metrics(&text("tests/golden/metrics.txt"));
    for file in [RULES, "deploy/chart/files/dashboard.json", "docs/operate.md"] {
        let unknown: Vec<_> = metrics(&text(file)).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

#[test]
fn promtool_takes_the_rules() {
    let Some(tools) = prometheus_tools() else { return };
    let output = promtool(&tools, &["check", "rules", "--lint-fatal", RULES], "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn each_alert_fires_and_does_not_in_its_cases() {
    let Some(tools) = prometheus_tools() else { return };
    let mut without_case: BTreeSet<_> = alerts().iter().map(|it| name(it).to_owned()).collect();
    for file in cases() {
        let case: Value = serde_saphyr::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let tests = case["tests"].as_array().unwrap();
        let rules =
            tests.iter().flat_map(|it| it["alert_rule_test"].as_array().into_iter().flatten());
        let fired: Vec<_> = rules
            .filter(|rule| rule["exp_alerts"].as_array().is_some_and(|alerts| !alerts.is_empty()))
            .filter_map(|rule| rule["alertname"].as_str())
            .collect();
        let series =
            tests.iter().flat_map(|it| it["promql_expr_test"].as_array().into_iter().flatten());
        let silent: Vec<_> = series
            .filter(|it| it["exp_samples"][0]["value"] == 0)
            .filter_map(|it| it["expr"].as_str()?.split('"').nth(1))
            .collect();
        let both: Vec<_> = fired.iter().filter(|name| silent.contains(name)).collect();
        assert!(!both.is_empty(), "{} has no alert that fires and does not", file.display());
        for name in both {
            without_case.remove(*name);
        }
        let output = promtool(&tools, &["test", "rules", file.to_str().unwrap()], "");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(without_case.is_empty(), "no case in {CASES} has {without_case:?} fire, or not fire");
}
