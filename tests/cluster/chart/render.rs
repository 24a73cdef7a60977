//! What the chart renders.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use anyhow::ensure;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use super::same::pod_labels;
use super::values::{NAME, one, project, values, values_files};
use crate::support::{ControlPlane, Helm, SOON, accepted, apply, chart, control_plane, eventually};

#[test]
fn has_the_version_of_the_program() {
    let text = std::fs::read_to_string(project("deploy/chart/Chart.yaml")).unwrap();
    let chart: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn passes_a_strict_lint_with_all_values() {
    let helm = Helm::offline();
    for file in values_files() {
        helm.run(&["lint", "--strict", &chart(), "--values", file.to_str().unwrap()]).unwrap();
    }
}

#[test]
fn every_value_is_tried_in_one_of_the_files() {
    let text = std::fs::read_to_string(project("deploy/chart/values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let mut missing = paths(&schema);
    // Helm's own.
    missing.remove("/global");
    for file in values_files() {
        let values: Value =
            serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        missing.retain(|path| values.pointer(path).is_none());
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test]
async fn a_strict_api_server_accepts_every_render() {
    let control_plane = control_plane().await;
    define_resources(control_plane).await;
    let home = control_plane.namespace("chart").await;
    let helm = Helm::offline();
    for file in values_files() {
        let more = ["--values", file.to_str().unwrap()];
        for object in helm.template("accepted", home.name(), &more).unwrap() {
            let what = format!("{}: {}", file.display(), object["kind"]);
            let stored = accepted(control_plane, object).await;
            stored.unwrap_or_else(|error| panic!("{what}: {error:#}"));
        }
    }
}

#[test]
fn a_release_is_told_apart_from_another() {
    let helm = Helm::offline();
    let (one, two) = (helm.template("a", NAME, &[]), helm.template("b", "elsewhere", &[]));
    let (one, two) = (one.unwrap(), two.unwrap());
    for object in &one {
        let same = |other: &&Value| {
            other["kind"] == object["kind"]
                && other["metadata"]["name"] == object["metadata"]["name"]
        };
        assert!(two.iter().find(same).is_none(), "{object}");
    }
    assert_ne!(pod_labels(&one), pod_labels(&two));
}

#[test]
fn a_spread_constraint_keeps_the_selector_that_it_has() {
    let file = values("everything");
    let objects = Helm::offline().template(NAME, NAME, &["--values", &file]).unwrap();
    let rendered =
        &one(&objects, "Deployment")["spec"]["template"]["spec"]["topologySpreadConstraints"];
    let given: Value = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(*rendered, given["topologySpreadConstraints"]);
}

#[test]
fn an_objects_own_label_wins_over_a_common_one() {
    let more =
        ["--set", "commonLabels.team=a,serviceMonitor.enabled=true,serviceMonitor.labels.team=b"];
    let objects = Helm::offline().template(NAME, NAME, &more).unwrap();
    assert_eq!(one(&objects, "ServiceMonitor")["metadata"]["labels"]["team"], "b");
    assert_eq!(one(&objects, "Deployment")["metadata"]["labels"]["team"], "a");
}

#[test]
fn alerts_lead_to_the_runbook_and_the_team_that_a_user_names() {
    let more = ["--values", &values("everything")];
    let objects = Helm::offline().template(NAME, NAME, &more).unwrap();
    let alerts = one(&objects, "PrometheusRule")["spec"]["groups"][0]["rules"].as_array().unwrap();
    assert!(alerts.len() >= 9, "{}", alerts.len());
    for alert in alerts {
        assert_eq!(alert["labels"]["team"], "platform");
        let anchor = alert["alert"].as_str().unwrap().to_lowercase();
        let runbook = format!("https://runbooks.example/operate.md#{anchor}");
        assert_eq!(alert["annotations"]["runbook_url"], runbook);
    }
    // A label of ours can be another's.
    let more = ["--set", "prometheusRule.enabled=true,prometheusRule.ruleLabels.severity=page"];
    let objects = Helm::offline().template(NAME, NAME, &more).unwrap();
    let alerts = &one(&objects, "PrometheusRule")["spec"]["groups"][0]["rules"];
    assert_eq!(alerts[0]["labels"], json!({ "severity": "page" }));
}

#[test]
fn zero_is_a_value() {
    let more = ["--set", "revisionHistoryLimit=0,replicas=0,podDisruptionBudget.minAvailable=0"];
    let objects = Helm::offline().template(NAME, NAME, &more).unwrap();
    let deployment = &one(&objects, "Deployment")["spec"];
    assert_eq!(
        (&deployment["revisionHistoryLimit"], &deployment["replicas"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(one(&objects, "PodDisruptionBudget")["spec"]["minAvailable"], 0);
}

#[test]
fn makes_no_quota_in_kube_system() {
    let helm = Helm::offline();
    let quotas = |namespace: &str, more: &[&str]| {
        let objects = helm.template(NAME, namespace, more).unwrap();
        objects.iter().filter(|object| object["kind"] == "ResourceQuota").count()
    };
    assert_eq!(quotas(NAME, &[]), 1);
    // It would count the cluster's own pods there.
    assert_eq!(quotas("kube-system", &[]), 0);
    assert_eq!(quotas(NAME, &["--set", "priorityClassName=mine"]), 0);
}

#[test]
fn refuses_misspelled_values() {
    for (value, said) in [
        ("falgs.v=3", "falgs"),
        ("flags.token-audiance=x", "token-audiance"),
        // Another value sets it.
        ("flags.port=1", "port"),
        ("image.tga=x", "tga"),
        ("certificates.mode=certmanager", "/certificates/mode"),
        ("failClosed.enabled=yes", "/failClosed/enabled"),
        ("flags.shutdown-delay=5", "/flags/shutdown-delay"),
        ("audit.interval=10", "/audit/interval"),
        ("flags.audit-interval=10m", "audit-interval"),
        ("traces.endpoint=collector:4318", "/traces/endpoint"),
        ("traces.endpoint=http://collector:99999", "/traces/endpoint"),
        ("readinessProbe.httpGet.path=/healthz", "httpGet"),
        ("configMap.identities.reader.RoleARN=x", "/configMap/identities"),
        ("containerCredentials.key=a/b", "/containerCredentials/key"),
        // The chart sets them: twice in one object they would be an accident of who reads them.
        (r"commonLabels.app\.kubernetes\.io/version=1", "/commonLabels"),
        (r"podLabels.app\.kubernetes\.io/name=x", "/podLabels"),
        (r"serviceMonitor.labels.helm\.sh/chart=x", "/serviceMonitor/labels"),
        (r"dashboard.labels.helm\.sh/chart=x", "/dashboard/labels"),
        ("prometheusRule.runbookUrl=operate.md", "/prometheusRule/runbookUrl"),
    ] {
        let error = Helm::offline().template(NAME, NAME, &["--set", value]).unwrap_err();
        assert!(error.to_string().contains(said), "{value}: {error}");
    }
}

#[test]
fn variables_of_traces_give_way_to_those_of_extra_env() {
    for given in [
        "[]",
        r#"[{"name": "OTEL_RESOURCE_ATTRIBUTES", "value": "a=b"}]"#,
        r#"[{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://other:4318"}]"#,
        r#"[{"name": "POD_NAME", "value": "x"}]"#,
    ] {
        let extra = format!("extraEnv={given}");
        let values = ["--set", "traces.endpoint=http://[::1]:4318", "--set-json", &extra];
        let objects = Helm::offline().template(NAME, NAME, &values).unwrap();
        let deployment = one(&objects, "Deployment");
        let env = deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array();
        let mut names = BTreeSet::new();
        for variable in env.unwrap() {
            assert!(names.insert(variable["name"].as_str().unwrap()), "{given}: {variable}");
        }
        for name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_RESOURCE_ATTRIBUTES"] {
            assert!(names.contains(name), "{given}: {names:?}");
        }
    }
}

#[test]
fn refuses_values_that_contradict_each_other_and_says_what_to_do() {
    let pem = "-----BEGIN CERTIFICATE-----";
    for (values, said) in [
        ("certificates.mode=existing-secret".to_owned(), "set certificates.secretName"),
        (
            "certificates.mode=existing-secret,certificates.secretName=x".to_owned(),
            "set certificates.caBundle",
        ),
        (format!("certificates.caBundle={pem}"), "leave it empty"),
        ("clientCertificates.allowedNames={x}".to_owned(), "set clientCertificates.ca"),
        (format!("clientCertificates.ca={pem},clientCertificates.existingConfigMap=x"), "not both"),
        ("ports.https=9999".to_owned(), "another port"),
    ] {
        let error = Helm::offline().template(NAME, NAME, &["--set", &values]).unwrap_err();
        assert!(error.to_string().contains(said), "{values}: {error}");
    }
}

#[test]
fn writes_the_files_that_the_program_reads() {
    let more = ["--values", &values("everything")];
    let objects = Helm::offline().template(NAME, NAME, &more).unwrap();
    let file = |name: &str, key: &str| -> String {
        let mut maps = objects.iter().filter(|object| object["kind"] == "ConfigMap");
        let map = maps.find(|map| map["metadata"]["name"] == name).expect(name);
        let map: ConfigMap = serde_json::from_value(map.clone()).unwrap();
        map.data.unwrap().remove(key).expect(key)
    };
    let identities = file("pod-identity-webhook", "config");
    let (_, skipped) = injection::identity::ConfigMapIdentities::parse(&identities, None)
        .expect("the program reads it");
    assert_eq!(skipped.total(), 0, "{skipped:?}");
    let identities: Value = serde_json::from_str(&identities).unwrap();
    assert_eq!(identities["team-*/uploader"]["TokenExpiration"], 3600);
    let credentials = file("pod-identity-webhook-container-credentials", "config.json");
    let credentials: Value = serde_json::from_str(&credentials).unwrap();
    let reader = json!([{ "namespace": "demo", "serviceAccount": "reader" }]);
    assert_eq!(credentials, json!({ "identities": reader }));
    let clients = file("pod-identity-webhook-clients", "ca.crt");
    assert!(clients.starts_with("-----BEGIN CERTIFICATE-----\n"), "{clients}");
}

#[test]
fn a_file_in_place_of_managed_certificates_needs_no_right_to_write() {
    let more = ["--values", &values("cert-manager")];
    let objects = Helm::offline().template(NAME, NAME, &more).unwrap();
    let verbs = |kind: &str| {
        let rules = one(&objects, kind)["rules"].as_array().unwrap();
        rules.iter().map(|rule| rule["resources"][0].clone()).collect::<Vec<_>>()
    };
    assert_eq!(verbs("ClusterRole"), ["serviceaccounts", "events"]);
    assert_eq!(verbs("Role"), ["configmaps"]);
    let kinds: Vec<_> = objects.iter().filter_map(|object| object["kind"].as_str()).collect();
    assert!(!kinds.iter().any(|kind| kind.starts_with("ValidatingAdmission")), "{kinds:?}");
}

#[test]
fn policies_can_be_left_out() {
    let objects = Helm::offline().template(NAME, NAME, &["--set", "policy.enabled=false"]);
    let objects = objects.unwrap();
    let policies =
        |object: &&Value| object["kind"].as_str().unwrap().starts_with("ValidatingAdmission");
    assert_eq!(objects.iter().filter(policies).count(), 0);
}

/// Has the API server know the kinds of others that the chart can make.
async fn define_resources(control_plane: &ControlPlane) {
    let output = Command::new(project("tests/tools/crds/print.sh"))
        .stderr(Stdio::inherit())
        .output()
        .expect("the script runs");
    assert!(output.status.success(), "tests/tools/crds/print.sh failed: see above");
    let text = String::from_utf8(output.stdout).unwrap();
    for definition in serde_saphyr::from_multiple::<Value>(&text).unwrap() {
        let spec = definition["spec"].clone();
        let version = &spec["versions"][0];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let kind = GroupVersionKind::gvk(
            &text(&spec["group"]),
            &text(&version["name"]),
            &text(&spec["names"]["kind"]),
        );
        let resource = ApiResource::from_gvk_with_plural(&kind, &text(&spec["names"]["plural"]));
        apply(control_plane, definition).await;
        eventually("the new kind", SOON, || async {
            let api: Api<DynamicObject> = Api::all_with(control_plane.client(), &resource);
            ensure!(api.list(&kube::api::ListParams::default()).await?.items.is_empty());
            Ok(())
        })
        .await;
    }
}

/// The paths of the values that a schema knows, the innermost.
fn paths(schema: &Value) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for (name, member) in schema["properties"].as_object().unwrap() {
        match member.get("properties") {
            Some(_) => {
                paths.extend(self::paths(member).iter().map(|path| format!("/{name}{path}")));
            }
            None => _ = paths.insert(format!("/{name}")),
        }
    }
    paths
}
