//! Questions to the API server. What is forbidden or fails is a fact too.

use axum::http::Request;
use diagnosis::{Fact, Reason, ReasonKind, bounded};
use kube::Client;
use serde_json::Value;

use crate::api_server::pages::{self, ListError};
use crate::api_server::{Failure, FailureKind, request};

/// One object.
pub(crate) async fn get(client: &Client, path: &str) -> Fact<Value> {
    let request = match Request::get(path).body(Vec::new()) {
        Ok(request) => request,
        Err(error) => return Fact::Unknown(error.to_string().into()),
    };
    missing_or(read(client, request).await)
}

/// One object, or nothing where it is not there.
pub(super) async fn object(client: &Client, path: &str) -> Result<Option<Value>, Failure> {
    let request = Request::get(path).body(Vec::new());
    let request = request.map_err(|error| Failure::of(&kube::Error::HttpError(error)))?;
    match read(client, request).await {
        Ok(object) => Ok(Some(object)),
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The same, and who answered what stands in the reason.
pub(super) async fn get_explained(client: &Client, path: &str) -> Fact<Value> {
    let request = match Request::get(path).body(Vec::new()) {
        Ok(request) => request,
        Err(error) => return Fact::Unknown(error.to_string().into()),
    };
    let answer = read(client, request).await.map_err(|failure| {
        let message = failure.explained().to_string();
        Failure { message, ..failure }
    });
    missing_or(answer)
}

async fn read(client: &Client, request: Request<Vec<u8>>) -> Result<Value, Failure> {
    let text = request::text(client, request).await?;
    serde_json::from_str(&text).map_err(|error| Failure::of(&kube::Error::SerdeError(error)))
}

fn missing_or(answer: Result<Value, Failure>) -> Fact<Value> {
    match answer {
        Ok(object) => Fact::Known(object),
        Err(failure) => missing(&failure),
    }
}

pub(super) async fn post(client: &Client, path: &str, object: &Value) -> kube::Result<Value> {
    let body = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
    let request = Request::post(path).header("content-type", "application/json").body(body);
    client.request(request.map_err(kube::Error::HttpError)?).await
}

/// All objects of a list; each goes to `take`, and is forgotten. `query` is
/// empty, or parameters as `labelSelector=…`.
pub(crate) async fn list(
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
