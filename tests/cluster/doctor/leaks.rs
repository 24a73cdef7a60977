//! What `--save` writes, and what it does not.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use super::answers::{kubeconfig, serve};
use super::planted::{Planted, Schemas};
use super::planted_cluster::cluster;
use super::published::Published;
use super::scene::{ROLE, program};
use crate::support::{Scratch, control_plane};

/// The places of texts that a check reads, and that are no secret. Whoever adds one says why the
/// check needs it (docs/diagnosis.md lists them).
const KEPT: [&str; 31] = [
    // Which pod, and when it came.
    "pod.metadata.creationTimestamp",
    // What made it, which the command that restarts it names.
    "pod.metadata.ownerReferences[].apiVersion",
    "pod.metadata.ownerReferences[].kind",
    "pod.metadata.ownerReferences[].name",
    // Which container mounts what, and where; what is a volume of the webhook's.
    "pod.spec.containers[].name",
    "pod.spec.containers[].volumeMounts[].mountPath",
    "pod.spec.containers[].volumeMounts[].name",
    "pod.spec.initContainers[].name",
    "pod.spec.initContainers[].volumeMounts[].mountPath",
    "pod.spec.initContainers[].volumeMounts[].name",
    "pod.spec.volumes[].name",
    "pod.spec.volumes[].projected.sources[].serviceAccountToken.audience",
    "pod.spec.volumes[].projected.sources[].serviceAccountToken.path",
    // Whether it runs on Windows, and whether it has ended.
    "pod.spec.os.name",
    "pod.status.phase",
    // The AWS variables that are no secret, paths of files among them.
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    // Names of configurations, so that a named one is told from one that is not there.
    "foreign.metadata.name",
    // How our entry is called.
    "ours.webhooks[].failurePolicy",
    "ours.webhooks[].rules[].apiGroups[]",
    "ours.webhooks[].rules[].apiVersions[]",
    "ours.webhooks[].rules[].operations[]",
    "ours.webhooks[].rules[].resources[]",
    "ours.webhooks[].rules[].scope",
    // The token's claims that AWS compares.
    "token.aud",
    "token.kid",
    // The keys' public part.
    "jwks.n",
    // When the role was annotated.
    "account.metadata.managedFields[].time",
    "version.gitVersion",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saves_none_of_the_secrets_that_stand_in_every_field() {
    let published = Published::start().await;
    let mut planted = Planted::default();
    let schemas = Schemas::load().await;
    let answers = cluster(&schemas, &mut planted, &published);
    let server = serve(answers).await;
    let scratch = Scratch::new().unwrap();
    let kubeconfig = scratch.write("kubeconfig", kubeconfig(server).to_string()).unwrap();
    let ca = scratch.write("ca.pem", published.ca_pem()).unwrap();
    let role = json!({"Role": {
        "Arn": ROLE, "Description": planted.secret("role.Description"),
        "Tags": [{"Key": planted.secret("role.Tags"), "Value": planted.secret("role.Tags")}],
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
    }, "More": planted.secret("role.More")});
    let provider = json!({
        "Url": published.url().replace("https://", ""), "ClientIDList": ["sts.amazonaws.com"],
        "ThumbprintList": [planted.secret("provider.ThumbprintList")],
        "Tags": [{"Key": planted.secret("provider.Tags"), "Value": planted.secret("provider.Tags")}],
    });
    let role = scratch.write("role.json", role.to_string()).unwrap();
    let provider = scratch.write("provider.json", provider.to_string()).unwrap();
    assert!(planted.len() > 3_000, "{} secrets", planted.len());

    for target in ["pod/app", "deployment/app", "cronjob/app"] {
        let saved = scratch.path().join(target.replace('/', "-"));
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let args = [
            "doctor".to_owned(),
            target.to_owned(),
            "--namespace=demo".to_owned(),
            "--watch-config-map".to_owned(),
            "--output=json".to_owned(),
            format!("--kubeconfig={}", path(&kubeconfig)),
            format!("--ca-file={}", path(&ca)),
            format!("--role-json={}", path(&role)),
            format!("--provider-json={}", path(&provider)),
            format!("--save={}", path(&saved)),
        ];
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let live = tokio::task::spawn_blocking(program(&args)).await.unwrap();
        assert!(live.report.is_object(), "{target}: {}", live.errors);
        for check in ["api-server", "webhook-selectors", "webhook-reachable", "service-account"] {
            assert_eq!(live.check(check)["status"], "pass", "{target}: {:#}", live.report);
        }
        assert_ne!(live.check("running-pod")["message"], "no pods are running", "{target}");

        let mut found = BTreeSet::new();
        for file in std::fs::read_dir(&saved).unwrap() {
            let file = file.unwrap();
            let text = std::fs::read_to_string(file.path()).unwrap();
            found.extend(planted.found_in(&text).into_iter().map(str::to_owned));
            assert!(!text.contains("PRIVATE KEY"), "{}", file.path().display());
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.path().display());
        }
        let kept: BTreeSet<_> = KEPT.iter().map(|it| (*it).to_owned()).collect();
        let leaked: Vec<_> = found.difference(&kept).collect();
        assert_eq!(leaked, Vec::<&String>::new(), "{target}");
        let idle: Vec<_> = kept.difference(&found).collect();
        assert_eq!(idle, Vec::<&String>::new(), "{target}: these are not kept");

        let from = saved.to_str().unwrap();
        let again = program(&["doctor", "--from-dir", from, "-o", "json", "--watch-config-map"]);
        let again = tokio::task::spawn_blocking(again).await.unwrap();
        let typed = format!(" --kubeconfig={}", path(&kubeconfig));
        let live_report = live.report.to_string().replace(&typed, "");
        let live_report: Value = serde_json::from_str(&live_report).unwrap();
        assert_eq!(again.report, live_report, "{target}: {}", again.errors);
    }
}

impl Schemas {
    /// Those of all groups that are asked for, in one.
    async fn load() -> Self {
        let mut all = json!({"components": {"schemas": {}}});
        let groups = [
            "api/v1",
            "apis/apps/v1",
            "apis/batch/v1",
            "apis/admissionregistration.k8s.io/v1",
            "apis/discovery.k8s.io/v1",
        ];
        for group in groups {
            let text = control_plane().await.get_text(&format!("/openapi/v3/{group}")).await;
            let mut group: Value = serde_json::from_str(&text.unwrap()).unwrap();
            let schemas = group["components"]["schemas"].as_object_mut().unwrap();
            all["components"]["schemas"].as_object_mut().unwrap().append(schemas);
        }
        Self(all)
    }
}
