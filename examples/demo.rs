//! Shows the webhook with a real API server: `make demo` runs it.
//!
//! It starts etcd, kube-apiserver and the webhook, registers the webhook,
//! creates a `ServiceAccount` and a pod as a user would, and prints what the
//! API server stored. Everything it starts ends with this program.
#![allow(clippy::print_stdout, reason = "printing is its purpose")]

mod show;
#[path = "../tests/support/mod.rs"]
mod support;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::{Event, ServiceAccount};
use kube::api::ListParams;
use serde_json::{Value, json};
use support::{ControlPlane, Namespace, Options, Webhook, eventually};

const ACCOUNTS: &str = "deploy/examples/serviceaccount.yaml";
const POD: &str = "deploy/examples/pod.yaml";
const SOON: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    println!("Starting etcd and kube-apiserver.");
    let control_plane = ControlPlane::start(Options::default()).await;
    let version = control_plane.client().apiserver_version().await?.git_version;
    println!("Kubernetes {version} is ready.");
    let builder = Webhook::builder().program(program()?).kubeconfig(control_plane.kubeconfig());
    let webhook = builder.start().await;
    webhook.ready().await;
    println!("The webhook serves at https://{} and watches ServiceAccounts.", webhook.https());

    let namespace = control_plane.namespace_named("demo").await;
    let accounts: Vec<Value> = serde_saphyr::from_multiple(&read(ACCOUNTS)?)?;
    for account in &accounts {
        namespace.create_object::<ServiceAccount>(account).await?;
    }
    let pod: Value = serde_saphyr::from_str(&read(POD)?)?;
    // The pod as the API server stores it without the webhook.
    let without = namespace.admit_pod(&pod, true).await?.object;
    webhook.register(&control_plane, &namespace).await;
    println!("A MutatingWebhookConfiguration makes the API server call it for each pod in demo.");

    heading(&format!("1. A ServiceAccount with a role: created from {ACCOUNTS}"));
    print!("{}", serde_saphyr::to_string(&accounts[0])?);

    heading(&format!("2. A pod that uses it: created from {POD}, as the API server stored it"));
    println!(
        "+ was added because of the webhook. Not shown: what the API server adds to every pod"
    );
    println!("(defaults, its own token kube-api-access, the status).\n");
    let admitted = namespace.admit_pod(&pod, false).await?;
    show::additions(&pod, &share(&admitted.object, &without, &pod)?)?;
    println!();
    tell(&webhook, &pod, &admitted.warnings, "mutated").await?;

    heading("3. A mistake: the annotation eks.amazon.com/role-arn, and a pod that uses it");
    mistake(&webhook, &namespace).await?;

    ensure!(webhook.stop().await.success(), "the webhook exited with an error");
    drop(control_plane);
    println!("\nThe webhook and the API server have exited; nothing is left running.");
    Ok(())
}

/// Creates a `ServiceAccount` with a misspelled annotation, and a pod.
async fn mistake(webhook: &Webhook, namespace: &Namespace) -> anyhow::Result<()> {
    let role = "arn:aws:iam::111122223333:role/s3-reader";
    namespace.service_account("typo", &[("eks.amazon.com/role-arn", role)]).await;
    let pod = support::pod("typo", "typo");
    let admitted = namespace.admit_pod(&pod, false).await?;
    tell(webhook, &pod, &admitted.warnings, "not-configured").await?;
    let events = namespace.api::<Event>();
    let event = eventually("an Event on the ServiceAccount", SOON, || async {
        let list = events.list(&ListParams::default()).await?;
        list.items.into_iter().next().context("none yet")
    })
    .await;
    show::field("event", &json!(event.message.unwrap_or_default()));
    println!("(the event is on the ServiceAccount: kubectl describe serviceaccount shows it)");
    Ok(())
}

