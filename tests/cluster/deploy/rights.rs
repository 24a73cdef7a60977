//! Least rights, by the API server's audit log: what the webhook asks for is granted, and what is granted is
//! asked for. That nothing is refused, each test of an installation looks at its end (`Cluster::forbidden`).

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use kube::Api;
use kube::api::DeleteParams;

use super::cluster::Cluster;
use super::overlays::apply;
use super::replica::{DENIED, Replica};
use super::suite;
use crate::support::{Call, Relay, eventually, pod, poll};

const HOME: &str = "kube-system";
const CONFIGURATIONS: &str = "mutatingwebhookconfigurations";
const NAME: &str = "pod-identity-webhook";

/// Conflicts between replicas come by themselves, only not at a given moment.
const SOON: Duration = Duration::from_mins(3);

/// A verb that a rule grants on a resource.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    verb: String,
    group: String,
    resource: String,
    /// Empty for all.
    names: Vec<String>,
}

impl Right {
    fn of(rule: PolicyRule) -> Vec<Self> {
        assert_eq!(rule.non_resource_urls, None);
        let names = rule.resource_names.unwrap_or_default();
        let mut rights = Vec::new();
        for group in rule.api_groups.unwrap_or_default() {
            for resource in rule.resources.iter().flatten() {
                rights.extend(rule.verbs.iter().map(|verb| Self {
                    verb: verb.clone(),
                    group: group.clone(),
                    resource: resource.clone(),
                    names: names.clone(),
                }));
            }
        }
        rights
    }

    fn grants(&self, call: &Call) -> bool {
        let named = self.names.is_empty() || self.names.contains(&call.name);
        named
            && (&self.verb, &self.group, &self.resource)
                == (&call.verb, &call.group, &call.resource)
    }
}

/// All that the roles of this name grant.
async fn rights(cluster: &Cluster, name: &str) -> BTreeSet<Right> {
    let everywhere: Api<ClusterRole> = Api::all(cluster.client.clone());
    let here: Api<Role> = Api::namespaced(cluster.client.clone(), &cluster.home);
    let rules = [everywhere.get(name).await.unwrap().rules, here.get(name).await.unwrap().rules];
    rules.into_iter().flatten().flatten().flat_map(Right::of).collect()
}

/// Whatever it asks for is granted by a rule of its own, not by one that every `ServiceAccount` has, and
/// each verb of each rule is used: managed certificates and the `ConfigMap` (as kOps has it) are all there is.
#[tokio::test]
async fn every_right_is_used_and_every_use_has_its_right() {
    let mut cluster = Cluster::local(HOME, |kubectl| apply(kubectl, "kops")).await;
    let rights = rights(&cluster, NAME).await;
    assert!(rights.len() > 10, "{rights:?}");
    suite::gives_roles(&mut cluster).await;
    suite::keeps_every_ca_bundle(&mut cluster, 1).await;
    cluster.stop().await;

    // Replicas that renew all the time, of which one slept through it: what it then writes is a conflict, and it
    // reads again.
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), HOME);
    secrets.delete(NAME, &DeleteParams::default()).await.unwrap();
    let short = ["--ca-lifetime=9s", "--cert-lifetime=3s", "--ca-overlap=1s"];
    let awake = cluster.as_local().replica().args(short).start().await;
    let sleeper = cluster.as_local().replica().args(short).start().await;
    let written = |right: &Right| matches!(right.resource.as_str(), "secrets" | CONFIGURATIONS);
    eventually("a replica that reads again", SOON, || async {
        sleeper.ready().await;
        sleeper.process().freeze();
        let before = changes(&cluster);
        let changed = poll("another CA", SOON, || async {
            ensure!(changes(&cluster) >= before + 3, "no change");
            Ok(())
        });
        changed.await?;
        sleeper.process().thaw();
        sleeper.ready().await;
        all_used(&cluster, &rights, written)
    })
    .await;
    drop((awake, sleeper));

    // An older API server, without streaming lists.
    cluster.as_local().control_plane().restart_api_server_with(without_streaming_lists()).await;
    let replica = cluster.as_local().with_files().start().await;
    replica.ready().await;
    drop(replica);

    // A replica whose first lists get no answer: asked then, it looks the ConfigMap up itself.
    let demo = cluster.namespace("demo", serde_json::json!({})).await;
    let relay = Relay::before(cluster.as_local().control_plane()).await;
    relay.fall_silent();
    let by_relay = format!("--kube-api={}", relay.url());
    let replica = cluster.as_local().with_files().arg(by_relay).start().await;
    let lists = "the lists of ServiceAccounts and of the ConfigMap, unanswered";
    eventually(lists, SOON, || async {
        ensure!(relay.fallen() >= 2, "{} connections", relay.fallen());
        Ok(())
    })
    .await;
    relay.serve_new();
    let answer = replica.review(&demo, &pod("early", "default")).await;
    assert_eq!(answer.outcome(), "not-configured");
    eventually("each right to be used", SOON, || async { all_used(&cluster, &rights, |_| true) })
        .await;

    let mut without = cluster.as_local().calls();
    without.retain(|call| !rights.iter().any(|right| right.grants(call)));
    assert!(without.is_empty(), "granted by no rule of the installation: {without:?}");
    assert_eq!(cluster.forbidden(), []);
}

