//! Pods: the one that is created by dry run, and those that run.

use serde_json::{Value, json};

use super::audit::account_name;
use super::state::{Assessment, PodState, WouldGet, assess};
use super::webhook::Selection;
use super::{Case, Fact, Finding, Subject, listed, listing_not_known};
use injection::workloads::templates;

/// A pod of the subject's `ServiceAccount` and labels that every Pod Security
/// level lets in. It is never stored.
#[must_use]
pub fn probe_pod(subject: &Subject) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("pod-identity-doctor-{}", subject.at),
            "namespace": subject.namespace,
            "labels": subject.labels,
        },
        "spec": {
            "serviceAccountName": subject.service_account,
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "doctor",
                "image": "registry.k8s.io/pause:3.10",
                "resources": {
                    "requests": {"cpu": "1m", "memory": "8Mi"},
                    "limits": {"cpu": "10m", "memory": "16Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    })
}

/// The review of that pod, as an API server would send it.
#[must_use]
pub fn probe_review(subject: &Subject) -> Option<Vec<u8>> {
    review(&probe_pod(subject), &subject.namespace)
}

pub(crate) fn review(pod: &Value, namespace: &str) -> Option<Vec<u8>> {
    // The items of a list have no kind of their own.
    let mut pod = pod.clone();
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    templates(&pod).found.first()?.review(&pod, namespace).ok()
}

/// The role that a pod's containers were given, else the address of the agent
/// that they get credentials from.
pub(super) fn given(pod: &Value) -> Option<&str> {
    role(pod).or_else(|| variable(pod, "AWS_CONTAINER_CREDENTIALS_FULL_URI"))
}

pub(super) fn role(pod: &Value) -> Option<&str> {
    variable(pod, "AWS_ROLE_ARN")
}

pub(super) fn region(pod: &Value) -> Option<&str> {
    variable(pod, "AWS_REGION")
}

pub(super) fn sts_endpoint(pod: &Value) -> Option<&str> {
    variable(pod, "AWS_ENDPOINT_URL_STS")
}

/// Of the token that web identity uses.
pub(super) fn audience(pod: &Value) -> Option<&str> {
    let mut volumes = pod["spec"]["volumes"].as_array()?.iter();
    let ours = |it: &&Value| it["name"].as_str().is_some_and(|it| it.starts_with("aws-iam-token"));
    volumes.find(ours)?["projected"]["sources"][0]["serviceAccountToken"]["audience"].as_str()
}

fn variable<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let mut env = containers.flat_map(|it| it["env"].as_array().into_iter().flatten());
    env.find(|it| it["name"] == name)?["value"].as_str()
}

impl Case<'_> {
    pub(super) fn running_pod(&self) -> Finding {
        let all = match &self.facts.pods {
            Fact::Known(pods) => pods,
            Fact::Absent => return Finding::Nothing("the pod does not exist".to_owned()),
            Fact::Unknown(why) => return Finding::Unknown(why.to_string()),
            Fact::NotAsked => {
                return Finding::Nothing("no pods are given; name a pod or a workload".to_owned());
            }
        };
        let pods: Vec<_> = all.iter().filter(|pod| self.is_of_account(pod)).collect();
        if pods.is_empty() {
            return self.without_pods(all);
        }
        // Without it nobody knows what a pod would get.
        if let Err(failed) = self.lookup.identity(&self.settings.policy.defaults) {
            return Finding::Unknown(failed.to_string());
        }
        let mut worst: Option<(&Value, Assessment)> = None;
        for pod in &pods {
            let Some(assessed) = self.assess(pod) else { continue };
            if worst.as_ref().is_none_or(|(_, worst)| assessed.state > worst.state) {
                worst = Some((pod, assessed));
            }
        }
        let Some((pod, Assessment { state, why, next, .. })) = worst else {
            return Finding::Nothing("the pods would get no identity".to_owned());
        };
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        match state {
            PodState::Fine => {
                Finding::pass(format!("{} what it would get if created now", count(pods.len())))
            }
            // Known of the dry run alone: the webhook has the role from elsewhere.
            PodState::Foreign if self.identity().is_none() && role(pod) == self.role_arn() => {
                Finding::pass(format!("{} the role of the test pod", count(pods.len())))
            }
            PodState::Foreign => {
                Finding::pass(format!("pod {name} keeps an identity of its own: {why}"))
            }
            PodState::Unknown => Finding::Unknown(format!("pod {name}: {why}")),
            state => Finding::fail(format!("pod {name}: {}: {why}", state.as_str()), next),
        }
    }

    /// Whether the pod's `ServiceAccount` is the one that the checks are about.
    fn is_of_account(&self, pod: &Value) -> bool {
        let key = self.key();
        let namespace = pod["metadata"]["namespace"].as_str();
        namespace.is_none_or(|it| it == key.namespace) && account_name(pod) == key.name
    }

    /// None of the pods has the `ServiceAccount`.
    fn without_pods(&self, all: &[Value]) -> Finding {
        let Some(other) = all.first() else {
            return Finding::Nothing("no pods are running".to_owned());
        };
        let name = other["metadata"]["name"].as_str().unwrap_or_default();
        let namespace = other["metadata"]["namespace"].as_str().unwrap_or(self.key().namespace);
        let why = format!(
            "no pods are running with ServiceAccount {}; pod {name} has {namespace}/{}",
            self.key(),
            account_name(other)
        );
        // A workload's pods may be those from before it got this ServiceAccount.
        let of_itself = ["serviceaccount/", "pod/"];
        if of_itself.iter().any(|it| self.facts.subject.object.starts_with(it)) {
            Finding::Nothing(why)
        } else {
            Finding::Unknown(why)
        }
    }

    /// A pod of the dry run whose containers would run as somebody else or as nobody.
    pub(super) fn unusable(&self, pod: &Value) -> Option<Finding> {
        let assessed = self.assess(pod).filter(|it| it.state == PodState::NoUsableIdentity)?;
        let next = "another webhook changes the pod, or has mounts or variables added to it: correct it \
                    there, or leave the container out with skip-containers";
        Some(Finding::fail(format!("the test pod has no usable identity: {}", assessed.why), next))
    }

    /// What a pod of the subject comes to.
    pub(super) fn assess(&self, pod: &Value) -> Option<Assessment> {
        let keys = &self.settings.policy.settings.keys;
        let account = self.facts.service_account.known();
        let not_known = listed(self.facts).err().map(listing_not_known);
        let now = WouldGet {
            lookup: &self.lookup,
            policy: &self.settings.policy,
            may_complete_names: self.settings.may_complete_names(),
            written: account.and_then(|account| written(account, &keys.role_arn)),
            // The dry run has been there.
            selection: &Selection::Selected,
            not_known: not_known.as_deref(),
        };
        let namespace = &self.facts.subject.namespace;
        let assessed = assess(pod, namespace, &now)?;
        Some(assessed.advised(pod, namespace, &self.settings.commands))
    }
}

/// When an annotation was written last, by what the API server keeps of it.
pub(super) fn written<'a>(account: &'a Value, key: &str) -> Option<&'a str> {
    let key = format!("f:{key}");
    let fields = account["metadata"]["managedFields"].as_array()?.iter();
    fields
        .filter(|it| it["fieldsV1"]["f:metadata"]["f:annotations"].get(&key).is_some())
        .filter_map(|it| it["time"].as_str())
        .max()
}

fn count(pods: usize) -> String {
    if pods == 1 { "its pod has".to_owned() } else { format!("each of its {pods} pods has") }
}
