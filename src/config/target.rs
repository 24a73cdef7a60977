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

/// Why it names no object.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error(
        "invalid target {:?}: write TYPE/NAME or TYPE NAME, such as pod/NAME",
        text::shortened(.0, 64)
    )]
    Form(String),
    #[error("more than one target; name one object as TYPE/NAME or TYPE NAME")]
    Several,
    #[error("invalid name {:?}: a name has letters, digits, - and .", text::shortened(.0, 64))]
    Name(String),
    #[error(
        "unknown type {:?}: {}use pod/NAME, serviceaccount/NAME, deployment/NAME, statefulset/NAME, \
         daemonset/NAME, replicaset/NAME, replicationcontroller/NAME, job/NAME or cronjob/NAME",
        text::shortened(.0, 64), hint(.0)
    )]
    Kind(String),
}

/// What was likely meant.
fn hint(kind: &str) -> String {
    let words: Vec<_> = Kind::ALL.iter().map(|it| it.words().0).collect();
    let word = kind.split('.').next().unwrap_or_default();
    match text::near::nearest(word, &words) {
        Some(near) => format!("did you mean {near}? Else "),
        None => String::new(),
    }
}

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

    /// `deploy`, `Deployments`, `deployment.apps` or `deployments.v1.apps`.
    fn read(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let (word, group) = match text.split_once('.') {
            Some((word, group)) => (word, Some(group)),
            None => (text.as_str(), None),
        };
        let is = |it: &Self| {
            let (long, short, path) = it.words();
            let is_word = word == long || word == short || word.strip_suffix('s') == Some(long);
            // `/api/v1` has no group.
            let own = path.strip_prefix("/apis/").and_then(|it| it.strip_suffix("/v1"));
            let is_group = match (group, own) {
                (None, _) => true,
                (Some(group), Some(own)) => group.strip_prefix("v1.").unwrap_or(group) == own,
                (Some(group), None) => group == "v1." || group == "v1",
            };
            is_word && is_group
        };
        Self::ALL.into_iter().find(is)
    }

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
    /// By the words of the command line: `TYPE/NAME` or `TYPE NAME`, as `kubectl get` takes them.
    pub(super) fn from_words(words: &[String]) -> Result<Self, TargetError> {
        match words {
            [one] => one.parse(),
            [kind, name] if !kind.contains('/') && !name.contains('/') => Self::of(kind, name),
            [one, ..] if words.len() == 2 && !one.contains('/') => {
                Err(TargetError::Name(words[1].clone()))
            }
            _ => Err(TargetError::Several),
        }
    }

    fn of(kind: &str, name: &str) -> Result<Self, TargetError> {
        let read = Kind::read(kind).ok_or_else(|| TargetError::Kind(kind.to_owned()))?;
        // It becomes a part of a path at the API server.
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':');
        if name.is_empty() || !name.chars().all(allowed) {
            return Err(TargetError::Name(name.to_owned()));
        }
        Ok(Self { kind: read, name: name.to_owned() })
    }

    /// What the right to read it is called.
    pub(crate) fn resource(&self) -> String {
        format!("{}s", self.kind.words().0)
    }

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
        let parts = text.split_once('/').filter(|(kind, _)| !kind.is_empty());
        let (kind, name) = parts.ok_or_else(|| TargetError::Form(text.to_owned()))?;
        Self::of(kind, name)
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
        for (text, path) in [
            // As `kubectl get -o name` prints them.
            ("deployment.apps/web", "/apis/apps/v1/namespaces/demo/deployments/web"),
            ("cronjob.batch/nightly", "/apis/batch/v1/namespaces/demo/cronjobs/nightly"),
            ("Deployments.v1.apps/web", "/apis/apps/v1/namespaces/demo/deployments/web"),
            ("deploy web", "/apis/apps/v1/namespaces/demo/deployments/web"),
            ("sts web", "/apis/apps/v1/namespaces/demo/statefulsets/web"),
            ("pods web-0", "/api/v1/namespaces/demo/pods/web-0"),
            ("deployments.apps web", "/apis/apps/v1/namespaces/demo/deployments/web"),
        ] {
            let words: Vec<_> = text.split(' ').map(str::to_owned).collect();
            let target = ObjectName::from_words(&words).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(target.path("demo"), path);
        }
        for (wrong, says) in [
            ("app", "write TYPE/NAME"),
            ("/x", "write TYPE/NAME"),
            ("node/x", "unknown type \"node\": use pod"),
            ("deployment.extensions/x", "did you mean deployment?"),
            ("pod.apps/x", "unknown type"),
            ("deploymnet/x", "did you mean deployment?"),
            ("pod/", "invalid name"),
            ("pod/../x", "invalid name"),
            ("pod/a/b", "invalid name"),
            ("pod a/b", "invalid name"),
            ("pod/a b", "more than one"),
            ("pod a b", "more than one"),
        ] {
            let words: Vec<_> = wrong.split(' ').map(str::to_owned).collect();
            let error = ObjectName::from_words(&words).expect_err(wrong).to_string();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }
}
