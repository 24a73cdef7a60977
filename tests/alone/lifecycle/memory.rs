//! The process stays below 192 MiB, whatever its clients do together.

use std::sync::Arc;

use anyhow::ensure;
use tokio::task::JoinSet;

use super::raw::Raw;
use super::stalled::open_connections;
use super::{dialer, from_file, is_well};
use crate::alone;
use crate::support::{Dialer, SOON, Webhook, eventually, raise_open_files};

/// What SECURITY.md promises.
const MOST_KIB: u64 = 192 << 10;
const CAP: usize = 2048;
const MIB: usize = 1 << 20;
const HEAD: &str = "POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n";

fn review(account: &str, pod: &str) -> Arc<str> {
    let review = format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","kind":{{"group":"","version":"v1","kind":"Pod"}},"resource":{{"group":"","version":"v1","resource":"pods"}},"namespace":"demo","operation":"CREATE","object":{{"metadata":{{"name":"p"}},"spec":{{"serviceAccountName":"{account}",{pod}}}}}}}}}"#
    );
    review.into()
}

/// As many items as fit.
fn expanding(account: &str, item: &str, list: [&str; 2]) -> Arc<str> {
    let items = vec![item; 7 * MIB / (item.len() + 1)].join(",");
    review(account, &format!("{}{items}{}", list[0], list[1]))
}

/// A command of this text, as often as it fits.
fn commanding(account: &str, text: &str) -> Arc<str> {
    let text = text.repeat(7 * MIB / text.len());
    review(account, &format!(r#""containers":[{{"name":"c","command":["{text}"]}}]"#))
}

/// Reviews as large as may be, of items as pods have them, of the smallest ones, and of escaped text; with and
/// without a role, which adds the patch.
fn large_reviews() -> Vec<Arc<str>> {
    let containers = [r#""containers":["#, "]"];
    let env = [r#""containers":[{"name":"c","env":["#, "]}]"];
    let volumes = [r#""containers":[],"volumes":["#, "]"];
    let image =
        r#"{"name":"sidecar-0123456789","image":"registry.example.com/team/sidecar:1.2.3"}"#;
    let variable = r#"{"name":"SOME_USUAL_NAME","value":"and-what-it-is-set-to-in-a-pod"}"#;
    let volume = r#"{"name":"configuration","configMap":{"name":"configuration-of-the-sidecar"}}"#;
    vec![
        expanding("default", image, containers),
        expanding("default", variable, env),
        expanding("default", volume, volumes),
        expanding("default", "{}", containers),
        commanding("default", "x"),
        commanding("default", r"\n\u00e9"),
        review("default", r#""containers":[{"name":"c"}]"#),
        commanding("app", r"\n\u00e9"),
        expanding("app", image, containers),
    ]
}

/// Sends `body`, or not at all from some byte on, and reads the answer, or no more than that it has begun. The
/// connection ends when it is dropped.
async fn send(dialer: Dialer, body: Arc<str>, sent: usize, reads: bool) -> Raw {
    let mut client = Raw::tls(&dialer).await;
    if client.try_write(format!("{HEAD}Content-Length: {}\r\n\r\n", body.len())).await
        && client.try_write(&body.as_bytes()[..sent]).await
    {
        if reads {
            client.read_bytes_to_end().await;
        } else {
            client.read_first_byte().await;
        }
    }
    client
}

/// A connection that stalls with as much in the program's buffers as one can have, until it is dropped.
async fn stall(dialer: Dialer, kind: usize) -> Raw {
    let mut client = match kind % 4 {
        0 => Raw::tcp(&dialer).await,
        _ => Raw::tls(&dialer).await,
    };
    let _ = match kind % 4 {
        // The largest record, and not all of it.
        0 => {
            client
                .try_write([&[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc][..], &[0; 15_000]].concat())
                .await
        }
        1 => client.try_write(format!("{HEAD}Filler: {}", "x".repeat(7_500))).await,
        2 => {
            client
                .try_write(format!("{HEAD}Content-Length: 60000\r\n\r\n{}", " ".repeat(59_000)))
                .await
        }
        _ => true,
    };
    client
}

async fn mixed(webhook: &Webhook, rounds: usize) {
    let mut clients = JoinSet::new();
    let reviews = large_reviews();
    for round in 0..rounds {
        for (index, body) in reviews.iter().enumerate() {
            let all = body.len();
            let sent = if (round + index) % 3 == 2 { all / 10 * 9 } else { all };
            clients.spawn(send(dialer(webhook), Arc::clone(body), sent, round % 2 == 0));
        }
    }
    // No connection ends before all have got so far.
    clients.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stays_below_its_limit_under_any_mix_of_clients() {
    let _alone = alone().await;
    raise_open_files();
    let (webhook, _folder) = from_file(&[]).await;
    let first = webhook.process().peak_kib();
    let mut stalled = JoinSet::new();
    for kind in 0..CAP + 100 {
        stalled.spawn(stall(dialer(&webhook), kind));
    }
    let stalled = stalled.join_all().await;
    eventually("connections that stall", SOON, || async {
        let open = open_connections(&webhook).await;
        // A few seconds later those without a whole handshake are closed.
        ensure!(open > CAP / 4 * 3, "{open} are open");
        Ok(())
    })
    .await;
    mixed(&webhook, 4).await;
    drop(stalled);
    let most = webhook.process().peak_kib();
    eprintln!("at most {most} KiB, {first} after the start");
    assert!(most < MOST_KIB, "{most} KiB");
    is_well(&webhook).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stays_below_its_limit_with_the_largest_request_that_can_be_configured() {
    let _alone = alone().await;
    let (webhook, _folder) = from_file(&["--max-request-bytes=16Mi"]).await;
    mixed(&webhook, 2).await;
    let most = webhook.process().peak_kib();
    eprintln!("at most {most} KiB");
    assert!(most < MOST_KIB, "{most} KiB");
    is_well(&webhook).await;
}
