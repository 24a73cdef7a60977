//! Questions to the API server. What is forbidden or fails is a fact too.

use axum::http::Request;
use kube::Client;
use serde_json::Value;

use super::items;
use diagnosis::{Fact, bounded};

/// As many as kubectl asks for at once.
const PAGE: usize = 500;

/// One object.
pub(super) async fn get(client: &Client, path: &str) -> Fact<Value> {
    let request = match Request::get(path).body(Vec::new()) {
        Ok(request) => request,
        Err(error) => return Fact::Unknown(error.to_string()),
    };
    match client.request(request).await {
        Ok(object) => Fact::Known(object),
        Err(error) => missing(&error),
    }
}

pub(super) async fn post(client: &Client, path: &str, object: &Value) -> kube::Result<Value> {
    let body = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
    let request = Request::post(path).header("content-type", "application/json").body(body);
    client.request(request.map_err(kube::Error::HttpError)?).await
}

/// All objects of a list, page by page; each goes to `take`, and is forgotten.
/// `query` is empty, or parameters as `labelSelector=…`.
pub(super) async fn list(
    client: &Client,
    path: &str,
    query: &str,
    mut take: impl FnMut(Value) -> Result<(), String>,
) -> Fact<()> {
    let separator = if query.is_empty() { "" } else { "&" };
    let mut next = String::new();
    loop {
        let page = format!("{path}?{query}{separator}limit={PAGE}&continue={next}");
        let request = match Request::get(page).body(Vec::new()) {
            Ok(request) => request,
            Err(error) => return Fact::Unknown(error.to_string()),
        };
        let text = match client.request_text(request).await {
            Ok(text) => text,
            Err(error) => return missing(&error),
        };
        let mut json = serde_json::Deserializer::from_str(&text);
        let around = match items::read(&mut json, &mut take) {
            Ok(around) => around,
            Err(error) => return Fact::Unknown(bounded(&error.to_string())),
        };
        // The API server's own text, in base64url without need of escapes.
        match around.members.get("metadata").and_then(|it| it["continue"].as_str()) {
            Some(token) if !token.is_empty() => token.clone_into(&mut next),
            _ => return Fact::Known(()),
        }
    }
}

/// 404 says that it is not there; every other failure, that it is not known.
fn missing<T>(error: &kube::Error) -> Fact<T> {
    match error {
        kube::Error::Api(status) if status.code == 404 => Fact::Absent,
        error => Fact::Unknown(why(error)),
    }
}

pub(super) fn why(error: &kube::Error) -> String {
    let text = match error {
        kube::Error::Api(status) if status.message.is_empty() => {
            format!("{} {}", status.code, status.reason)
        }
        kube::Error::Api(status) => status.message.clone(),
        other => {
            let mut text = other.to_string();
            let mut next = std::error::Error::source(other);
            while let Some(source) = next {
                let cause = source.to_string();
                if !text.contains(&cause) {
                    text = format!("{text}: {cause}");
                }
                next = source.source();
            }
            text
        }
    };
    bounded(&text)
}
