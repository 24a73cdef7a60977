//! All commands, with something to say for each of them.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::program::listing_api_server::api_server;
use crate::support::Scratch;

pub(super) const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-identity-webhook");

const ROLE: &str = "arn:aws:iam::111122223333:role/app";

/// A folder with what the commands read, and an API server of plain HTTP.
pub(super) struct Scene {
    pub(super) folder: Scratch,
    /// Where the API server is.
    pub(super) server: String,
    /// As typed, without the name of the program.
    pub(super) commands: Vec<Vec<String>>,
}

pub(super) fn program(args: &[impl AsRef<str>]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args.iter().map(AsRef::as_ref)).env_clear().env("HOME", "/nowhere");
    command.stdin(Stdio::null());
    command
}

pub(super) fn account() -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app", "namespace": "demo",
        "annotations": {"eks.amazonaws.com/role-arn": ROLE}}})
}

/// A pod of a Deployment.
pub(super) fn pod(number: usize) -> Value {
    let owner = json!({"kind": "ReplicaSet", "name": "app-5d5c9f7c4b", "controller": true,
        "apiVersion": "apps/v1", "uid": "1"});
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("app-5d5c9f7c4b-{number:04}"), "namespace": "demo", "ownerReferences": [owner],
            "labels": {"pod-template-hash": "5d5c9f7c4b"}},
        "spec": {"serviceAccountName": "app", "nodeName": "node-1", "containers": [{"name": "app"}]}})
}

/// What makes them.
fn workload() -> [Value; 2] {
    let object = |kind: &str, name: &str, uid: &str| {
        let status = json!({"observedGeneration": 1, "replicas": 1200, "updatedReplicas": 1200, "readyReplicas": 1200});
        json!({"apiVersion": "apps/v1", "kind": kind,
            "metadata": {"name": name, "namespace": "demo", "uid": uid, "generation": 1},
            "spec": {"replicas": 1200, "selector": {"matchLabels": {"app": "app"}}}, "status": status})
    };
    let mut replica_set = object("ReplicaSet", "app-5d5c9f7c4b", "1");
    replica_set["metadata"]["ownerReferences"] = json!([{"kind": "Deployment", "name": "app",
        "controller": true, "apiVersion": "apps/v1", "uid": "2"}]);
    [replica_set, object("Deployment", "app", "2")]
}

fn webhooks() -> Value {
    json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
    "metadata": {"name": "pod-identity-webhook"}, "webhooks": [{
    "name": "pod-identity-webhook.amazonaws.com", "clientConfig": {"url": "https://127.0.0.1:1/mutate"},
    "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}]})
}

pub(super) fn kubeconfig(server: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "demo"}}],
        "users": [{"name": "test", "user": {}}],
    })
    .to_string()
}

/// A policy that any service account of the cluster can use, and more that is wrong.
const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
  "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/cluster"},
  "Action": "sts:AssumeRoleWithWebIdentity",
  "Condition": {"StringEquals": {"oidc.example.com/cluster:aud": "sts.amazon.com", "oidc.example.com/cluster:sub": "system:serviceaccount:demo:*"}}}]}"#;

impl Scene {
    pub(super) fn new() -> Self {
        let folder = Scratch::new().unwrap();
        let file =
            |name: &str, text: String| folder.write(name, text).unwrap().display().to_string();
        let manifests = file("manifests.yaml", format!("{}\n---\n{}\n", account(), pod(1)));
        let trust = file("trust.json", TRUST.to_owned());
        let [old, new] = ["old.pub", "new.pub"]
            .map(|name| file(name, rcgen::KeyPair::generate().unwrap().public_key_pem()));
        let facts = folder.path().join("facts");
        fs::create_dir(&facts).unwrap();
        for (name, value) in [
            ("service-account.json", account()),
            ("webhooks.json", json!({"items": [webhooks()]})),
            ("version.json", json!({"gitVersion": "v1.37.1"})),
            ("pods.json", json!({"items": [pod(1)]})),
        ] {
            fs::write(facts.join(name), value.to_string()).unwrap();
        }
        let facts = facts.display().to_string();
        let server = api_server(
            [account(), webhooks()]
                .into_iter()
                .chain(workload())
                .chain((0..1200).map(pod))
                .collect(),
        );
        let kubeconfig = file("kubeconfig", kubeconfig(&server));
        let out = |name: &str| folder.path().join(name).display().to_string();
        let (documents, certificates, pages) =
            (out("documents"), out("certificates"), out("pages"));
        let role = "iam role --issuer https://oidc.example.com/cluster -n demo --service-account app --account-id 111122223333";
        let simulate = format!(
            "iam simulate --trust-policy {trust} --issuer https://oidc.example.com/cluster --sub system:serviceaccount:demo:app --aud sts.amazonaws.com"
        );
        let lines = [
            format!("audit --kubeconfig {kubeconfig}"),
            format!("audit --kubeconfig {kubeconfig} -o wide"),
            format!("audit --kubeconfig {kubeconfig} -o json"),
            format!("audit --kubeconfig {kubeconfig} --restart"),
            format!("audit --kubeconfig {kubeconfig} --restart --rollout -o wide"),
            format!("audit --kubeconfig {kubeconfig} --restart -o json"),
            format!("certs init --out {certificates} --name a.example --force"),
            "completion bash".to_owned(),
            "completion zsh".to_owned(),
            "completion fish".to_owned(),
            "version".to_owned(),
            format!("doctor serviceaccount/app --from-dir {facts}"),
            format!("doctor serviceaccount/app --from-dir {facts} -o wide"),
            format!("doctor serviceaccount/app --from-dir {facts} -o json"),
            format!("doctor serviceaccount/app --kubeconfig {kubeconfig}"),
            format!("doctor -A --kubeconfig {kubeconfig}"),
            format!("doctor -n demo --kubeconfig {kubeconfig} -o json"),
            format!("iam lint {trust} {manifests}"),
            format!("iam lint {trust} -o json"),
            format!("iam lint {trust} -o sarif"),
            format!("iam lint {trust} -o github"),
            format!("{role} -o json"),
            format!("{role} -o cli"),
            format!("{role} -o cloudformation"),
            format!("{role} -o terraform"),
            simulate.clone(),
            format!("{simulate} -o json"),
            format!("inject -f {manifests}"),
            format!("inject -f {manifests} -o diff"),
            format!("inject -f {manifests} -o patch"),
            format!("inject -f {manifests} -o explain"),
            format!(
                "issuer documents --issuer https://oidc.example.com/cluster --key {old} --out {documents} --force"
            ),
            format!(
                "issuer documents --issuer https://oidc.example.com/cluster --key {old} --out {documents} --force -o json"
            ),
            "issuer migrate --from https://a.example --to https://127.0.0.1:1/b".to_owned(),
            "issuer migrate --from https://a.example --to https://127.0.0.1:1/b -o json".to_owned(),
            format!("issuer rotate --old-key {old} --new-key {new}"),
            format!("issuer rotate --old-key {old} --new-key {new} -o json"),
            format!("issuer rotate --old-key {old} --new-key {new} --step publish -o json"),
            "issuer verify https://127.0.0.1:1".to_owned(),
            "issuer verify https://127.0.0.1:1 -o json".to_owned(),
            format!("man --out {pages}"),
        ];
        let words = |line: &String| line.split(' ').map(str::to_owned).collect();
        Self { folder, server, commands: lines.iter().map(words).collect() }
    }
}
