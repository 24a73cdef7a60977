//! The commands that findings advise, as they are typed for the cluster that was asked.

use std::fmt::Write as _;

use super::owner::Owner;
use text::shell::{Flag, Word};

/// How many pods one command deletes.
const MOST_DELETED: usize = 10;

/// How commands reach the cluster that the findings are about: each printed command begins here, so that none
/// asks another cluster, or as somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commands {
    program: String,
    /// Quoted for a shell, each with a space before it.
    flags: String,
}

impl Default for Commands {
    /// Of the kubeconfig's current context.
    fn default() -> Self {
        Self::new("pod-identity-webhook", &[], false)
    }
}

impl Commands {
    /// With kubectl's flags as they were typed, such as `--context=prod`, but for a bearer token: it is a secret,
    /// and the variable `TOKEN` stands for it.
    #[must_use]
    pub fn new(program: &str, flags: &[String], has_token: bool) -> Self {
        let mut quoted = String::new();
        for flag in flags {
            // Writing to a `String` can't fail.
            let _ = write!(quoted, " {}", Flag(flag));
        }
        if has_token {
            quoted.push_str(r#" --token="$TOKEN""#);
        }
        Self { program: program.to_owned(), flags: quoted }
    }

    /// The beginning of a command of kubectl: `kubectl --context=prod`.
    #[must_use]
    pub fn kubectl(&self) -> String {
        format!("kubectl{}", self.flags)
    }

    /// The same in a namespace: `kubectl --context=prod -n demo`.
    #[must_use]
    pub fn kubectl_in(&self, namespace: &str) -> String {
        format!("{} -n {}", self.kubectl(), Word(namespace))
    }

    /// The beginning of a command of this program: `pod-identity-webhook audit --context=prod`.
    #[must_use]
    pub fn own(&self, command: &str) -> String {
        format!("{} {command}{}", self.program, self.flags)
    }

    /// Asks `doctor` about an object, such as `pod/app`.
    #[must_use]
    pub fn doctor(&self, namespace: &str, object: &str) -> String {
        format!("{} -n {} {}", self.own("doctor"), Word(namespace), Word(object))
    }

    /// Makes pods of a workload anew; nothing where no command is known to do that.
    #[must_use]
    pub fn restart(&self, namespace: &str, owner: &Owner, pods: &[&str]) -> Option<String> {
        let kubectl = self.kubectl_in(namespace);
        if owner.can_be_restarted() {
            return Some(format!("{kubectl} rollout restart {}", Word(&owner.object())));
        }
        if !owner.replaces_pods() || pods.is_empty() || pods.len() > MOST_DELETED {
            return None;
        }
        let pods = pods.iter().map(|name| Word(name).to_string());
        Some(format!("{kubectl} delete pod {}", pods.collect::<Vec<_>>().join(" ")))
    }

    /// The advice to make a pod anew.
    pub(super) fn restart_advice(&self, namespace: &str, owner: &Owner, pod: &str) -> String {
        match self.restart(namespace, owner, &[pod]) {
            Some(command) => format!("restart it: {command}"),
            None if owner.kind == "Pod" => {
                "make the pod anew from its manifest: no controller does that".to_owned()
            }
            None => format!("make {} anew from its manifest", owner.object()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn owner(kind: &str, version: &str) -> Owner {
        Owner::of(&json!({"metadata": {"name": "app-1", "ownerReferences": [
            {"apiVersion": version, "kind": kind, "name": "app", "controller": true},
        ]}}))
    }

    #[test]
    fn asks_the_cluster_that_was_asked_as_whom_it_was_asked() {
        let flags = ["--context=prod".to_owned(), "--as=it's me".to_owned(), "-x".to_owned()];
        let commands = Commands::new("kubectl podid", &flags, true);
        let flags = r#"--context=prod --as="it's me" -x --token="$TOKEN""#;
        assert_eq!(commands.kubectl_in("demo"), format!("kubectl {flags} -n demo"));
        assert_eq!(
            commands.doctor("demo", "pod/app-1"),
            format!("kubectl podid doctor {flags} -n demo pod/app-1")
        );
        for (owner, wanted) in [
            (owner("Deployment", "apps/v1"), Some("rollout restart deployment/app")),
            (owner("ReplicaSet", "apps/v1"), Some("delete pod app-1")),
            (owner("ReplicaSet", "example.com/v1"), None),
            (owner("Job", "batch/v1"), None),
        ] {
            let wanted = wanted.map(|it| format!("kubectl {flags} -n demo {it}"));
            assert_eq!(commands.restart("demo", &owner, &["app-1"]), wanted);
        }
    }

    #[test]
    fn is_as_short_as_it_is_typed_where_nothing_was_said() {
        let commands = Commands::default();
        assert_eq!(commands.kubectl(), "kubectl");
        assert_eq!(commands.own("audit"), "pod-identity-webhook audit");
    }
}
