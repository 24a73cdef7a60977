//! `issuer rotate` and `issuer migrate` walked on a real API server, whose flags are those that the
//! plans print.

use std::path::Path;

use axum::http::Request;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::host::Host;
use super::{Ran, issuer_here, key};
use crate::support::{ControlPlane, Namespace, Options};

const OLD_ISSUER: &str = "https://kubernetes.default.svc";

/// A cluster with a host for its documents.
struct Walk {
    host: Host,
    control_plane: ControlPlane,
    namespace: Namespace,
}

impl Walk {
    async fn start(host: Host, issuer: String, args: Vec<String>) -> Self {
        let options = Options { issuer, api_server_args: args, ..Options::default() };
        let control_plane = ControlPlane::start(options).await;
        let namespace = control_plane.namespace("walk").await;
        Self { host, control_plane, namespace }
    }

    /// `issuer ...` with the cluster at hand.
    async fn issuer(&self, args: &[&str]) -> Ran {
        let kubeconfig = self.control_plane.kubeconfig().to_str().unwrap();
        let account = format!("{}/default", self.namespace);
        let ca_file = self.host.ca_file();
        let live =
            ["--kubeconfig", kubeconfig, "--service-account", &account, "--ca-file", ca_file];
        issuer_here(&[args, &live].concat()).await
    }

    /// Publishes these keys.
    async fn publish(&self, keys: &[&str], more: &[&str]) -> Ran {
        let (issuer, out) = (self.host.issuer(), self.host.folder());
        let files: Vec<String> = keys.iter().map(|name| key(name)).collect();
        let mut args = vec!["documents", "--issuer", &issuer, "--out", out.to_str().unwrap()];
        args.extend(files.iter().flat_map(|file| ["--key", file.as_str()]));
        issuer_here(&[&args[..], more].concat()).await
    }

    async fn verify(&self) {
        self.issuer(&["verify", &self.host.issuer()]).await.ended(0);
    }

    /// Who still holds this token's kubeconfig is let in.
    async fn lets_in(&self, kubeconfig: &Path) -> bool {
        let client = self.control_plane.client_for(kubeconfig).await;
        who_am_i(client).await.is_ok()
    }

    /// An API server among the pods, as kubeadm has it.
    async fn runs_as_pod(&self, flags: &[String]) {
        let client = self.control_plane.client();
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "kube-system");
        let account = json!({ "metadata": { "name": "default" } });
        let account = serde_json::from_value(account).unwrap();
        accounts.create(&PostParams::default(), &account).await.unwrap();
        let pods: Api<Pod> = Api::namespaced(client, "kube-system");
        let command: Vec<&str> =
            std::iter::once("kube-apiserver").chain(flags.iter().map(String::as_str)).collect();
        let pod = json!({
            "metadata": { "name": "kube-apiserver-one", "labels": { "component": "kube-apiserver" } },
            "spec": { "containers": [{ "name": "it", "image": "it:1", "command": command }] },
        });
        let pod = serde_json::from_value(pod).unwrap();
        pods.create(&PostParams::default(), &pod).await.unwrap();
    }

    async fn holder(&self) -> std::path::PathBuf {
        let name = self.namespace.name();
        self.control_plane.kubeconfig_for_service_account(name, "default").await
    }
}

async fn who_am_i(client: Client) -> Result<Value, kube::Error> {
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    let request = Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews")
        .header("content-type", "application/json")
        .body(review.to_string().into_bytes())
        .unwrap();
    client.request(request).await
}

/// The one step that is next.
fn next(ran: &Ran) -> String {
    let plan = ran.json();
    let steps = plan["steps"].as_array().unwrap();
    let next = steps.iter().find(|step| step["state"] == "next");
    next.map_or("none", |step| step["id"].as_str().unwrap()).to_owned()
}

fn alarms(ran: &Ran) -> Vec<String> {
    let plan = ran.json();
    let alarms = plan["alarms"].as_array().unwrap();
    alarms.iter().map(|check| check["id"].as_str().unwrap().to_owned()).collect()
}

/// The flags of a step, as it prints them.
fn flags(step: &Ran) -> Vec<String> {
    let step = step.json();
    let flags = step["flags"].as_array().unwrap();
    flags.iter().map(|flag| flag.as_str().unwrap().to_owned()).collect()
}

