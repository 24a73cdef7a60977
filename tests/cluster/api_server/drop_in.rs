//! In place of the Go webhook: its command lines, its rights, its webhook configuration, and nothing else.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::in_the_wild::in_the_wild;
use super::{ANNOTATED, ROLE, ROLE_ARN, metric, role};
use crate::support::{
    Builder, ControlPlane, Namespace, Registration, Webhook, apply, control_plane, pod,
};

const NAME: &str = "pod-identity-webhook";
const EXTERNAL: &str = "arn:aws:iam::111122223333:role/external";

/// What kOps' add-on grants, and the upstream manifest too, but for its rights on Secrets and signing requests:
/// nothing on Events.
async fn grant(control_plane: &ControlPlane, home: &Namespace) {
    let group = "rbac.authorization.k8s.io";
    let verbs = ["list", "get", "watch"];
    let granting = |kind: &str, metadata: &Value, resource: &str| {
        json!({
            "apiVersion": format!("{group}/v1"), "kind": kind, "metadata": metadata,
            "rules": [{"apiGroups": [""], "resources": [resource], "verbs": verbs}],
        })
    };
    let binding = |kind: &str, metadata: &Value, of: &Value| {
        json!({
            "apiVersion": format!("{group}/v1"), "kind": format!("{kind}Binding"), "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": kind, "name": of["name"]},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": home.name()}],
        })
    };
    let here = json!({"name": NAME, "namespace": home.name()});
    let everywhere = json!({"name": format!("{NAME}-of-{home}")});
    for (kind, metadata, resource) in
        [("Role", here, "configmaps"), ("ClusterRole", everywhere, "serviceaccounts")]
    {
        apply(control_plane, granting(kind, &metadata, resource)).await;
        apply(control_plane, binding(kind, &metadata, &metadata)).await;
    }
}

/// The webhook in place of the Go webhook's, registered for the pods of a namespace by what kOps registers.
async fn replaced(
    control_plane: &ControlPlane,
    home: &Namespace,
    args: &[&str],
) -> (Webhook, Namespace) {
    let kubeconfig = control_plane.kubeconfig_for_service_account(home.name(), NAME).await;
    let builder = Webhook::builder().without_subcommand().kubeconfig(&kubeconfig);
    let webhook = builder.args(args.iter().copied()).start().await;
    webhook.ready().await;
    let apps = control_plane.namespace("drop-in").await;
    let registration = Registration {
        failure_policy: "Fail",
        reinvocation_policy: "Never",
        review_versions: &["v1beta1"],
        timeout_seconds: 10,
        entry_overlay: json!({
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
            }],
            "objectSelector": {"matchExpressions": [
                {"key": "kops.k8s.io/managed-by", "operator": "NotIn", "values": ["kops"]},
                {"key": "k8s-app", "operator": "NotIn", "values": ["kube-apiserver"]},
            ]},
        }),
        ..Registration::default()
    };
    webhook.register_as(control_plane, &apps, registration).await;
    (webhook, apps)
}

/// What Kubernetes puts into a pod beside a Service named pod-identity-webhook.
fn beside_a_service(builder: Builder) -> Builder {
    let address = "tcp://10.96.0.17:443";
    builder
        .env("POD_IDENTITY_WEBHOOK_SERVICE_HOST", "10.96.0.17")
        .env("POD_IDENTITY_WEBHOOK_SERVICE_PORT", "443")
        .env("POD_IDENTITY_WEBHOOK_PORT", address)
        .env("POD_IDENTITY_WEBHOOK_PORT_443_TCP", address)
        .env("POD_IDENTITY_WEBHOOK_PORT_443_TCP_PROTO", "tcp")
        .env("POD_IDENTITY_WEBHOOK_PORT_443_TCP_PORT", "443")
        .env("POD_IDENTITY_WEBHOOK_PORT_443_TCP_ADDR", "10.96.0.17")
}

#[tokio::test]
async fn starts_with_the_command_lines_in_the_wild_beside_its_service() {
    let control_plane = control_plane().await;
    for (whose, line) in in_the_wild() {
        let builder = Webhook::builder().without_subcommand();
        let builder = builder.kubeconfig(control_plane.kubeconfig()).args(line);
        let webhook = beside_a_service(builder).try_start().await;
        let webhook = webhook.unwrap_or_else(|error| panic!("{whose}: {error:#}"));
        webhook.ready().await;
        // kOps and the chart ask the metrics port, the chart's other version the HTTPS port.
        assert_eq!(webhook.get_admin("/healthz").await.unwrap().status, 200, "{whose}");
        let told = webhook.log().into_iter().find(|line| line.contains("logtostderr"));
        assert!(told.is_some(), "{whose}: says that --logtostderr has no effect");
    }
}

