//! How much may be worked on at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::limits::{Limits, work_bytes};

/// The memory for parsed reviews and for answers that are being written, handed
/// out in turn. A permit is kept while the processor works, and never across a wait
/// for anything but the memory of the answer.
#[derive(Debug)]
pub(super) struct Work {
    all: usize,
    left: Arc<Semaphore>,
}

/// Leave to work on one review; the last copy gives it back.
#[derive(Clone, Debug)]
pub(super) struct Permit(#[allow(dead_code, reason = "for its drop")] Arc<OwnedSemaphorePermit>);

const UNIT: usize = 1 << 10;

impl Work {
    pub(super) fn new(limits: &Limits) -> Self {
        let all = limits.work_memory.div_ceil(UNIT).min(Semaphore::MAX_PERMITS);
        Self { all, left: Arc::new(Semaphore::new(all)) }
    }

    /// For a review of so many bytes; nothing where the deadline comes first.
    pub(super) async fn permit(&self, review: usize, deadline: Instant) -> Option<Permit> {
        let units = work_bytes(review).div_ceil(UNIT).min(self.all);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let permit = if let Ok(permit) = Arc::clone(&self.left).try_acquire_many_owned(units) {
            permit
        } else {
            // First come, first served: the semaphore is fair, and never closed.
            let wait = Arc::clone(&self.left).acquire_many_owned(units);
            timeout_at(deadline, wait).await.ok()?.ok()?
        };
        Some(Permit(Arc::new(permit)))
    }
}
