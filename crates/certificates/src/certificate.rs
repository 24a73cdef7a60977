//! One X.509 certificate, with what the decisions need to know of it.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::BasicConstraints;

use super::Crypto;

/// Begins the common name of every authority made here, and so tells them from
/// other people's in a caBundle.
pub const AUTHORITY_PREFIX: &str = "pod-identity-webhook CA ";

const LABEL: &str = "CERTIFICATE";

/// A certificate that could be read. Equal to another with the same bytes.
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
    subject: Vec<u8>,
    issuer: Vec<u8>,
    common_name: String,
    public_key: Vec<u8>,
    is_authority: bool,
}

/// Why bytes are not a certificate, or not PEM.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The text is not PEM (RFC 7468).
    #[error("not PEM: {0}")]
    ParsePem(pem::PemError),
    /// The bytes are not the DER of a certificate (RFC 5280, 4.1).
    #[error("not an X.509 certificate: {0}")]
    ParseDer(x509_cert::der::Error),
    /// The certificate begins or ends at a time outside the years that can be computed with.
    #[error("its validity times are out of range")]
    ReadTimes,
}

impl Certificate {
    /// Reads one certificate from its DER. Verifies nothing.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        Self::read(der).map_err(CertificateError::ParseDer)?.ok_or(CertificateError::ReadTimes)
    }

    /// All certificates of a PEM text; other blocks are skipped.
    pub fn from_pem(text: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let blocks = pem::parse_many(text).map_err(CertificateError::ParsePem)?;
        let certificates = blocks.iter().filter(|block| block.tag() == LABEL);
        certificates.map(|block| Self::from_der(block.contents())).collect()
    }

    fn read(der: &[u8]) -> Result<Option<Self>, x509_cert::der::Error> {
        let parsed = x509_cert::Certificate::from_der(der)?;
        let fields = parsed.tbs_certificate();
        let validity = fields.validity();
        let (Some(not_before), Some(not_after)) = (
            timestamp(validity.not_before.to_unix_duration()),
            timestamp(validity.not_after.to_unix_duration()),
        ) else {
            return Ok(None);
        };
        // An extension that can't be read gives no rights.
        let constraints = fields.get_extension::<BasicConstraints>().ok().flatten();
        let common_name = fields.subject().common_name().ok().flatten();
        Ok(Some(Self {
            der: der.to_owned(),
            not_before,
            not_after,
            subject: fields.subject().to_der()?,
            issuer: fields.issuer().to_der()?,
            common_name: common_name.map(|name| name.value().into_owned()).unwrap_or_default(),
            public_key: fields.subject_public_key_info().subject_public_key.raw_bytes().to_owned(),
            is_authority: constraints.is_some_and(|(_, constraints)| constraints.ca),
        }))
    }

    /// The DER that it was read from.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate as one PEM block, with line feeds.
    #[must_use]
    pub fn pem(&self) -> String {
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new(LABEL, self.der.as_slice()), config)
    }

    /// When its validity begins (`notBefore`).
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// When its validity ends (`notAfter`).
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The time from `notBefore` to `notAfter`; negative if they are the wrong way round.
    #[must_use]
    pub fn lifetime(&self) -> SignedDuration {
        self.not_after.duration_since(self.not_before)
    }

    /// Whether it is no longer valid at `now`.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> bool {
        now >= self.not_after
    }

    /// The common name of its subject; empty if it has none.
    #[must_use]
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    /// The subject's public key, as in the certificate.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Whether this is an authority made here, by its name.
    #[must_use]
    pub fn is_our_authority(&self) -> bool {
        self.is_authority && self.common_name.starts_with(AUTHORITY_PREFIX)
    }

    /// Whether both were issued by the same authority. Those made here never
    /// share a name.
    #[must_use]
    pub(crate) fn has_issuer_of(&self, other: &Self) -> bool {
        self.issuer == other.issuer
    }

    /// Whether the API server, trusting `authority` alone, takes this as the
    /// certificate of a server called `name`.
    ///
    /// A time before the certificates begin counts as their beginning: a clock
    /// that jumped back says nothing against a certificate.
    #[must_use]
    pub fn is_verified_by(
        &self,
        authority: &Self,
        name: &str,
        now: Timestamp,
        crypto: Crypto,
    ) -> bool {
        let now = now.max(self.not_before).max(authority.not_before);
        // webpki takes an anchor for good for ever; the API server does not.
        if authority.expired(now) || authority.subject != self.issuer {
            return false;
        }
        let Ok(now) = u64::try_from(now.as_second()) else { return false };
        let time = UnixTime::since_unix_epoch(Duration::from_secs(now));
        let (leaf, anchor) =
            (CertificateDer::from(&*self.der), CertificateDer::from(&*authority.der));
        let (Ok(leaf), Ok(anchor)) =
            (EndEntityCert::try_from(&leaf), anchor_from_trusted_cert(&anchor))
        else {
            return false;
        };
        let anchors = [anchor];
        let chain = leaf.verify_for_usage(
            crypto.algorithms,
            &anchors,
            &[],
            time,
            KeyUsage::server_auth(),
            None,
            None,
        );
        chain.is_ok() && is_for(&leaf, name)
    }

    /// Whether this is a certificate for a server called `name`.
    #[must_use]
    pub fn is_for(&self, name: &str) -> bool {
        let der = CertificateDer::from(&*self.der);
        EndEntityCert::try_from(&der).is_ok_and(|leaf| is_for(&leaf, name))
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({} to {})", self.common_name, self.not_before, self.not_after)
    }
}

fn is_for(leaf: &EndEntityCert<'_>, name: &str) -> bool {
    let name = ServerName::try_from(name);
    name.is_ok_and(|name| leaf.verify_is_valid_for_subject_name(&name).is_ok())
}

fn timestamp(since_epoch: Duration) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(since_epoch.as_secs()).ok()?).ok()
}
