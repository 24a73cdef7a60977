//! The time by the clocks of the API servers, as far as it is known.

use jiff::Timestamp;

use super::Certificate;

/// The API servers verify certificates by their own clocks, and what they show
/// lies between these two times: one and the same where they agree, the whole
/// of time where nothing is known.
///
/// A certificate is dropped or replaced only where that is right at every time
/// in between; so nothing is while the time is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerTime {
    earliest: Timestamp,
    latest: Timestamp,
}

impl ServerTime {
    /// Nothing is known: it may be any time.
    pub const UNKNOWN: Self = Self { earliest: Timestamp::MIN, latest: Timestamp::MAX };

    /// The range between two times, in either order; the same time twice if all API servers agree.
    #[must_use]
    pub fn between(one: Timestamp, other: Timestamp) -> Self {
        Self { earliest: one.min(other), latest: one.max(other) }
    }

    /// The time by the API server whose clock is furthest behind.
    #[must_use]
    pub fn earliest(self) -> Timestamp {
        self.earliest
    }

    /// The time by the API server whose clock is furthest ahead.
    #[must_use]
    pub fn latest(self) -> Timestamp {
        self.latest
    }

    /// The earliest time, at which something can be made that all take; `None`
    /// where no time is known.
    #[must_use]
    pub fn known(self) -> Option<Timestamp> {
        (self != Self::UNKNOWN).then_some(self.earliest)
    }

    /// Whether the certificate has expired by every clock.
    #[must_use]
    pub(crate) fn is_after(self, certificate: &Certificate) -> bool {
        certificate.expired(self.earliest)
    }

    /// Whether the certificate is not valid yet by any clock.
    #[must_use]
    pub fn is_before(self, certificate: &Certificate) -> bool {
        self.latest < certificate.not_before()
    }

    /// Whether the certificate may be valid by some clock.
    #[must_use]
    pub(crate) fn is_within(self, certificate: &Certificate) -> bool {
        !self.is_after(certificate) && !self.is_before(certificate)
    }

    /// Whether every clock has reached the certificate's beginning.
    #[must_use]
    pub(crate) fn has_reached(self, certificate: &Certificate) -> bool {
        certificate.not_before() <= self.earliest
    }
}
