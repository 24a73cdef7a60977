//! How the cost of a run grows with what it is given.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "test code that measures: only the system knows the time"
)]

use std::time::{Duration, Instant};

/// Whether four times the size costs four times as much: quadratic cost is sixteen times. The
/// processor's time counts, and the best of several runs: others use the machine too.
pub(crate) fn assert_linear<T>(
    what: &str,
    size: usize,
    made: impl Fn(usize) -> T,
    run: impl Fn(&T),
) {
    /// What the system's clock can't tell apart.
    const LEAST: Duration = Duration::from_millis(8);
    let best = |size: usize| {
        let input = made(size);
        let once = |_| {
            let before = used();
            run(&input);
            used().saturating_sub(before)
        };
        (0..3).map(once).min().unwrap_or_default()
    };
    let (once, fourfold) = (best(size), best(4 * size));
    assert!(fourfold < 9 * once.max(LEAST), "{what}: {once:?}, and {fourfold:?} for four times");
}

/// The processor's time of this thread; where the system does not tell it, any time.
fn used() -> Duration {
    thread_local!(static BEGUN: Instant = Instant::now());
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|it| it.split(' ').next().and_then(|it| it.parse().ok()));
    nanoseconds.map_or_else(|| BEGUN.with(Instant::elapsed), Duration::from_nanos)
}
