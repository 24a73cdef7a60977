//! Reports the clients that were rejected: counts all, logs some.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::metrics::Rejection;
use text::shortened;

use crate::telemetry::metrics::Counters;

/// How long a reason is not logged again, however often it comes up: strangers
/// must not be able to fill the log.
const INTERVAL: Duration = Duration::from_secs(10);

/// Characters of an error at most.
const MAX_ERROR: usize = 500;

/// Counts and logs rejections.
#[derive(Debug)]
pub struct Rejections {
    counts: Counters<Rejection>,
    started: Instant,
    /// By [`Rejection`].
    lines: [Line; Rejection::ALL.len()],
}

impl Rejections {
    pub(super) fn new(counts: Counters<Rejection>) -> Self {
        Self { counts, started: Instant::now(), lines: Default::default() }
    }

    /// The server's part: where no certificate comes, the verifier is not asked.
    pub(crate) fn no_certificate(&self, client: Option<SocketAddr>) {
        self.counts.inc(Rejection::NoCertificate);
        if let Some(unlogged) = self.due(Rejection::NoCertificate) {
            tracing::warn!(
                reason = Rejection::NoCertificate.as_str(),
                client = client.map(tracing::field::display),
                unlogged,
                advice = advice(Rejection::NoCertificate),
                "rejected client"
            );
        }
    }

    pub(super) fn certificate(
        &self,
        reason: Rejection,
        subject: impl FnOnce() -> Option<String>,
        error: &dyn Display,
    ) {
        self.counts.inc(reason);
        if let Some(unlogged) = self.due(reason) {
            // It may list what the certificate has.
            let error = shortened(&error.to_string(), MAX_ERROR);
            tracing::warn!(
                reason = reason.as_str(),
                subject = subject(),
                error,
                unlogged,
                advice = advice(reason),
                "rejected client certificate"
            );
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self, reason: Rejection) -> u64 {
        self.counts.get(reason)
    }

    fn due(&self, reason: Rejection) -> Option<u64> {
        self.lines[reason as usize].due(self.started.elapsed())
    }
}

fn advice(reason: Rejection) -> &'static str {
    match reason {
        Rejection::NoCertificate => {
            "the client sent no certificate; configure one for this webhook in the API server's \
             --admission-control-config-file, and point probes at --metrics-port"
        }
        Rejection::UnknownAuthority => {
            "no CA in --client-ca-file signed the client's certificate; add its CA, or give the \
             client another certificate"
        }
        Rejection::Expired => {
            "the client's certificate is not valid now; renew it, and compare the clocks of client \
             and webhook"
        }
        Rejection::WrongPurpose => {
            "the client's certificate is not for client authentication; issue it with the extended \
             key usage clientAuth"
        }
        Rejection::WrongName => {
            "no common name or DNS name of the client's certificate is in \
             --client-allowed-names; add one, or give the client another certificate"
        }
        Rejection::Other => "the client's certificate is not usable; issue a new one",
    }
}

/// When a reason may be logged again, and how often it was not.
#[derive(Debug, Default)]
struct Line {
    /// In milliseconds, as the times given.
    next: AtomicU64,
    unlogged: AtomicU64,
}

impl Line {
    /// How many were left out since the last one, if another is due.
    fn due(&self, now: Duration) -> Option<u64> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let later = |next| (next <= millis(now)).then_some(millis(now + INTERVAL));
        // Of several at once one is the first to move it.
        if self.next.fetch_update(Ordering::AcqRel, Ordering::Acquire, later).is_ok() {
            return Some(self.unlogged.swap(0, Ordering::AcqRel));
        }
        self.unlogged.fetch_add(1, Ordering::AcqRel);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_first_at_once_and_then_some_with_the_number_left_out() {
        let line = Line::default();
        assert_eq!(line.due(Duration::ZERO), Some(0));
        for _ in 0..1000 {
            assert_eq!(line.due(INTERVAL / 2), None);
        }
        assert_eq!(line.due(INTERVAL), Some(1000));
        assert_eq!(line.due(INTERVAL), None);
        assert_eq!(line.due(5 * INTERVAL), Some(1));
    }

    #[test]
    fn advises_in_words_that_name_a_next_step() {
        for reason in Rejection::ALL {
            assert!(advice(reason).contains("; "), "{}", advice(reason));
        }
    }
}