/// The audit has rights of its own, and asks for nothing else: a right too few would be in the log as a refusal.
#[tokio::test]
async fn every_right_of_the_audit_is_used_and_gives_no_other_lease() {
    let mut cluster = Cluster::local("pod-identity-webhook", |kubectl| {
        apply(kubectl, "audit");
        // With a selector by labels of namespaces, these count.
        let selector = r#"{"matchLabels": {"team": "a"}}"#;
        let patch = format!(
            r#"[{{"op": "add", "path": "/webhooks/0/namespaceSelector", "value": {selector}}}]"#
        );
        kubectl.run(&["patch", CONFIGURATIONS, NAME, "--type=json", "-p", &patch]);
    })
    .await;
    let rights = rights(&cluster, "pod-identity-webhook-audit").await;
    assert_eq!(rights.len(), 6, "{rights:?}");
    eventually("a round", SOON, || async { all_used(&cluster, &rights, |_| true) }).await;
    eventually("its result", SOON, || async {
        let page = cluster.metrics().await.remove(0);
        ensure!(page.contains(r#"pod_identity_audit_rounds_total{result="complete"} 1"#), "none");
        Ok(())
    })
    .await;
    assert_eq!(cluster.forbidden(), []);

    let replica = Replica::of(&cluster).await.unwrap();
    eventually("the policy to be in force", SOON, || async {
        let other = replica.create_lease("kube-scheduler").await.err().context("it was created")?;
        ensure!(other.contains(DENIED), "{other}");
        Ok(())
    })
    .await;
    let own = replica.create_lease("pod-identity-webhook-audit").await.unwrap_err();
    assert!(own.contains("already exists"), "{own}");
    cluster.stop().await;
}

fn without_streaming_lists() -> Vec<String> {
    vec!["--feature-gates=WatchList=false".to_owned()]
}

/// How often the Secret was written.
fn changes(cluster: &Cluster) -> usize {
    let calls = cluster.as_local().calls();
    calls.iter().filter(|call| call.verb == "update" && call.resource == "secrets").count()
}

fn all_used(
    cluster: &Cluster,
    rights: &BTreeSet<Right>,
    of: impl Fn(&Right) -> bool,
) -> anyhow::Result<()> {
    let calls = cluster.as_local().calls();
    let used = |right: &&Right| calls.iter().any(|call| call.granted && right.grants(call));
    let unused: Vec<_> = rights.iter().filter(|right| of(right) && !used(right)).collect();
    ensure!(unused.is_empty(), "not used: {unused:?}");
    Ok(())
}
