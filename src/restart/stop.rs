//! The wish that it ends: after this pod, or at once.

use tokio::sync::watch;

/// How often somebody asked for the end.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<u8>);

impl Stop {
    /// By a count of signals.
    pub(crate) fn new(signals: watch::Receiver<u8>) -> Self {
        Self(signals)
    }

    /// Whether somebody asked.
    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// Waits until somebody has asked so often. Cancel-safe.
    pub(super) async fn requested(&self, times: u8) {
        let mut signals = self.0.clone();
        if signals.wait_for(|count| *count >= times).await.is_err() {
            // Nobody will ask any more.
            std::future::pending::<()>().await;
        }
    }
}
