//! Calls of the API server that failed, and what a person can do about it.

use std::fmt;
use std::time::Duration;

use kube::runtime::watcher;

use super::IssueError;
use crate::api_server::{Failure, FailureKind};

/// Longer than any call that will still succeed.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Operation {
    Watch,
    Get,
    Create,
    Update,
    Patch,
    Issue,
}

/// The object that it was tried on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ManagedObject {
    Secret { namespace: String, name: String },
    Configuration(String),
}

/// Why it failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccessError {
    #[error(
        "not allowed to {operation} {target}: {reason}; if that right is missing, {}; or set \
         --in-cluster=false and mount a certificate for --tls-cert and --tls-key",
        target.rule(*operation)
    )]
    Forbidden { operation: Operation, target: ManagedObject, reason: String },
    #[error("failed to {operation} {target}: {reason}; retrying")]
    Call { operation: Operation, target: ManagedObject, reason: String },
    #[error("failed to {operation} {target}: no response within {TIMEOUT:?}; retrying")]
    Wait { operation: Operation, target: ManagedObject },
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
    target: &ManagedObject,
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
    pub(super) fn of(operation: Operation, target: &ManagedObject, error: &kube::Error) -> Self {
        Self::failed(operation, target, Failure::of(error))
    }

    /// Admission says 403 too: its words stand beside the rule.
    fn failed(operation: Operation, target: &ManagedObject, failure: Failure) -> Self {
        let (target, reason) = (target.clone(), failure.message);
        match failure.kind {
            FailureKind::Forbidden => Self::Forbidden { operation, target, reason },
            _ => Self::Call { operation, target, reason },
        }
    }

    pub(super) fn of_watch(target: &ManagedObject, error: &watcher::Error) -> Self {
        Self::failed(Operation::Watch, target, Failure::of_watch(error))
    }

    #[must_use]
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Forbidden { .. })
    }
}

impl Operation {
    pub(crate) const ALL: [Self; 6] =
        [Self::Watch, Self::Get, Self::Create, Self::Update, Self::Patch, Self::Issue];

    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
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

impl ManagedObject {
    /// The rule that is missing, all verbs of its kind at once: who lacks one
    /// often lacks the next.
    fn rule(&self, operation: Operation) -> String {
        match self {
            Self::Secret { namespace, .. } if operation == Operation::Create => format!(
                "grant the webhook's ServiceAccount, by a Role in namespace {namespace}, apiGroups [\"\"], \
                 resources [secrets], verbs [create] (without resourceNames)"
            ),
            Self::Secret { namespace, name } => format!(
                "grant the webhook's ServiceAccount, by a Role in namespace {namespace}, apiGroups [\"\"], \
                 resources [secrets], resourceNames [{name}], verbs [get, list, watch, update]"
            ),
            Self::Configuration(name) => format!(
                "grant the webhook's ServiceAccount, by a ClusterRole, apiGroups \
                 [admissionregistration.k8s.io], resources [mutatingwebhookconfigurations], \
                 resourceNames [{name}], verbs [get, list, watch, patch]"
            ),
        }
    }
}

impl fmt::Display for ManagedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret { namespace, name } => write!(f, "Secret {namespace}/{name}"),
            Self::Configuration(name) => write!(f, "MutatingWebhookConfiguration {name}"),
        }
    }
}
