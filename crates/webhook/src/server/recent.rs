//! The last warnings, for the status page: kept when there is one, at no cost otherwise.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use status_page::{Recent, Seen, Subject};

/// Shared by all admissions and the page.
#[derive(Debug)]
pub struct RecentWarnings {
    started: Instant,
    kept: Mutex<Recent>,
}

impl RecentWarnings {
    /// From now on. Names of objects are kept only where they may be shown.
    #[must_use]
    pub fn new(names: bool) -> Self {
        Self { started: Instant::now(), kept: Mutex::new(Recent::new(names)) }
    }

    /// The newest first.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        let at = self.started.elapsed();
        self.with(|kept| kept.seen(at))
    }

    /// Takes all that there is to say of one admission.
    pub(super) fn take<'t>(
        &self,
        subject: &Subject,
        warnings: impl Iterator<Item = (&'static str, &'t str)>,
    ) {
        let at = self.started.elapsed();
        self.with(|kept| {
            for (kind, message) in warnings {
                kept.take(at, kind, subject, message);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Recent) -> T) -> T {
        // Whole at any time: what is kept is put in at once.
        act(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
