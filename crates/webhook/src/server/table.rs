//! The connections of a listener, and who makes room at the cap.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::activity::{Activity, Phase};
use super::cap::Cap;
use super::connection::Shared;
use super::stats::{ConnectionStats, Ending};

/// A client that has just come has this long before it makes room for another:
/// an API server that creates thousands of pods at once opens a connection for
/// each, and none of them is to push another out in the middle of its handshake.
const GRACE: Duration = Duration::from_millis(250);

/// Used by the accept loop alone, so without a lock.
pub(super) struct Table {
    shared: Arc<Shared>,
    stats: Arc<ConnectionStats>,
    tasks: JoinSet<Ending>,
    cap: Cap,
    open: HashMap<Id, Open>,
}

struct Open {
    activity: Arc<Activity>,
    task: AbortHandle,
}

impl Table {
    pub(super) fn new(shared: Arc<Shared>, stats: Arc<ConnectionStats>) -> Self {
        let cap = Cap::new(shared.limits.connections);
        Self { shared, stats, tasks: JoinSet::new(), cap, open: HashMap::new() }
    }

    /// One that was evicted takes up room, and a file, until its task has ended.
    pub(super) fn is_full(&self) -> bool {
        self.tasks.len() >= self.cap.get()
    }

    /// Evicts one, unless there are some already that have not ended.
    pub(super) fn make_room(&mut self) {
        if self.tasks.len() == self.open.len() {
            self.evict();
        }
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
        self.stats.set_open(self.tasks.len());
    }

    /// The next connection to end; nothing where there is none. Safe to cancel.
    pub(super) async fn next_end(&mut self) -> Option<()> {
        let ended = self.tasks.join_next_with_id().await?;
        let (id, ending) = match ended {
            Ok((id, ending)) => (id, Some(ending)),
            Err(error) => (error.id(), ending_of(&error)),
        };
        self.stats.set_open(self.tasks.len());
        // One that was evicted is counted already.
        if self.open.remove(&id).is_some()
            && let Some(ending) = ending
        {
            self.stats.count_ended(ending);
        }
        Some(())
    }

    /// Closes the connection that has waited longest for its client. False
    /// where all are being served or have just come.
    fn evict(&mut self) -> bool {
        // Another one is looked for where the client stirred in between.
        for _ in 0..3 {
            let looks = self.open.iter().map(|(id, open)| (*id, open.activity.look()));
            let waiting = looks.filter_map(|(id, look)| Some((look.waiting_since()?, id, look)));
            let Some((since, id, look)) = waiting.min_by_key(|(since, ..)| *since) else {
                return false;
            };
            if since.elapsed() < GRACE {
                return false;
            }
            let evicted = self.open.get(&id).is_some_and(|open| open.activity.evict(&look));
            if evicted && let Some(open) = self.open.remove(&id) {
                open.task.abort();
                self.stats.count_ended(Ending::Evicted);
                return true;
            }
        }
        false
    }

    /// The process may open no more files: fewer connections from now on, since
    /// its other parts need some too. Returns the new cap.
    pub(super) fn lower_cap(&mut self) -> usize {
        self.cap.lower(self.tasks.len(), Instant::now());
        while self.evict() && self.open.len() >= self.cap.get() {}
        self.cap.get()
    }

    /// When the cap may rise again, if it was lowered.
    pub(super) fn cap_rises(&self) -> Option<Instant> {
        self.cap.rises()
    }

    /// True when it is as configured again.
    pub(super) fn raise_cap(&mut self) -> bool {
        self.cap.raise(Instant::now())
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
        tracing::error!(%error, "failed to serve connection, please report this bug");
        return Some(Ending::Failed);
    }
    None
}
