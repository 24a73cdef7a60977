//! All pods and `ServiceAccount`s, page by page.

use kube::Client;
use serde_json::Value;

use crate::api_server::pages;
use diagnosis::bare;

/// Why they are not known.
#[derive(Debug, thiserror::Error)]
#[error("failed to list {what}: {why}; {next_step}")]
pub struct ListError {
    what: &'static str,
    why: String,
    next_step: String,
}

/// The pods and the `ServiceAccount`s of a namespace, or of all.
pub async fn everything(
    client: &Client,
    namespace: Option<&str>,
) -> Result<(Vec<Value>, Vec<Value>), ListError> {
    let pods = list(client, namespace, "pods", bare).await?;
    let accounts = list(client, namespace, "serviceaccounts", Value::clone).await?;
    Ok((pods, accounts))
}

async fn list(
    client: &Client,
    namespace: Option<&str>,
    what: &'static str,
    keep: impl Fn(&Value) -> Value,
) -> Result<Vec<Value>, ListError> {
    let folder = namespace.map_or_else(String::new, |name| format!("/namespaces/{name}"));
    let path = format!("/api/v1{folder}/{what}");
    let mut listed = Vec::new();
    let read = pages::for_each(client, &path, |object: Value| listed.push(keep(&object))).await;
    read.map(|()| listed).map_err(|source| {
        let next_step = match &source {
            pages::ListError::Failed(failure) => match failure.kind.advice() {
                Some(advice) => advice.to_owned(),
                None => format!("it takes the right to list {what}"),
            },
            pages::ListError::Endless { .. } => "check what answers for the API server".to_owned(),
        };
        ListError { what, why: source.to_string(), next_step }
    })
}
