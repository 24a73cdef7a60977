//! `deployment/app` and the like.

use std::fmt;
use std::str::FromStr;

/// The object that `doctor` is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    pub kind: Kind,
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    ServiceAccount,
    Pod,
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    ReplicationController,
    Job,
    CronJob,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "invalid target {:?}: use pod/NAME, serviceaccount/NAME, deployment/NAME, statefulset/NAME, \
     daemonset/NAME, replicaset/NAME, replicationcontroller/NAME, job/NAME or cronjob/NAME",
    text::shortened(.0, 64)
)]
pub struct TargetError(String);

impl Kind {
    const ALL: [Self; 9] = [
        Self::ServiceAccount,
        Self::Pod,
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::ReplicaSet,
        Self::ReplicationController,
        Self::Job,
        Self::CronJob,
    ];

    /// The name, kubectl's short one, and the path to the objects.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::ServiceAccount => ("serviceaccount", "sa", "/api/v1"),
            Self::Pod => ("pod", "po", "/api/v1"),
            Self::Deployment => ("deployment", "deploy", "/apis/apps/v1"),
            Self::StatefulSet => ("statefulset", "sts", "/apis/apps/v1"),
            Self::DaemonSet => ("daemonset", "ds", "/apis/apps/v1"),
            Self::ReplicaSet => ("replicaset", "rs", "/apis/apps/v1"),
            Self::ReplicationController => ("replicationcontroller", "rc", "/api/v1"),
            Self::Job => ("job", "job", "/apis/batch/v1"),
            Self::CronJob => ("cronjob", "cj", "/apis/batch/v1"),
        }
    }
}

impl ObjectName {
    /// Where the API server has it.
    #[must_use]
    pub fn path(&self, namespace: &str) -> String {
        let (name, _, version) = self.kind.words();
        format!("{version}/namespaces/{namespace}/{name}s/{}", self.name)
    }
}

/// Where the API server has all objects of a kind, by one of its names.
pub(crate) fn list_path(kind: &str, namespace: &str) -> Option<String> {
    let path = format!("{kind}/x").parse::<ObjectName>().ok()?.path(namespace);
    path.strip_suffix("/x").map(str::to_owned)
}

impl ObjectName {
    /// The name of a `ServiceAccount`.
    #[must_use]
    pub(crate) fn service_account(&self) -> Option<&str> {
        (self.kind == Kind::ServiceAccount).then_some(self.name.as_str())
    }
}

impl FromStr for ObjectName {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let wrong = || TargetError(text.to_owned());
        let (kind, name) = text.split_once('/').ok_or_else(wrong)?;
        let kind = kind.to_ascii_lowercase();
        let is = |it: &Kind| {
            let (long, short, _) = it.words();
            kind == long || kind == short || kind.strip_suffix('s') == Some(long)
        };
        let kind = Kind::ALL.into_iter().find(is).ok_or_else(wrong)?;
        // It becomes a part of a path at the API server.
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':');
        if name.is_empty() || !name.chars().all(allowed) {
            return Err(wrong());
        }
        Ok(Self { kind, name: name.to_owned() })
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.words().0, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_kubectl_reads() {
        for (text, path) in [
            ("sa/app", "/api/v1/namespaces/demo/serviceaccounts/app"),
            ("Deployments/web", "/apis/apps/v1/namespaces/demo/deployments/web"),
            ("pod/a.b", "/api/v1/namespaces/demo/pods/a.b"),
            ("rc/old", "/api/v1/namespaces/demo/replicationcontrollers/old"),
            ("cj/nightly", "/apis/batch/v1/namespaces/demo/cronjobs/nightly"),
        ] {
            let target: ObjectName = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(target.path("demo"), path);
        }
        for wrong in ["app", "node/x", "pod/", "pod/../x", "pod/a/b"] {
            assert!(wrong.parse::<ObjectName>().is_err(), "{wrong}");
        }
    }
}
