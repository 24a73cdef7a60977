//! The wish that it ends: after this pod, or at once.

use std::sync::Arc;

use tokio::sync::watch;

/// How often somebody asked for the end.
#[derive(Clone, Debug)]
pub(crate) struct Stop(Arc<watch::Sender<u8>>);

impl Stop {
    /// Nobody has asked yet.
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// Asks once more.
    pub(crate) fn request(&self) {
        self.0.send_modify(|count| *count = count.saturating_add(1));
    }

    /// Whether somebody asked.
    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// Waits until somebody has asked so often. Cancel-safe.
    pub(super) async fn requested(&self, times: u8) {
        // The sender is here, so that it does not end before.
        let _ = self.0.subscribe().wait_for(|count| *count >= times).await;
    }
}
