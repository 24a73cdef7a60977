//! The Secret's data, read and written.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Authorities, Authority, Certificate, CertificateError, Crypto, KeyError, Leaf, Names,
    PrivateKey, State,
};

/// The annotation of a Secret of ours, and its value. Only such a Secret is
/// changed.
pub const MANAGED_BY: &str = "pod-identity.io/managed-by";
/// The value of the annotation [`MANAGED_BY`] on a Secret of ours.
pub const MANAGER: &str = "pod-identity-webhook";

const LEAF: Keys = Keys { certificate: "tls.crt", key: "tls.key", published: "" };
const CURRENT: Keys = Keys { certificate: "ca.crt", key: "ca.key", published: "ca.published" };
const NEXT: Keys =
    Keys { certificate: "next-ca.crt", key: "next-ca.key", published: "next-ca.published" };
const OLD: &str = "old-ca.crt";

/// The Secret as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretView {
    /// It has not been read yet.
    Unknown,
    /// There is no such Secret.
    Absent,
    /// Ours, and complete.
    Ours(State),
    /// Ours, with an authority to sign a new leaf.
    OursWithoutLeaf {
        /// The authorities in it.
        authorities: Authorities,
        /// Why the leaf is of no use.
        flaw: Flaw,
    },
    /// Ours, without an authority that can be used.
    OursBroken(Flaw),
    /// Somebody else's: served where it can be, never changed.
    Foreign(Result<Arc<Leaf>, Flaw>),
}

/// Why a part of the Secret is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The data has no member of this name.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The member of this name has no certificate in it.
    #[error("{0} has no certificate")]
    Empty(&'static str),
    /// A member can't be read as certificates.
    #[error("{key}: {source}")]
    Certificate {
        /// Name of the member.
        key: &'static str,
        /// Why not.
        source: Arc<CertificateError>,
    },
    /// A member can't be read as a private key.
    #[error("{key}: {source}")]
    Key {
        /// Name of the member.
        key: &'static str,
        /// Why not.
        source: KeyError,
    },
    /// The key is that of another certificate.
    #[error("{key} does not belong to {certificate}")]
    Mismatch {
        /// Name of the key's member.
        key: &'static str,
        /// Name of the certificate's member.
        certificate: &'static str,
    },
    /// The authority was not made by this program.
    #[error("ca.crt was not created by pod-identity-webhook")]
    NotOurs,
    /// The leaf was not signed by the authority.
    #[error("tls.crt was not signed by ca.crt")]
    NotSigned,
    /// The leaf is not for this DNS name.
    #[error("tls.crt is not for {0}")]
    Name(String),
}

struct Keys {
    certificate: &'static str,
    key: &'static str,
    published: &'static str,
}

impl SecretView {
    /// `manager` is the value of the annotation [`MANAGED_BY`]; `get` gives a
    /// member of the data.
    pub fn read<'a>(
        manager: Option<&str>,
        names: &Names,
        crypto: Crypto,
        get: impl Fn(&'static str) -> Option<&'a [u8]>,
    ) -> Self {
        if manager != Some(MANAGER) {
            return Self::Foreign(LEAF.read_leaf(crypto, &get).map(Arc::new));
        }
        let current = match CURRENT.read_authority(crypto, &get) {
            Ok(current) => current,
            Err(flaw) => return Self::OursBroken(flaw),
        };
        let old = get(OLD).and_then(|text| Certificate::from_pem(text).ok()).unwrap_or_default();
        // A next or an old one that can't be read is made or found anew.
        let next = NEXT.read_authority(crypto, &get).ok();
        let authorities = Authorities { current, next, old };
        match LEAF
            .read_leaf(crypto, &get)
            .and_then(|leaf| checked(leaf, &authorities.current, names, crypto))
        {
            Ok(leaf) => Self::Ours(State { authorities, leaf: Arc::new(leaf) }),
            Err(flaw) => Self::OursWithoutLeaf { authorities, flaw },
        }
    }

    /// The authorities in a Secret of ours.
    #[must_use]
    pub fn authorities(&self) -> Option<&Authorities> {
        match self {
            Self::Ours(state) => Some(&state.authorities),
            Self::OursWithoutLeaf { authorities, .. } => Some(authorities),
            Self::Unknown | Self::Absent | Self::OursBroken(_) | Self::Foreign(_) => None,
        }
    }
}

