//! What the flags say about the certificates.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Certificate;

/// Whom the certificates are for, and where they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// The Service that the certificates are for.
    pub names: Names,
    /// The name of the Secret, in the namespace of the Service.
    pub secret: String,
    /// How long the certificates are valid.
    pub lifetimes: Lifetimes,
}

/// The Service that the API server calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The name of the Service.
    pub service: String,
    /// The namespace of the Service and of the Secret.
    pub namespace: String,
}

/// The lifetimes of the CA and the serving certificate, and the overlap of an old and a new CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    authority: SignedDuration,
    leaf: SignedDuration,
    overlap: SignedDuration,
}

/// Why lifetimes can't be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// A lifetime below 3 s or above 100 years.
    #[error("invalid lifetime {0:?}: must be between 3 s and 100 years")]
    CheckLifetime(Duration),
    /// The leaf would outlive its authority.
    #[error(
        "invalid lifetimes: a serving certificate ({leaf:?}) would outlive its CA ({authority:?}); \
         shorten --cert-lifetime"
    )]
    CompareLifetimes {
        /// The authority's lifetime.
        authority: Duration,
        /// The leaf's lifetime.
        leaf: Duration,
    },
    /// The overlap is a third of the authority's lifetime or longer.
    #[error(
        "invalid CA overlap {overlap:?}: must fit into the last third of the CA's lifetime \
         ({authority:?}); shorten it, or raise --ca-lifetime"
    )]
    CheckOverlap {
        /// The authority's lifetime.
        authority: Duration,
        /// The overlap that was asked for.
        overlap: Duration,
    },
}

impl Names {
    /// The name that the API server verifies.
    #[must_use]
    pub fn server_name(&self) -> String {
        format!("{}.{}.svc", self.service, self.namespace)
    }

    /// All names of the leaf.
    #[must_use]
    pub fn all(&self) -> [String; 4] {
        let Self { service, namespace } = self;
        [
            self.server_name(),
            format!("{service}.{namespace}.svc.cluster.local"),
            format!("{service}.{namespace}"),
            service.clone(),
        ]
    }
}

impl Lifetimes {
    /// Certificates begin this long before they are made, so that a clock that
    /// is behind takes them.
    pub(crate) const BACKDATE: SignedDuration = SignedDuration::from_hours(1);

    const SHORTEST: Duration = Duration::from_secs(3);
    const LONGEST: Duration = Duration::from_hours(24 * 36_525);

    /// Checks the lifetimes against each other.
    ///
    /// # Errors
    /// [`ParamsError`] says which of them does not fit.
    pub fn new(
        authority: Duration,
        leaf: Duration,
        overlap: Duration,
    ) -> Result<Self, ParamsError> {
        for lifetime in [authority, leaf] {
            if !(Self::SHORTEST..=Self::LONGEST).contains(&lifetime) {
                return Err(ParamsError::CheckLifetime(lifetime));
            }
        }
        if leaf > authority {
            return Err(ParamsError::CompareLifetimes { authority, leaf });
        }
        if overlap >= authority / 3 {
            return Err(ParamsError::CheckOverlap { authority, overlap });
        }
        let signed = |length: Duration| SignedDuration::try_from(length).unwrap_or_default();
        Ok(Self { authority: signed(authority), leaf: signed(leaf), overlap: signed(overlap) })
    }

    /// How long an authority is valid.
    #[must_use]
    pub fn authority(&self) -> SignedDuration {
        self.authority
    }

    /// How long a new authority is published before it signs.
    #[must_use]
    pub(crate) fn overlap(&self) -> SignedDuration {
        self.overlap
    }

    /// The `notBefore` of a certificate made now.
    #[must_use]
    pub fn not_before(&self, now: Timestamp) -> Timestamp {
        later(now, -Self::BACKDATE)
    }

    /// When an authority made now ends.
    #[must_use]
    pub fn authority_ends(&self, now: Timestamp) -> Timestamp {
        later(now, self.authority)
    }

    /// When a leaf made now ends: never after the authority that signs it, so
    /// that an authority which has ended is needed by nobody.
    #[must_use]
    pub fn leaf_ends(&self, now: Timestamp, authority: &Certificate) -> Timestamp {
        later(now, self.leaf).min(authority.not_after())
    }

    /// Whether two thirds of a certificate's life are over.
    #[must_use]
    pub(crate) fn is_due(certificate: &Certificate, now: Timestamp) -> bool {
        let made = later(certificate.not_before(), Self::BACKDATE);
        let life = certificate.not_after().duration_since(made);
        later(certificate.not_after(), -(life / 3)) <= now
    }
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            authority: SignedDuration::from_hours(365 * 24),
            leaf: SignedDuration::from_hours(30 * 24),
            overlap: SignedDuration::from_mins(5),
        }
    }
}

/// The end of time where it would be left.
pub(super) fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    let end = if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
    time.checked_add(by).unwrap_or(end)
}
