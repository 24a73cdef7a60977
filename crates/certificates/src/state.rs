//! What our Secret holds.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Certificate, PrivateKey};

/// An authority made here, with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its own certificate, self-signed.
    pub certificate: Certificate,
    /// The key that it signs with.
    pub key: PrivateKey,
    /// Since when every caBundle of ours is known to have it.
    pub published: Option<Timestamp>,
}

/// The authorities of our Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// Signs the leaf.
    pub current: Authority,
    /// Becomes the current one once it has been published for long enough.
    pub next: Option<Authority>,
    /// Former ones. They stay in the caBundle until they end, and no leaf that
    /// they signed ends later.
    pub old: Vec<Certificate>,
}

/// What a server shows its clients, and the key to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Leaf {
    chain: Vec<Certificate>,
    key: PrivateKey,
}

/// What the Secret holds when it is complete: the authorities and the leaf with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The authorities.
    pub authorities: Authorities,
    /// The serving certificate, signed by the current authority.
    pub leaf: Arc<Leaf>,
}

impl Authorities {
    /// One authority with neither a next nor former ones.
    #[must_use]
    pub fn alone(current: Authority) -> Self {
        Self { current, next: None, old: Vec::new() }
    }

    /// In the order of the caBundle.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        let with_keys = std::iter::once(&self.current).chain(&self.next);
        with_keys.map(|authority| &authority.certificate).chain(&self.old)
    }

    /// Those after `next` has taken over. The former one's key goes: it signs
    /// nothing any more.
    #[must_use]
    pub(crate) fn promoted(&self, next: Authority, now: Timestamp) -> Self {
        let former = std::iter::once(&self.current.certificate).chain(&self.old);
        let old = former.filter(|certificate| !certificate.expired(now)).cloned().collect();
        Self { current: next, next: None, old }
    }
}

impl State {
    /// What is served: the leaf, and the authority that signed it.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        [self.leaf.certificate(), &self.authorities.current.certificate].into_iter()
    }
}

impl Leaf {
    /// `None` where there is no certificate, or the key is not that of the first.
    #[must_use]
    pub fn new(chain: Vec<Certificate>, key: PrivateKey) -> Option<Self> {
        key.is_of(chain.first()?).then_some(Self { chain, key })
    }

    /// The certificate of the server itself, the first of the chain.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        // `new` refuses an empty chain.
        &self.chain[0]
    }

    /// The leaf and what it was signed by, as far as clients need it.
    #[must_use]
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// The chain as PEM, the server's own certificate first.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        self.chain.iter().map(Certificate::pem).collect()
    }

    /// The private key of the first certificate.
    #[must_use]
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Leaf").field(self.certificate()).finish_non_exhaustive()
    }
}
