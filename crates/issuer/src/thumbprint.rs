//! The thumbprint by which IAM knows an issuer's server.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde::Serialize;
use x509_cert::der::{Decode as _, Encode as _};

/// SHA-1 of a certificate, as IAM writes it: 40 small hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Thumbprint {
    pub sha1: String,
    /// Whose certificate it is.
    pub subject: String,
}

impl Thumbprint {
    /// Of the top intermediate certificate of the chain that a server presents,
    /// its own certificate first.
    ///
    /// That is the last one, as AWS has it looked up by hand. A server that sends
    /// its root as well sends one too many: then it is the one before, as long as
    /// that is not the server's own.
    #[must_use]
    pub fn of_chain(chain: &[Vec<u8>]) -> Option<Self> {
        let (last, before) = chain.split_last()?;
        let intermediate = before.last().filter(|_| before.len() > 1 && is_root(last));
        Self::of(intermediate.unwrap_or(last))
    }

    fn of(certificate: &[u8]) -> Option<Self> {
        let parsed = x509_cert::Certificate::from_der(certificate).ok()?;
        let mut sha1 = String::new();
        for byte in digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate).as_ref() {
            // Into a string it can't fail.
            let _ = write!(sha1, "{byte:02x}");
        }
        Some(Self { sha1, subject: parsed.tbs_certificate().subject().to_string() })
    }
}

fn is_root(certificate: &[u8]) -> bool {
    let Ok(parsed) = x509_cert::Certificate::from_der(certificate) else { return false };
    let fields = parsed.tbs_certificate();
    fields.subject().to_der().ok() == fields.issuer().to_der().ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    use super::*;

    /// A root, two intermediates and a server's certificate, as DER, the last
    /// first.
    fn chain() -> Vec<Vec<u8>> {
        let mut made = Vec::new();
        let mut above: Option<Issuer<'static, KeyPair>> = None;
        for name in ["root", "top", "below", "server"] {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().expect("a key");
            let signed = match &above {
                Some(above) => params.signed_by(&key, above),
                None => params.self_signed(&key),
            };
            made.insert(0, signed.expect("a certificate").der().to_vec());
            above = Some(Issuer::new(params, key));
        }
        made
    }

    fn subject(chain: &[Vec<u8>]) -> String {
        Thumbprint::of_chain(chain).expect("a thumbprint").subject
    }

    #[test]
    fn is_that_of_the_top_intermediate() {
        let chain = chain();
        assert_eq!(subject(&chain[..3]), "CN=top");
        // The root is one too many.
        assert_eq!(subject(&chain), "CN=top");
        assert_eq!(subject(&chain[..1]), "CN=server");
        // Nothing but the root stands above the server.
        assert_eq!(subject(&[chain[2].clone(), chain[3].clone()]), "CN=root");
        assert_eq!(Thumbprint::of_chain(&[]), None);
        let sha1 = Thumbprint::of_chain(&chain).expect("a thumbprint").sha1;
        assert!(sha1.len() == 40 && sha1.bytes().all(|b| b"0123456789abcdef".contains(&b)));
    }
}
