//! The process stays below 192 MiB, whatever its clients do together.

use std::time::Duration;

use tokio::task::JoinSet;

use super::raw::Raw;
use super::{dialer, from_file, is_well};
use crate::alone;
use crate::support::{Dialer, Webhook, raise_open_files};

/// What SECURITY.md promises.
const MOST_KIB: u64 = 192 << 10;
const CAP: usize = 2048;
const MIB: usize = 1 << 20;
const HEAD: &str = "POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n";

fn review(pod: &str) -> String {
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","kind":{{"group":"","version":"v1","kind":"Pod"}},"resource":{{"group":"","version":"v1","resource":"pods"}},"namespace":"demo","operation":"CREATE","object":{{"metadata":{{"name":"p"}},"spec":{{"serviceAccountName":"default",{pod}}}}}}}}}"#
    )
}

/// As many items as fit.
fn expanding(item: &str, list: [&str; 2]) -> String {
    let items = vec![item; 7 * MIB / (item.len() + 1)].join(",");
    review(&format!("{}{items}{}", list[0], list[1]))
}

/// Reviews as large as may be, of items as pods have them.
fn large_reviews() -> Vec<String> {
    let containers = [r#""containers":["#, "]"];
    let env = [r#""containers":[{"name":"c","env":["#, "]}]"];
    let volumes = [r#""containers":[],"volumes":["#, "]"];
    let image =
        r#"{"name":"sidecar-0123456789","image":"registry.example.com/team/sidecar:1.2.3"}"#;
    let variable = r#"{"name":"SOME_USUAL_NAME","value":"and-what-it-is-set-to-in-a-pod"}"#;
    let volume = r#"{"name":"configuration","configMap":{"name":"configuration-of-the-sidecar"}}"#;
    vec![
        expanding(image, containers),
        expanding(variable, env),
        expanding(volume, volumes),
        review(&format!(r#""containers":[{{"name":"c","command":["{}"]}}]"#, "x".repeat(7 * MIB))),
        review(r#""containers":[{"name":"c"}]"#),
    ]
}

/// Sends `body`, slowly or not at all from some byte on, and may not read the answer.
async fn send(dialer: Dialer, body: String, sent: usize, reads: bool) {
    let mut client = Raw::tls(&dialer).await;
    if client.try_write(format!("{HEAD}Content-Length: {}\r\n\r\n", body.len())).await
        && client.try_write(&body.as_bytes()[..sent]).await
    {
        if reads {
            client.read_bytes_to_end().await;
        } else {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }
}

/// A connection that stalls with as much in the program's buffers as one can have.
async fn stall(dialer: Dialer, kind: usize) {
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
    tokio::time::sleep(Duration::from_secs(5)).await;
}

async fn mixed(webhook: &Webhook, rounds: usize) {
    let mut clients = JoinSet::new();
    let reviews = large_reviews();
    for round in 0..rounds {
        for (index, body) in reviews.iter().enumerate() {
            let all = body.len();
            let sent = if (round + index) % 3 == 2 { all / 10 * 9 } else { all };
            clients.spawn(send(dialer(webhook), body.clone(), sent, round % 2 == 0));
        }
    }
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
    mixed(&webhook, 4).await;
    stalled.join_all().await;
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
