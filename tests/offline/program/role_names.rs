//! Role names in place of ARNs (`--compose-role-arn`). EC2 instance metadata is a stand-in on
//! loopback: the real one exists on EC2 alone.

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, put};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use crate::support::{Scratch, Webhook, pod};

const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
/// A privileged port that nobody listens on.
const CLOSED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
const ACCOUNTS: &str = "\
kind: ServiceAccount
metadata:
  {name: name, namespace: demo, annotations: {eks.amazonaws.com/role-arn: app}}
---
kind: ServiceAccount
metadata:
  {name: path, namespace: demo, annotations: {eks.amazonaws.com/role-arn: /team/app}}
---
kind: ServiceAccount
metadata:
  name: arn
  namespace: demo
  annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::444455556666:role/app'}
";

/// Starts it with `--compose-role-arn` and instance metadata at that address.
async fn started(args: &[&str], metadata: SocketAddr) -> anyhow::Result<(Webhook, Scratch)> {
    let folder = Scratch::new()?;
    let file = folder.write("accounts.yaml", ACCOUNTS)?;
    let builder = Webhook::builder()
        .arg(format!("--service-accounts={}", file.display()))
        .arg("--compose-role-arn")
        .args(args.iter().copied())
        .env(ENDPOINT, format!("http://{metadata}"));
    Ok((builder.try_start().await?, folder))
}

/// The roles that the pods of the three `ServiceAccount`s get.
async fn roles(webhook: &Webhook) -> [String; 3] {
    let mut roles = Vec::new();
    for service_account in ["name", "path", "arn"] {
        let answer = webhook.review_in("demo", &pod("app", service_account)).await;
        assert_eq!(answer.response()["warnings"], serde_json::Value::Null);
        roles.push(answer.role().unwrap());
    }
    roles.try_into().unwrap()
}

#[tokio::test]
async fn are_completed_with_the_account_of_the_flag_and_nobody_is_asked() {
    for (args, partition) in [
        (vec!["--aws-account-id=111122223333"], "aws"),
        (vec!["--aws-account-id=111122223333", "--aws-partition=aws-us-gov"], "aws-us-gov"),
    ] {
        let (webhook, _folder) = started(&args, CLOSED).await.unwrap();
        let [name, path, arn] = roles(&webhook).await;
        assert_eq!(name, format!("arn:{partition}:iam::111122223333:role/app"));
        assert_eq!(path, format!("arn:{partition}:iam::111122223333:role/team/app"));
        assert_eq!(arn, "arn:aws:iam::444455556666:role/app");
    }
}

#[tokio::test]
async fn are_completed_with_the_account_and_partition_of_instance_metadata() {
    let metadata = instance_metadata(r#"{"accountId":"777788889999","region":"cn-north-1"}"#).await;
    let (webhook, _folder) = started(&[], metadata).await.unwrap();
    let [name, path, arn] = roles(&webhook).await;
    assert_eq!(name, "arn:aws-cn:iam::777788889999:role/app");
    assert_eq!(path, "arn:aws-cn:iam::777788889999:role/team/app");
    assert_eq!(arn, "arn:aws:iam::444455556666:role/app");
    // The flag knows the partition better.
    let (webhook, _folder) = started(&["--aws-partition=aws-iso"], metadata).await.unwrap();
    assert_eq!(roles(&webhook).await[0], "arn:aws-iso:iam::777788889999:role/app");
}

#[tokio::test]
async fn name_the_flag_within_seconds_where_no_instance_metadata_answers() {
    // Accepted by the kernel, answered by nobody: as with a hop limit that is too low.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for (metadata, says) in [
        (CLOSED, "Connection refused"),
        (silent.local_addr().unwrap(), "no response"),
        (instance_metadata("<html>").await, "identity document"),
    ] {
        let begin = Instant::now();
        let error = started(&[], metadata).await.err().unwrap();
        let took = begin.elapsed();
        let error = format!("{error:#}");
        assert!(error.contains(says) && error.contains("--aws-account-id"), "{error}");
        assert!(took < Duration::from_secs(10), "{took:?} until {error}");
    }
}

/// Gives this document for a token alone, as with `IMDSv1` switched off.
async fn instance_metadata(document: &'static str) -> SocketAddr {
    let token = put(|headers: HeaderMap| async move {
        let seconds = headers.get("x-aws-ec2-metadata-token-ttl-seconds");
        seconds.map(|_| "a-token").ok_or(StatusCode::BAD_REQUEST)
    });
    let document = get(move |headers: HeaderMap| async move {
        let token = headers.get("x-aws-ec2-metadata-token");
        token.filter(|token| *token == "a-token").map(|_| document).ok_or(StatusCode::UNAUTHORIZED)
    });
    let router = Router::new()
        .route("/latest/api/token", token)
        .route("/latest/dynamic/instance-identity/document", document);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}
