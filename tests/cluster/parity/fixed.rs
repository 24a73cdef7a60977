//! Pods of which the two are to make different things, by the table of docs/migrate.md, and some that are easily
//! got wrong, of which they are to make the same.

use serde_json::{Value, json};

use crate::support::{overlaid, pod};

/// A name, the pod, and whether the two are to differ.
pub fn pods() -> Vec<(&'static str, Value, bool)> {
    let app = |overlay: Value| overlaid(pod("probe", "app"), &overlay);
    let annotated =
        |key: &str, value: &str| app(json!({"metadata": {"annotations": {key: value}}}));
    let container = |members: Value| {
        let container = json!({"name": "app", "image": "registry.example/app:1"});
        json!({"containers": [overlaid(container, &members)]})
    };
    let with_volume = |volume: Value, mounts: Value| {
        let spec =
            overlaid(container(json!({"volumeMounts": mounts})), &json!({"volumes": [volume]}));
        app(json!({"spec": spec}))
    };
    let ours = || {
        json!({"name": "aws-iam-token", "projected": {"sources": [{"serviceAccountToken": {
            "audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"}}]}})
    };
    let at = |name: &str, path: &str| json!([{"name": name, "mountPath": path}]);
    let token_path = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
    let empty = |name: &str| json!({"name": name, "emptyDir": {}});
    vec![
        ("a plain pod", app(json!({})), false),
        ("no role", pod("probe", "default"), false),
        ("an unknown account", pod("probe", "nobody"), false),
        ("no volumes", app(json!({"spec": {"volumes": null}})), false),
        ("our volume", with_volume(ours(), json!([])), false),
        ("our volume, mounted", with_volume(ours(), at("aws-iam-token", token_path)), false),
        ("skipped, quoted", annotated("eks.amazonaws.com/skip-containers", "\"app\",other"), true),
        (
            "skipped, with spaces",
            annotated("eks.amazonaws.com/skip-containers", "other, app"),
            true,
        ),
        ("all skipped", annotated("eks.amazonaws.com/skip-containers", "app"), true),
        ("too long a life", annotated("eks.amazonaws.com/token-expiration", "4294967297"), true),
        ("a static pod", annotated("kubernetes.io/config.mirror", "0"), true),
        ("chosen containers", annotated("eks.amazonaws.com/include-containers", "other"), true),
        ("Windows by its name", app(json!({"spec": {"os": {"name": "windows"}}})), true),
        ("a foreign volume", with_volume(empty("aws-iam-token"), json!([])), true),
        ("mounted elsewhere", with_volume(ours(), at("aws-iam-token", "/elsewhere")), true),
        ("a mount at the path", with_volume(empty("data"), at("data", token_path)), true),
        ("an unknown field", app(json!({"spec": container(json!({"ofNextYear": 1}))})), true),
    ]
}
