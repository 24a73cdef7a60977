//! The thumbprint by which IAM knows an issuer's server.

use std::fmt::Write as _;

use serde::Serialize;
use sha1::{Digest as _, Sha1};
use x509_cert::der::{Decode as _, Encode as _};

/// The SHA-1 digest of a certificate, by which IAM can pin the server of an issuer.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Thumbprint {
    /// The digest: 40 lower-case hexadecimal digits without separators.
    pub sha1: String,
    /// The subject of the certificate, as a distinguished name (RFC 4514).
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
        for byte in Sha1::digest(certificate) {
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
    use super::*;

    /// The SHA-1 that OpenSSL prints of `CN=top`.
    const TOP: &str = "50feff2c0208e53b86bbb713146d6caa236cc206";

    /// A server's certificate, two intermediates and a root, as DER, the
    /// server's first. OpenSSL made them.
    fn chain() -> Vec<Vec<u8>> {
        let blocks = pem::parse_many(include_str!("../tests/keys/chain.pem")).expect("PEM");
        blocks.into_iter().map(pem::Pem::into_contents).collect()
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
        assert_eq!(Thumbprint::of_chain(&chain).expect("a thumbprint").sha1, TOP);
    }
}
