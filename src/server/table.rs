//! The connections of a listener, and who makes room at the cap.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::activity::{Activity, Phase};
use super::connection::Shared;
use super::stats::{ConnectionStats, Ending};

/// Used by the accept loop alone, so without a lock.
pub(super) struct Table {
    shared: Arc<Shared>,
    stats: Arc<ConnectionStats>,
    tasks: JoinSet<Ending>,
    open: HashMap<Id, Open>,
}

struct Open {
    activity: Arc<Activity>,
    task: AbortHandle,
}

impl Table {
    pub(super) fn new(shared: Arc<Shared>, stats: Arc<ConnectionStats>) -> Self {
        Self { shared, stats, tasks: JoinSet::new(), open: HashMap::new() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= self.shared.limits.connections
    }

    pub(super) fn add(&mut self, stream: TcpStream) {
        let first = if self.shared.tls.is_some() { Phase::Handshake } else { Phase::FirstRequest };
        let activity = Arc::new(Activity::new(first));
        let shared = Arc::clone(&self.shared);
        let task = {
            let activity = Arc::clone(&activity);
            self.tasks.spawn(async move { shared.serve(stream, activity).await })
        };
        self.open.insert(task.id(), Open { activity, task });
        self.stats.count_accepted();
        self.stats.set_open(self.open.len());
    }

    /// The next connection to end; nothing where there is none. Safe to cancel.
    pub(super) async fn next_end(&mut self) -> Option<()> {
        let ended = self.tasks.join_next_with_id().await?;
        let (id, ending) = match ended {
            Ok((id, ending)) => (id, Some(ending)),
            Err(error) => (error.id(), ending_of(&error)),
        };
        // One that was evicted is counted already.
        if self.open.remove(&id).is_some() {
            self.stats.set_open(self.open.len());
            if let Some(ending) = ending {
                self.stats.count_ended(ending);
            }
        }
        Some(())
    }

    /// Closes the connection that has waited longest for its client. False
    /// where all are being served.
    pub(super) fn evict(&mut self) -> bool {
        // Another one is looked for where the client stirred in between.
        for _ in 0..3 {
            let looks = self.open.iter().map(|(id, open)| (*id, open.activity.look()));
            let waiting = looks.filter_map(|(id, look)| Some((look.waiting_since()?, id, look)));
            let Some((_, id, look)) = waiting.min_by_key(|(since, ..)| *since) else {
                return false;
            };
            let evicted = self.open.get(&id).is_some_and(|open| open.activity.evict(&look));
            if evicted && let Some(open) = self.open.remove(&id) {
                open.task.abort();
                self.stats.count_ended(Ending::Evicted);
                self.stats.set_open(self.open.len());
                return true;
            }
        }
        false
    }

    pub(super) fn in_flight(&self) -> usize {
        self.open.values().filter(|open| open.activity.look().in_flight()).count()
    }

    /// Ends all that is left.
    pub(super) async fn cut(&mut self) {
        self.tasks.abort_all();
        while self.next_end().await.is_some() {}
    }
}

/// A handler's panic ends its connection and nothing else.
fn ending_of(error: &JoinError) -> Option<Ending> {
    if error.is_panic() {
        tracing::error!(%error, "failed to serve a connection: a bug, please report it");
        return Some(Ending::Failed);
    }
    None
}
