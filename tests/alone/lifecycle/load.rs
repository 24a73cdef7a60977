//! Usual requests, one after the other on kept connections, as an API server sends them.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::transport::{Transport, Unanswered};
use super::usual_request;
use crate::support::{Reply, Webhook};

/// One request and its answer.
pub(crate) struct Answered {
    pub(crate) sent: Instant,
    pub(crate) took: Duration,
    pub(crate) closes: bool,
}

impl Answered {
    pub(crate) async fn by(transport: &mut Transport) -> Result<Self, Unanswered> {
        let sent = Instant::now();
        let reply = transport.send(usual_request()).await?;
        expect_mutated(&reply);
        Ok(Self { sent, took: sent.elapsed(), closes: reply.closes() })
    }
}

fn expect_mutated(reply: &Reply) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains("JSONPatch"), "{}", reply.text());
}

pub(crate) fn transport(webhook: &Webhook) -> Transport {
    Transport::new(webhook.https(), webhook.ca_pem())
}

/// Asks until nobody listens. A request that was sent has to be answered.
pub(crate) async fn ask_until_nobody_listens(mut transport: Transport) -> Vec<Answered> {
    let mut answers = Vec::new();
    loop {
        match Answered::by(&mut transport).await {
            Ok(answered) => answers.push(answered),
            Err(Unanswered::NotSent(_)) => return answers,
            Err(Unanswered::Lost(error)) => panic!("a request was lost: {error:#}"),
        }
    }
}

/// How long `count` requests take each on `clients` kept connections, in order.
pub(crate) async fn latencies(webhook: &Webhook, clients: usize, count: usize) -> Vec<Duration> {
    let mut all = JoinSet::new();
    for _ in 0..clients {
        let mut transport = transport(webhook);
        all.spawn(async move {
            let mut took = Vec::with_capacity(count);
            for _ in 0..count {
                took.push(Answered::by(&mut transport).await.unwrap().took);
            }
            assert_eq!(transport.dialled(), 1, "its connection was taken from it");
            took
        });
    }
    let mut took = all.join_all().await.concat();
    took.sort_unstable();
    took
}

/// The value that 99 of 100 do not exceed.
pub(crate) fn p99(sorted: &[Duration]) -> Duration {
    sorted[sorted.len() * 99 / 100]
}
