//! The certificate that new connections are shown, swapped without a lock.

use std::ops::RangeInclusive;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::validity;

/// Holds the pair in use, from whatever source it came.
#[derive(Debug, Default)]
pub struct CertificateResolver {
    current: ArcSwapOption<Current>,
}

#[derive(Debug)]
struct Current {
    pair: Arc<CertifiedKey>,
    validity: Option<RangeInclusive<u64>>,
}

impl CertificateResolver {
    /// Has no certificate yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// New handshakes get this pair; connections that stand keep theirs.
    pub fn swap(&self, pair: Arc<CertifiedKey>) {
        // Nothing if the leaf can't be read here: clients decide whether they accept it.
        let validity = pair.cert.first().and_then(|leaf| validity::of(leaf));
        self.current.store(Some(Arc::new(Current { pair, validity })));
    }

    /// Refuses new handshakes until the next [`swap`](Self::swap).
    pub fn clear(&self) {
        self.current.store(None);
    }

    /// Whether there is a pair to serve with.
    #[cfg(test)]
    pub(super) fn has_pair(&self) -> bool {
        self.current.load().is_some()
    }

    /// When the served leaf ends, in seconds since the Unix epoch.
    #[must_use]
    pub(crate) fn not_after(&self) -> Option<u64> {
        self.validity().map(|validity| *validity.end())
    }

    /// From when to when the served leaf is valid, in seconds since the Unix epoch.
    #[must_use]
    pub fn validity(&self) -> Option<RangeInclusive<u64>> {
        self.current.load().as_ref()?.validity.clone()
    }
}

impl ResolvesServerCert for CertificateResolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.load().as_ref().map(|current| Arc::clone(&current.pair))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::files;
    use crate::tls::test_pairs::{Pair, paths};

    #[test]
    fn tells_whether_it_holds_a_pair_and_when_that_ends() {
        let pair = Pair::until(2030);
        let paths = paths("certs".as_ref());
        let loaded = files::parse(&paths, pair.certificate.as_bytes(), pair.key.as_bytes());
        let resolver = CertificateResolver::new();
        assert!(!resolver.has_pair());
        assert_eq!(resolver.not_after(), None);
        resolver.swap(loaded.expect("a pair"));
        assert!(resolver.has_pair());
        // 2030-01-01T00:00:00Z
        assert_eq!(resolver.not_after(), Some(1_893_456_000));
        resolver.clear();
        assert!(!resolver.has_pair());
    }
}
