//! Reviews as large as the API server sends them, beside the usual ones and through the same port: at once,
//! slowly, and announced without ever being sent.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::client::TlsStream;

use super::load::Load;
use super::scene::{APP, Scene};
use crate::support::{pod, review};

/// The most that the API server takes from a client.
const SIZE: usize = 3 << 20;

const AT_ONCE: usize = 12;
const SLOWLY: usize = 12;
/// More for each replica than what was enough, once, to keep all others out.
const NEVER: usize = 24;

const PIECES: usize = 30;
const PACE: Duration = Duration::from_millis(100);

/// The most that an API server can be told to wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the API server waits where nothing is said; a usual pod takes milliseconds.
const LATE: Duration = Duration::from_secs(10);

/// What came of one round.
pub struct Round {
    pub answered: u64,
    /// The slowest of the usual pods meanwhile.
    pub slowest: Duration,
    /// They stay open, announced and unsent, until this is dropped.
    pub announced: Vec<TlsStream<TcpStream>>,
}

/// Sends all of them, and gives what came of it when each was answered but those that were never sent.
pub async fn round(scene: &Scene<'_>, load: &Load) -> Round {
    load.begin_spell();
    let body = body(scene);
    let head = head(body.len());
    let mut announced = Vec::new();
    for _ in 0..NEVER {
        let mut stream = scene.dial(scene.balancer.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        announced.push(stream);
    }
    let mut sent = JoinSet::new();
    for number in 0..AT_ONCE + SLOWLY {
        let stream = scene.dial(scene.balancer.address()).await.unwrap();
        let pace = if number < AT_ONCE { Duration::ZERO } else { PACE };
        sent.spawn(send(stream, head.clone(), body.clone(), pace));
    }
    let mut answered = 0;
    while let Some(answer) = sent.join_next().await {
        answer.unwrap().unwrap_or_else(|error| panic!("a large review was lost: {error:#}"));
        answered += 1;
    }
    load.flows().await;
    let slowest = load.so_far().slowest_of_spell;
    assert!(slowest < LATE, "a usual pod took {slowest:?} beside large reviews");
    Round { answered, slowest, announced }
}

fn body(scene: &Scene<'_>) -> String {
    let mut large = pod("large", APP);
    large["metadata"]["annotations"] = json!({ "example.com/padding": "" });
    let rest = SIZE - review(scene.apps.name(), &large).to_string().len();
    large["metadata"]["annotations"]["example.com/padding"] = "x".repeat(rest).into();
    review(scene.apps.name(), &large).to_string()
}

fn head(length: usize) -> String {
    format!(
        "POST /mutate?timeout={}s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {length}\r\n\r\n",
        PATIENCE.as_secs()
    )
}

async fn send(
    mut stream: TlsStream<TcpStream>,
    head: String,
    body: String,
    pace: Duration,
) -> anyhow::Result<()> {
    stream.write_all(head.as_bytes()).await?;
    for piece in body.as_bytes().chunks(body.len().div_ceil(PIECES)) {
        stream.write_all(piece).await?;
        stream.flush().await?;
        // The pace of a slow network.
        sleep(pace).await;
    }
    let mut answer = String::new();
    // A peer may leave out the end of TLS after `Connection: close`.
    let read = timeout(2 * PATIENCE, stream.read_to_string(&mut answer)).await.context("late")?;
    let (head, text) = answer.split_once("\r\n\r\n").with_context(|| format!("{read:?}"))?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    let review: Value = serde_json::from_str(text).with_context(|| answer.clone())?;
    ensure!(review["response"]["patchType"] == "JSONPatch", "{text}");
    Ok(())
}
