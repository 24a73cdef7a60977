//! Clients that break the rules of HTTP and TLS, one at a time.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::task::JoinSet;

use super::raw::Raw;
use super::{dialer, from_file, is_well, review_body};
use crate::alone;
use crate::support::{SOON, Webhook, eventually};

const HEAD: &str = "POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
const LIMIT: usize = 64 << 10;

/// Writes as much of `parts` as the program takes, and gives all that it answers.
async fn answer_to(webhook: &Webhook, parts: impl IntoIterator<Item = String>) -> String {
    let mut client = Raw::tls(&dialer(webhook)).await;
    for part in parts {
        if !client.try_write(part).await {
            break;
        }
    }
    client.read_to_end().await
}

#[tokio::test]
async fn refuses_what_breaks_http_and_closes_the_connection() {
    let _alone = alone().await;
    let (webhook, _folder) = from_file(&["--max-request-bytes=64Ki"]).await;
    let body = review_body();
    let (length, over) = (body.len(), " ".repeat(LIMIT + 1));
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let close = "Connection: close\r\n";
    for (what, request, status) in [
        ("a head that is too large", format!("{HEAD}Filler: {}\r\n\r\n", "x".repeat(1 << 20)), 431),
        ("too many headers", format!("{HEAD}{}\r\n", "X: y\r\n".repeat(1000)), 431),
        ("a line without an end", "x".repeat(1 << 20), 431),
        (
            "a body that is too large and says so",
            format!("{HEAD}Content-Length: {}\r\n\r\n{over}", LIMIT + 1),
            413,
        ),
        (
            "a body that says that it is all memory",
            format!("{HEAD}Content-Length: {}\r\n\r\n", u64::MAX / 2),
            413,
        ),
        ("a length that is none", format!("{HEAD}Content-Length: -1\r\n\r\n"), 400),
        (
            "two lengths",
            format!("{HEAD}Content-Length: {length}\r\nContent-Length: 1\r\n\r\n{body}"),
            400,
        ),
        (
            "a body that is too large in chunks",
            format!(
                "{HEAD}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
                chunk.repeat(LIMIT / 0x1000 + 1)
            ),
            413,
        ),
        (
            "a chunk that is no chunk",
            format!("{HEAD}{close}Transfer-Encoding: chunked\r\n\r\nzz\r\n{body}"),
            400,
        ),
        (
            "a coding that nobody knows",
            format!("{HEAD}{close}Transfer-Encoding: gzip\r\n\r\n{body}"),
            400,
        ),
    ] {
        let answer = answer_to(&webhook, [request]).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
        is_well(&webhook).await;
    }
}

#[tokio::test]
async fn ends_a_chunked_body_that_never_does() {
    let _alone = alone().await;
    let (webhook, _folder) = from_file(&["--max-request-bytes=64Ki"]).await;
    let chunks = std::iter::repeat(format!("100\r\n{}\r\n", " ".repeat(0x100)));
    // Bounded, so that a program that took it all would fail here and not for ever.
    let chunks = chunks.take(100 * LIMIT / 0x100);
    let head = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n");
    let answer = answer_to(&webhook, std::iter::once(head).chain(chunks)).await;
    // A client that still writes when the connection is reset may lose the answer.
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
    is_well(&webhook).await;
}

#[tokio::test]
async fn answers_each_of_a_hundred_pipelined_requests() {
    let _alone = alone().await;
    let (webhook, _folder) = from_file(&[]).await;
    let body = review_body();
    let usual = format!("{HEAD}Content-Length: {}\r\n\r\n{body}", body.len());
    let mut all = usual.repeat(99);
    let _ = write!(all, "{HEAD}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let answers = answer_to(&webhook, [all]).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 100, "{answers}");
    assert_eq!(answers.matches("JSONPatch").count(), 100);
}

#[tokio::test]
async fn speaks_nothing_but_http_1_over_tls() {
    let _alone = alone().await;
    let (webhook, _folder) = from_file(&[]).await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let answer = answer_to(&webhook, [preface.to_owned()]).await;
    assert!(!answer.contains(" 200 "), "{answer}");
    // Plain HTTP where TLS is spoken: an alert at most.
    let mut plain = Raw::tcp(&dialer(&webhook)).await;
    plain.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let answer = plain.read_to_end().await;
    assert!(!answer.contains("HTTP/1.1"), "{answer}");
    is_well(&webhook).await;
}

#[tokio::test]
async fn tells_clients_of_old_tls_versions_and_closes() {
    let _alone = alone().await;
    let (webhook, _folder) = from_file(&[]).await;
    for minor in [0, 1, 2] {
        let mut client = Raw::tcp(&dialer(&webhook)).await;
        client.write(client_hello(minor)).await;
        let answer = client.read_bytes_to_end().await;
        // A fatal alert: protocol_version. https://www.rfc-editor.org/rfc/rfc5246#section-7.2
        let alert = (answer.first(), answer.get(5), answer.get(6), answer.len());
        assert_eq!(alert, (Some(&21), Some(&2), Some(&70), 7), "3.{minor}: {answer:?}");
    }
    is_well(&webhook).await;
}

/// Of SSL 3.0, TLS 1.0 or 1.1, with a suite that they have and signature algorithms that they lack.
fn client_hello(minor: u8) -> Vec<u8> {
    let suites = [0, 2, 0xc0, 0x13];
    let extensions = [0, 8, 0, 13, 0, 4, 0, 2, 4, 3];
    let hello = [&[3, minor][..], &[7; 32], &[0], &suites, &[1, 0], &extensions].concat();
    let length = u8::try_from(hello.len()).unwrap();
    [&[0x16, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bounds_the_memory_of_many_large_bodies_at_once() {
    const BODIES: usize = 64;
    const SIZE: usize = 7 << 20;
    /// The 64 MiB that all bodies share, twice since a buffer doubles when it is full, and a quarter for
    /// buffers on the way. The shipped manifest's limit is 256 MiB.
    const MOST_KIB: u64 = 160 << 10;
    let _alone = alone().await;
    let (webhook, _folder) = from_file(&[]).await;
    let memory = webhook.process().resident_kib();
    let mut clients = JoinSet::new();
    for _ in 0..BODIES {
        let dialer = dialer(&webhook);
        clients.spawn(async move {
            let mut client = Raw::tls(&dialer).await;
            // Never complete: what it sent stays until its deadline.
            client.write(format!("{HEAD}Content-Length: {}\r\n\r\n", SIZE + 1)).await;
            let piece = " ".repeat(1 << 20);
            for _ in 0..SIZE >> 20 {
                if !client.try_write(&piece).await {
                    break;
                }
            }
            client.read_to_end().await
        });
    }
    let mut most = 0;
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    while !clients.is_empty() {
        tokio::select! {
            answer = clients.join_next() => {
                let answer = answer.unwrap().unwrap();
                assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
            }
            _ = ticks.tick() => most = most.max(webhook.process().resident_kib()),
        }
    }
    let grown = most.saturating_sub(memory);
    eprintln!("{BODIES} bodies of {SIZE} bytes at once: at most {grown} KiB more than {memory}");
    assert!(grown < MOST_KIB, "{grown} KiB");
    eventually("large bodies to be taken again", SOON, || async {
        let large = " ".repeat(SIZE) + &review_body();
        let reply = webhook.send(crate::support::post("/mutate", large)).await?;
        anyhow::ensure!(reply.status == 200, "{}", reply.text());
        Ok(())
    })
    .await;
}