#[tokio::test]
async fn works_with_the_command_lines_the_rights_and_the_configuration_of_the_go_webhook() {
    let control_plane = control_plane().await;
    for (whose, args) in in_the_wild() {
        let of = args.iter().find_map(|arg| arg.strip_prefix("--namespace="));
        // The Go webhook's default is a namespace that most clusters lack: the chart's own is another.
        let home = control_plane.client();
        let home = match of {
            Some(name) => Namespace::existing(home, name).await,
            None => control_plane.namespace("community").await,
        };
        home.service_account(NAME, &[]).await;
        grant(control_plane, &home).await;
        let (webhook, apps) = replaced(control_plane, &home, &args).await;

        apps.service_account("app", ANNOTATED).await;
        let admitted = apps.admit_pod(&pod("app", "app"), false).await.unwrap();
        assert_eq!(role(&admitted.object), Some(ROLE), "{whose}");
        assert_eq!(admitted.warnings, Vec::<String>::new(), "{whose}");
        has_the_settings(&admitted.object, &args);

        // Two that are wrong: that Events are forbidden is said once, and costs nothing else.
        for name in ["odd", "odd-too"] {
            apps.service_account(name, &[(ROLE_ARN, "odd")]).await;
            let admitted = apps.admit_pod(&pod(name, name), false).await.unwrap();
            assert_eq!(role(&admitted.object), Some("odd"), "{whose}");
        }
        webhook.logged("that Events are off", |line| line.to_string().contains("Events")).await;
        let mut told = webhook.log_values();
        told.retain(|line| line["message"] != "admission");
        told.retain(|line| line["level"] == "WARN" || line["level"] == "ERROR");
        let lines = |of: &str| told.iter().filter(|line| line.to_string().contains(of)).count();
        let lines = (lines("--logtostderr"), lines("Events"), told.len());
        assert_eq!(lines, (1, 1, 2), "{whose}: {told:?}");

        // What dashboards of the Go webhook read.
        let page = webhook.metrics().await;
        let requests = r#"http_request_count{code="200",path="/mutate",verb="POST"}"#;
        assert!(metric(&page, requests) >= 3, "{page}");
        let pods = r#"pod_identity_webhook_pod_count{method="sts_web_identity"}"#;
        assert!(metric(&page, pods) >= 3, "{page}");
        assert_eq!(metric(&page, "pod_identity_webhook_used"), 1, "{page}");
        metric(&page, "pod_identity_webhook_missing_sa_count");
    }
}

/// What the command line says of regions and the token.
fn has_the_settings(pod: &Value, args: &[&str]) {
    let env = pod["spec"]["containers"][0]["env"].as_array().unwrap();
    let value = |name: &str| env.iter().find(|it| it["name"] == name).map(|it| &it["value"]);
    let given = |flag: &str| args.iter().find_map(|arg| arg.strip_prefix(flag));
    let regional = args.iter().any(|arg| arg.starts_with("--sts-regional-endpoint"));
    assert_eq!(value("AWS_STS_REGIONAL_ENDPOINTS").is_some(), regional);
    assert_eq!(value("AWS_REGION").and_then(Value::as_str), given("--aws-default-region="));
    let volumes = pod["spec"]["volumes"].as_array().unwrap();
    let ours = volumes.iter().find(|it| it["name"] == "aws-iam-token").unwrap();
    let token = &ours["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!(token["audience"].as_str(), given("--token-audience="));
}

#[tokio::test]
async fn reads_the_config_map_of_kops_with_its_rights() {
    let control_plane = control_plane().await;
    let home = control_plane.namespace("kops").await;
    home.service_account(NAME, &[]).await;
    grant(control_plane, &home).await;
    let config = json!({"*/external": {"RoleARN": EXTERNAL, "Audience": "amazonaws.com",
        "UseRegionalSTS": true, "TokenExpiration": 86400}});
    let map = json!({"metadata": {"name": NAME}, "data": {"config": config.to_string()}});
    let map: ConfigMap = serde_json::from_value(map).unwrap();
    home.api().create(&PostParams::default(), &map).await.unwrap();
    let [_, (_, mut args), _] = in_the_wild();
    let here = format!("--namespace={home}");
    args.retain(|arg| !arg.starts_with("--namespace="));
    args.push(&here);
    let (_webhook, apps) = replaced(control_plane, &home, &args).await;
    apps.service_account("external", &[]).await;
    let admitted = apps.admit_pod(&pod("app", "external"), false).await.unwrap();
    assert_eq!(role(&admitted.object), Some(EXTERNAL));
}
