//! How many connections there may be at a time.

use std::time::Duration;

use tokio::time::Instant;

/// With fewer than these the files that are open are not connections.
const LOWEST: usize = 16;

/// How long nothing may fail before it rises.
const QUIET: Duration = Duration::from_secs(10);

/// Falls when the process runs out of files, since its other parts need some
/// too, and rises again step by step while it does not.
#[derive(Clone, Debug)]
pub(super) struct Cap {
    now: usize,
    /// As it was configured.
    most: usize,
    rises: Option<Instant>,
}

impl Cap {
    pub(super) fn new(most: usize) -> Self {
        Self { now: most, most, rises: None }
    }

    pub(super) fn get(&self) -> usize {
        self.now
    }

    /// With so many open, there were no more files.
    pub(super) fn lower(&mut self, open: usize, now: Instant) {
        self.now = self.now.min((open / 4 * 3).max(LOWEST));
        self.rises = (self.now < self.most).then(|| now + QUIET);
    }

    /// When to [`raise`](Self::raise) it, if it was lowered.
    pub(super) fn rises(&self) -> Option<Instant> {
        self.rises
    }

    /// Doubles it, unless its time has not come. True when it is as configured
    /// again.
    pub(super) fn raise(&mut self, now: Instant) -> bool {
        if self.rises.is_none_or(|rises| rises > now) {
            return false;
        }
        self.now = self.now.saturating_mul(2).min(self.most);
        self.rises = (self.now < self.most).then(|| now + QUIET);
        self.rises.is_none()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn falls_where_files_run_out_and_rises_to_what_was_configured() {
        let mut cap = Cap::new(4096);
        cap.lower(100, Instant::now());
        assert_eq!(cap.get(), 75);
        assert!(!cap.raise(Instant::now()), "not at once");
        assert_eq!(cap.get(), 75);
        let mut raised = Vec::new();
        while let Some(rises) = cap.rises() {
            tokio::time::sleep_until(rises).await;
            cap.raise(rises);
            raised.push(cap.get());
        }
        assert_eq!(raised, [150, 300, 600, 1200, 2400, 4096]);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_anew_when_files_run_out_again() {
        let mut cap = Cap::new(4096);
        cap.lower(100, Instant::now());
        tokio::time::advance(QUIET / 2).await;
        cap.lower(60, Instant::now());
        tokio::time::advance(QUIET / 2).await;
        assert!(!cap.raise(Instant::now()));
        assert_eq!(cap.get(), 45);
    }

    proptest! {
        #[test]
        fn always_comes_back_and_never_exceeds_what_was_configured(
            most in 1_usize..10_000,
            opens in prop::collection::vec(0_usize..10_000, 0..20),
        ) {
            let mut cap = Cap::new(most);
            let start = Instant::now();
            for open in opens {
                cap.lower(open, start);
                prop_assert!(cap.get() <= most && cap.get() >= most.min(LOWEST));
            }
            for _ in 0..20 {
                if let Some(rises) = cap.rises() {
                    cap.raise(rises);
                }
            }
            prop_assert_eq!(cap.get(), most);
        }
    }
}
