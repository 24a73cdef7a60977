//! When a request has to be answered.

use std::time::Duration;

use axum::http::Uri;
use jiff::SignedDuration;
use tokio::time::Instant;

/// The longest that an API server waits for a webhook.
/// <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#timeouts>
const MOST: Duration = Duration::from_secs(30);

/// Longer values are none.
const TEXT_BYTES: usize = 32;

/// A request's, and when it began: errors tell how long was waited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    pub(super) begun: Instant,
    pub(super) at: Instant,
}

impl Deadline {
    /// From now on: what the client says it waits, else `usual`. An API server
    /// appends `?timeout=10s` to the URL: a Go duration.
    pub(super) fn of(uri: &Uri, usual: Duration) -> Self {
        let begun = Instant::now();
        let patience = patience(uri.query().unwrap_or_default()).unwrap_or(usual);
        Self { begun, at: begun + patience }
    }
}

/// To the millisecond: for a text, not for the clock.
pub(super) fn rounded(duration: Duration) -> Duration {
    let ms = duration.as_micros().saturating_add(500) / 1_000;
    Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
}

fn patience(query: &str) -> Option<Duration> {
    let text = query.split('&').find_map(|pair| pair.strip_prefix("timeout="))?;
    if text.len() > TEXT_BYTES {
        return None;
    }
    let duration: SignedDuration = text.parse().ok()?;
    let duration = Duration::try_from(duration).ok()?;
    (!duration.is_zero()).then(|| duration.min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_told_in_whole_milliseconds() {
        for (microseconds, told) in [(9_999_974, "10s"), (999_501, "1s"), (945, "1ms"), (0, "0ns")]
        {
            let told_here = format!("{:?}", rounded(Duration::from_micros(microseconds)));
            assert_eq!(told_here, told, "{microseconds}");
        }
    }

    #[test]
    fn is_what_the_api_server_says() {
        for (query, milliseconds) in [
            ("timeout=10s", Some(10_000)),
            ("timeout=1s", Some(1_000)),
            ("dry=1&timeout=1.5s", Some(1_500)),
            ("timeout=500ms", Some(500)),
            ("timeout=30s&x", Some(30_000)),
            ("timeout=1m0s", Some(30_000)),
            ("timeout=100000h", Some(30_000)),
            ("timeout=0s", None),
            ("timeout=-5s", None),
            ("timeout=", None),
            ("timeout=soon", None),
            ("timeout=1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s", None),
            ("xtimeout=3s", None),
            ("", None),
        ] {
            assert_eq!(patience(query), milliseconds.map(Duration::from_millis), "{query}");
        }
    }
}
