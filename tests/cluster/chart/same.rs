//! Ways that give the same: the overlays of `deploy/`, and Helm 3.

use std::collections::BTreeMap;
use std::process::Command;

use clap::Parser as _;
use pod_identity_webhook::cli::{self, Cli};
use pod_identity_webhook::config::Config;
use serde_json::Value;

use super::values::{NAME, arguments, one, project, values, values_files};
use crate::support::{Helm, kubectl};

type ByName = BTreeMap<(String, String), Value>;

#[test]
fn renders_the_same_with_helm_3() {
    let (four, three) = (Helm::offline(), Helm::three_offline());
    for file in values_files() {
        let more = ["--values", file.to_str().unwrap()];
        // In another order.
        let [four, three] =
            [&four, &three].map(|helm| by_name(&helm.template(NAME, NAME, &more).unwrap()));
        assert_eq!(four, three, "{}", file.display());
    }
}

#[test]
fn the_overlays_give_the_same() {
    let helm = Helm::offline();
    for (overlay, name) in [
        ("self-managed", "defaults"),
        ("fail-closed", "fail-closed"),
        ("network-policy", "network-policy"),
        ("cert-manager", "cert-manager"),
        ("audit", "audit"),
        ("monitoring", "monitoring"),
    ] {
        let mut manifests = kustomized(overlay);
        // Helm makes it, where it is told to.
        manifests.retain(|object| object["kind"] != "Namespace");
        let mut rendered = helm.template(NAME, NAME, &["--values", &values(name)]).unwrap();
        // Each says in its own way whom the policies are for: the same one.
        let users = [limited_users(&mut rendered), limited_users(&mut manifests)];
        let policies = match overlay {
            "cert-manager" => 0,
            "audit" => 3,
            _ => 2,
        };
        let user = format!("system:serviceaccount:{NAME}:{NAME}");
        assert_eq!(users, [vec![user.clone(); policies], vec![user; policies]], "{overlay}");
        let (rendered, manifests) = (without_labels(rendered), without_labels(manifests));
        let kinds = |objects: &ByName| objects.keys().cloned().collect::<Vec<_>>();
        assert_eq!(kinds(&rendered), kinds(&manifests), "{overlay}");
        for (name, object) in &rendered {
            assert_eq!(object, &manifests[name], "{overlay}: {name:?}");
        }
    }
}

#[test]
fn the_policies_are_for_the_account_that_the_pods_run_as() {
    let helm = Helm::offline();
    for more in [
        "fullnameOverride=x",
        "nameOverride=x",
        "serviceAccount.name=x",
        "serviceAccount.create=false",
        "serviceAccount.create=false,serviceAccount.name=x",
        "rbac.create=false",
    ] {
        let mut objects = helm.template("release", "elsewhere", &["--set", more]).unwrap();
        let pods = &one(&objects, "Deployment")["spec"]["template"]["spec"];
        let account = pods["serviceAccountName"].as_str().unwrap();
        let user = format!("system:serviceaccount:elsewhere:{account}");
        assert_eq!(limited_users(&mut objects), [user.clone(), user], "{more}");
    }
}

/// Whom the policies are for, one for each; what says so is taken away. The manifests name nobody, so that a
/// kustomization may rename everybody: they are for the subjects of the bindings with a label.
fn limited_users(objects: &mut [Value]) -> Vec<String> {
    const SUBJECT: &str = "'system:serviceaccount:' + subject.namespace + ':' + subject.name";
    let bindings: Vec<_> =
        objects.iter().filter(|it| it["kind"] == "ClusterRoleBinding").cloned().collect();
    let mut users = Vec::new();
    for object in objects {
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let spec = &mut object["spec"];
        match kind.as_str() {
            "ValidatingAdmissionPolicy" => {
                let conditions = spec["matchConditions"].take();
                assert_eq!(conditions.as_array().map(Vec::len), Some(1));
                let condition = conditions[0]["expression"].as_str().unwrap();
                let user = condition.rsplit("request.userInfo.username == ").next().unwrap();
                if spec["paramKind"].take()["kind"] == "ClusterRoleBinding" {
                    assert!(user.starts_with(SUBJECT), "{user}");
                    let selected = |it: &&Value| {
                        it["metadata"]["labels"]["pod-identity.io/confined"] == "true"
                    };
                    let binding = bindings.iter().find(selected).expect("a labelled binding");
                    let subject = &binding["subjects"][0];
                    let text = |name: &str| subject[name].as_str().unwrap();
                    let (namespace, name) = (text("namespace"), text("name"));
                    users.push(format!("system:serviceaccount:{namespace}:{name}"));
                } else {
                    users.push(user.trim_matches('\'').to_owned());
                }
            }
            "ValidatingAdmissionPolicyBinding" => {
                let reference = spec["paramRef"].take();
                if !reference.is_null() {
                    let label = &reference["selector"]["matchLabels"]["pod-identity.io/confined"];
                    assert_eq!(label, "true");
                }
            }
            _ => {}
        }
    }
    users
}

