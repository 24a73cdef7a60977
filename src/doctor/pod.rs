//! Pods: the one that is created by dry run, and those that run.

use serde_json::{Value, json};

use super::{Case, Fact, Finding, Subject};
use crate::admission::{Endpoint, Outcome, Way, decode};
use crate::identity::Identity;
use crate::mutation::Jitter;
use crate::workloads::templates;

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

fn review(pod: &Value, namespace: &str) -> Option<Vec<u8>> {
    templates(pod).found.first()?.review(pod, namespace).ok()
}

/// The role that a pod's containers were given, else the address of the agent
/// that they get credentials from.
pub(super) fn given(pod: &Value) -> Option<&str> {
    variable(pod, "AWS_ROLE_ARN").or_else(|| variable(pod, "AWS_CONTAINER_CREDENTIALS_FULL_URI"))
}

fn variable<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let mut env = containers.flat_map(|it| it["env"].as_array().into_iter().flatten());
    env.find(|it| it["name"] == name)?["value"].as_str()
}

impl Case<'_> {
    pub(super) fn running_pod(&self) -> Finding {
        let pods = match &self.facts.pods {
            Fact::Known(pods) => pods,
            Fact::Absent => return Finding::Nothing("there is no such pod".to_owned()),
            Fact::Unknown(why) => return Finding::Unknown(why.clone()),
            Fact::NotAsked => {
                return Finding::Nothing("ask for a pod or a deployment to see one".to_owned());
            }
        };
        if pods.is_empty() {
            return Finding::Nothing("no pod of it runs".to_owned());
        }
        let lacking = pods.iter().find_map(|pod| Some((pod, self.lacks(pod)?)));
        let Some((pod, why)) = lacking else {
            return Finding::pass(format!("{} as it would be if created now", count(pods.len())));
        };
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        Finding::fail(
            format!("pod {name} {why}{}", self.when(pod)),
            "start it anew: kubectl rollout restart of what made it, or delete and create it",
        )
    }

    /// What a pod that runs would be given if it were created now.
    fn lacks(&self, pod: &Value) -> Option<String> {
        if let (Some(Identity::WebIdentity(web)), Some(role)) =
            (self.identity(), variable(pod, "AWS_ROLE_ARN"))
            && web.role_arn != role
        {
            return Some(format!("has the role {role}, the ServiceAccount names {}", web.role_arn));
        }
        let body = review(pod, &self.facts.subject.namespace)?;
        let review = decode(&body).ok()?;
        let Way::Lookup(candidate) = review.way() else { return None };
        let policy = &self.settings.policy;
        let admission = candidate.admit(&self.lookup, policy, Endpoint::Mutate, Jitter(0));
        (admission.outcome == Outcome::Mutated)
            .then(|| format!("lacks what it would get now: {}", paths(&admission.patch)))
    }

    /// Whether it was there before the annotation was written, by the times
    /// that the API server kept.
    fn when(&self, pod: &Value) -> String {
        let key = format!("f:{}", self.settings.policy.settings.keys.role_arn);
        let account = self.facts.service_account.known();
        let written = account
            .and_then(|it| it["metadata"]["managedFields"].as_array())
            .into_iter()
            .flatten()
            .filter(|it| it["fieldsV1"]["f:metadata"]["f:annotations"].get(&key).is_some())
            .filter_map(|it| it["time"].as_str())
            .max();
        let created = pod["metadata"]["creationTimestamp"].as_str();
        match (created, written) {
            (Some(created), Some(written)) if created < written => {
                format!("; it was created {created}, the annotation was written {written}")
            }
            _ => String::new(),
        }
    }
}

fn count(pods: usize) -> String {
    if pods == 1 { "its pod is".to_owned() } else { format!("each of its {pods} pods is") }
}

fn paths(patch: &json_patch::Patch) -> String {
    let paths: Vec<_> = patch.iter().map(|operation| operation.path().to_string()).collect();
    paths.join(", ")
}
