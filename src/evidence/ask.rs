//! Questions to the API server. What is forbidden or fails is a fact too.

use axum::http::Request;
use diagnosis::{Fact, Reason, ReasonKind, bounded};
use kube::Client;
use serde_json::Value;

use crate::api_server::pages::{self, ListError};
use crate::api_server::{Failure, FailureKind};

/// One object.
pub(super) async fn get(client: &Client, path: &str) -> Fact<Value> {
    let request = match Request::get(path).body(Vec::new()) {
        Ok(request) => request,
        Err(error) => return Fact::Unknown(error.to_string().into()),
    };
    match client.request(request).await {
        Ok(object) => Fact::Known(object),
        Err(error) => missing(&Failure::of(&error)),
    }
}

pub(super) async fn post(client: &Client, path: &str, object: &Value) -> kube::Result<Value> {
    let body = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
    let request = Request::post(path).header("content-type", "application/json").body(body);
    client.request(request.map_err(kube::Error::HttpError)?).await
}

/// All objects of a list; each goes to `take`, and is forgotten. `query` is
/// empty, or parameters as `labelSelector=…`.
pub(super) async fn list(
    client: &Client,
    path: &str,
    query: &str,
    mut take: impl FnMut(Value) -> Result<(), String>,
) -> Fact<()> {
    let separator = if query.is_empty() { "" } else { "?" };
    let mut taken = Ok(());
    let path = format!("{path}{separator}{query}");
    let listed = pages::for_each(client, &path, |object| {
        if taken.is_ok() {
            taken = take(object);
        }
    });
    match listed.await {
        Ok(()) => taken.map_or_else(|why| Fact::Unknown(why.into()), Fact::Known),
        Err(ListError::Failed(failure)) => missing(&failure),
        Err(error @ ListError::Endless { .. }) => Fact::Unknown(bounded(&error.to_string()).into()),
    }
}

/// 404 says that it is not there; every other failure, that it is not known.
fn missing<T>(failure: &Failure) -> Fact<T> {
    match failure.kind {
        FailureKind::NotFound => Fact::Absent,
        _ => Fact::Unknown(reason(failure)),
    }
}

pub(super) fn reason(failure: &Failure) -> Reason {
    let kind = match failure.kind {
        FailureKind::Unauthorized => ReasonKind::Unauthorized,
        FailureKind::Forbidden => ReasonKind::Forbidden,
        _ => ReasonKind::Other,
    };
    Reason { kind, message: bounded(&failure.message) }
}