/// With the names of files in place of those in the plan.
fn with_files(flags: Vec<String>) -> Vec<String> {
    let files = [
        ("OLD.pub", "rsa.spki.pem"),
        ("NEW.pub", "p256.spki.pem"),
        ("OLD.key", "rsa.pkcs8.pem"),
        ("NEW.key", "p256.pkcs8.pem"),
    ];
    let replace = |flag: String| {
        files.iter().fold(flag, |flag, (name, file)| {
            flag.replace(&format!("={name}"), &format!("={}", key(file)))
        })
    };
    flags.into_iter().map(replace).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_loses_no_token_on_its_way() {
    let host = Host::start().await;
    let issuer = host.issuer();
    let before = with_files(vec![
        "--service-account-key-file=OLD.pub".to_owned(),
        "--service-account-signing-key-file=OLD.key".to_owned(),
    ]);
    let walk = Walk::start(host, issuer.clone(), before).await;
    walk.publish(&["rsa.spki.pem"], &[]).await.ended(0);
    walk.verify().await;
    let holder = walk.holder().await;

    let (old, new) = (key("rsa.spki.pem"), key("p256.pkcs8.pem"));
    let base = ["rotate", "--old-key", &old, "--new-key", &new, "--issuer", &issuer];
    let json = ["-o", "json"];
    let plan = async || walk.issuer(&[&base[..], &json].concat()).await;
    let step = async |id: &str, more: &[&str]| {
        walk.issuer(&[&base[..], &json, &["--step", id], more].concat()).await
    };
    let restart = async |flags: Vec<String>| {
        walk.control_plane.restart_api_server_with(with_files(flags)).await;
    };

    assert_eq!(next(&plan().await.ended(0)), "publish");
    let refused = step("sign", &[]).await.ended(1);
    // A program reads there what a person reads below.
    let blocked = refused.json()["blocked"].to_string();
    assert!(blocked.contains("the new key is not published"), "{blocked}");
    let refused = refused.errors;
    assert!(refused.contains("the new key is not published"), "{refused}");
    assert!(refused.contains("does not accept tokens of the new key"), "{refused}");

    walk.publish(&["rsa.spki.pem", "p256.spki.pem"], &[]).await.ended(0);
    assert_eq!(next(&plan().await.ended(0)), "accept");
    step("sign", &[]).await.ended(1);
    restart(flags(&step("accept", &[]).await.ended(0))).await;
    walk.verify().await;

    assert_eq!(next(&plan().await.ended(0)), "sign");
    restart(flags(&step("sign", &[]).await.ended(0))).await;
    assert_eq!(next(&plan().await.ended(0)), "retire");
    // Tokens of both keys are good, here and at AWS.
    walk.verify().await;
    assert!(walk.lets_in(&holder).await);
    assert!(walk.lets_in(&walk.holder().await).await);

    let refused = step("retire", &[]).await.ended(1).errors;
    assert!(refused.contains("--old-tokens-expired"), "{refused}");
    let retire = flags(&step("retire", &["--old-tokens-expired"]).await.ended(0));
    restart(retire).await;
    // Nobody has stated it here: what was done is an alarm.
    assert_eq!(alarms(&plan().await.ended(1)), ["old-accepted"]);
    assert!(!walk.lets_in(&holder).await);
    walk.publish(&["p256.spki.pem"], &[]).await.ended(1);
    walk.publish(&["p256.spki.pem"], &["--force"]).await.ended(0);
    let done = walk.issuer(&[&base[..], &["--old-tokens-expired"]].concat()).await.ended(0);
    assert!(done.out.contains("All steps are done."), "{}", done.out);
    walk.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_loses_no_token_on_its_way() {
    let host = Host::start().await;
    let new = host.issuer();
    let walk = Walk::start(host, OLD_ISSUER.to_owned(), Vec::new()).await;
    let holder = walk.holder().await;

    let base = ["migrate", "--from", OLD_ISSUER, "--to", &new, "-o", "json"];
    let manifest = |flags: &[String]| {
        let pod = json!({ "kind": "Pod", "spec": { "containers": [{ "command": flags }] } });
        walk.host.write("kube-apiserver.yaml", pod.to_string())
    };
    let plan = async |flags: &[String], more: &[&str]| {
        let file = manifest(flags);
        walk.issuer(&[&base[..], &["--api-server", &file], more].concat()).await
    };
    let old_flags = vec![format!("--service-account-issuer={OLD_ISSUER}")];

    assert_eq!(next(&plan(&old_flags, &[]).await.ended(0)), "publish");
    let out = walk.host.folder();
    let kubeconfig = walk.control_plane.kubeconfig().to_str().unwrap();
    let args = ["documents", "--from-cluster", "--kubeconfig", kubeconfig, "--issuer", &new];
    issuer_here(&[&args[..], &["--out", out.to_str().unwrap()]].concat()).await.ended(0);
    assert_eq!(next(&plan(&old_flags, &[]).await.ended(0)), "trust");
    let trusted = ["--trusted"];
    assert_eq!(next(&plan(&old_flags, &trusted).await.ended(0)), "accept");
    let refused = plan(&old_flags, &["--trusted", "--step", "sign"]).await.ended(1).errors;
    assert!(refused.contains("kube-apiserver.yaml does not accept tokens of the new"), "{refused}");

    let accept = flags(&plan(&old_flags, &["--trusted", "--step", "accept"]).await.ended(0));
    walk.control_plane.restart_api_server_with(accept.clone()).await;
    assert_eq!(next(&plan(&accept, &trusted).await.ended(0)), "sign");
    assert!(walk.lets_in(&holder).await);

    let sign = flags(&plan(&accept, &["--trusted", "--step", "sign"]).await.ended(0));
    walk.control_plane.restart_api_server_with(sign.clone()).await;
    assert_eq!(next(&plan(&sign, &trusted).await.ended(0)), "retire");
    // New tokens are good at AWS, those of the old issuer still in the cluster.
    walk.verify().await;
    assert!(walk.lets_in(&holder).await);
    assert!(walk.lets_in(&walk.holder().await).await);
    plan(&sign, &["--trusted", "--step", "retire"]).await.ended(1);

    let expired = ["--trusted", "--old-tokens-expired"];
    let retire = plan(&sign, &[&expired[..], &["--step", "retire"]].concat()).await.ended(0);
    let retire = flags(&retire);
    walk.control_plane.restart_api_server_with(retire.clone()).await;
    assert_eq!(next(&plan(&retire, &expired).await.ended(0)), "none");
    // As those see it who swap the issuer in one step; kubeadm's API servers are pods.
    walk.runs_as_pod(&retire).await;
    let swapped = walk.issuer(&[&base[..], &trusted].concat()).await.ended(1);
    assert_eq!(alarms(&swapped), ["old-accepted"]);
    assert!(!walk.lets_in(&holder).await);
    walk.verify().await;
}

#[tokio::test]
async fn plans_are_made_from_files_as_well() {
    let host = Host::start().await;
    let jwks = std::fs::read_to_string(key("expected.jwks.json")).unwrap();
    let rsa_only = jwks.split(",{\"use\"").next().unwrap().to_owned() + "]}";
    let keys = host.write("live.jwks", &rsa_only);
    let folder = crate::support::Scratch::new().unwrap();
    folder.write("keys.json", &jwks).unwrap();
    let (old, new) = (key("rsa.pkcs1.pem"), key("p521.sec1.pem"));
    let args = ["rotate", "--old-key", &old, "--new-key", &new, "--api-server-keys", &keys];
    let documents = ["--documents", folder.path().to_str().unwrap(), "--jwks-path", "keys.json"];
    let ran = issuer_here(&[&args[..], &documents, &["-o", "json"]].concat()).await.ended(0);
    assert_eq!(next(&ran), "accept");
    // Which key signs is not known: nothing that needs it may begin.
    let refused =
        issuer_here(&[&args[..], &documents, &["--step", "retire"]].concat()).await.ended(1);
    assert!(refused.errors.contains("--from-cluster"), "{}", refused.errors);

    let same = ["rotate", "--old-key", &old, "--new-key", &old];
    let told = issuer_here(&same).await.ended(2).errors;
    assert!(told.contains("same key"), "{told}");
}
