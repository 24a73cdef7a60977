//! SIGTERM and SIGINT, under load and in the middle of requests.

use std::time::Instant;

use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::Value;
use tokio::task::JoinSet;

use super::load::{ask_until_nobody_listens, transport};
use super::raw::Raw;
use super::{accounts, dialer, from_file, is_well, review_body};
use crate::alone;
use crate::support::{SOON, Webhook, eventually};

/// Waits until `/readyz` says why the process is not ready.
async fn unready(webhook: &Webhook) {
    eventually("/readyz to answer 503", SOON, || async {
        let reply = webhook.get_admin("/readyz").await?;
        anyhow::ensure!(reply.status == 503, "{}", reply.status);
        anyhow::ensure!(reply.text().contains("shutting down"), "{}", reply.text());
        Ok(())
    })
    .await;
}

async fn no_longer_listens(webhook: &Webhook) {
    let dialer = dialer(webhook);
    eventually("the port to be closed", SOON, || async {
        anyhow::ensure!(dialer.tcp().await.is_err(), "it listens");
        Ok(())
    })
    .await;
}

async fn drained(webhook: &Webhook) -> Value {
    webhook.logged("the summary", |line| line["message"] == "drained").await
}

/// The usual request without the end of its body, which the program is reading.
async fn half_sent(webhook: &Webhook) -> (Raw, String) {
    let mut client = Raw::tls(&dialer(webhook)).await;
    let (body, length) = (review_body(), review_body().len());
    let (first, rest) = body.split_at(length / 2);
    let head = "POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    client.write(format!("{head}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n")).await;
    assert_eq!(client.read_head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write(first).await;
    (client, rest.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_every_request_sent_on_kept_connections_when_it_is_terminated_under_load() {
    const CLIENTS: usize = 32;
    let _alone = alone().await;
    let (webhook, _folder) = from_file(&["--shutdown-delay=5s"]).await;
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(ask_until_nobody_listens(transport(&webhook)));
    }
    eventually("all clients to be served", SOON, || async {
        let served = webhook.log().iter().filter(|line| line.contains("mutated")).count();
        anyhow::ensure!(served > 10 * CLIENTS, "{served} requests were served");
        Ok(())
    })
    .await;
    let terminated = Instant::now();
    webhook.process().terminate();
    unready(&webhook).await;
    let unready = Instant::now();
    let answers = clients.join_all().await;
    let status = webhook.process().wait(SOON).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(drained(&webhook).await["cut"], 0);

    let mut late = 0;
    for answers in &answers {
        assert!(!answers[0].closes, "no client is sent away before the signal");
        for answered in answers.iter().filter(|answered| answered.sent > unready) {
            assert!(answered.closes, "an answer in the delay keeps its connection");
            late += 1;
        }
    }
    let before = answers.iter().flatten().filter(|it| it.sent < terminated).count();
    assert!(late > 0, "it serves on while it is unready");
    eprintln!(
        "terminated under load: {before} requests answered before, {late} after /readyz said so, \
         {:?} after the signal",
        unready - terminated
    );
}

#[tokio::test]
async fn finishes_a_body_that_is_on_its_way_when_it_is_terminated() {
    let _alone = alone().await;
    let (webhook, _folder) = from_file(&["--shutdown-delay=100ms"]).await;
    let (mut client, rest) = half_sent(&webhook).await;
    webhook.process().terminate();
    no_longer_listens(&webhook).await;
    client.write(rest).await;
    let answer = client.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("connection: close") && answer.contains("JSONPatch"), "{answer}");
    let status = webhook.process().wait(SOON).await.unwrap();
    assert_eq!(status.code(), Some(0));
    let summary = drained(&webhook).await;
    assert_eq!((&summary["finished"], &summary["cut"]), (&1.into(), &0.into()), "{summary}");
}

#[tokio::test]
async fn cuts_what_outlasts_the_timeout_says_so_and_succeeds() {
    let _alone = alone().await;
    let args = ["--shutdown-delay=0s", "--shutdown-timeout=200ms"];
    let (webhook, _folder) = from_file(&args).await;
    let (mut client, _rest) = half_sent(&webhook).await;
    let status = webhook.stop().await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(client.read_to_end().await, "");
    let summary = drained(&webhook).await;
    assert_eq!((&summary["finished"], &summary["cut"]), (&0.into(), &1.into()), "{summary}");
}

#[tokio::test]
async fn takes_an_interrupt_as_a_termination() {
    let _alone = alone().await;
    let (webhook, _folder) = from_file(&["--shutdown-delay=1h"]).await;
    webhook.process().interrupt();
    unready(&webhook).await;
    is_well(&webhook).await;
    let line = webhook.logged("the signal", |line| line["message"] == "draining").await;
    assert_eq!(line["signal"], "SIGINT");

    let (webhook, _folder) = from_file(&["--shutdown-delay=0s"]).await;
    webhook.process().interrupt();
    assert_eq!(webhook.process().wait(SOON).await.unwrap().code(), Some(0));
    drained(&webhook).await;
}

#[tokio::test]
async fn ends_at_once_at_a_second_signal() {
    let _alone = alone().await;
    let args = ["--shutdown-delay=1h", "--shutdown-timeout=1h"];
    for interrupt in [true, false] {
        let (webhook, _folder) = from_file(&args).await;
        let (mut client, _rest) = half_sent(&webhook).await;
        webhook.process().terminate();
        unready(&webhook).await;
        if interrupt {
            webhook.process().interrupt();
        } else {
            webhook.process().terminate();
        }
        // Long before either of the flags lets it.
        let status = webhook.process().wait(SOON).await.unwrap();
        assert_eq!(status.code(), Some(1), "a status of its own, not death by the signal");
        assert_eq!(client.read_to_end().await, "");
        let says = |line: &Value| line["error"].as_str().is_some_and(|it| it.contains("at once"));
        webhook.logged("why", says).await;
    }
}

#[tokio::test]
async fn keeps_its_certificate_and_ends_at_once_where_a_fifo_takes_its_place() {
    let _alone = alone().await;
    let (webhook, _folder) = from_file(&["--shutdown-delay=0s"]).await;
    // Whoever reads it waits for ever, for nobody writes to it.
    let fifo = webhook.folder().join("fifo");
    mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
    std::fs::rename(fifo, webhook.folder().join("tls.crt")).unwrap();
    let says = |line: &Value| line["error"].as_str().is_some_and(|it| it.contains("regular file"));
    webhook.logged("what is wrong with it", says).await;
    is_well(&webhook).await;
    assert_eq!(webhook.stop().await.code(), Some(0));
}

#[tokio::test]
async fn ends_at_a_signal_while_it_still_starts() {
    let _alone = alone().await;
    // Takes connections and never answers, as instance metadata behind a firewall.
    let metadata = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", metadata.local_addr().unwrap());
    let (_folder, from) = accounts();
    let webhook = crate::support::Webhook::builder()
        .args([from, "--compose-role-arn".to_owned()])
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint)
        .launch()
        .unwrap();
    let (_held, _) = metadata.accept().await.unwrap();
    webhook.process().terminate();
    let status = webhook.process().wait(SOON).await.unwrap();
    // It would have failed had it waited for an answer.
    assert_eq!(status.code(), Some(0), "{}", webhook.log());
}
