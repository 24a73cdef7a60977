//! All pods and `ServiceAccount`s, page by page, one looked at and forgotten
//! after the other.

use diagnosis::Auditor;
use kube::Client;

use crate::api_server::pages;

/// Why they are not known.
#[derive(Debug, thiserror::Error)]
#[error("failed to list {what}: {why}; {next_step}")]
pub(crate) struct ListError {
    what: &'static str,
    why: String,
    next_step: String,
}

/// Shows the auditor the `ServiceAccount`s of a namespace, or of all, then the
/// pods.
pub(crate) async fn everything(
    client: &Client,
    namespace: Option<&str>,
    auditor: &mut Auditor<'_>,
) -> Result<(), ListError> {
    let folder = namespace.map_or_else(String::new, |name| format!("/namespaces/{name}"));
    let path = format!("/api/v1{folder}/serviceaccounts");
    let accounts = pages::for_each(client, &path, |account| auditor.account(&account)).await;
    accounts.map_err(|error| ListError::of("serviceaccounts", &error))?;
    let path = format!("/api/v1{folder}/pods");
    let pods = pages::for_each(client, &path, |pod| auditor.pod(&pod)).await;
    pods.map_err(|error| ListError::of("pods", &error))
}

impl ListError {
    fn of(what: &'static str, error: &pages::ListError) -> Self {
        let next_step = match error {
            pages::ListError::Failed(failure) => match failure.kind.advice() {
                Some(advice) => advice.to_owned(),
                None => format!("grant the right to list {what}"),
            },
            pages::ListError::Endless { .. } => {
                "check what answers in place of the API server".to_owned()
            }
        };
        Self { what, why: error.to_string(), next_step }
    }
}
