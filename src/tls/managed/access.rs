//! Calls of the API server that failed, and what a person can do about it.

use std::fmt;
use std::time::Duration;

use kube::runtime::watcher;

use super::IssueError;

/// Longer than any call that will still succeed.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    Watch,
    Get,
    Create,
    Update,
    Patch,
    Issue,
}

/// The object that it was tried on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Secret { namespace: String, name: String },
    Configuration(String),
}

/// Why it failed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error(
        "not allowed to {operation} {target}: {}; or set --in-cluster=false and give the \
         certificate by --tls-cert and --tls-key",
        target.rule(*operation)
    )]
    Forbidden { operation: Operation, target: Target },
    #[error("failed to {operation} {target}: {reason}; it is tried again")]
    Call { operation: Operation, target: Target, reason: String },
    #[error("failed to {operation} {target}: no answer within {TIMEOUT:?}; it is tried again")]
    Wait { operation: Operation, target: Target },
    #[error(transparent)]
    Issue(#[from] IssueError),
}

/// How a call ended that did not succeed.
pub(super) enum Failed {
    /// Somebody else was first: read it again.
    Conflict,
    Error(AccessError),
}

/// Runs one call.
pub(super) async fn call<T>(
    operation: Operation,
    target: &Target,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Failed> {
    match tokio::time::timeout(TIMEOUT, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) if status.code == 409 => Err(Failed::Conflict),
        // What was to be changed is gone. To create, it is the namespace that is missing.
        Ok(Err(kube::Error::Api(status)))
            if status.code == 404 && operation != Operation::Create =>
        {
            Err(Failed::Conflict)
        }
        Ok(Err(error)) => Err(Failed::Error(AccessError::of(operation, target, &error))),
        Err(_) => Err(Failed::Error(AccessError::Wait { operation, target: target.clone() })),
    }
}

impl AccessError {
    pub(super) fn of(operation: Operation, target: &Target, error: &kube::Error) -> Self {
        let target = target.clone();
        match error {
            kube::Error::Api(status) if status.code == 403 && is_rbac(&status.message) => {
                Self::Forbidden { operation, target }
            }
            // The message alone: the whole status is a page long.
            kube::Error::Api(status) => {
                Self::Call { operation, target, reason: status.message.clone() }
            }
            error => Self::Call { operation, target, reason: error.to_string() },
        }
    }

    pub(super) fn of_watch(target: &Target, error: &watcher::Error) -> Self {
        use watcher::Error as Watch;
        match error {
            Watch::InitialListFailed(error)
            | Watch::WatchStartFailed(error)
            | Watch::WatchFailed(error) => Self::of(Operation::Watch, target, error),
            Watch::WatchError(status) => {
                Self::of(Operation::Watch, target, &kube::Error::Api(status.clone()))
            }
            Watch::NoResourceVersion => Self::Call {
                operation: Operation::Watch,
                target: target.clone(),
                reason: error.to_string(),
            },
        }
    }

    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Forbidden { .. })
    }
}

impl Operation {
    pub const ALL: [Self; 6] =
        [Self::Watch, Self::Get, Self::Create, Self::Update, Self::Patch, Self::Issue];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Get => "get",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Issue => "issue",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Target {
    /// The rule that is missing, all verbs of its kind at once: who lacks one
    /// often lacks the next.
    fn rule(&self, operation: Operation) -> String {
        match self {
            Self::Secret { namespace, .. } if operation == Operation::Create => format!(
                "grant its ServiceAccount, by a Role in namespace {namespace}, apiGroups [\"\"], \
                 resources [secrets], verbs [create] (without resourceNames)"
            ),
            Self::Secret { namespace, name } => format!(
                "grant its ServiceAccount, by a Role in namespace {namespace}, apiGroups [\"\"], \
                 resources [secrets], resourceNames [{name}], verbs [get, list, watch, update]"
            ),
            Self::Configuration(name) => format!(
                "grant its ServiceAccount, by a ClusterRole, apiGroups \
                 [admissionregistration.k8s.io], resources [mutatingwebhookconfigurations], \
                 resourceNames [{name}], verbs [get, list, watch, patch]"
            ),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret { namespace, name } => write!(f, "Secret {namespace}/{name}"),
            Self::Configuration(name) => write!(f, "MutatingWebhookConfiguration {name}"),
        }
    }
}

/// Admission and a namespace that is going away say 403 too, and mean no right.
fn is_rbac(message: &str) -> bool {
    message.contains(" cannot ")
}
