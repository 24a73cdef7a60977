//! What a live API server says of its tokens: its two documents, and a token of
//! its own.

use hyper::Request;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;

use crate::api_server::pages::{self, ListError};
use crate::api_server::{Failure, FailureKind, request};
use issuer::rollout::ApiServerFlags;
use issuer::{DISCOVERY_PATH, Discovery, DiscoveryError, JWKS_PATH, Jwks, JwksError};
use issuer::{Token, TokenError};

/// The least that the API server grants.
const TOKEN_LIFETIME: i64 = 600;

const API_SERVER_PODS: &str =
    "/api/v1/namespaces/kube-system/pods?labelSelector=component%3Dkube-apiserver";

/// A cluster has three or five.
const MAX_API_SERVERS: usize = 100;

/// Why the API server does not say it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LiveError {
    #[error(
        "failed to read /{path} of the API server: {}; {}",
        .failure.explained(),
        next_step(
            failure,
            "bind the ClusterRole system:service-account-issuer-discovery, and use \
                            an issuer that is an https URL"
        )
    )]
    Get { path: &'static str, failure: Failure },
    #[error("failed to read the API server's /{DISCOVERY_PATH}: {0}")]
    Discovery(#[from] DiscoveryError),
    #[error("failed to read the API server's /{JWKS_PATH}: {0}")]
    Jwks(#[from] JwksError),
    #[error(
        "failed to get a token for {account}: {}; {}",
        .failure.explained(),
        match failure.kind {
            FailureKind::NotFound => "create the ServiceAccount, or pass --service-account",
            _ => next_step(failure, "grant the right to create serviceaccounts/token"),
        }
    )]
    Request { account: String, failure: Failure },
    #[error("failed to list the kube-apiserver pods in kube-system: {0}")]
    List(#[from] ListError),
    #[error("failed to read the token from the API server: {0}")]
    Token(#[from] TokenError),
}

/// The general one, or else what the call takes.
fn next_step(failure: &Failure, right: &'static str) -> &'static str {
    failure.kind.advice().unwrap_or(right)
}

/// The documents as the API server serves them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LiveIssuer {
    pub discovery: Discovery,
    pub keys: Jwks,
}

impl LiveIssuer {
    pub(crate) async fn get(client: &Client) -> Result<Self, LiveError> {
        let discovery = get(client, DISCOVERY_PATH).await?;
        let keys = get(client, JWKS_PATH).await?;
        Ok(Self {
            discovery: Discovery::parse(discovery.as_bytes())?,
            keys: Jwks::parse(keys.as_bytes())?,
        })
    }
}

/// A new token for this audience, valid for some minutes. It stays in this
/// process.
pub(crate) async fn token(
    client: &Client,
    namespace: &str,
    name: &str,
    audience: &str,
) -> Result<Token, LiveError> {
    let wanted = TokenRequest {
        spec: Some(TokenRequestSpec {
            audiences: Some(vec![audience.to_owned()]),
            expiration_seconds: Some(TOKEN_LIFETIME),
            ..TokenRequestSpec::default()
        }),
        ..TokenRequest::default()
    };
    let failed = |failure| LiveError::Request { account: format!("{namespace}/{name}"), failure };
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
    let body = serde_json::to_vec(&wanted).map_err(kube::Error::SerdeError);
    let post = Request::post(path).header("content-type", "application/json");
    let post = body.and_then(|body| post.body(body).map_err(kube::Error::HttpError));
    let post = post.map_err(|error| failed(Failure::of(&error)))?;
    let answer = request::text(client, post).await.map_err(failed)?;
    let answer: TokenRequest = serde_json::from_str(&answer)
        .map_err(|error| failed(Failure::of(&kube::Error::SerdeError(error))))?;
    Ok(Token::parse(&answer.status.unwrap_or_default().token.unwrap_or_default())?)
}

/// The flags of the API servers that run as static pods, as kubeadm and kind
/// have them; none where they run otherwise.
pub(crate) async fn api_servers(client: &Client) -> Result<Vec<ApiServerFlags>, LiveError> {
    let mut found = Vec::new();
    let listed = pages::for_each(client, API_SERVER_PODS, |pod: Pod| {
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        let args = containers.flat_map(|it| it.command.iter().chain(&it.args).flatten());
        let source = format!("kube-system/{}", pod.metadata.name.as_deref().unwrap_or_default());
        let flags = ApiServerFlags::from_args(&source, args.map(String::as_str));
        // Without an issuer it is something else.
        if !flags.issuers.is_empty() && found.len() < MAX_API_SERVERS {
            found.push(flags);
        }
    });
    listed.await?;
    Ok(found)
}

async fn get(client: &Client, path: &'static str) -> Result<String, LiveError> {
    let failed = |error: kube::Error| LiveError::Get { path, failure: Failure::of(&error) };
    let request = Request::get(format!("/{path}")).body(Vec::new());
    let request = request.map_err(|error| failed(kube::Error::HttpError(error)))?;
    let answer = request::text(client, request).await;
    answer.map_err(|failure| LiveError::Get { path, failure })
}
