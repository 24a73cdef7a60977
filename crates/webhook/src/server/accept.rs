//! The accept loop, and how it ends.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::connection::Shared;
use super::limits::DrainLimits;
use super::stats::ConnectionStats;
use super::table::Table;
use super::{Drained, Readiness};

/// How long it waits where the system has no room for a connection, and where
/// all of them are being served.
const RETRY: Duration = Duration::from_millis(10);

/// How often it says so while it lasts.
const REPEAT: Duration = Duration::from_mins(1);

/// How many connections it takes from the kernel when it stops listening.
const LAST: usize = 1024;

pub(super) struct Acceptor {
    listener: TcpListener,
    shared: Arc<Shared>,
    stats: Arc<ConnectionStats>,
    table: Table,
    /// One that has come at the cap, until there is room.
    postponed: Option<TcpStream>,
    /// Until when nothing is accepted.
    resting: Option<Instant>,
    /// When a failure to accept was last logged.
    failed: Option<Instant>,
}

impl Acceptor {
    pub(super) fn new(listener: TcpListener, shared: Shared, stats: Arc<ConnectionStats>) -> Self {
        let shared = Arc::new(shared);
        let table = Table::new(Arc::clone(&shared), Arc::clone(&stats));
        Self { listener, shared, stats, table, postponed: None, resting: None, failed: None }
    }

    /// Serves until the shutdown, then drains. To drop it cuts everything.
    pub(super) async fn run(
        mut self,
        drain: DrainLimits,
        readiness: Option<&Readiness>,
        shutdown: impl Future<Output = ()>,
    ) -> Drained {
        self.accept_until(shutdown).await;
        // Before the probe can tell: whoever comes after that is asked to leave.
        self.shared.stage.leave();
        if let Some(readiness) = readiness {
            readiness.begin_shutdown();
        }
        if !drain.delay.is_zero() {
            self.accept_until(sleep(drain.delay)).await;
        }
        let Self { listener, shared, mut table, postponed, .. } = self;
        postponed.into_iter().chain(waiting(listener)).for_each(|stream| {
            // Over the cap if need be: the idle ones are about to go.
            table.add(stream);
        });
        shared.stage.close();
        let in_flight = table.in_flight();
        let all_ended = async { while table.next_end().await.is_some() {} };
        let cut = match timeout(drain.timeout, all_ended).await {
            Ok(()) => 0,
            Err(_) => table.in_flight(),
        };
        table.cut().await;
        Drained { finished: in_flight.saturating_sub(cut), cut }
    }

    async fn accept_until(&mut self, end: impl Future<Output = ()>) {
        let mut end = pin!(end);
        loop {
            let rest = self.resting.unwrap_or_else(Instant::now);
            let cap_rises = self.table.cap_rises();
            // Every arm is safe to cancel.
            tokio::select! {
                biased;
                () = &mut end => return,
                Some(()) = self.table.next_end() => {}
                () = sleep_until(rest), if self.resting.is_some() => self.resting = None,
                () = sleep_until(cap_rises.unwrap_or(rest)), if cap_rises.is_some() => {
                    if self.table.raise_cap() {
                        let max_connections = self.shared.limits.connections;
                        tracing::info!(max_connections, "connection cap restored");
                    }
                }
                accepted = self.listener.accept(), if self.resting.is_none() && self.postponed.is_none() => {
                    self.take(accepted.map(|(stream, _)| stream));
                }
            }
            if (self.resting.is_none() || !self.table.is_full())
                && let Some(stream) = self.postponed.take()
            {
                self.admit(stream);
            }
        }
    }

    fn take(&mut self, accepted: io::Result<TcpStream>) {
        match accepted {
            Ok(stream) => self.admit(stream),
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                self.stats.count_accept_failure();
                let cap = if Errno::from_io_error(&error) == Some(Errno::MFILE) {
                    self.table.lower_cap()
                } else {
                    self.table.make_room();
                    self.shared.limits.connections
                };
                if self.failed.is_none_or(|last| last.elapsed() > REPEAT) {
                    self.failed = Some(Instant::now());
                    tracing::error!(
                        %error,
                        max_connections = cap,
                        advice = "raise the limit of open files (ulimit -n), or free memory on this node",
                        "failed to accept connection, closing idle ones"
                    );
                }
                self.resting = Some(Instant::now() + RETRY);
            }
        }
    }

    /// At the cap it is postponed until another has gone: at once where one waits
    /// for its client, else when one has been served.
    fn admit(&mut self, stream: TcpStream) {
        if self.table.is_full() {
            self.table.make_room();
            self.postponed = Some(stream);
            self.resting = Some(Instant::now() + RETRY);
        } else {
            self.table.add(stream);
            self.resting = None;
        }
    }
}

/// The connections that the kernel completed while the delay ended: to close the
/// listener resets them. Asked of the kernel itself, since the runtime may not
/// have heard of them yet.
fn waiting(listener: TcpListener) -> impl Iterator<Item = TcpStream> {
    let listener = listener.into_std().ok();
    let accept = move || {
        let (stream, _) = listener.as_ref()?.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        TcpStream::from_std(stream).ok()
    };
    std::iter::from_fn(accept).take(LAST)
}

/// Errors of the one connection, gone before it was accepted.
/// <https://man7.org/linux/man-pages/man2/accept.2.html>
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