#[test]
fn whatever_selects_pods_selects_those_of_the_release() {
    let more = ["--values", &values("network-policy"), "--set", "serviceMonitor.enabled=true"];
    let objects = Helm::offline().template(NAME, NAME, &more).unwrap();
    let pods = pod_labels(&objects);
    let selectors = selectors(&objects);
    assert_eq!(selectors.len(), 7);
    for selector in selectors {
        assert_eq!(selector, pods);
    }
}

fn kustomized(overlay: &str) -> Vec<Value> {
    let folder = project("deploy/overlays").join(overlay);
    let mut command = Command::new(kubectl().unwrap());
    let output = command.arg("kustomize").arg(folder).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_saphyr::from_multiple(&text).unwrap()
}

pub fn pod_labels(objects: &[Value]) -> Value {
    one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"].clone()
}

/// All that select the webhook's pods.
fn selectors(objects: &[Value]) -> Vec<Value> {
    let deployment = &one(objects, "Deployment")["spec"];
    let spread = deployment["template"]["spec"]["topologySpreadConstraints"].as_array().unwrap();
    let spread = spread.iter().map(|it| it["labelSelector"]["matchLabels"].clone());
    let services = objects.iter().filter(|object| object["kind"] == "Service");
    let services = services.map(|service| service["spec"]["selector"].clone());
    let others = [
        deployment["selector"]["matchLabels"].clone(),
        one(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"].clone(),
        one(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"].clone(),
    ];
    spread.chain(services).chain(others).collect()
}

fn by_name(objects: &[Value]) -> ByName {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let named = objects
        .iter()
        .map(|object| ((text(&object["kind"]), text(&object["metadata"]["name"])), object.clone()));
    named.collect()
}

/// Without the labels of objects, and without the instance in selectors; in place of arguments what they
/// mean together.
fn without_labels(mut objects: Vec<Value>) -> ByName {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.remove("app.kubernetes.io/instance");
                members.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    for object in &mut objects {
        strip(object);
        object["metadata"].as_object_mut().unwrap().remove("labels");
        if object["kind"] == "Deployment" {
            take_the_namespace(object);
            let meaning = format!("{:?}", config(arguments(object)));
            object["spec"]["template"]["spec"]["containers"][0]["args"] = meaning.into();
        }
    }
    by_name(&objects)
}

/// As an argument, where the pod says it in its environment.
fn take_the_namespace(deployment: &mut Value) {
    let namespace = deployment["metadata"]["namespace"].as_str().unwrap().to_owned();
    let container = &mut deployment["spec"]["template"]["spec"]["containers"][0];
    let env = container.get_mut("env").and_then(Value::as_array_mut);
    let Some(env) = env else { return };
    env.retain(|variable| variable["name"] != "PODID_NAMESPACE");
    if env.is_empty() {
        container.as_object_mut().unwrap().remove("env");
    }
    let args = container["args"].as_array_mut().unwrap();
    if !args.iter().any(|arg| arg.as_str().unwrap().starts_with("--namespace=")) {
        args.push(format!("--namespace={namespace}").into());
    }
}

fn config(args: Vec<String>) -> Config {
    let command = Cli::try_parse_from(["/webhook".to_owned()].into_iter().chain(args));
    let cli::Command::Serve(serve) = command.unwrap().into_command() else {
        panic!("it does not serve");
    };
    Config::from_args(*serve).unwrap().0
}
