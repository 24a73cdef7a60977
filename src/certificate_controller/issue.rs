//! New authorities and leaves.

use std::time::SystemTime;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use zeroize::{Zeroize as _, Zeroizing};

use crate::crypto;
use certificates::{
    AUTHORITY_PREFIX, Authority, Certificate, CertificateError, KeyError, Leaf, Lifetimes,
    PrivateKey,
};

/// Why no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    #[error("failed to create a certificate: {0}")]
    Make(#[from] rcgen::Error),
    #[error("failed to read the new certificate: {0}")]
    ReadCertificate(#[from] CertificateError),
    #[error("failed to read the new key: {0}")]
    ReadKey(#[from] KeyError),
    #[error("failed to create a certificate for {name:?}: it does not verify against its CA")]
    Verify { name: String },
    #[error("failed to create a certificate: no name given; give at least one")]
    NameNothing,
}

/// A key pair whose serialised form is wiped.
struct Key(KeyPair);

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Key {
    fn generate() -> Result<Self, IssueError> {
        // ECDSA P-256: a fifth of an RSA handshake's cost.
        Ok(Self(KeyPair::generate()?))
    }

    fn private(&self) -> Result<PrivateKey, IssueError> {
        Ok(PrivateKey::from_pem(
            Zeroizing::new(self.0.serialize_pem()).as_bytes(),
            crypto::CERTIFICATES,
        )?)
    }
}

/// A new authority. Its name is like no other's, so that no verifier takes one
/// for another.
pub fn issue_authority(now: Timestamp, lifetimes: &Lifetimes) -> Result<Authority, IssueError> {
    let key = Key::generate()?;
    let point = key.0.public_key_raw().get(1..5).unwrap_or_default();
    let unique = point.iter().fold(0_u32, |unique, &byte| unique << 8 | u32::from(byte));
    let second = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let mut params = authority_params(&format!("{AUTHORITY_PREFIX}{second} {unique:08x}"));
    params.not_before = SystemTime::from(lifetimes.not_before(now)).into();
    params.not_after = SystemTime::from(lifetimes.authority_ends(now)).into();
    let made = params.self_signed(&key.0)?;
    Ok(Authority {
        certificate: Certificate::from_der(made.der())?,
        key: key.private()?,
        published: None,
    })
}

/// A new leaf for these DNS names and IP addresses.
pub fn issue_leaf(
    now: Timestamp,
    authority: &Authority,
    names: &[String],
    lifetimes: &Lifetimes,
) -> Result<Leaf, IssueError> {
    let first = names.first().ok_or(IssueError::NameNothing)?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = common_name("pod-identity-webhook");
    params.not_before = SystemTime::from(lifetimes.not_before(now)).into();
    params.not_after = SystemTime::from(lifetimes.leaf_ends(now, &authority.certificate)).into();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;

    let signer = Key(KeyPair::from_pem(authority.key.pem())?);
    let issuer = Issuer::new(authority_params(authority.certificate.common_name()), &signer.0);
    let key = Key::generate()?;
    let made = params.signed_by(&key.0, &issuer)?;
    let certificate = Certificate::from_der(made.der())?;
    // The issuer's fields were written from memory: see that they fit.
    if !certificate.is_verified_by(&authority.certificate, first, now, crypto::CERTIFICATES) {
        return Err(IssueError::Verify { name: first.clone() });
    }
    Leaf::new(vec![certificate], key.private()?)
        .ok_or_else(|| IssueError::Verify { name: first.clone() })
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).expect("a time")
    }

    #[test]
    fn makes_leaves_that_their_own_authority_alone_verifies() {
        let lifetimes = Lifetimes::default();
        let one = issue_authority(now(), &lifetimes).expect("an authority");
        let other = issue_authority(now(), &lifetimes).expect("an authority");
        assert_ne!(one.certificate.common_name(), other.certificate.common_name());
        assert!(one.certificate.is_our_authority());
        let names = ["a.b.svc".to_owned(), "127.0.0.1".to_owned()];
        let leaf = issue_leaf(now(), &one, &names, &lifetimes).expect("a leaf");
        for name in &names {
            assert!(
                leaf.certificate().is_verified_by(
                    &one.certificate,
                    name,
                    now(),
                    crypto::CERTIFICATES
                ),
                "{name}"
            );
            assert!(!leaf.certificate().is_verified_by(
                &other.certificate,
                name,
                now(),
                crypto::CERTIFICATES
            ));
        }
        assert!(!leaf.certificate().is_for("a.b"));
        assert!(!leaf.certificate().is_our_authority());
    }

    #[test]
    fn ends_a_leaf_with_its_authority() {
        let lifetimes = Lifetimes::default();
        let authority = issue_authority(now(), &lifetimes).expect("an authority");
        let late = now() + jiff::SignedDuration::from_hours(24 * 364);
        let names = ["a".to_owned()];
        let leaf = issue_leaf(late, &authority, &names, &lifetimes).expect("a leaf");
        assert_eq!(leaf.certificate().not_after(), authority.certificate.not_after());
    }

    #[test]
    fn shows_no_key() {
        let authority = issue_authority(now(), &Lifetimes::default()).expect("an authority");
        let leaf = issue_leaf(now(), &authority, &["a".to_owned()], &Lifetimes::default());
        let shown = format!("{authority:?} {:?}", leaf.expect("a leaf"));
        assert!(!shown.contains("PRIVATE") && shown.contains("PrivateKey(..)"), "{shown}");
    }
}
