//! Usual requests, one after the other on kept connections, as an API server sends them.

use std::time::Instant;

use crate::support::{Reply, Transport, Unanswered, Webhook};
use crate::usual_request;

/// One request and its answer.
pub(crate) struct Answered {
    pub(crate) sent: Instant,
    pub(crate) closes: bool,
}

impl Answered {
    pub(crate) async fn by(transport: &mut Transport) -> Result<Self, Unanswered> {
        let sent = Instant::now();
        let reply = transport.send(usual_request()).await?;
        expect_mutated(&reply);
        Ok(Self { sent, closes: reply.closes() })
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
