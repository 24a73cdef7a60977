//! A client that treats connections as Go's `http.Transport` does, which is what the API server calls with:
//! it keeps one while it may, leaves it after `Connection: close`, and sends anew only what it never sent.

use std::net::SocketAddr;

use axum::{
    body::Bytes,
    http::{Request, header::CONNECTION},
};

use crate::support::{Connection, Dialer, Reply};

pub struct Transport {
    dialer: Dialer,
    kept: Option<Connection>,
    dialled: usize,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// There was nobody to send it to: no connection came about.
    NotSent(#[expect(dead_code, reason = "a failing test prints it")] anyhow::Error),
    /// It was sent, or a part of it: a POST that Go does not send again.
    Lost(anyhow::Error),
}

impl Reply {
    /// Whether the server asks for another connection.
    pub fn closes(&self) -> bool {
        self.headers.get(CONNECTION).is_some_and(|value| value == "close")
    }
}

impl Transport {
    pub fn new(address: SocketAddr, ca_pem: &str) -> Self {
        let dialer = Dialer::new(address, ca_pem);
        let dialer = dialer.unwrap_or_else(|error| panic!("no client: {error:#}"));
        Self { dialer, kept: None, dialled: 0 }
    }

    /// The connections that it has opened.
    pub fn dialled(&self) -> usize {
        self.dialled
    }

    pub async fn send(&mut self, request: Request<Bytes>) -> Result<Reply, Unanswered> {
        loop {
            let (mut connection, is_kept) = match self.kept.take() {
                Some(kept) => (kept, true),
                None => (self.dial().await.map_err(Unanswered::NotSent)?, false),
            };
            if is_kept && !connection.is_ready().await {
                continue;
            }
            match connection.send(request.clone()).await {
                Ok(reply) => {
                    if !reply.closes() {
                        self.kept = Some(connection);
                    }
                    return Ok(reply);
                }
                Err(error) if is_kept && was_never_sent(&error) => {}
                Err(error) => return Err(Unanswered::Lost(error)),
            }
        }
    }

    async fn dial(&mut self) -> anyhow::Result<Connection> {
        let connection = self.dialer.http().await?;
        self.dialled += 1;
        Ok(connection)
    }
}

/// hyper cancels a request that it has not begun to write.
fn was_never_sent(error: &anyhow::Error) -> bool {
    error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled)
}
