//! All pods and `ServiceAccount`s, page by page, one looked at and forgotten
//! after the other.

use diagnosis::{Auditor, Fact};
use kube::Client;
use serde_json::json;

use super::ask;
use super::items::Kept;

use crate::api_server::{FailureKind, pages};

/// Why they are not known.
#[derive(Debug, thiserror::Error)]
#[error("failed to list {what}: {why}; {next_step}")]
pub(crate) struct ListError {
    what: &'static str,
    why: String,
    next_step: String,
}

/// The cluster's `MutatingWebhookConfiguration`s.
pub(crate) async fn webhooks(client: &Client) -> Fact<serde_json::Value> {
    let path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
    let mut kept = Kept::default();
    let listed = ask::list(client, path, "", |item| kept.push(item)).await;
    listed.map(|()| json!({"items": kept.into_items()}))
}

/// Shows the auditor the namespaces whose labels count, the `ServiceAccount`s of a
/// namespace, or of all, then the pods. `seen` is told of each item.
pub(crate) async fn everything(
    client: &Client,
    namespace: Option<&str>,
    auditor: &mut Auditor<'_>,
    seen: &mut dyn FnMut(&'static str),
) -> Result<(), ListError> {
    let folder = namespace.map_or_else(String::new, |name| format!("/namespaces/{name}"));
    if auditor.needs_namespaces() {
        namespaces(client, namespace, auditor).await;
    }
    let path = format!("/api/v1{folder}/serviceaccounts");
    let accounts = pages::for_each(client, &path, |account| {
        seen("ServiceAccounts");
        auditor.account(&account);
    });
    let accounts = accounts.await;
    accounts.map_err(|error| ListError::of("serviceaccounts", &error))?;
    let path = format!("/api/v1{folder}/pods");
    let pods = pages::for_each(client, &path, |pod| {
        seen("pods");
        auditor.pod(&pod);
    });
    pods.await.map_err(|error| ListError::of("pods", &error))
}

/// Why a namespace in which nothing is has nothing to tell, if it is not there or that is not known.
pub(crate) async fn without_namespace(client: &Client, name: &str) -> Option<EmptyNamespace> {
    match ask::get(client, &format!("/api/v1/namespaces/{name}")).await {
        Fact::Known(_) | Fact::NotAsked => None,
        Fact::Absent => Some(EmptyNamespace::Missing(name.to_owned())),
        Fact::Unknown(why) => Some(EmptyNamespace::Unknown(name.to_owned(), why.to_string())),
    }
}

/// A namespace without a `ServiceAccount` and a pod.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmptyNamespace {
    #[error(
        "namespace {0:?} not found; correct --namespace, or the namespace of the kubeconfig's context"
    )]
    Missing(String),
    #[error(
        "nothing is in namespace {0:?}, and whether it exists is not known: {1}; check the name, or \
         grant the right to get namespaces"
    )]
    Unknown(String, String),
}

/// Labels that can't be read are not known: the auditor says so of the pods that
/// they decide about.
pub(super) async fn namespaces(
    client: &Client,
    namespace: Option<&str>,
    auditor: &mut Auditor<'_>,
) {
    let failed = match namespace {
        Some(name) => match ask::get(client, &format!("/api/v1/namespaces/{name}")).await {
            Fact::Known(object) => {
                auditor.namespace(&object);
                None
            }
            Fact::Unknown(why) => Some(why.to_string()),
            Fact::Absent | Fact::NotAsked => None,
        },
        None => pages::for_each(client, "/api/v1/namespaces", |it| auditor.namespace(&it))
            .await
            .err()
            .map(|error| ListError::of("namespaces", &error).to_string()),
    };
    if let Some(why) = failed {
        auditor.without_namespaces(&why);
    }
}

impl ListError {
    pub(super) fn of(what: &'static str, error: &pages::ListError) -> Self {
        let next_step = match error {
            pages::ListError::Failed(failure) => match (failure.kind, failure.kind.advice()) {
                (_, Some(advice)) => advice.to_owned(),
                (FailureKind::Forbidden, None) => format!("grant the right to list {what}"),
                _ => "check the server in the kubeconfig".to_owned(),
            },
            pages::ListError::Endless { .. } => {
                "check what answers in place of the API server".to_owned()
            }
        };
        Self { what, why: error.to_string(), next_step }
    }
}
