//! Waiting for a condition, with a deadline.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::time::{Instant, sleep, timeout_at};

/// How long a test waits for what has to come. Generous: nothing is measured by it, and only a failing test waits
/// for its end.
pub const SOON: Duration = Duration::from_mins(1);

/// Short beside anything waited for, long beside the cost of a probe.
const INTERVAL: Duration = Duration::from_millis(20);

/// Calls `probe` until it succeeds, and gives its last error when `deadline` has passed.
pub async fn poll<T, F>(
    what: &str,
    deadline: Duration,
    mut probe: impl FnMut() -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let end = Instant::now() + deadline;
    let mut last = anyhow!("the first probe did not end");
    loop {
        match timeout_at(end, probe()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => last = error,
            Err(_) => {}
        }
        if Instant::now() >= end {
            return Err(last).with_context(|| format!("waited {deadline:?} for {what}"));
        }
        sleep(INTERVAL).await;
    }
}

/// As `poll`, for tests: panics at the deadline.
pub async fn eventually<T, F>(what: &str, deadline: Duration, probe: impl FnMut() -> F) -> T
where
    F: Future<Output = anyhow::Result<T>>,
{
    match poll(what, deadline, probe).await {
        Ok(value) => value,
        Err(error) => panic!("{error:#}"),
    }
}
