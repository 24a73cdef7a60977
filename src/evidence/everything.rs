//! All pods and `ServiceAccount`s, page by page.

use axum::http::Request;
use kube::Client;
use serde_json::Value;

use super::cluster::why;
use diagnosis::bare;

/// As many as kubectl asks for at once.
const PAGE: usize = 500;

/// Why they are not known.
#[derive(Debug, thiserror::Error)]
#[error("failed to list {what}: {why}; it takes the right to list {what}")]
pub struct ListError {
    what: &'static str,
    why: String,
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
    let failed = |why| ListError { what, why };
    let mut listed = Vec::new();
    let mut next = String::new();
    loop {
        let path = format!("/api/v1{folder}/{what}?limit={PAGE}&continue={next}");
        let request = Request::get(path).body(Vec::new());
        let request = request.map_err(|error| failed(error.to_string()))?;
        let page: Value = client.request(request).await.map_err(|error| failed(why(&error)))?;
        listed.extend(page["items"].as_array().into_iter().flatten().map(&keep));
        // The API server's own text, in base64url without need of escapes.
        match page["metadata"]["continue"].as_str().filter(|next| !next.is_empty()) {
            Some(token) => token.clone_into(&mut next),
            None => return Ok(listed),
        }
    }
}
