//! The account and partition that this EC2 instance runs in, by `IMDSv2`.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use bytes::Bytes;
use hyper::{Method, Request, StatusCode};
use serde::Deserialize;

use super::client::{Client, Failure, Limits};
use super::url::{Scheme, Url};
use injection::identity::{Account, AccountError};

/// Where it is on every instance; over IPv6 it is `http://[fd00:ec2::254]`.
pub const ENDPOINT: &str = "http://169.254.169.254";

/// For one request, from its connection on. The service is on the host: it
/// answers in milliseconds. Where it is silent (outside EC2, or with a hop limit
/// of 1), the start is to fail within some four seconds.
const LIMITS: Limits = Limits { time: Duration::from_secs(1), bytes: 64 * 1024 };
const RETRIES: usize = 2;
const FIRST_DELAY: Duration = Duration::from_millis(200);
/// The token is used once, at once.
const TOKEN_SECONDS: &str = "60";
const NEXT_STEP: &str = "set --aws-account-id and --aws-partition outside EC2; on it, allow IMDSv2 with a hop limit of 2 for pods";

/// Why the account could not be learnt.
#[derive(Debug, thiserror::Error)]
pub enum InstanceMetadataError {
    #[error(
        "failed to use {endpoint:?} for EC2 instance metadata: not an http:// URL with a host; correct AWS_EC2_METADATA_SERVICE_ENDPOINT"
    )]
    Endpoint { endpoint: String },
    #[error("failed to get EC2 instance metadata from {uri}: {why}; {NEXT_STEP}")]
    Ask { uri: String, why: String },
    #[error("failed to get EC2 instance metadata from {uri}: HTTP status {status}; {NEXT_STEP}")]
    Refused { uri: String, status: StatusCode },
    #[error("failed to read the instance identity document: {0}; {NEXT_STEP}")]
    Document(#[from] serde_json::Error),
    #[error("failed to use the instance identity document: {0}; {NEXT_STEP}")]
    Account(#[from] AccountError),
}

/// The one document that is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdentityDocument {
    account_id: String,
    region: String,
}

/// Asks the service at `endpoint` ([`ENDPOINT`], or the value of
/// `AWS_EC2_METADATA_SERVICE_ENDPOINT`), a few times where it fails.
pub async fn account(endpoint: &str) -> Result<Account, InstanceMetadataError> {
    account_after(endpoint, FIRST_DELAY).await
}

async fn account_after(
    endpoint: &str,
    first_delay: Duration,
) -> Result<Account, InstanceMetadataError> {
    let service = Service::new(endpoint)?;
    let delays =
        ExponentialBuilder::new().with_min_delay(first_delay).with_max_times(RETRIES).with_jitter();
    let document = (|| service.document())
        .retry(delays)
        .sleep(tokio::time::sleep)
        .when(InstanceMetadataError::may_pass)
        .await?;
    let partition = Account::partition_of_region(&document.region);
    Ok(Account::new(partition, &document.account_id)?)
}

impl InstanceMetadataError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Ask { .. } => true,
            Self::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::Endpoint { .. } | Self::Document(_) | Self::Account(_) => false,
        }
    }
}

struct Service {
    client: Client,
    endpoint: String,
}

impl Service {
    fn new(endpoint: &str) -> Result<Self, InstanceMetadataError> {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        if Url::parse(&endpoint, Scheme::Http).is_none() {
            return Err(InstanceMetadataError::Endpoint { endpoint });
        }
        Ok(Self { client: Client::plain(), endpoint })
    }

    async fn document(&self) -> Result<IdentityDocument, InstanceMetadataError> {
        let seconds = ("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS);
        let token = self.ask(Method::PUT, "/latest/api/token", seconds).await?;
        let token = String::from_utf8_lossy(&token);
        let token = ("x-aws-ec2-metadata-token", token.trim());
        let path = "/latest/dynamic/instance-identity/document";
        let document = self.ask(Method::GET, path, token).await?;
        Ok(serde_json::from_slice(&document)?)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        (header, value): (&str, &str),
    ) -> Result<Bytes, InstanceMetadataError> {
        let uri = format!("{}{path}", self.endpoint);
        let endpoint = || InstanceMetadataError::Endpoint { endpoint: self.endpoint.clone() };
        let url = Url::parse(&uri, Scheme::Http).ok_or_else(endpoint)?;
        let request = Request::builder().method(method).header(header, value);
        let response = self.client.call(&url, request, Bytes::new(), LIMITS).await;
        let response = response.map_err(|failure| {
            let why = match failure {
                Failure::ConnectTimeout | Failure::Timeout => {
                    format!("no response within {} s", LIMITS.time.as_secs())
                }
                failure => failure.to_string(),
            };
            InstanceMetadataError::Ask { uri: uri.clone(), why }
        })?;
        match response.status {
            StatusCode::OK => Ok(response.body),
            status => Err(InstanceMetadataError::Refused { uri, status }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::HeaderMap;
    use axum::routing::{get, put};

    use super::*;

    /// A stand-in: the real service exists on EC2 alone. It fails `failures`
    /// times before it gives tokens.
    async fn service(document: &'static str, failures: usize) -> String {
        let asked = Arc::new(AtomicUsize::new(0));
        let token = put(move |headers: HeaderMap| async move {
            if asked.fetch_add(1, Ordering::Relaxed) < failures {
                return Err(StatusCode::SERVICE_UNAVAILABLE);
            }
            let seconds = headers.get("x-aws-ec2-metadata-token-ttl-seconds");
            seconds.map(|_| "the-token").ok_or(StatusCode::BAD_REQUEST)
        });
        let document = get(move |headers: HeaderMap| async move {
            let token = headers.get("x-aws-ec2-metadata-token");
            // As with IMDSv1 switched off.
            let is_given = token.is_some_and(|token| token == "the-token");
            is_given.then_some(document).ok_or(StatusCode::UNAUTHORIZED)
        });
        let app = Router::new()
            .route("/latest/api/token", token)
            .route("/latest/dynamic/instance-identity/document", document);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}/", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        endpoint
    }

    const SOON: Duration = Duration::from_millis(1);
    const DOCUMENT: &str =
        r#"{"accountId":"111122223333","region":"cn-north-1","pendingTime":"x"}"#;

    #[tokio::test]
    async fn reads_account_and_partition_with_a_token() {
        let endpoint = service(DOCUMENT, 0).await;
        let expected = Account::new("aws-cn", "111122223333").expect("an account");
        assert_eq!(account(&endpoint).await.expect("it answers"), expected);
    }

    #[tokio::test]
    async fn tries_again_where_that_may_help() {
        let endpoint = service(DOCUMENT, 2).await;
        account_after(&endpoint, SOON).await.expect("the third time");
    }

    #[tokio::test]
    async fn says_what_is_wrong_and_what_to_do() {
        for (endpoint, said) in [
            (service("<html>", 0).await, "identity document"),
            (service(r#"{"accountId":"1","region":"eu-west-1"}"#, 0).await, "12 digits"),
            (service(DOCUMENT, 9).await, "503"),
            ("http://127.0.0.1:1".to_owned(), "--aws-account-id"),
            ("169.254.169.254".to_owned(), "AWS_EC2_METADATA_SERVICE_ENDPOINT"),
            ("https://[fd00:ec2::254]".to_owned(), "not an http:// URL"),
        ] {
            let error = account_after(&endpoint, SOON).await.expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
        Service::new("http://[fd00:ec2::254]").map(|_| ()).expect("the IPv6 endpoint");
    }
}
