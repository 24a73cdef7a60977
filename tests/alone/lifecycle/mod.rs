//! The webhook as a process: how it starts, how it ends, and that no client can hold it meanwhile.

mod certificate;
mod garbage;
mod hostile;
mod load;
mod memory;
mod raw;
mod rolling;
mod signals;
mod stalled;
mod start;
mod transport;

use crate::support::{Dialer, Webhook, accounts, from_file, pod, post, review};
use axum::body::Bytes;
use axum::http::Request;

fn review_body() -> String {
    review("demo", &pod("app", "app")).to_string()
}

/// The creation of a pod whose `ServiceAccount` has a role.
fn usual_request() -> Request<Bytes> {
    post("/mutate", review_body())
}

fn dialer(webhook: &Webhook) -> Dialer {
    Dialer::new(webhook.https(), webhook.ca_pem()).unwrap()
}

/// It runs, serves as usual, and has met no bug of its own.
async fn is_well(webhook: &Webhook) {
    webhook.process().check_running().unwrap();
    let reply = webhook.send(usual_request()).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains("patch"), "{}", reply.text());
    let panicked = |line: &String| line.contains("panicked") || line.contains("a bug");
    assert_eq!(webhook.log().into_iter().find(panicked), None);
}