/// Prints the warnings that the client got for a pod, and what the webhook logged.
async fn tell(
    webhook: &Webhook,
    pod: &Value,
    warnings: &[String],
    outcome: &str,
) -> anyhow::Result<()> {
    let name = &pod["metadata"]["name"];
    let is_it = |line: &Value| line["pod"] == *name && line["dry_run"] == false;
    let line = webhook.logged("the admission", is_it).await;
    show::field("outcome", &line["outcome"]);
    show::field("took", &json!(format!("{} microseconds", line["microseconds"])));
    if warnings.is_empty() {
        show::field("warnings", &json!("none"));
    }
    for warning in warnings {
        show::field("warning", &json!(warning));
    }
    ensure!(line["outcome"] == outcome, "the outcome is not {outcome}");
    Ok(())
}

/// `sent` plus what the webhook added to `stored`: the stored pod, minus what
/// the API server also adds `without` the webhook.
fn share(stored: &Value, without: &Value, sent: &Value) -> anyhow::Result<Value> {
    let (mut stored, mut without) = (fixed(stored)?, fixed(without)?);
    for object in [&mut stored, &mut without] {
        object.as_object_mut().context("a pod is an object")?.remove("status");
        let metadata = object["metadata"].as_object_mut().context("a pod has metadata")?;
        for of_each in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
            metadata.remove(of_each);
        }
    }
    Ok(less(stored, Some(&without), Some(sent)).unwrap_or_default())
}

/// The pod with the one name that the API server generates at random made constant.
fn fixed(pod: &Value) -> anyhow::Result<Value> {
    const TOKEN: &str = "kube-api-access-";
    let text = pod.to_string();
    let mut parts = text.split(TOKEN);
    let mut fixed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        fixed.push_str(TOKEN);
        fixed.push_str(part.get(5..).unwrap_or_default());
    }
    Ok(serde_json::from_str(&fixed)?)
}

/// `None` if `value` was not sent and is also there without the webhook.
fn less(value: Value, without: Option<&Value>, sent: Option<&Value>) -> Option<Value> {
    if sent.is_none() && without == Some(&value) {
        return None;
    }
    let member = |of: Option<&Value>, key: &str| of.and_then(|it| it.get(key)).cloned();
    Some(match value {
        Value::Object(mut members) => {
            // What the API server omits by itself, such as an empty value.
            for (key, value) in sent.and_then(Value::as_object).into_iter().flatten() {
                if member(without, key).is_none() {
                    members.entry(key).or_insert_with(|| value.clone());
                }
            }
            let members = members.into_iter().filter_map(|(key, value)| {
                let (without, sent) = (member(without, &key), member(sent, &key));
                Some((key, less(value, without.as_ref(), sent.as_ref())?))
            });
            members.collect()
        }
        Value::Array(items) => {
            let items = items.into_iter().filter_map(|item| {
                let (without, sent) = (partner(without, &item), partner(sent, &item));
                less(item, without.as_ref(), sent.as_ref())
            });
            items.collect()
        }
        scalar => scalar,
    })
}

/// The item of a list with the same name, or an equal item if there are no names.
fn partner(list: Option<&Value>, item: &Value) -> Option<Value> {
    let mut items = list?.as_array()?.iter();
    let is_it = |it: &&Value| match item.get("name") {
        Some(name) => it.get("name") == Some(name),
        None => *it == item,
    };
    items.find(is_it).cloned()
}

/// Cargo puts examples into a folder beside the program.
fn program() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folder = here.parent().and_then(|examples| examples.parent());
    let program = folder.context("the demo is not in cargo's target folder")?;
    let program = program.join("pod-identity-webhook");
    ensure!(program.exists(), "{} is not built; run make demo", program.display());
    Ok(program)
}

fn read(path: &str) -> anyhow::Result<String> {
    fs::read_to_string(path)
        .with_context(|| format!("failed to read {path}; run it in the root of the repository"))
}

fn heading(text: &str) {
    println!("\n{text}\n");
}