impl State {
    /// The members of the data that are written here.
    pub const KEYS: [&str; 9] = [
        LEAF.certificate,
        LEAF.key,
        CURRENT.certificate,
        CURRENT.key,
        CURRENT.published,
        NEXT.certificate,
        NEXT.key,
        NEXT.published,
        OLD,
    ];

    /// The data of the Secret. [`SecretView::read`] gives the state back.
    #[must_use]
    pub fn write(&self) -> Vec<(&'static str, Vec<u8>)> {
        let Authorities { current, next, old } = &self.authorities;
        let mut data = vec![
            (LEAF.certificate, self.leaf.chain_pem().into_bytes()),
            (LEAF.key, self.leaf.key().pem().as_bytes().to_vec()),
        ];
        CURRENT.write_authority(current, &mut data);
        if let Some(next) = next {
            NEXT.write_authority(next, &mut data);
        }
        if !old.is_empty() {
            let text: String = old.iter().map(Certificate::pem).collect();
            data.push((OLD, text.into_bytes()));
        }
        data
    }

    /// Whether the leaf is for all of these names.
    #[must_use]
    pub(crate) fn is_for(&self, names: &Names) -> bool {
        names.all().iter().all(|name| self.leaf.certificate().is_for(name))
    }
}

impl Keys {
    fn read_pair<'a>(
        &self,
        crypto: Crypto,
        get: impl Fn(&'static str) -> Option<&'a [u8]>,
    ) -> Result<(Vec<Certificate>, PrivateKey), Flaw> {
        let Self { certificate, key, .. } = *self;
        let text = get(certificate).ok_or(Flaw::Missing(certificate))?;
        let chain = Certificate::from_pem(text)
            .map_err(|source| Flaw::Certificate { key: certificate, source: Arc::new(source) })?;
        let text = get(key).ok_or(Flaw::Missing(key))?;
        let private =
            PrivateKey::from_pem(text, crypto).map_err(|source| Flaw::Key { key, source })?;
        match chain.first() {
            None => Err(Flaw::Empty(certificate)),
            Some(first) if !private.is_of(first) => Err(Flaw::Mismatch { key, certificate }),
            Some(_) => Ok((chain, private)),
        }
    }

    fn read_leaf<'a>(
        &self,
        crypto: Crypto,
        get: impl Fn(&'static str) -> Option<&'a [u8]>,
    ) -> Result<Leaf, Flaw> {
        let (chain, key) = self.read_pair(crypto, get)?;
        Leaf::new(chain, key).ok_or(Flaw::Empty(self.certificate))
    }

    fn read_authority<'a>(
        &self,
        crypto: Crypto,
        get: impl Fn(&'static str) -> Option<&'a [u8]>,
    ) -> Result<Authority, Flaw> {
        let (chain, key) = self.read_pair(crypto, &get)?;
        let ours = chain.into_iter().next().filter(Certificate::is_our_authority);
        let certificate = ours.ok_or(Flaw::NotOurs)?;
        // One that can't be read is recorded anew.
        let published = get(self.published).and_then(|text| std::str::from_utf8(text).ok());
        let published = published.and_then(|text| text.trim().parse().ok());
        Ok(Authority { certificate, key, published })
    }

    fn write_authority(&self, authority: &Authority, data: &mut Vec<(&'static str, Vec<u8>)>) {
        data.push((self.certificate, authority.certificate.pem().into_bytes()));
        data.push((self.key, authority.key.pem().as_bytes().to_vec()));
        if let Some(published) = authority.published {
            data.push((self.published, Timestamp::to_string(&published).into_bytes()));
        }
    }
}

/// The time at which it ends is not looked at: that is for a decision.
fn checked(leaf: Leaf, authority: &Authority, names: &Names, crypto: Crypto) -> Result<Leaf, Flaw> {
    let certificate = leaf.certificate();
    for name in names.all() {
        if !certificate.is_for(&name) {
            return Err(Flaw::Name(name));
        }
    }
    let (issuer, name) = (&authority.certificate, names.server_name());
    if certificate.is_verified_by(issuer, &name, issuer.not_before(), crypto) {
        Ok(leaf)
    } else {
        Err(Flaw::NotSigned)
    }
}
