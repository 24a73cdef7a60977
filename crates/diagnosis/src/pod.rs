//! Pods: the one that is created by dry run, and those that run.

use serde_json::{Value, json};

use super::{Case, Fact, Finding, Subject, WebhookSettings};
use injection::admission::{Endpoint, Outcome, Triage, decode};
use injection::identity::{Identity, Lookup};
use injection::mutation::Jitter;
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
        let pods = match &self.facts.pods {
            Fact::Known(pods) => pods,
            Fact::Absent => return Finding::Nothing("the pod does not exist".to_owned()),
            Fact::Unknown(why) => return Finding::Unknown(why.to_string()),
            Fact::NotAsked => {
                return Finding::Nothing("no pods are given; name a pod or a workload".to_owned());
            }
        };
        if pods.is_empty() {
            return Finding::Nothing("no pods are running".to_owned());
        }
        // Without it nobody knows what a pod would get.
        if let Err(failed) = self.lookup.identity(&self.settings.policy.defaults) {
            return Finding::Unknown(failed.to_string());
        }
        let keys = &self.settings.policy.settings.keys;
        let account = self.facts.service_account.known();
        let written = account.and_then(|account| written(account, &keys.role_arn));
        let lacking = pods.iter().find_map(|pod| {
            let namespace = &self.facts.subject.namespace;
            Some((pod, lacks(pod, namespace, written, &self.lookup, self.settings)?))
        });
        let Some((pod, why)) = lacking else {
            return Finding::pass(format!(
                "{} what it would get if created now",
                count(pods.len())
            ));
        };
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        Finding::fail(
            format!("pod {name} {why}"),
            "restart its workload with kubectl rollout restart, or delete and recreate the pod",
        )
    }
}

/// What a pod that runs has otherwise than if it were created now; `written` is
/// when the role's annotation was, where that is known.
pub(super) fn lacks(
    pod: &Value,
    namespace: &str,
    written: Option<&str>,
    lookup: &Lookup,
    settings: &WebhookSettings,
) -> Option<String> {
    let policy = &settings.policy;
    let created = pod["metadata"]["creationTimestamp"].as_str();
    let before = match (created, written) {
        // Times are whole seconds.
        (Some(created), Some(written)) => Some(created <= written),
        _ => None,
    };
    let when = match (created, written) {
        (Some(created), Some(written)) if created <= written => {
            format!("; created at {created}, annotation changed at {written}")
        }
        _ => String::new(),
    };
    let identity = lookup.identity(&policy.defaults).ok().flatten();
    if let (Some(Identity::WebIdentity(web)), Some(role)) =
        (identity, variable(pod, "AWS_ROLE_ARN"))
        && web.role_arn != role
        // One that came after the annotation has its role from its own manifest.
        && before != Some(false)
    {
        return Some(format!(
            "has the role {role}, but the ServiceAccount names {}{when}",
            web.role_arn
        ));
    }
    let body = review(pod, namespace)?;
    let review = decode(&body).ok()?;
    let Triage::Lookup(candidate) = review.triage() else { return None };
    let admission = candidate.admit(lookup, policy, Endpoint::Mutate, Jitter(0));
    if admission.outcome == Outcome::PatchTooLarge {
        let reason = admission.reason.as_deref().unwrap_or_default();
        return Some(format!("has too many containers for the webhook's answer: {reason}"));
    }
    (admission.outcome == Outcome::Mutated).then(|| {
        format!(
            "lacks what it would get if created now: {}{when}",
            paths(&admission.patch.operations())
        )
    })
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

fn paths(patch: &json_patch::Patch) -> String {
    let paths: Vec<_> = patch.iter().map(|operation| operation.path().to_string()).collect();
    paths.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_role_that_is_older_than_the_pod_for_the_pods_own() {
        let account = |time: &str| {
            json!({"metadata": {
                "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/new"},
                "managedFields": [{"time": time, "fieldsV1": {"f:metadata": {"f:annotations": {
                    "f:eks.amazonaws.com/role-arn": {},
                }}}}],
            }})
        };
        let pod = json!({
            "metadata": {"name": "a", "creationTimestamp": "2026-01-02T00:00:00Z"},
            "spec": {"containers": [{"name": "c", "env": [
                {"name": "AWS_ROLE_ARN", "value": "arn:aws:iam::111122223333:role/old"},
                {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "x"},
            ], "volumeMounts": [{
                "name": "aws-iam-token",
                "mountPath": "/var/run/secrets/eks.amazonaws.com/serviceaccount",
            }]}], "volumes": [{"name": "aws-iam-token", "projected": {"sources": [
                {"serviceAccountToken": {"path": "token", "audience": "sts.amazonaws.com"}},
            ]}}]},
        });
        let settings = WebhookSettings::default();
        let lacks = |account: &Value| {
            let read = settings.reader.read(super::super::annotations(account));
            let lookup = Lookup {
                container_credentials: false,
                service_account: injection::identity::Observed::Known(read.unwrap().into()),
                config_map_entry: injection::identity::Observed::Absent,
            };
            let written = written(account, "eks.amazonaws.com/role-arn");
            lacks(&pod, "demo", written, &lookup, &settings)
        };
        assert!(lacks(&account("2026-01-03T00:00:00Z")).unwrap().contains("role/old"));
        assert_eq!(lacks(&account("2026-01-01T00:00:00Z")), None);
    }
}
